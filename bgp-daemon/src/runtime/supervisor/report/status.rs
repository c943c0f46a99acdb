//! The whole in one page.

use std::net::Ipv4Addr;

use bgp_core::types::Family;
use tokio::sync::oneshot;

use super::memory::{self, Figures, figures};
use super::{ms, now_ms};
use crate::admin::api::{ConfigReport, ConfigStatus, DaemonState, PeerCounts, Status, TableCounts};
use crate::config::effective;
use crate::config::model::Mode;
use crate::runtime::allocator;
use crate::runtime::shard::{ReadView, ShardMessage};
use crate::runtime::supervisor::{Supervisor, Withheld};

/// The first configuration of the process.
pub(in crate::runtime::supervisor) fn first_status() -> ConfigStatus {
    ConfigStatus { revision: 1, loaded_at: now_ms(), ..ConfigStatus::default() }
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
            converged_after: self.converged_after.map(|after| after.as_millis() as u64),
            config: self.config_status.clone(),
            peers: PeerCounts {
                configured: self.peers.len(),
                established: self.peers.iter().filter(|(_, peering)| peering.up.is_some()).count(),
                shutdown: self.peers.iter().filter(|(_, peering)| peering.is_shut()).count(),
            },
            tables: self.tables(&shards),
            fib: super::fib::fib_status(&snapshot),
            memory: memory::report(&shards, groups.iter().map(|group| group.report.figures.log_bytes).sum()),
            allocator: allocator::statistics(),
            problems: self.problems(),
        }
    }

    pub(in crate::runtime::supervisor) fn config_report(&self) -> ConfigReport {
        ConfigReport { status: self.config_status.clone(), config: effective::to_json(&self.config) }
    }

    /// Has every shard do a piece of reading.
    pub(in crate::runtime::supervisor) async fn read_shards<T: Send + 'static>(
        &self,
        read: impl Fn(&ReadView<'_>) -> T + Clone + Send + 'static,
    ) -> Vec<T> {
        let mut asked = Vec::new();
        for shard in self.shards.iter() {
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
