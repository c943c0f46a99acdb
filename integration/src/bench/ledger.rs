//! Who holds which route, and whether that is exactly what they must hold.
//!
//! One number per prefix and receiver; right and wrong entries are counted as they change, so that the
//! question "does everybody hold exactly what they must" costs nothing after every message.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::attrs::{AttrBook, NONE};
use super::targets::ASN;
use super::universe::Universe;

/// The owner number of a prefix every receiver must hold.
pub const NOBODY: u32 = u32::MAX;

/// What one receiver holds.
#[derive(Debug)]
struct Receiver {
    asn: u32,
    /// Of the AS of the speaker under test: what it is told may differ from what others are.
    inside: bool,
    router_id: Ipv4Addr,
    /// One set number per prefix; empty until the first prefix comes.
    held: Vec<u32>,
    /// Prefixes held with the right set.
    good: usize,
    /// Prefixes held that must not be, or not with that set.
    bad: usize,
    /// Prefixes nobody announced, by key.
    strange: HashMap<u64, u32>,
    /// How many prefixes it must hold.
    want: usize,
    /// Whether the run waits for it.
    counted: bool,
    exact: bool,
}

/// The expected and the held routes of all receivers.
#[derive(Debug, Default)]
pub struct Ledger {
    universe: Universe,
    /// The set every receiver but the owner must hold, by prefix: outside the speaker's AS, and inside.
    expected: [Vec<u32>; 2],
    /// The receiver that must not be told its own prefix, or [`NOBODY`].
    owner: Vec<u32>,
    receivers: Vec<Receiver>,
    inexact: usize,
    /// Prefixes received, announced or withdrawn.
    pub heard: u64,
}

impl Ledger {
    /// A ledger where nobody expects anything yet.
    pub fn new(universe: Universe) -> Self {
        let count = universe.len();
        let expected = [vec![NONE; count], vec![NONE; count]];
        Self { universe, expected, owner: vec![NOBODY; count], ..Self::default() }
    }

    /// Adds a receiver; its number is the count of those before it.
    pub fn add_receiver(&mut self, asn: u32, router_id: Ipv4Addr) {
        self.receivers.push(Receiver {
            asn,
            inside: asn == ASN,
            router_id,
            held: Vec::new(),
            good: 0,
            bad: 0,
            strange: HashMap::new(),
            want: 0,
            counted: true,
            exact: true,
        });
    }

    /// The number of a prefix.
    pub fn index(&self, key: u64) -> Option<usize> {
        self.universe.index(key)
    }

    /// From now on a prefix must be held with that set ([`NONE`]: by nobody) by all but its owner.
    /// Takes effect at the next [`recount`](Self::recount).
    pub fn expect(&mut self, index: usize, set: u32, owner: u32) {
        self.expect_each(index, [set, set], owner);
    }

    /// As [`expect`](Self::expect), with one set outside the speaker's AS and one inside.
    pub fn expect_each(&mut self, index: usize, sets: [u32; 2], owner: u32) {
        for (expected, set) in self.expected.iter_mut().zip(sets) {
            if let Some(expected) = expected.get_mut(index) {
                *expected = set;
            }
        }
        if let Some(place) = self.owner.get_mut(index) {
            *place = owner;
        }
    }

    /// Nothing must be held any more. Takes effect at the next [`recount`](Self::recount).
    pub fn expect_nothing(&mut self) {
        self.expected.iter_mut().for_each(|expected| expected.fill(NONE));
    }

    /// Whether the run waits for a receiver. Takes effect at the next [`recount`](Self::recount).
    pub fn count_receiver(&mut self, receiver: usize, counted: bool) {
        if let Some(receiver) = self.receivers.get_mut(receiver) {
            receiver.counted = counted;
        }
    }

    /// Forgets what a receiver held: its session ended.
    pub fn forget(&mut self, number: usize) {
        if let Some(receiver) = self.receivers.get_mut(number) {
            receiver.held = Vec::new();
            receiver.strange.clear();
            (receiver.good, receiver.bad) = (0, 0);
            settle(receiver, &mut self.inexact);
        }
    }

    /// Counts everything afresh, after the expectation changed.
    pub fn recount(&mut self) {
        self.inexact = 0;
        for (number, receiver) in self.receivers.iter_mut().enumerate() {
            let me = u32::try_from(number).unwrap_or(NOBODY);
            let wants = side(&self.expected, receiver.inside)
                .iter()
                .zip(&self.owner)
                .map(|(&set, &owner)| if owner == me { NONE } else { set });
            (receiver.want, receiver.good, receiver.bad) = (0, 0, 0);
            for (index, want) in wants.enumerate() {
                let held = receiver.held.get(index).copied().unwrap_or(NONE);
                receiver.want += usize::from(want != NONE);
                receiver.good += usize::from(held == want && held != NONE);
                receiver.bad += usize::from(held != want && held != NONE);
            }
            receiver.exact = true;
            settle(receiver, &mut self.inexact);
        }
    }

    /// Whether every counted receiver holds exactly what it must.
    pub fn is_exact(&self) -> bool {
        self.inexact == 0
    }

    /// How many counted receivers do not hold exactly what they must.
    pub fn inexact(&self) -> usize {
        self.inexact
    }

    /// Notes the prefixes of one message: `set` is [`NONE`] for withdrawn ones. Calls `each` with what changed.
    ///
    /// # Errors
    /// [`super::parse::Fault::Prefix`] when the prefixes do not parse.
    pub fn note(
        &mut self,
        number: usize,
        (nlri, set): (&[u8], u32),
        book: &AttrBook,
        mut each: impl FnMut(usize, u32),
    ) -> Result<(), super::parse::Fault> {
        let Some(receiver) = self.receivers.get_mut(number) else { return Ok(()) };
        if receiver.held.is_empty() {
            receiver.held = vec![NONE; self.universe.len()];
        }
        let me = u32::try_from(number).unwrap_or(NOBODY);
        let expected = side(&self.expected, receiver.inside);
        // A set is either a loop for this receiver or not: asked once per message, when it first matters.
        let mut looped = None;
        let mut heard = 0;
        super::parse::prefixes(nlri, |key| {
            heard += 1;
            let Some(index) = self.universe.index(key) else {
                match set {
                    NONE => receiver.strange.remove(&key),
                    _ => receiver.strange.insert(key, set),
                };
                return;
            };
            let (Some(held), Some(&expected), Some(&owner)) =
                (receiver.held.get_mut(index), expected.get(index), self.owner.get(index))
            else {
                return;
            };
            let want = if owner == me { NONE } else { expected };
            let mut new = set;
            if new != want && new != NONE {
                let looped =
                    *looped.get_or_insert_with(|| book.is_loop(set, receiver.asn, receiver.router_id));
                if looped {
                    new = NONE;
                }
            }
            let old = std::mem::replace(held, new);
            if old != NONE {
                if old == want { receiver.good -= 1 } else { receiver.bad -= 1 }
            }
            if new != NONE {
                if new == want { receiver.good += 1 } else { receiver.bad += 1 }
            }
            if old != new {
                each(index, new);
            }
        })?;
        self.heard += heard;
        settle(receiver, &mut self.inexact);
        Ok(())
    }

    /// Whether any of these prefixes is not held as it must be, and would be with `set`.
    ///
    /// # Errors
    /// [`super::parse::Fault::Prefix`] when the prefixes do not parse.
    pub fn would_mend(&self, number: usize, nlri: &[u8], set: u32) -> Result<bool, super::parse::Fault> {
        let Some(receiver) = self.receivers.get(number) else { return Ok(false) };
        let me = u32::try_from(number).unwrap_or(NOBODY);
        let mut found = false;
        super::parse::prefixes(nlri, |key| {
            let Some(index) = self.universe.index(key) else { return };
            let owned = self.owner.get(index) == Some(&me);
            let expected = side(&self.expected, receiver.inside).get(index).copied().unwrap_or(NONE);
            let want = if owned { NONE } else { expected };
            found |= set == want && receiver.held.get(index).copied().unwrap_or(NONE) != want;
        })?;
        Ok(found)
    }

    /// What is wrong with the first few receivers that are not exact, for people: a line with how much, and
    /// mostly one with the first prefix.
    pub fn differences(&self, book: &AttrBook) -> Vec<String> {
        let mut found = Vec::new();
        for (number, receiver) in self.receivers.iter().enumerate().filter(|(_, r)| r.counted && !r.exact) {
            let mut text = format!(
                "receiver {} (number {number}) must hold {} routes: {} right, {} wrong, {} never announced",
                receiver.router_id,
                receiver.want,
                receiver.good,
                receiver.bad,
                receiver.strange.len()
            );
            let me = u32::try_from(number).unwrap_or(NOBODY);
            for (index, (&expected, &owner)) in
                side(&self.expected, receiver.inside).iter().zip(&self.owner).enumerate()
            {
                let want = if owner == me { NONE } else { expected };
                let held = receiver.held.get(index).copied().unwrap_or(NONE);
                if let Some(prefix) = self.universe.prefix(index).filter(|_| held != want) {
                    let (held, want) = (book.describe(held, want), book.describe(want, held));
                    let _ = write!(text, "\n  {prefix}: {held} instead of {want}");
                    break;
                }
            }
            found.push(text);
            if found.len() >= 3 {
                break;
            }
        }
        found
    }
}

fn side([outside, inside]: &[Vec<u32>; 2], is_inside: bool) -> &[u32] {
    if is_inside { inside } else { outside }
}

/// Brings the verdict on one receiver, and the count of those not exact, up to date.
fn settle(receiver: &mut Receiver, inexact: &mut usize) {
    let exact = !receiver.counted
        || (receiver.good == receiver.want && receiver.bad == 0 && receiver.strange.is_empty());
    match (receiver.exact, exact) {
        (true, false) => *inexact += 1,
        (false, true) => *inexact -= 1,
        _ => {}
    }
    receiver.exact = exact;
}

#[cfg(test)]
mod tests {
    use super::super::attrs::Attrs;
    use super::super::wire::Prefix;
    use super::*;

    const HOP: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);

    fn nlri(prefixes: &[Prefix]) -> Vec<u8> {
        let mut octets = Vec::new();
        super::super::wire::announce(&[], prefixes, &mut octets);
        octets.split_off(super::super::wire::HEADER + 4)
    }

    struct Case {
        ledger: Ledger,
        book: AttrBook,
        set: u32,
        prefixes: Vec<Prefix>,
    }

    /// Two receivers; the first owns the first prefix, both must hold the other two.
    fn case() -> Case {
        let prefixes: Vec<Prefix> = (0..3).map(|i| Prefix::new(0x1400_0000 + (i << 8), 24)).collect();
        let mut book = AttrBook::default();
        let set = book.expect(&Attrs::internal(HOP, vec![1])).unwrap();
        let mut ledger = Ledger::new(Universe::new(prefixes.iter().copied()));
        ledger.add_receiver(65001, Ipv4Addr::new(10, 1, 0, 1));
        ledger.add_receiver(65002, Ipv4Addr::new(10, 1, 0, 2));
        for index in 0..3 {
            ledger.expect(index, set, if index == 0 { 0 } else { NOBODY });
        }
        ledger.recount();
        Case { ledger, book, set, prefixes }
    }

    impl Case {
        fn hear(&mut self, receiver: usize, prefixes: &[Prefix], set: u32) {
            self.ledger.note(receiver, (&nlri(prefixes), set), &self.book, |_, _| ()).unwrap();
        }

        fn satisfied() -> Self {
            let mut case = case();
            let all = case.prefixes.clone();
            case.hear(0, &all[1..], case.set);
            assert!(!case.ledger.is_exact());
            case.hear(1, &all, case.set);
            assert!(case.ledger.is_exact());
            case
        }
    }

    #[test]
    fn exact_only_when_everybody_holds_everything() {
        Case::satisfied();
    }

    #[test]
    fn a_missing_route_is_seen_and_named() {
        let mut case = Case::satisfied();
        let gone = case.prefixes[1];
        case.hear(1, &[gone], NONE);
        assert!(!case.ledger.is_exact());
        let text = case.ledger.differences(&case.book).join("\n");
        assert!(text.contains("20.0.1.0/24: no route instead of"), "{text}");
        case.hear(1, &[gone], case.set);
        assert!(case.ledger.is_exact());
    }

    #[test]
    fn a_route_nobody_announced_is_seen() {
        let mut case = Case::satisfied();
        let stray = Prefix::new(0x1500_0000, 24);
        case.hear(0, &[stray], case.set);
        assert!(!case.ledger.is_exact());
        case.hear(0, &[stray], NONE);
        assert!(case.ledger.is_exact());
    }

    #[test]
    fn ones_own_route_come_back_is_seen_unless_it_is_a_loop_the_receiver_ignores() {
        let mut case = Case::satisfied();
        let own = case.prefixes[0];
        case.hear(0, &[own], case.set);
        assert!(!case.ledger.is_exact());
        let looped = Attrs { path: vec![64500, 65001], ..Attrs::internal(HOP, vec![1]) };
        let looped = case.book.expect(&looped).unwrap();
        case.hear(0, &[own], looped);
        assert!(case.ledger.is_exact());
    }

    #[test]
    fn a_wrong_attribute_or_next_hop_is_seen() {
        for wrong in [Attrs::internal(HOP, vec![2]), Attrs::internal(Ipv4Addr::new(10, 9, 9, 9), vec![1])] {
            let mut case = Case::satisfied();
            let set = case.book.expect(&wrong).unwrap();
            let one = case.prefixes[2];
            case.hear(0, &[one], set);
            assert!(!case.ledger.is_exact(), "{wrong:?}");
            case.hear(0, &[one], case.set);
            assert!(case.ledger.is_exact());
        }
    }

    #[test]
    fn only_what_is_missing_can_be_mended() {
        let mut case = case();
        let octets = nlri(&case.prefixes[2..]);
        let mends = |case: &Case, set| case.ledger.would_mend(1, &octets, set).unwrap();
        assert!(mends(&case, case.set) && !mends(&case, NONE));
        case.hear(1, &case.prefixes.clone(), case.set);
        assert!(!mends(&case, case.set));
        case.ledger.expect_nothing();
        case.ledger.recount();
        assert!(mends(&case, NONE) && !mends(&case, case.set));
    }

    #[test]
    fn what_is_right_outside_may_be_wrong_inside() {
        let mut case = case();
        case.ledger.add_receiver(ASN, Ipv4Addr::new(10, 1, 0, 3));
        let inside = case.book.expect(&Attrs::internal(HOP, vec![2])).unwrap();
        for index in 0..3 {
            case.ledger.expect_each(index, [case.set, inside], NOBODY);
        }
        case.ledger.recount();
        let all = case.prefixes.clone();
        for receiver in 0..3 {
            case.hear(receiver, &all, case.set);
        }
        assert_eq!(case.ledger.inexact(), 1);
        case.hear(2, &all, inside);
        assert!(case.ledger.is_exact());
    }

    #[test]
    fn a_lost_session_loses_its_routes() {
        let mut case = Case::satisfied();
        case.ledger.forget(1);
        assert_eq!(case.ledger.inexact(), 1);
        case.ledger.count_receiver(1, false);
        case.ledger.recount();
        assert!(case.ledger.is_exact());
    }

    #[test]
    fn a_route_kept_after_everything_must_be_gone_is_seen() {
        let mut case = Case::satisfied();
        case.ledger.expect_nothing();
        case.ledger.recount();
        assert_eq!(case.ledger.inexact(), 2);
        let all = case.prefixes.clone();
        case.hear(0, &all, NONE);
        case.hear(1, &all[1..], NONE);
        assert!(!case.ledger.is_exact());
        case.hear(1, &all, NONE);
        assert!(case.ledger.is_exact());
    }
}
