//! A steady churn of single changes, and how long each takes to the last client.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One change to announce.
#[derive(Debug)]
pub struct Change {
    /// The peer that announces it.
    pub sender: usize,
    /// The number of its prefix.
    pub index: usize,
    /// The UPDATE.
    pub octets: Arc<[u8]>,
    /// The set the others must see.
    pub set: u32,
}

/// Changes sent one by one at a steady pace, and who has seen them.
#[derive(Debug)]
pub struct Churn {
    changes: Vec<Change>,
    /// Change by the set that tells it.
    by_set: HashMap<u32, usize, foldhash::fast::FixedState>,
    every: Duration,
    started: Instant,
    sent: Vec<Instant>,
    /// How many clients have yet to see each change sent.
    missing: Vec<usize>,
    audience: usize,
    /// Receivers numbered below this are the audience; others join and leave.
    pub observers: usize,
    latencies: Vec<Duration>,
}

impl Churn {
    /// Sends one change `every` so often from `started` on; a change is told when all receivers numbered
    /// below `observers` saw it, but for the one that sent it.
    pub fn new(changes: Vec<Change>, every: Duration, observers: usize, started: Instant) -> Self {
        let by_set = changes.iter().enumerate().map(|(number, change)| (change.set, number)).collect();
        Self {
            changes,
            by_set,
            every,
            started,
            sent: Vec::new(),
            missing: Vec::new(),
            audience: observers.saturating_sub(1),
            observers,
            latencies: Vec::new(),
        }
    }

    /// The next change if it is due; it counts as sent at `now`.
    pub fn due(&mut self, now: Instant) -> Option<&Change> {
        let number = self.sent.len();
        let at = self.started + self.every.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
        let change = self.changes.get(number).filter(|_| at <= now)?;
        self.sent.push(now);
        self.missing.push(self.audience);
        Some(change)
    }

    /// How long until the next change is due.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let number = self.sent.len();
        self.changes.get(number)?;
        let at = self.started + self.every.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
        Some(at.saturating_duration_since(now))
    }

    /// A client now holds `set`.
    #[inline]
    pub fn saw(&mut self, set: u32, now: Instant) {
        let Some(&number) = self.by_set.get(&set) else { return };
        let (Some(missing), Some(&sent)) = (self.missing.get_mut(number), self.sent.get(number)) else {
            return;
        };
        *missing = missing.saturating_sub(1);
        if *missing == 0 {
            self.latencies.push(now.saturating_duration_since(sent));
        }
    }

    /// Whether every change was sent.
    pub fn is_sent(&self) -> bool {
        self.sent.len() == self.changes.len()
    }

    /// Whether every change was seen by everybody.
    pub fn is_seen(&self) -> bool {
        self.is_sent() && self.latencies.len() == self.changes.len()
    }

    /// The changes, in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Latencies to the last client: median, 99th percentile, largest; none if no change was seen by all.
    pub fn percentiles(&self) -> Option<[Duration; 3]> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at =
            |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)));
        Some([*at(50)?, *at(99)?, *at(100)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_when_the_last_client_has_it() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let change = |set| Change { sender: 0, index: 0, octets: Arc::from([]), set };
        let mut churn = Churn::new(vec![change(5), change(6)], ms(10), 3, start);
        assert!(churn.due(start).is_some());
        assert!(churn.due(start + ms(9)).is_none());
        churn.saw(5, start + ms(1));
        assert_eq!(churn.percentiles(), None);
        churn.saw(5, start + ms(3));
        assert_eq!(churn.percentiles(), Some([ms(3); 3]));
        assert!(churn.due(start + ms(10)).is_some());
        assert!(churn.is_sent() && !churn.is_seen());
        churn.saw(6, start + ms(11));
        churn.saw(6, start + ms(17));
        assert!(churn.is_seen());
        assert_eq!(churn.percentiles(), Some([ms(7), ms(7), ms(7)]));
    }
}
