//! Which next hops somebody wants to hear about, and what was last said of each.

use std::collections::BTreeMap;

use super::{NextHopRef, Reachability, resolver};
use crate::view::KernelView;

/// Tracked next hops, counted.
#[derive(Debug, Default)]
pub struct Tracker {
    tracked: BTreeMap<NextHopRef, Tracked>,
}

#[derive(Debug)]
struct Tracked {
    count: u32,
    /// Nothing before the first comparison with the kernel: then nobody knows.
    told: Option<Reachability>,
}

impl Tracker {
    /// Counts one more interest in each.
    pub fn add(&mut self, refs: &[NextHopRef]) {
        for next_hop in refs {
            let tracked = self.tracked.entry(*next_hop).or_insert(Tracked { count: 0, told: None });
            tracked.count = tracked.count.saturating_add(1);
            // Whoever asks anew wants an answer.
            tracked.told = None;
        }
    }

    /// Counts one interest less in each; unknown ones are ignored.
    pub fn remove(&mut self, refs: &[NextHopRef]) {
        for next_hop in refs {
            if let Some(tracked) = self.tracked.get_mut(next_hop) {
                tracked.count -= 1;
                if tracked.count == 0 {
                    self.tracked.remove(next_hop);
                }
            }
        }
    }

    /// Resolves those of `refs` of which nothing was told yet and calls `tell` for them: nothing else can be
    /// news while the kernel's side stands still.
    pub fn answer(
        &mut self,
        refs: &[NextHopRef],
        view: &KernelView,
        protocol: u8,
        mut tell: impl FnMut(NextHopRef, Reachability),
    ) {
        for next_hop in refs {
            let Some(tracked) = self.tracked.get_mut(next_hop).filter(|tracked| tracked.told.is_none())
            else {
                continue;
            };
            let now = resolver::resolve(view, protocol, *next_hop).reachability();
            tracked.told = Some(now);
            tell(*next_hop, now);
        }
    }

    /// Resolves every tracked next hop and calls `tell` for those with news.
    pub fn refresh(
        &mut self,
        view: &KernelView,
        protocol: u8,
        mut tell: impl FnMut(NextHopRef, Reachability),
    ) {
        for (next_hop, tracked) in &mut self.tracked {
            let now = resolver::resolve(view, protocol, *next_hop).reachability();
            if tracked.told != Some(now) {
                tracked.told = Some(now);
                tell(*next_hop, now);
            }
        }
    }

    /// Whether anybody is interested in it.
    pub fn knows(&self, next_hop: NextHopRef) -> bool {
        self.tracked.contains_key(&next_hop)
    }

    /// Whether a change of the routes for `prefix` can matter to a tracked next hop.
    pub fn concerns(&self, prefix: ipnet::IpNet) -> bool {
        // An IPv4 next hop may be written as IPv6, so canonical addresses count.
        self.tracked.keys().any(|next_hop| prefix.contains(&next_hop.addr.to_canonical()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tracker: &mut Tracker) -> usize {
        let mut count = 0;
        tracker.refresh(&KernelView::default(), 186, |_, _| count += 1);
        count
    }

    #[test]
    fn a_new_interest_is_answered_without_asking_about_the_others() {
        let next_hop = |last| NextHopRef { addr: [192, 0, 2, last].into(), ifindex: None };
        let mut tracker = Tracker::default();
        let answers = |tracker: &mut Tracker, refs: &[NextHopRef]| {
            let mut about = Vec::new();
            tracker.answer(refs, &KernelView::default(), 186, |next_hop, _| about.push(next_hop));
            about
        };
        tracker.add(&[next_hop(1)]);
        assert_eq!(answers(&mut tracker, &[next_hop(1)]), [next_hop(1)]);
        tracker.add(&[next_hop(2), next_hop(2)]);
        assert_eq!(answers(&mut tracker, &[next_hop(2), next_hop(2)]), [next_hop(2)]);
        tracker.add(&[next_hop(1)]);
        assert_eq!(answers(&mut tracker, &[next_hop(1), next_hop(2)]), [next_hop(1)], "asked anew");
        assert_eq!(told(&mut tracker), 0);
        assert_eq!(answers(&mut tracker, &[next_hop(3)]), [], "nobody is interested in it");
    }

    #[test]
    fn each_interest_is_answered_once_and_counted() {
        let next_hop = NextHopRef { addr: "192.0.2.1".parse().unwrap(), ifindex: None };
        let mut tracker = Tracker::default();
        tracker.add(&[next_hop, next_hop]);
        assert_eq!(told(&mut tracker), 1);
        assert_eq!(told(&mut tracker), 0, "nothing new");
        tracker.remove(&[next_hop]);
        assert!(tracker.concerns("192.0.2.0/24".parse().unwrap()));
        assert!(!tracker.concerns("192.0.3.0/24".parse().unwrap()));
        tracker.remove(&[next_hop, next_hop]);
        assert!(!tracker.concerns("0.0.0.0/0".parse().unwrap()));
    }
}
