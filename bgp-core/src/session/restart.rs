//! Routes kept while a peer restarts (RFC 4724 §4.2, RFC 8538), and refreshes with a beginning and an end
//! (RFC 7313): in both, routes are marked and later swept.

use std::time::{Duration, Instant};

use super::config::{Families, both, each, none};
use super::io::{Output, Reason};
use super::machine::Session;
use super::negotiated::Negotiated;
use super::timers::Timer;
use crate::types::{Family, PerFamily};

/// How long routes stay after we left without going away.
const LEAVING: Duration = Duration::from_secs(120);

impl Session {
    /// Which families stay as stale now that the session is lost; starts the restart timer.
    pub(super) fn retain(&mut self, reason: &Reason, negotiated: &Negotiated, now: Instant) -> Families {
        // A second loss before the first was made good: what is still stale goes (RFC 4724 §4.2).
        self.flush_all_stale();
        self.refreshing = Families::default();
        if *reason == Reason::Restarting {
            // We are the ones who leave: nothing is to be withdrawn on the way out, and if we stay after
            // all, what the peer does not send again goes.
            self.stale = negotiated.families;
            self.timers.set(Timer::Restart, now + LEAVING);
            return negotiated.families;
        }
        let time = negotiated.graceful_restart.map_or(0, |restart| restart.time);
        let families = negotiated.restart_families();
        if time == 0 || none(&families) || !begins_restart(reason, negotiated) {
            return Families::default();
        }
        self.stale = families;
        self.timers.set(Timer::Restart, now + Duration::from_secs(time.into()));
        families
    }

    /// The peer is back: families it did not keep forwarding for are swept at once, the others wait for
    /// End-of-RIB.
    pub(super) fn settle_stale(&mut self, negotiated: &Negotiated, now: Instant) {
        self.timers.stop(Timer::Restart);
        let forwarding = negotiated.graceful_restart.map(|restart| restart.forwarding).unwrap_or_default();
        let kept = both(&negotiated.restart_families(), &forwarding);
        for family in each(&self.stale) {
            if kept.get(family) != Some(&true) {
                self.flush_stale(family);
            }
        }
        if !none(&self.stale) {
            self.timers.set(Timer::StalePath, now + self.config.timers.stale_path);
        }
    }

    pub(super) fn on_end_of_rib(&mut self, family: Family) {
        self.emit(Output::EndOfRib(family));
        // Within a refresh only its end says that everything was sent again.
        if self.refreshing.get(family) != Some(&true) {
            self.flush_stale(family);
        }
    }

    pub(super) fn on_refresh_begin(&mut self, family: Family, now: Instant) {
        set(&mut self.refreshing, family, true);
        set(&mut self.stale, family, true);
        self.emit(Output::MarkStale(family));
        self.timers.set(Timer::StalePath, now + self.config.timers.stale_path);
    }

    pub(super) fn on_refresh_end(&mut self, family: Family) {
        if self.refreshing.get(family) == Some(&true) {
            set(&mut self.refreshing, family, false);
            self.flush_stale(family);
        }
    }

    /// Sweeps every family that is still stale.
    pub(super) fn flush_all_stale(&mut self) {
        for family in each(&self.stale) {
            self.flush_stale(family);
        }
    }

    fn flush_stale(&mut self, family: Family) {
        if self.stale.get(family) != Some(&true) {
            return;
        }
        set(&mut self.stale, family, false);
        set(&mut self.refreshing, family, false);
        self.emit(Output::FlushStale(family));
        if none(&self.stale) {
            self.timers.stop(Timer::Restart);
            self.timers.stop(Timer::StalePath);
        }
    }
}

/// Whether this end of a session is one the peer may come back from with its routes intact.
fn begins_restart(reason: &Reason, negotiated: &Negotiated) -> bool {
    let after_notification = negotiated.graceful_restart.is_some_and(|restart| restart.notification);
    match reason {
        Reason::Lost | Reason::PeerRestarted => true,
        Reason::Sent { notification, .. } | Reason::Received(notification) => {
            after_notification && !notification.is_hard_reset()
        }
        // RFC 9687 §3.3 and an unreadable NOTIFICATION: as if a NOTIFICATION was exchanged.
        Reason::SendHold | Reason::Unreadable => after_notification,
        Reason::Restarting => false,
    }
}

fn set(families: &mut PerFamily<bool>, family: Family, to: bool) {
    if let Some(cell) = families.get_mut(family) {
        *cell = to;
    }
}
