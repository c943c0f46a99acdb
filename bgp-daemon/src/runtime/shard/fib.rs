//! Best paths as desired kernel routes.

use bgp_core::rib::{Best, Change, ChangeContext};
use bgp_core::types::{NextHop, NlriKey, PeerId};
use fib_sync::{DesiredRoute, NextHopRef, UpdateBatch};

/// Collects what a flush changes for the kernel.
#[derive(Debug)]
pub(super) struct FibChanges {
    program: bool,
    batch: UpdateBatch,
}

impl FibChanges {
    /// Collects nothing unless `program` is set.
    pub(super) fn new(program: bool) -> Self {
        Self { program, batch: Vec::new() }
    }

    /// Takes one change of the decision process.
    pub(super) fn change<K: NlriKey>(&mut self, change: &Change<'_, K>, ctx: &ChangeContext<'_>) {
        if self.program {
            self.batch.push((change.key.to_net(), desired(change, ctx)));
        }
    }

    /// What has been collected.
    pub(super) fn take(&mut self) -> UpdateBatch {
        std::mem::take(&mut self.batch)
    }
}

/// Own routes are in the kernel already, or are blackholes that the route task knows of by itself.
fn desired<K: NlriKey>(change: &Change<'_, K>, ctx: &ChangeContext<'_>) -> Option<DesiredRoute> {
    let best = change.best?;
    if best.peer == PeerId::LOCAL {
        return None;
    }
    let mut next_hops: Vec<NextHopRef> =
        change.multipath.iter().filter_map(|path| next_hop(path, ctx)).collect();
    next_hops.sort_unstable();
    next_hops.dedup();
    (!next_hops.is_empty()).then_some(DesiredRoute::Via { next_hops, onlink: false })
}

fn next_hop(path: &Best, ctx: &ChangeContext<'_>) -> Option<NextHopRef> {
    let scope = || ctx.peers.get(path.peer).map(|peer| peer.scope).filter(|scope| *scope != 0);
    let next_hop = ctx.attrs.get(path.attrs)?.next_hop()?;
    Some(match next_hop {
        NextHop::V6(addr) if addr.is_unicast_link_local() => {
            NextHopRef { addr: addr.into(), ifindex: scope() }
        }
        other => NextHopRef::from(other.addr()),
    })
}
