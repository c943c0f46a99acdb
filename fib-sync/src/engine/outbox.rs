//! What the user has still to be told, merged so that it stays small while nobody listens.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::event::FibEvent;
use crate::nexthop::{NextHopRef, Reachability};
use crate::origin::{Origin, OriginReason};
use crate::status::RouteStatus;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    adopted: Option<usize>,
    addresses: bool,
    next_hops: BTreeMap<NextHopRef, Reachability>,
    origins: BTreeMap<IpNet, Option<OriginReason>>,
    /// The origins as the user knows them.
    told: BTreeMap<IpNet, OriginReason>,
    statuses: BTreeMap<IpNet, RouteStatus>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.adopted.is_none()
            && !self.addresses
            && self.next_hops.is_empty()
            && self.origins.is_empty()
            && self.statuses.is_empty()
    }

    pub(super) fn adopted(&mut self, routes: usize) {
        self.adopted = Some(routes);
    }

    pub(super) fn addresses(&mut self) {
        self.addresses = true;
    }

    pub(super) fn next_hop(&mut self, next_hop: NextHopRef, reachability: Reachability) {
        self.next_hops.insert(next_hop, reachability);
    }

    pub(super) fn forget_next_hop(&mut self, next_hop: NextHopRef) {
        self.next_hops.remove(&next_hop);
    }

    pub(super) fn origin(&mut self, prefix: IpNet, reason: Option<OriginReason>) {
        if self.told.get(&prefix).copied() == reason {
            self.origins.remove(&prefix);
        } else {
            self.origins.insert(prefix, reason);
        }
    }

    pub(super) fn statuses(&mut self, news: BTreeMap<IpNet, RouteStatus>) {
        self.statuses.extend(news);
    }

    pub(super) fn pop(&mut self) -> Option<FibEvent> {
        // Whoever waits for the adoption may then rely on knowing what is originated.
        if self.adopted.is_some() && !self.origins.is_empty() {
            return Some(self.pop_origins());
        }
        if let Some(routes) = self.adopted.take() {
            return Some(FibEvent::Adopted { routes });
        }
        if std::mem::take(&mut self.addresses) {
            return Some(FibEvent::AddressesChanged);
        }
        if !self.next_hops.is_empty() {
            let changed = std::mem::take(&mut self.next_hops).into_iter().collect();
            return Some(FibEvent::NextHopChanged(changed));
        }
        if !self.origins.is_empty() {
            return Some(self.pop_origins());
        }
        if !self.statuses.is_empty() {
            let changed = std::mem::take(&mut self.statuses).into_iter().collect();
            return Some(FibEvent::RouteStatus(changed));
        }
        None
    }

    fn pop_origins(&mut self) -> FibEvent {
        let mut added = Vec::new();
        let mut removed = Vec::new();
        for (prefix, reason) in std::mem::take(&mut self.origins) {
            match reason {
                Some(reason) => {
                    self.told.insert(prefix, reason);
                    added.push(Origin { prefix, reason });
                }
                None => {
                    self.told.remove(&prefix);
                    removed.push(prefix);
                }
            }
        }
        FibEvent::OriginsChanged { added, removed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_originated_at_the_start_is_told_before_the_adoption() {
        let mut outbox = Outbox::default();
        outbox.adopted(3);
        outbox.origin("10.0.0.1/32".parse().unwrap(), Some(OriginReason::Network));
        assert!(matches!(outbox.pop(), Some(FibEvent::OriginsChanged { .. })));
        assert_eq!(outbox.pop(), Some(FibEvent::Adopted { routes: 3 }));
        assert!(outbox.pop().is_none());
    }

    #[test]
    fn what_came_and_went_unheard_is_not_told() {
        let prefix = "10.0.0.1/32".parse().unwrap();
        let mut outbox = Outbox::default();
        outbox.origin(prefix, Some(OriginReason::Network));
        outbox.origin(prefix, None);
        assert!(outbox.is_empty() && outbox.pop().is_none());
        outbox.origin(prefix, Some(OriginReason::Network));
        assert!(matches!(outbox.pop(), Some(FibEvent::OriginsChanged { added, .. }) if added.len() == 1));
        outbox.origin(prefix, None);
        outbox.origin(prefix, Some(OriginReason::Network));
        assert!(outbox.is_empty());
    }
}
