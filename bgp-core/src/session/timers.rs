//! The one table of deadlines of a session, and the generator of its jitter.

use std::time::{Duration, Instant};

/// Every timer of a session; those of connections carry the slot of their connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Timer {
    /// End of the pause after a failure.
    IdleHold,
    /// Next attempt to connect.
    ConnectRetry,
    /// End of waiting for the preferred one of two colliding connections.
    Collision,
    /// A restarting peer must be back (RFC 4724 §4.2).
    Restart,
    /// A restarted peer must have sent End-of-RIB.
    StalePath,
    /// Nothing heard for the hold time.
    Hold(Slot),
    /// Time for a KEEPALIVE.
    Keepalive(Slot),
    /// Nothing could be sent for the send hold time (RFC 9687).
    SendHold(Slot),
}

/// Which of the two connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Slot {
    A,
    B,
}

impl Slot {
    pub(super) const BOTH: [Self; 2] = [Self::A, Self::B];

    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Absolute deadlines; few enough that scanning them beats any order kept among them.
#[derive(Clone, Debug, Default)]
pub(super) struct TimerTable {
    session: [Option<Instant>; 5],
    connection: [ConnectionTimers; 2],
}

#[derive(Clone, Debug, Default)]
struct ConnectionTimers {
    hold: Option<Instant>,
    keepalive: Option<Instant>,
    send_hold: Option<Instant>,
}

impl TimerTable {
    /// Sets or moves a deadline.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        *self.cell(timer) = Some(at);
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        *self.cell(timer) = None;
    }

    pub(super) fn is_running(&mut self, timer: Timer) -> bool {
        self.cell(timer).is_some()
    }

    /// Stops hold, keepalive and send hold timer of one connection.
    pub(super) fn stop_connection(&mut self, slot: Slot) {
        for timer in [Timer::Hold(slot), Timer::Keepalive(slot), Timer::SendHold(slot)] {
            self.stop(timer);
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        let connection = self.connection.iter().flat_map(|c| [c.hold, c.keepalive, c.send_hold]);
        self.session.iter().copied().chain(connection).flatten().min()
    }

    /// Takes one timer that is due, in the order of [`ALL`].
    pub(super) fn expire(&mut self, now: Instant) -> Option<Timer> {
        let due = ALL.into_iter().find(|timer| self.cell(*timer).is_some_and(|at| at <= now))?;
        self.stop(due);
        Some(due)
    }

    fn cell(&mut self, timer: Timer) -> &mut Option<Instant> {
        let [idle_hold, retry, collision, restart, stale] = &mut self.session;
        let [a, b] = &mut self.connection;
        match timer {
            Timer::IdleHold => idle_hold,
            Timer::ConnectRetry => retry,
            Timer::Collision => collision,
            Timer::Restart => restart,
            Timer::StalePath => stale,
            Timer::Hold(Slot::A) => &mut a.hold,
            Timer::Hold(Slot::B) => &mut b.hold,
            Timer::Keepalive(Slot::A) => &mut a.keepalive,
            Timer::Keepalive(Slot::B) => &mut b.keepalive,
            Timer::SendHold(Slot::A) => &mut a.send_hold,
            Timer::SendHold(Slot::B) => &mut b.send_hold,
        }
    }
}

/// Expiry order within one instant: the end of a connection comes before the use of it.
const ALL: [Timer; 11] = [
    Timer::SendHold(Slot::A),
    Timer::SendHold(Slot::B),
    Timer::Hold(Slot::A),
    Timer::Hold(Slot::B),
    Timer::Collision,
    Timer::Keepalive(Slot::A),
    Timer::Keepalive(Slot::B),
    Timer::Restart,
    Timer::StalePath,
    Timer::IdleHold,
    Timer::ConnectRetry,
];

/// Jitter from an injected seed (splitmix64), so that a session can be replayed.
#[derive(Clone, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 75 to 100 % of `period` (RFC 4271 §10).
    pub(super) fn apply(&mut self, period: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // 0 to 255 thousand-twenty-fourths taken off: at most a quarter.
        period - period / 1024 * ((z & 0xff) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_between_three_quarters_and_the_whole() {
        // RFC 4271 §10.
        let period = Duration::from_secs(30);
        let mut jitter = Jitter::new(7);
        let values: Vec<_> = (0..1000).map(|_| jitter.apply(period)).collect();
        assert!(values.iter().all(|d| *d >= period * 3 / 4 && *d <= period));
        assert!(values.iter().max() > values.iter().min());
    }

    #[test]
    fn every_timer_has_a_cell_of_its_own() {
        let start = crate::session::tests::some_instant();
        let mut table = TimerTable::default();
        for (n, timer) in (1u64..).zip(ALL) {
            table.set(timer, start + Duration::from_secs(n));
        }
        assert_eq!(table.next(), Some(start + Duration::from_secs(1)));
        for (n, timer) in (1u64..).zip(ALL) {
            assert_eq!(table.expire(start + Duration::from_secs(n)), Some(timer));
            assert_eq!(table.expire(start + Duration::from_secs(n)), None);
        }
        assert_eq!(table.next(), None);
    }

    #[test]
    fn a_connection_stops_only_its_own_timers() {
        let now = crate::session::tests::some_instant();
        let mut table = TimerTable::default();
        table.set(Timer::Hold(Slot::A), now);
        table.set(Timer::Hold(Slot::B), now);
        table.stop_connection(Slot::A);
        assert_eq!(table.expire(now), Some(Timer::Hold(Slot::B)));
        assert_eq!(table.expire(now), None);
    }
}
