//! Routes that did not go in, and when to try again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ipnet::IpNet;

/// How an error is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// The kernel is short of something; soon.
    Busy,
    /// The kernel's routes or links are not what they were when the next hop was resolved; soon, and look.
    Unreachable,
    /// Something is at the key. Whose it is, the next dump tells.
    Exists,
    /// Somebody undoes our work again and again; ever more slowly.
    Contested,
    /// The kernel will not have it; rarely.
    Refused(i32),
}

impl Class {
    pub(super) fn of_errno(errno: i32) -> Self {
        match errno {
            libc::ENOBUFS | libc::EINTR | libc::EAGAIN | libc::ENOMEM | libc::EBUSY => Self::Busy,
            libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::ENODEV => Self::Unreachable,
            libc::EEXIST => Self::Exists,
            other => Self::Refused(other),
        }
    }

    fn delay(self, attempts: u32) -> Duration {
        let (base, cap) = match self {
            Self::Busy => (Duration::from_millis(10), Duration::from_secs(5)),
            Self::Unreachable => (Duration::from_millis(50), Duration::from_secs(10)),
            Self::Contested => (Duration::from_millis(100), Duration::from_secs(30)),
            Self::Exists => (Duration::from_secs(30), Duration::from_secs(30)),
            Self::Refused(_) => (Duration::from_secs(60), Duration::from_secs(60)),
        };
        base.saturating_mul(1 << attempts.min(12)).min(cap)
    }
}

#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) class: Class,
    attempts: u32,
    retry_at: Instant,
}

/// Every route in trouble; empty when all is well.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    routes: BTreeMap<IpNet, Trouble>,
    /// What contested routes are aligned to.
    epoch: Option<Instant>,
    retries: BTreeSet<(Instant, IpNet)>,
}

impl Troubles {
    /// Notes a failure and says how many of the class went before; the delay grows with them.
    pub(super) fn note(&mut self, prefix: IpNet, class: Class, now: Instant) -> u32 {
        let attempts = match self.clear(prefix) {
            Some(old) if old.class == class => old.attempts.saturating_add(1),
            _ => 0,
        };
        let retry_at = match class {
            Class::Contested => self.aligned(now, class.delay(attempts)),
            _ => now + class.delay(attempts),
        };
        self.retries.insert((retry_at, prefix));
        self.routes.insert(prefix, Trouble { class, attempts, retry_at });
        attempts
    }

    /// The end of the `delay` under way, counted from one beginning for all routes: whoever deletes until
    /// nothing is left, as `ip route flush` does, must find nothing for a moment, or never ends.
    fn aligned(&mut self, now: Instant, delay: Duration) -> Instant {
        let since = now.duration_since(*self.epoch.get_or_insert(now));
        let over = since.as_nanos() % delay.as_nanos().max(1);
        now + delay.saturating_sub(Duration::from_nanos(u64::try_from(over).unwrap_or(0)))
    }

    pub(super) fn clear(&mut self, prefix: IpNet) -> Option<Trouble> {
        let old = self.routes.remove(&prefix)?;
        self.retries.remove(&(old.retry_at, prefix));
        Some(old)
    }

    /// Takes the next route whose time has come; it stays in trouble until cleared.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<IpNet> {
        let (at, prefix) = *self.retries.first()?;
        if at > now {
            return None;
        }
        self.retries.pop_first();
        Some(prefix)
    }

    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.retries.first().map(|(at, _)| *at)
    }

    pub(super) fn class(&self, prefix: IpNet) -> Option<Class> {
        self.routes.get(&prefix).map(|trouble| trouble.class)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (IpNet, Class)> {
        self.routes.iter().map(|(prefix, trouble)| (*prefix, trouble.class))
    }
}

/// Notices that a route is undone over and over, so that two programs at odds do not burn a core.
#[derive(Debug, Default)]
pub(super) struct Contests {
    recent: BTreeMap<IpNet, Contest>,
}

#[derive(Debug)]
struct Contest {
    /// Repairs within the window.
    count: u32,
    /// Repairs in quick succession.
    quick: u32,
    last: Instant,
}

impl Contests {
    /// Counts a repair; true when the next one should wait.
    pub(super) fn repair(&mut self, prefix: IpNet, now: Instant) -> bool {
        let contest = self.recent.entry(prefix).or_insert(Contest { count: 0, quick: 0, last: now });
        let pause = now.duration_since(contest.last);
        contest.count = if pause < CONTEST_WINDOW { contest.count.saturating_add(1) } else { 1 };
        contest.quick = if pause < QUICK { contest.quick.saturating_add(1) } else { 1 };
        contest.last = now;
        contest.count > CONTEST_LIMIT || contest.quick > QUICK_LIMIT
    }

    pub(super) fn prune(&mut self, now: Instant) {
        self.recent.retain(|_, contest| now.duration_since(contest.last) < CONTEST_WINDOW);
    }
}

const CONTEST_WINDOW: Duration = Duration::from_secs(60);
/// Nobody types that fast.
const QUICK: Duration = Duration::from_millis(250);
const QUICK_LIMIT: u32 = 2;
/// An operator flushing a table a few times in a row is still answered at once.
const CONTEST_LIMIT: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_undone_in_quick_succession_are_repaired_together_a_little_later() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let nets: Vec<IpNet> = (0..3).map(|n| format!("10.0.{n}.0/24").parse().unwrap()).collect();
        let (mut contests, mut troubles) = (Contests::default(), Troubles::default());
        for round in 0..3 {
            for (net, ms) in nets.iter().zip(0..) {
                let contested = contests.repair(*net, at(10 * round + ms));
                assert_eq!(contested, round == 2, "round {round}");
                if contested {
                    troubles.note(*net, Class::Contested, at(10 * round + ms));
                }
            }
        }
        assert_eq!(troubles.pop_due(at(119)), None);
        let together: Vec<IpNet> = std::iter::from_fn(|| troubles.pop_due(at(120))).collect();
        assert_eq!(together, nets);
        // Somebody who comes back after a while is answered at once.
        assert!(!contests.repair(nets[0], at(1000)));
    }
}
