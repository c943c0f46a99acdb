//! The whole in one page.

use std::net::Ipv4Addr;

use bgp_core::rib::Memory;
use bgp_core::types::{Family, PerFamily};
use tokio::sync::oneshot;

use super::{ms, now_ms};
use crate::admin::api::{
    ConfigReport, ConfigStatus, DaemonState, MemoryUse, PeerCounts, Status, TableCounts,
};
use crate::config::effective;
use crate::config::model::Mode;
use crate::runtime::shard::{ReadView, ShardMessage};
use crate::runtime::supervisor::{Supervisor, Withheld};

/// The first configuration of the process.
pub(in crate::runtime::supervisor) fn first_status() -> ConfigStatus {
    ConfigStatus { revision: 1, loaded_at: now_ms(), ..ConfigStatus::default() }
}

/// Figures of one shard.
struct Figures {
    memory: Memory,
    adj_rib_out: usize,
    destinations: PerFamily<usize>,
    paths: PerFamily<u64>,
}

fn figures(view: &ReadView<'_>) -> Figures {
    let mut paths = PerFamily::default();
    for (id, _) in view.shard.peers().iter() {
        for family in Family::SUPPORTED {
            let received = view.shard.peers().routes(id, family).received;
            if let Some(total) = paths.get_mut(family) {
                *total += u64::from(received);
            }
        }
    }
    Figures {
        memory: view.shard.memory(),
        adj_rib_out: view.export.figures().map(|group| group.bytes).sum(),
        destinations: view.shard.destinations(),
        paths,
    }
}

impl Supervisor {
    pub(in crate::runtime::supervisor) async fn status(&self) -> Status {
        let shards = self.read_shards(figures).await;
        let groups = self.groups.view().await;
        let snapshot = self.fib.snapshot(fib_sync::SnapshotQuery::Counters).await.unwrap_or_default();
        Status {
            name: self.config.node.name.clone(),
            mode: match self.config.mode {
                Mode::Agent => "agent",
                Mode::Reflector => "reflector",
            }
            .to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: if self.withheld != Withheld::No { DaemonState::Converging } else { DaemonState::Ready },
            router_id: Ipv4Addr::from(self.config.node.router_id),
            asn: self.config.node.asn.0,
            pid: std::process::id(),
            started_at: ms(self.started.1),
            uptime: self.started.0.elapsed().as_secs(),
            config: self.config_status.clone(),
            peers: PeerCounts {
                configured: self.peers.len(),
                established: self.peers.iter().filter(|(_, peering)| peering.up.is_some()).count(),
                shutdown: self.peers.iter().filter(|(_, peering)| peering.is_shut()).count(),
            },
            tables: self.tables(&shards),
            fib: self.fib_status(&snapshot),
            memory: memory(&shards, groups.iter().map(|group| group.report.figures.log_bytes).sum()),
            problems: self.problems(),
        }
    }

    pub(in crate::runtime::supervisor) fn config_report(&self) -> ConfigReport {
        ConfigReport { status: self.config_status.clone(), config: effective::to_json(&self.config) }
    }

    /// Has every shard do a piece of reading.
    pub(super) async fn read_shards<T: Send + 'static>(
        &self,
        read: impl Fn(&ReadView<'_>) -> T + Clone + Send + 'static,
    ) -> Vec<T> {
        let mut asked = Vec::new();
        for shard in &self.shards {
            let (reply, answer) = oneshot::channel();
            let read = read.clone();
            let work = Box::new(move |view: &mut ReadView<'_>| drop(reply.send(read(view))));
            if shard.send(ShardMessage::Read(work)).await.is_ok() {
                asked.push(answer);
            }
        }
        // All of them read at the same time.
        let mut answers = Vec::new();
        for answer in asked {
            answers.extend(answer.await);
        }
        answers
    }

    fn tables(&self, shards: &[Figures]) -> Vec<TableCounts> {
        let (v4, v6) = self.local.counts();
        let table = |family: Family, originated| TableCounts {
            family: family.to_string(),
            destinations: shards.iter().filter_map(|s| s.destinations.get(family)).sum::<usize>() as u64,
            paths: shards.iter().filter_map(|s| s.paths.get(family)).sum(),
            originated,
        };
        vec![table(Family::IPV4_UNICAST, v4), table(Family::IPV6_UNICAST, v6)]
    }
}

fn memory(shards: &[Figures], log_bytes: usize) -> Vec<MemoryUse> {
    let sum = |of: fn(&Figures) -> usize| shards.iter().map(of).sum::<usize>() as u64;
    let entry = |component: &str, bytes, items| MemoryUse { component: component.to_owned(), bytes, items };
    let mut memory = vec![
        entry("destinations", sum(|s| s.memory.destination_bytes), Some(sum(|s| s.memory.destinations))),
        entry("paths", sum(|s| s.memory.path_bytes), None),
        entry("index", sum(|s| s.memory.index_bytes), None),
        entry("attributes", sum(|s| s.memory.attribute_bytes), Some(sum(|s| s.memory.attribute_sets))),
        entry("pending", sum(|s| s.memory.pending_bytes), None),
        entry("adj-rib-out", sum(|s| s.adj_rib_out), None),
        entry("frame-log", log_bytes as u64, None),
    ];
    if let Some(resident) = resident() {
        memory.push(entry("resident", resident, None));
    }
    memory
}

/// Octets of this process in memory, as the kernel counts them.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * u64::try_from(page).ok()?)
}
