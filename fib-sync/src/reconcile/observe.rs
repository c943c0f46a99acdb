//! What the kernel holds, from events that name one route and from dumps that name all.

use std::collections::BTreeSet;
use std::time::Instant;

use ipnet::IpNet;

use super::trouble::Class;
use super::{ADOPTED, DOUBT, FOREIGN, IN_FLIGHT, ODD, PINNED, Reconciler, SEEN, TOUCHED};
use crate::plan::Verb;
use crate::route::RouteKind;

impl Reconciler {
    /// An own route appeared or changed, by somebody else's hand. `None` for one we would never write.
    pub fn own_route(&mut self, prefix: IpNet, kind: Option<RouteKind>, now: Instant) {
        let id = kind.map_or(ODD, |kind| self.kinds.intern(kind));
        self.observe(prefix, id, now);
    }

    /// An own route, or a part of its next hops, went by somebody else's hand.
    pub fn own_route_gone(&mut self, prefix: IpNet, kind: Option<RouteKind>, now: Instant) {
        let id = kind.map_or(ODD, |kind| self.kinds.intern(kind));
        let known = self.entries.get(prefix).map_or(0, |entry| entry.actual);
        if known != id && known != ODD && matches!(prefix, IpNet::V6(_)) {
            // IPv6 next hops of one route can go one by one.
            self.dump_wanted = true;
            return;
        }
        self.observe(prefix, 0, now);
    }

    /// A foreign route took the place of ours, which nobody says is gone.
    pub fn own_route_taken(&mut self, prefix: IpNet, now: Instant) {
        self.observe(prefix, 0, now);
    }

    /// Says whether a foreign route has the key of our route for `prefix`.
    pub fn foreign(&mut self, prefix: IpNet, present: bool) {
        let Some(entry) = self.entries.get_mut(prefix) else { return };
        if present == entry.has(FOREIGN) {
            return;
        }
        if present {
            entry.flags |= FOREIGN;
        } else {
            entry.flags &= !FOREIGN;
            self.troubles.clear(prefix);
        }
        self.settle(prefix);
    }

    /// A dump starts.
    pub fn begin_dump(&mut self) {
        self.dumping = true;
        self.dump_wanted = false;
    }

    /// The dump shows an own route.
    pub fn dump_row(&mut self, prefix: IpNet, kind: Option<RouteKind>) {
        let id = kind.map_or(ODD, |kind| self.kinds.intern(kind));
        let synced = self.synced;
        let entry = self.entries.entry(prefix);
        let old = entry.actual;
        entry.flags |= SEEN;
        if entry.flags & (TOUCHED | IN_FLIGHT) == 0 {
            entry.actual = id;
            if !synced && entry.desired == 0 && !entry.has(PINNED) {
                entry.flags |= ADOPTED;
            }
            self.count_installed(old, id);
            if synced && old != id {
                self.counters.repairs_audit += 1;
            }
        }
    }

    /// The dump ended. With `complete`, own routes it did not show are gone. `foreign` are the prefixes
    /// at which foreign routes have our key.
    pub fn end_dump(&mut self, complete: bool, foreign: &BTreeSet<IpNet>, now: Instant) {
        self.dumping = false;
        let synced = self.synced;
        let mut dirty = Vec::new();
        let mut lost = 0;
        let mut entries = std::mem::take(&mut self.entries);
        entries.retain(|prefix, entry| {
            let was_foreign = entry.has(FOREIGN);
            if complete {
                if entry.actual != 0 && entry.flags & (SEEN | TOUCHED | IN_FLIGHT) == 0 {
                    entry.actual = 0;
                    lost += 1;
                }
                entry.flags &= !FOREIGN;
                if foreign.contains(&prefix) {
                    entry.flags |= FOREIGN;
                }
            }
            entry.flags &= !(SEEN | TOUCHED);
            let vacant = entry.is_vacant();
            if vacant || was_foreign != entry.has(FOREIGN) || self.verb(prefix, *entry).0 != Verb::Keep {
                dirty.push(prefix);
            }
            !vacant
        });
        self.entries = entries;
        self.counters.installed = self.counters.installed.saturating_sub(lost);
        if !complete {
            self.dump_wanted = true;
            return;
        }
        if synced {
            self.counters.repairs_audit += lost;
        } else {
            self.synced = true;
            self.counters.adopted = self.counters.installed;
        }
        self.contests.prune(now);
        let unclear: Vec<IpNet> =
            self.troubles.iter().filter(|(_, class)| *class == Class::Exists).map(|(p, _)| p).collect();
        for prefix in unclear {
            self.troubles.clear(prefix);
            self.unseen.insert(prefix);
        }
        self.flush += 1;
        for prefix in dirty {
            self.settle(prefix);
        }
        self.collect_garbage();
    }

    /// Somebody else changed an own route.
    fn observe(&mut self, prefix: IpNet, id: u32, now: Instant) {
        let dumping = self.dumping;
        let known = self.entries.get(prefix).is_some();
        if id == 0 && !known && !dumping {
            return;
        }
        let entry = self.entries.entry(prefix);
        if entry.has(IN_FLIGHT) {
            // Before or after our own change? Only a look after the answer can tell.
            entry.flags |= DOUBT;
            return;
        }
        if dumping {
            entry.flags |= TOUCHED;
        }
        let before = std::mem::replace(&mut entry.actual, id);
        if !self.synced && id != 0 && entry.desired == 0 && !entry.has(PINNED) {
            entry.flags |= ADOPTED;
        }
        if id == 0 {
            entry.flags &= !ADOPTED;
        }
        let entry = *entry;
        self.count_installed(before, id);
        self.flush += 1;
        if self.synced && before != id && self.verb(prefix, entry).0 != Verb::Keep {
            self.counters.repairs_event += 1;
            if self.contests.repair(prefix, now) {
                self.troubles.note(prefix, Class::Contested, now);
            }
        }
        self.settle(prefix);
    }

    fn collect_garbage(&mut self) {
        let mut used: BTreeSet<u32> = self.resolved.iter().map(|resolved| resolved.kind).collect();
        used.insert(self.blackhole);
        used.extend(self.entries.iter().map(|(_, entry)| entry.actual));
        used.extend(self.flights.values().flatten().map(|flight| flight.kind));
        self.kinds.retain(|id| used.contains(&id));
    }
}
