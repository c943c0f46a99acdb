//! Reading the tables: routes, candidates with reasons, memory. Long reads go in pieces.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::flush::best;
use super::import::Import;
use super::{Core, Shard, in_family};
use crate::policy::{Decider, Verdict};
use crate::rib::age::Life;
use crate::rib::path::{Dest, DestFlags};
use crate::rib::paths::Paths;
use crate::rib::select::Selector;
use crate::rib::table::Table;
use crate::rib::{AttrId, AttrTable, Best, DestId, NextHopState, Reason};
use crate::types::{AttrSet, Family, NlriKey, PathId, PeerId, PerFamily};

/// One destination as a reader sees it.
#[derive(Debug)]
pub struct RouteRef<'a> {
    /// The slot.
    pub dest: DestId,
    /// The prefix.
    pub prefix: IpNet,
    /// The best path and those used for forwarding beside it, best first; empty without one.
    pub multipath: &'a [Best],
    paths: Paths<'a>,
    core: &'a Core,
    family: Family,
}

/// One candidate as received.
#[derive(Clone, Copy, Debug)]
pub struct PathRef<'a> {
    /// Who sent it.
    pub peer: PeerId,
    /// Its path identifier.
    pub path_id: PathId,
    /// Its attributes before import.
    pub received: &'a AttrSet,
    /// After import; [`AttrId::NONE`] where that did not let it in.
    pub attrs: AttrId,
    /// Kept from a session that was lost.
    pub stale: bool,
}

/// One candidate and how it fared.
#[derive(Clone, Debug)]
pub struct PathView {
    /// Who sent it.
    pub peer: PeerId,
    /// Its path identifier.
    pub path_id: PathId,
    /// Its attributes before import.
    pub received: AttrSet,
    /// Its attributes after import, if that let it in.
    pub accepted: Option<AttrSet>,
    /// What the import policy of now says, and by which rule: other than `accepted` while a policy that
    /// changed has yet to reach the path. `None` if there is no such peer any more.
    pub import: Option<(Verdict, Option<Decider>)>,
    /// Kept from a session that was lost.
    pub stale: bool,
    /// Why it is not the best, or that it is.
    pub reason: Reason,
}

/// Octets held, by what for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Memory {
    /// Destinations in use.
    pub destinations: usize,
    /// Octets of destinations.
    pub destination_bytes: usize,
    /// Lists of paths in use: a path is in one unless it is in its destination, as the only one with the short form.
    pub path_lists: usize,
    /// Octets of those lists.
    pub path_bytes: usize,
    /// Octets of the index from prefix to destination.
    pub index_bytes: usize,
    /// Attribute sets in use.
    pub attribute_sets: usize,
    /// Octets of attribute sets and their table.
    pub attribute_bytes: usize,
    /// Octets of lists of pending work.
    pub pending_bytes: usize,
    /// Octets of the peer table.
    pub peer_bytes: usize,
}

impl Memory {
    /// Everything.
    pub fn total(&self) -> usize {
        self.destination_bytes
            + self.path_bytes
            + self.index_bytes
            + self.attribute_bytes
            + self.pending_bytes
            + self.peer_bytes
    }
}

impl<'a> RouteRef<'a> {
    /// The candidates, dead ones left out.
    pub fn paths(&self) -> impl Iterator<Item = PathRef<'a>> + use<'a> {
        let (core, family) = (self.core, self.family);
        self.paths.iter().filter_map(move |path| {
            let life = core.peers.age(path.peer, family)?.life(path.epoch);
            (life != Life::Dead).then_some(())?;
            Some(PathRef {
                peer: path.peer,
                path_id: path.path_id,
                received: core.attrs.get(path.attrs_in)?,
                attrs: path.attrs,
                stale: life == Life::Stale,
            })
        })
    }

    /// To look attribute sets up.
    pub fn attrs(&self) -> &'a AttrTable {
        &self.core.attrs
    }
}

impl Shard {
    /// Shows destinations from `from` on to `show`, visiting at most `limit` slots; returns where to go on.
    pub fn scan(
        &self,
        family: Family,
        from: DestId,
        limit: usize,
        show: &mut dyn FnMut(&RouteRef<'_>),
    ) -> Option<DestId> {
        in_family!(self, family, table, core => scan(table, core, from, limit, show), else None)
    }

    /// Shows the destination of exactly this prefix; `false` if there is none.
    pub fn lookup(&self, prefix: IpNet, show: &mut dyn FnMut(&RouteRef<'_>)) -> bool {
        in_family!(self, Family::of(prefix), table, core => lookup(table, core, prefix, show), else false)
    }

    /// The longest prefix around `prefix` (itself included) that has a best path.
    pub fn longest_match(&self, prefix: IpNet) -> Option<IpNet> {
        (0..=prefix.prefix_len()).rev().find_map(|len| {
            let around = match prefix {
                IpNet::V4(net) => IpNet::V4(Ipv4Net::new(net.addr(), len).ok()?.trunc()),
                IpNet::V6(net) => IpNet::V6(Ipv6Net::new(net.addr(), len).ok()?.trunc()),
            };
            let mut usable = false;
            self.lookup(around, &mut |route| usable = !route.multipath.is_empty());
            usable.then_some(around)
        })
    }

    /// Every candidate for the prefix with the step of the decision process at which it lost, the best
    /// first; by the same code that decides.
    pub fn explain(&self, prefix: IpNet) -> Vec<PathView> {
        in_family!(self, Family::of(prefix), table, core => explain(table, core, prefix), else Vec::new())
    }

    /// Next hops that paths rely on: address, what is known of it, and how many paths.
    pub fn next_hops(&self) -> impl Iterator<Item = (IpAddr, NextHopState, u32)> + '_ {
        self.core.attrs.next_hops().iter()
    }

    /// Destinations in use.
    pub fn destinations(&self) -> PerFamily<usize> {
        PerFamily { ipv4: self.v4.len(), ipv6: self.v6.len() }
    }

    /// Octets held by each part.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory {
            attribute_sets: self.core.attrs.len(),
            attribute_bytes: self.core.attrs.bytes(),
            pending_bytes: self.core.grave.capacity() * size_of::<super::Grave>(),
            peer_bytes: self.core.peers.bytes(),
            ..Memory::default()
        };
        add(&mut memory, &self.v4);
        add(&mut memory, &self.v6);
        memory
    }
}

fn add<K: NlriKey>(memory: &mut Memory, table: &Table<K>) {
    memory.destinations += table.len();
    memory.destination_bytes += table.dests.bytes();
    memory.path_lists += table.spans.live();
    memory.path_bytes += table.spans.bytes();
    memory.index_bytes += table.index_bytes();
    memory.pending_bytes += table.dirty.bytes();
}

fn scan<K: NlriKey>(
    table: &Table<K>,
    core: &Core,
    from: DestId,
    limit: usize,
    show: &mut dyn FnMut(&RouteRef<'_>),
) -> Option<DestId> {
    let mut scratch = Scratch::default();
    let end = table.dests.extent();
    let mut slot = table.dests.skip_empty(from.0);
    for _ in 0..limit {
        if slot >= end {
            return None;
        }
        if let Some(dest) = table.dest(DestId(slot)) {
            show(&scratch.route(table, core, DestId(slot), dest));
        }
        slot = table.dests.skip_empty(slot + 1);
    }
    (slot < end).then_some(DestId(slot))
}

fn lookup<K: NlriKey>(
    table: &Table<K>,
    core: &Core,
    prefix: IpNet,
    show: &mut dyn FnMut(&RouteRef<'_>),
) -> bool {
    let id = K::from_net(prefix).and_then(|key| table.find(key));
    let Some((id, dest)) = id.and_then(|id| Some((id, table.dest(id)?))) else { return false };
    show(&Scratch::default().route(table, core, id, dest));
    true
}

fn explain<K: NlriKey>(table: &Table<K>, core: &Core, prefix: IpNet) -> Vec<PathView> {
    let Some(key) = K::from_net(prefix) else { return Vec::new() };
    let Some(dest) = table.find(key).and_then(|id| table.dest(id)) else { return Vec::new() };
    let paths = table.spans.of(dest);
    let mut reasons = vec![Reason::Best; paths.len()];
    Selector::default().select(&core.judge(K::FAMILY), paths, |at, why| {
        if let Some(reason) = reasons.get_mut(at) {
            *reason = why;
        }
    });
    let mut views: Vec<PathView> = paths
        .iter()
        .zip(reasons)
        .filter_map(|(path, reason)| {
            let set = core.attrs.get(path.attrs_in)?;
            let import = core.peers.get(path.peer).map(|info| {
                let policy = core.policy_of(info);
                let import = Import { policy: &policy, info, set, attrs_in: path.attrs_in };
                policy.explain(&import.subject(key))
            });
            Some(PathView {
                peer: path.peer,
                path_id: path.path_id,
                received: set.clone(),
                import,
                accepted: core.attrs.get(path.attrs).cloned(),
                stale: best(&path, core.peers.ages(K::FAMILY)).stale,
                reason,
            })
        })
        .collect();
    views.sort_by_key(|view| (view.reason != Reason::Best, view.reason != Reason::Multipath, view.peer));
    views
}

/// What a view borrows while it is shown.
#[derive(Default)]
struct Scratch {
    selector: Selector,
    multipath: Vec<Best>,
}

impl Scratch {
    fn route<'a, K: NlriKey>(
        &'a mut self,
        table: &'a Table<K>,
        core: &'a Core,
        id: DestId,
        dest: &'a Dest<K>,
    ) -> RouteRef<'a> {
        let paths = table.spans.of(dest);
        let ages = core.peers.ages(K::FAMILY);
        self.multipath.clear();
        if dest.flags.has(DestFlags::DIRTY) {
            // What was chosen is in pieces until the next flush; show what that will choose.
            let chosen = self.selector.select(&core.judge(K::FAMILY), paths, |_, _| ());
            self.multipath.extend(chosen.iter().filter_map(|at| Some(best(&paths.get(*at as usize)?, ages))));
        } else {
            self.multipath.extend(paths.front(usize::from(dest.chosen)).iter().map(|path| best(&path, ages)));
        }
        RouteRef {
            dest: id,
            prefix: dest.key().to_net(),
            multipath: &self.multipath,
            paths,
            core,
            family: K::FAMILY,
        }
    }
}
