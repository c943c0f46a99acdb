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
    retries: BTreeSet<(Instant, IpNet)>,
}

impl Troubles {
    /// Notes a failure and says how many of the class went before; the delay grows with them.
    pub(super) fn note(&mut self, prefix: IpNet, class: Class, now: Instant) -> u32 {
        let attempts = match self.clear(prefix) {
            Some(old) if old.class == class => old.attempts.saturating_add(1),
            _ => 0,
        };
        let retry_at = now + class.delay(attempts);
        self.retries.insert((retry_at, prefix));
        self.routes.insert(prefix, Trouble { class, attempts, retry_at });
        attempts
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
    recent: BTreeMap<IpNet, (u32, Instant)>,
}

impl Contests {
    /// Counts a repair; true when the next one should wait.
    pub(super) fn repair(&mut self, prefix: IpNet, now: Instant) -> bool {
        let (count, last) = self.recent.entry(prefix).or_insert((0, now));
        *count = if now.duration_since(*last) < CONTEST_WINDOW { *count + 1 } else { 1 };
        *last = now;
        *count > CONTEST_LIMIT
    }

    pub(super) fn prune(&mut self, now: Instant) {
        self.recent.retain(|_, (_, last)| now.duration_since(*last) < CONTEST_WINDOW);
    }
}

const CONTEST_WINDOW: Duration = Duration::from_secs(60);
/// An operator flushing a table a few times in a row is still answered at once.
const CONTEST_LIMIT: u32 = 10;
