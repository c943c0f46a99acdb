//! How the routes stand, for whoever asks and for whoever must be told.

use std::sync::Arc;

use ipnet::IpNet;

use super::trouble::Class;
use super::{Entry, FOREIGN, IN_FLIGHT, PINNED, QUEUED, Reconciler, Want};
use crate::plan::Verb;
use crate::route::RouteKind;
use crate::status::{Counters, FailReason, RouteReport, RouteStatus, SnapshotQuery};

impl Reconciler {
    /// Counts and gauges. Cost: the routes in trouble and the distinct next-hop sets.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        let unresolved = |id: u32| self.resolved.get(id as usize).filter(|r| r.kind == 0);
        counters.desired = self
            .desires
            .iter()
            .filter_map(|(id, _)| self.resolved.get(id as usize))
            .map(|r| u64::from(r.uses))
            .sum();
        counters.unresolved =
            self.desires.iter().filter_map(|(id, _)| unresolved(id)).map(|r| u64::from(r.uses)).sum();
        counters.conflicts = self.told(|status| status == RouteStatus::Conflict);
        counters.failed = self.told(|status| matches!(status, RouteStatus::Failed(_)));
        counters.unwritten = self.unwritten() as u64;
        let in_trouble = self.troubles.iter().count();
        counters.drift = (self.upserts.len() + self.deletes.len() + in_trouble) as u64 + counters.conflicts;
        counters
    }

    /// The routes a query asks for, in order.
    pub fn routes(&self, query: &SnapshotQuery) -> Vec<RouteReport> {
        match query {
            SnapshotQuery::Counters => Vec::new(),
            SnapshotQuery::Exact(prefix) => {
                let prefix = prefix.trunc();
                self.entries.get(prefix).and_then(|entry| self.row(prefix, *entry)).into_iter().collect()
            }
            SnapshotQuery::Within(prefix) => {
                self.entries.within(*prefix).into_iter().filter_map(|(p, e)| self.row(p, *e)).collect()
            }
            SnapshotQuery::Differing => self
                .entries
                .iter()
                .filter_map(|(p, e)| self.row(p, *e))
                .filter(|row| row.status != RouteStatus::Installed)
                .collect(),
            SnapshotQuery::All => self.entries.iter().filter_map(|(p, e)| self.row(p, *e)).collect(),
        }
    }

    /// Prefixes that are configured blackholes.
    pub fn pinned(&self) -> impl Iterator<Item = IpNet> {
        self.entries.iter().filter(|(_, entry)| entry.has(PINNED)).map(|(prefix, _)| prefix)
    }

    /// Queues news about one route if what is told of it changes.
    ///
    /// Unresolved routes are no news here: their next hops are, and there are far fewer of those.
    pub(super) fn report(&mut self, prefix: IpNet, entry: Entry) {
        let wanted = self.want(prefix, entry) != Want::Nothing;
        match self.status(prefix, entry) {
            RouteStatus::Pending if wanted => {}
            status @ (RouteStatus::Conflict | RouteStatus::Failed(_)) if wanted => {
                if self.bad_news.insert(prefix, status) != Some(status) {
                    self.news.insert(prefix, status);
                }
            }
            RouteStatus::Installed => {
                if self.bad_news.remove(&prefix).is_some() {
                    self.news.insert(prefix, RouteStatus::Installed);
                }
            }
            _ => {
                self.bad_news.remove(&prefix);
                self.news.remove(&prefix);
            }
        }
    }

    fn status(&self, prefix: IpNet, entry: Entry) -> RouteStatus {
        match self.want(prefix, entry) {
            Want::Unresolved => RouteStatus::Unresolved,
            Want::BadFamily => RouteStatus::Failed(FailReason::Family),
            Want::Nothing => RouteStatus::Pending,
            Want::Kind(kind) if entry.actual == kind && !entry.has(IN_FLIGHT) => RouteStatus::Installed,
            Want::Kind(_) if entry.has(FOREIGN) => RouteStatus::Conflict,
            Want::Kind(_) => match self.troubles.class(prefix) {
                Some(Class::Refused(errno)) => RouteStatus::Failed(FailReason::Errno(errno)),
                _ => RouteStatus::Pending,
            },
        }
    }

    fn row(&self, prefix: IpNet, entry: Entry) -> Option<RouteReport> {
        let desired = match self.want(prefix, entry) {
            Want::Kind(kind) => self.kinds.get(kind).map(Arc::clone),
            Want::Nothing | Want::Unresolved | Want::BadFamily => None,
        };
        let actual: Option<Arc<RouteKind>> = self.kinds.get(entry.actual).map(Arc::clone);
        if entry.actual == 0 && self.want(prefix, entry) == Want::Nothing {
            return None;
        }
        Some(RouteReport { prefix, desired, actual, status: self.status(prefix, entry) })
    }

    /// Routes queued, in flight or waiting for another attempt. One that is tried again is in trouble still,
    /// and one that was refused counts as failed until it is in.
    fn unwritten(&self) -> usize {
        let sent = self.flights.values().flatten().filter(|flight| flight.verb != Verb::Delete).count();
        let (mut waiting, mut refused) = (0, 0);
        for (prefix, class) in self.troubles.iter() {
            let entry = self.entries.get(prefix).copied().unwrap_or_default();
            if !matches!(self.verb(prefix, entry).0, Verb::Create | Verb::Replace) {
                continue;
            }
            match (class, entry.flags & (QUEUED | IN_FLIGHT) != 0) {
                (Class::Refused(_), true) => refused += 1,
                (Class::Refused(_), false) | (_, true) => {}
                (_, false) => waiting += 1,
            }
        }
        (self.upserts.len() + sent + waiting).saturating_sub(refused)
    }

    fn told(&self, which: impl Fn(RouteStatus) -> bool) -> u64 {
        self.bad_news.values().filter(|status| which(**status)).count() as u64
    }
}
