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

/// Every component that is accounted for and their sum, then the process as a whole and the rest of it.
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
        entry("paths", sum(|s| s.memory.path_bytes), Some(sum(|s| s.memory.path_lists))),
        entry("index", sum(|s| s.memory.index_bytes), None),
        entry("attributes", sum(|s| s.memory.attribute_bytes), Some(sum(|s| s.memory.attribute_sets))),
        entry("peers", sum(|s| s.memory.peer_bytes), None),
        entry("pending", sum(|s| s.memory.pending_bytes), None),
        entry("adj-rib-out", sum(|s| s.adj_rib_out), Some(shards.iter().map(|shard| shard.told).sum())),
        entry("frame-log", log_bytes as u64, None),
    ];
    let accounted: u64 = memory.iter().map(|part| part.bytes).sum();
    memory.push(entry("accounted", accounted, None));
    if let Some(resident) = resident() {
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

#[cfg(test)]
mod tests {
    use bgp_core::rib::{DecisionConfig, PeerInfo, Shard, ShardConfig};
    use bgp_core::types::{Asn, AttrBuilder, ClusterId, NlriBlock, Origin, PeerId, RouterId, V4Key};
    use reflector::{Export, ShardId};

    use super::*;

    const PREFIXES: u32 = 1000;

    /// Where each prefix has a path of every one of so many peers.
    fn reported(peers: u16) -> (usize, Vec<MemoryUse>) {
        let (asn, router_id, cluster_id) = (Asn(64512), RouterId(1), ClusterId(1));
        let decision = DecisionConfig::default();
        let mut shard = Shard::new(ShardConfig { asn, router_id, cluster_id, decision, seed: 7 });
        let attrs = AttrBuilder::new().origin(Origin::Igp).as_path(&[]).build();
        for peer in 1..=peers {
            let keys = (0..PREFIXES).filter_map(|n| V4Key::new(0x0a00_0000 | n << 8, 24));
            shard.peer_up(PeerId(peer), PeerInfo::local(asn, router_id));
            shard.announce(PeerId(peer), &NlriBlock::from_keys(keys), &attrs);
        }
        let export = Export::new(ShardId(0));
        let figures = figures(&ReadView { shard: &shard, export: &export });
        (shard.memory().total(), report(&[figures], 1 << 20))
    }

    #[test]
    fn what_a_path_costs_is_the_sum_of_what_is_accounted_for() {
        for (peers, lists) in [(1, 0), (2, u64::from(PREFIXES))] {
            let (tables, parts) = reported(peers);
            let part = |name: &str| parts.iter().find(|part| part.component == name).unwrap();
            assert_eq!(part("paths").items, Some(lists), "nothing is listed that lies in its destination");
            assert_eq!(part("paths").bytes > 0, lists > 0);
            let sum = part("accounted");
            assert_eq!(sum.bytes, tables as u64 + (1 << 20), "tables and the log");
            let at = parts.iter().position(|part| part.component == "accounted").unwrap();
            assert_eq!(parts.iter().take(at).map(|part| part.bytes).sum::<u64>(), sum.bytes);
            let paths = u64::from(PREFIXES) * u64::from(peers);
            assert_eq!(sum.per_path, each(sum.bytes, paths));
            assert_eq!(sum.per_destination, each(sum.bytes, u64::from(PREFIXES)));
        }
    }
}
