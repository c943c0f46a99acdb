//! How long to wait after a restart before what is not known again is forgotten (RFC 4724 §4.1).
//!
//! Until every peer has sent End-of-RIB, or the deferral time is over, own kernel routes that nobody wants
//! stay, and End-of-RIB is withheld, so that peers keep what they knew of us. Routes are told as they come:
//! a container that started meanwhile need not wait for a peer that is gone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bgp_core::session::{Families, Negotiated};
use bgp_core::types::{Family, PeerId};

use super::peering::each;

/// The wait after a restart; empty once it is over.
#[derive(Debug, Default)]
pub struct Deferral {
    until: Option<Instant>,
    waiting: BTreeMap<PeerId, Wait>,
}

/// What is known of a peer that is waited for. News of its session may come in any order.
#[derive(Debug, Default)]
struct Wait {
    /// Families its session exchanges; `None` while it is not established.
    families: Option<Families>,
    /// Families it has sent all of.
    done: Families,
}

impl Wait {
    fn is_over(&self) -> bool {
        let still = |family| self.done.get(family) != Some(&true);
        self.families.is_some_and(|families| !each(&families).any(still))
    }
}

impl Deferral {
    /// Waits for `peers`, at most for `longest`.
    pub fn begin(peers: impl IntoIterator<Item = PeerId>, longest: Duration, now: Instant) -> Self {
        let waiting = peers.into_iter().map(|peer| (peer, Wait::default())).collect();
        Self { until: Some(now + longest), waiting }
    }

    /// Whether it goes on.
    pub fn is_active(&self) -> bool {
        self.until.is_some()
    }

    /// Whether it waits for this peer.
    pub fn waits_for(&self, peer: PeerId) -> bool {
        self.waiting.contains_key(&peer)
    }

    /// When it ends at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// A session is established. A peer that does not speak graceful restart will not say when it is done,
    /// and one that restarts itself must not be waited for, or two would wait for each other.
    pub fn up(&mut self, peer: PeerId, negotiated: &Negotiated) {
        if negotiated.graceful_restart.is_none_or(|restart| restart.restarting) {
            self.waiting.remove(&peer);
        } else if let Some(wait) = self.waiting.get_mut(&peer) {
            wait.families = Some(negotiated.families);
        }
    }

    /// The peer has sent everything of a family.
    pub fn end_of_rib(&mut self, peer: PeerId, family: Family) {
        let wait = self.waiting.get_mut(&peer);
        if let Some(done) = wait.and_then(|wait| wait.done.get_mut(family)) {
            *done = true;
        }
    }

    /// The session is lost: the peer will send everything again.
    pub fn down(&mut self, peer: PeerId) {
        if let Some(wait) = self.waiting.get_mut(&peer) {
            *wait = Wait::default();
        }
    }

    /// The peer will not come: it was removed or is kept down.
    pub fn without(&mut self, peer: PeerId) {
        self.waiting.remove(&peer);
    }

    /// Ends it if there is nobody left to wait for or the time is over; true once, when it ends.
    pub fn ends(&mut self, now: Instant) -> bool {
        self.waiting.retain(|_, wait| !wait.is_over());
        let over = self.until.is_some_and(|until| now >= until || self.waiting.is_empty());
        if over {
            *self = Self::default();
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(120);

    #[test]
    fn it_ends_with_the_last_peer_or_with_the_time() {
        // RFC 4724 §4.1
        let start = Instant::now();
        let mut deferral = Deferral::begin([PeerId(1), PeerId(2)], LONG, start);
        assert!(!deferral.ends(start));
        deferral.without(PeerId(1));
        assert!(!deferral.ends(start + LONG / 2), "a peer that never came up counts as one to wait for");
        assert!(deferral.ends(start + LONG));
        assert!(!deferral.is_active() && !deferral.ends(start + LONG));
    }

    #[test]
    fn end_of_rib_before_the_session_is_up_counts_for_nothing() {
        let start = Instant::now();
        let mut deferral = Deferral::begin([PeerId(1)], LONG, start);
        deferral.end_of_rib(PeerId(1), Family::IPV4_UNICAST);
        assert!(!deferral.ends(start));
    }

    #[test]
    fn nobody_to_wait_for_ends_it_at_once() {
        let start = Instant::now();
        assert!(Deferral::begin([], LONG, start).ends(start));
    }
}
