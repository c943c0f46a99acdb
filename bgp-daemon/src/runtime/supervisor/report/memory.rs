//! What memory is used for, and how much of it a destination and a path cost.

use bgp_core::rib::Memory;
use bgp_core::types::{Family, PerFamily};

use crate::admin::api::MemoryUse;
use crate::runtime::shard::ReadView;

/// Figures of one shard.
pub(super) struct Figures {
    memory: Memory,
    adj_rib_out: usize,
    /// Destinations told, over all groups.
    told: u64,
    pub(super) destinations: PerFamily<usize>,
    pub(super) paths: PerFamily<u64>,
}

/// Reads them: O(peers and groups), whatever the size of the tables.
pub(super) fn figures(view: &ReadView<'_>) -> Figures {
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
        told: view.export.figures().map(|group| u64::from(group.live)).sum(),
        destinations: view.shard.destinations(),
        paths,
    }
}

/// Every component that is accounted for, then the process as a whole and the rest of it.
pub(super) fn report(shards: &[Figures], log_bytes: usize) -> Vec<MemoryUse> {
    let sum = |of: fn(&Figures) -> usize| shards.iter().map(of).sum::<usize>() as u64;
    let paths = shards.iter().map(|shard| shard.paths.ipv4 + shard.paths.ipv6).sum();
    let destinations = sum(|s| s.memory.destinations);
    let entry = |component: &str, bytes: u64, items| MemoryUse {
        component: component.to_owned(),
        bytes,
        items,
        per_destination: each(bytes, destinations),
        per_path: each(bytes, paths),
    };
    let mut memory = vec![
        entry("destinations", sum(|s| s.memory.destination_bytes), Some(destinations)),
        entry("paths", sum(|s| s.memory.path_bytes), Some(paths)),
        entry("index", sum(|s| s.memory.index_bytes), None),
        entry("attributes", sum(|s| s.memory.attribute_bytes), Some(sum(|s| s.memory.attribute_sets))),
        entry("peers", sum(|s| s.memory.peer_bytes), None),
        entry("pending", sum(|s| s.memory.pending_bytes), None),
        entry("adj-rib-out", sum(|s| s.adj_rib_out), Some(shards.iter().map(|shard| shard.told).sum())),
        entry("frame-log", log_bytes as u64, None),
    ];
    if let Some(resident) = resident() {
        let accounted: u64 = memory.iter().map(|part| part.bytes).sum();
        memory.push(entry("other", resident.saturating_sub(accounted), None));
        memory.push(entry("resident", resident, None));
    }
    memory
}

/// To a tenth of an octet.
fn each(bytes: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| (bytes as f64 / count as f64 * 10.0).round() / 10.0)
}

/// Octets of this process in memory, as the kernel counts them.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * u64::try_from(page).ok()?)
}
