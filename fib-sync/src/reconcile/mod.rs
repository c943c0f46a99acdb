//! Desired against actual for the own routes of one table: a state machine without clock or socket.
//!
//! ```text
//!  desire, pin ──┐                       ┌── next_batch ──► kernel
//!  refresh ──────┤   entry per prefix:   │
//!  own route events, ─► desired, actual, ┴─ dirty queues ◄── results, retries
//!  dump rows ────┘     flags
//! ```
//!
//! Invariants: at most one operation per prefix is unanswered; nothing is sent before the first dump has
//! told what is there; a route found at the start and not yet desired stays until [`Reconciler::converged`].

mod flight;
mod intern;
mod observe;
mod prefix_map;
mod report;
mod trouble;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ipnet::IpNet;

use crate::desired::DesiredRoute;
use crate::plan::{Verb, decide};
use crate::route::{RouteKey, RouteKind};
use crate::status::{Counters, RouteStatus};
use intern::Interner;
use prefix_map::PrefixMap;
use trouble::{Contests, Troubles};

/// Answers what a desired route becomes with the kernel as it is; `None` when no next hop is reachable.
pub type Resolve<'a> = &'a dyn Fn(&DesiredRoute) -> Option<RouteKind>;

/// Keeps the own routes of one (table, metric) equal to what is desired.
#[derive(Debug)]
pub struct Reconciler {
    table: u32,
    metric: u32,
    entries: PrefixMap<Entry>,
    kinds: Interner<RouteKind>,
    blackhole: u32,
    desires: Interner<DesiredRoute>,
    resolved: Vec<Resolved>,
    upserts: VecDeque<(u64, IpNet)>,
    deletes: VecDeque<(u64, IpNet)>,
    /// Grows with each call that changes what is desired: removals of one call follow its additions.
    flush: u64,
    flights: BTreeMap<u64, Vec<Flight>>,
    next_batch: u64,
    troubles: Troubles,
    contests: Contests,
    dumping: bool,
    synced: bool,
    converged: bool,
    dump_wanted: bool,
    /// Something is at these keys that no dump shows.
    unseen: BTreeSet<IpNet>,
    news: BTreeMap<IpNet, RouteStatus>,
    /// What was last told of routes that are not as they should be.
    bad_news: BTreeMap<IpNet, RouteStatus>,
    counters: Counters,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Number of the [`DesiredRoute`]; 0 for none.
    desired: u32,
    /// Number of the [`RouteKind`] in the kernel; 0 for none, [`ODD`] for one we would never write.
    actual: u32,
    flags: u8,
}

/// An own route of a kind this crate does not write, say through a next-hop object.
const ODD: u32 = u32::MAX;

const QUEUED: u8 = 1;
const IN_FLIGHT: u8 = 2;
/// The running dump has shown it.
const SEEN: u8 = 4;
/// It changed while a dump ran: what the dump says of it may be older.
const TOUCHED: u8 = 8;
/// A foreign route has the same key.
const FOREIGN: u8 = 16;
/// A configured blackhole, stronger than whatever is desired.
const PINNED: u8 = 32;
/// Found at the start, not desired since.
const ADOPTED: u8 = 64;
/// Somebody changed it while an operation was unanswered: which came first is unknown.
const DOUBT: u8 = 128;

impl Entry {
    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn is_vacant(self) -> bool {
        self.desired == 0 && self.actual == 0 && self.flags & !(SEEN | TOUCHED | FOREIGN) == 0
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Resolved {
    /// Number of the kind; 0 when unreachable.
    kind: u32,
    /// How many entries desire it.
    uses: u32,
}

#[derive(Debug)]
struct Flight {
    prefix: IpNet,
    verb: Verb,
    kind: u32,
}

/// What should be in the kernel for one entry.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Want {
    Nothing,
    Unresolved,
    BadFamily,
    Kind(u32),
}

impl Reconciler {
    /// Starts knowing nothing; call [`Self::begin_dump`] before anything can be sent.
    pub fn new(table: u32, metric: u32) -> Self {
        let mut kinds = Interner::default();
        let blackhole = kinds.intern(RouteKind::Blackhole);
        Self {
            table,
            metric,
            entries: PrefixMap::default(),
            kinds,
            blackhole,
            desires: Interner::default(),
            resolved: vec![Resolved::default()],
            upserts: VecDeque::new(),
            deletes: VecDeque::new(),
            flush: 0,
            flights: BTreeMap::new(),
            next_batch: 0,
            troubles: Troubles::default(),
            contests: Contests::default(),
            dumping: false,
            synced: false,
            converged: false,
            dump_wanted: false,
            unseen: BTreeSet::new(),
            news: BTreeMap::new(),
            bad_news: BTreeMap::new(),
            counters: Counters::default(),
        }
    }

    /// The key of an own route for `prefix`.
    pub fn key(&self, prefix: IpNet) -> RouteKey {
        RouteKey::new(self.table, prefix, self.metric)
    }

    /// Changes what is desired; `None` withdraws.
    pub fn desire(
        &mut self,
        batch: impl IntoIterator<Item = (IpNet, Option<DesiredRoute>)>,
        resolve: Resolve<'_>,
    ) {
        self.flush += 1;
        for (prefix, want) in batch {
            let prefix = prefix.trunc();
            let id = want.map_or(0, |desired| self.intern_desired(desired, resolve));
            let known = self.entries.get(prefix).copied();
            if id == 0 && known.is_none() {
                continue;
            }
            let entry = self.entries.entry(prefix);
            let before = std::mem::replace(&mut entry.desired, id);
            if id != 0 {
                entry.flags &= !ADOPTED;
            }
            self.count_use(id, true);
            self.count_use(before, false);
            if before != id {
                self.troubles.clear(prefix);
            }
            self.settle(prefix);
        }
    }

    /// Sets the prefixes that are blackholes whatever else is desired.
    pub fn pin(&mut self, prefixes: &[IpNet]) {
        self.flush += 1;
        let wanted: BTreeSet<IpNet> = prefixes.iter().map(IpNet::trunc).collect();
        let pinned = self.entries.iter().filter(|(_, entry)| entry.has(PINNED)).map(|(p, _)| p);
        let dropped: Vec<IpNet> = pinned.filter(|prefix| !wanted.contains(prefix)).collect();
        for prefix in dropped {
            self.entries.entry(prefix).flags &= !PINNED;
            self.settle(prefix);
        }
        for prefix in wanted {
            let entry = self.entries.entry(prefix);
            entry.flags = (entry.flags | PINNED) & !ADOPTED;
            self.settle(prefix);
        }
    }

    /// Resolves every next hop again after the kernel's routes or links changed.
    pub fn refresh(&mut self, resolve: Resolve<'_>) {
        let desires: Vec<(u32, Arc<DesiredRoute>)> =
            self.desires.iter().map(|(id, desired)| (id, Arc::clone(desired))).collect();
        let mut changed = BTreeSet::new();
        for (id, desired) in desires {
            let kind = resolve(&desired).map_or(0, |kind| self.kinds.intern(kind));
            if let Some(resolved) = self.resolved.get_mut(id as usize)
                && resolved.kind != kind
            {
                resolved.kind = kind;
                changed.insert(id);
            }
        }
        if changed.is_empty() {
            return;
        }
        self.flush += 1;
        let hit: Vec<IpNet> =
            self.entries.iter().filter(|(_, e)| changed.contains(&e.desired)).map(|(p, _)| p).collect();
        for prefix in hit {
            self.troubles.clear(prefix);
            self.settle(prefix);
        }
    }

    /// Everything desired has been said: adopted routes nobody wants may go.
    pub fn converged(&mut self) {
        self.converged = true;
        self.flush += 1;
        let adopted: Vec<IpNet> =
            self.entries.iter().filter(|(_, e)| e.has(ADOPTED)).map(|(p, _)| p).collect();
        for prefix in adopted {
            self.entries.entry(prefix).flags &= !ADOPTED;
            self.settle(prefix);
        }
    }

    /// Desires nothing any more, so that every own route goes.
    pub fn retire(&mut self) {
        let desired: Vec<(IpNet, Option<DesiredRoute>)> =
            self.entries.iter().filter(|(_, e)| e.desired != 0).map(|(p, _)| (p, None)).collect();
        self.pin(&[]);
        self.desire(desired, &|_| None);
        self.converged();
    }

    /// Nothing is queued or unanswered.
    pub fn idle(&self) -> bool {
        self.upserts.is_empty() && self.deletes.is_empty() && self.flights.is_empty()
    }

    /// Whether a first dump has been taken in.
    pub fn synced(&self) -> bool {
        self.synced
    }

    /// Takes the wish for a comparison with the kernel, if there is one.
    pub fn take_dump_wish(&mut self) -> bool {
        std::mem::take(&mut self.dump_wanted)
    }

    /// Takes what changed for the worse, or for the better after worse.
    pub fn take_news(&mut self) -> BTreeMap<IpNet, RouteStatus> {
        std::mem::take(&mut self.news)
    }

    /// Whether a change of somebody else's routes for `prefix` can matter to a desired route.
    pub fn concerns(&self, prefix: IpNet) -> bool {
        self.desires.iter().any(|(_, desired)| match desired.as_ref() {
            DesiredRoute::Via { next_hops, .. } => {
                next_hops.iter().any(|next_hop| prefix.contains(&next_hop.addr.to_canonical()))
            }
            DesiredRoute::Blackhole => false,
        })
    }

    fn intern_desired(&mut self, desired: DesiredRoute, resolve: Resolve<'_>) -> u32 {
        let before = self.desires.len();
        let id = self.desires.intern(desired);
        if self.desires.len() != before {
            let kind = self.desires.get(id).and_then(|d| resolve(d)).map_or(0, |k| self.kinds.intern(k));
            if self.resolved.len() <= id as usize {
                self.resolved.resize(id as usize + 1, Resolved::default());
            }
            if let Some(resolved) = self.resolved.get_mut(id as usize) {
                *resolved = Resolved { kind, uses: 0 };
            }
        }
        id
    }

    fn count_use(&mut self, id: u32, more: bool) {
        if id == 0 {
            return;
        }
        let Some(resolved) = self.resolved.get_mut(id as usize) else { return };
        if more {
            resolved.uses += 1;
        } else {
            resolved.uses -= 1;
            if resolved.uses == 0 {
                self.desires.remove(id);
            }
        }
    }

    fn count_installed(&mut self, before: u32, after: u32) {
        match (before, after) {
            (0, 0) => {}
            (0, _) => self.counters.installed += 1,
            (_, 0) => self.counters.installed = self.counters.installed.saturating_sub(1),
            _ => {}
        }
    }

    fn want(&self, prefix: IpNet, entry: Entry) -> Want {
        if entry.has(PINNED) {
            return Want::Kind(self.blackhole);
        }
        if entry.desired == 0 {
            return Want::Nothing;
        }
        let kind = self.resolved.get(entry.desired as usize).map_or(0, |resolved| resolved.kind);
        let Some(value) = self.kinds.get(kind) else { return Want::Unresolved };
        if let (IpNet::V6(_), RouteKind::Unicast(set)) = (prefix, value.as_ref())
            && set.as_slice().iter().any(|hop| hop.gateway.is_some_and(|g| g.is_ipv4()))
        {
            return Want::BadFamily;
        }
        Want::Kind(kind)
    }

    /// What the entry needs now, were it not for back-off.
    fn verb(&self, prefix: IpNet, entry: Entry) -> (Verb, u32) {
        let want = match self.want(prefix, entry) {
            Want::Kind(kind) => Some(kind),
            // Found at the start and not spoken of yet.
            Want::Nothing if entry.has(ADOPTED) && !self.converged => return (Verb::Keep, 0),
            Want::Nothing | Want::Unresolved | Want::BadFamily => None,
        };
        let actual = (entry.actual != 0).then_some(entry.actual);
        let verb = decide(want, actual);
        if entry.has(FOREIGN) && matches!(verb, Verb::Create | Verb::Replace) {
            // docs/src/kernel-routes.md, fact 6: either could hit the foreign route.
            return (Verb::Keep, 0);
        }
        (verb, want.unwrap_or(0))
    }

    /// Compares one entry and queues, reports, or forgets it.
    fn settle(&mut self, prefix: IpNet) {
        let entry = self.entries.get(prefix).copied().unwrap_or_default();
        if entry.is_vacant() {
            // A running dump may still show it as it was: end_dump forgets it.
            if !(self.dumping && entry.has(TOUCHED)) {
                self.entries.remove(prefix);
            }
            self.troubles.clear(prefix);
            self.unseen.remove(&prefix);
            self.report(prefix, entry);
            return;
        }
        if entry.has(IN_FLIGHT) {
            return;
        }
        if self.verb(prefix, entry).0 == Verb::Keep {
            self.troubles.clear(prefix);
        } else if self.troubles.class(prefix).is_none() {
            self.enqueue(prefix);
        }
        self.report(prefix, entry);
    }
}

#[cfg(test)]
mod tests;
