//! When to compare everything with the kernel.

use std::time::{Duration, Instant};

/// Why a comparison is wanted; the first is told when several apply.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// Nothing is known yet.
    Start,
    /// Events were lost.
    Overrun,
    /// A link, address or next-hop object changed, and routes may have gone with it.
    Event,
    /// An operation's outcome contradicts what was believed.
    Doubt,
    /// It is time, or somebody asked.
    Audit,
}

/// Lets the first comparison through at once and keeps a pause after each.
#[derive(Debug)]
pub(super) struct Schedule {
    wanted: Option<Cause>,
    started: Option<Instant>,
    earliest: Instant,
    next_audit: Instant,
    interval: Duration,
}

impl Schedule {
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            wanted: Some(Cause::Start),
            started: None,
            earliest: now,
            next_audit: now + interval,
            interval,
        }
    }

    pub(super) fn want(&mut self, cause: Cause) {
        self.wanted = Some(self.wanted.map_or(cause, |old| old.min(cause)));
    }

    pub(super) fn running(&self) -> bool {
        self.started.is_some()
    }

    pub(super) fn start(&mut self, now: Instant) -> Option<Cause> {
        if now >= self.next_audit {
            self.want(Cause::Audit);
        }
        if self.running() || now < self.earliest {
            return None;
        }
        let cause = self.wanted.take()?;
        self.started = Some(now);
        Some(cause)
    }

    pub(super) fn ended(&mut self, now: Instant) {
        let took = self.started.take().map_or(Duration::ZERO, |started| now.duration_since(started));
        // At most a tenth of the time goes into comparing, however large the table.
        self.earliest = now + (took * 9).max(PAUSE);
        self.next_audit = now + self.interval;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.running() {
            return None;
        }
        let wanted = self.wanted.map(|_| self.earliest);
        Some(wanted.map_or(self.next_audit.max(self.earliest), |at| at.min(self.next_audit.max(at))))
    }
}

const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_immediate_the_next_waits_and_audits_come_by_themselves() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut schedule = Schedule::new(Duration::from_secs(60), t0);
        assert_eq!(schedule.start(t0), Some(Cause::Start));
        schedule.want(Cause::Event);
        assert_eq!(schedule.start(at(1)), None, "one at a time");
        schedule.ended(at(20));
        assert_eq!(schedule.start(at(199)), None, "nine times what it took");
        assert_eq!(schedule.deadline(), Some(at(200)));
        assert_eq!(schedule.start(at(200)), Some(Cause::Event));
        schedule.ended(at(201));
        assert_eq!(schedule.deadline(), Some(at(60_201)));
        assert_eq!(schedule.start(at(60_200)), None);
        assert_eq!(schedule.start(at(60_201)), Some(Cause::Audit));
    }
}
