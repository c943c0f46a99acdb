use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::kernel::{BATCH_OPS, BATCHES_IN_FLIGHT, OpBatch};
use crate::plan::FibOp;
use crate::route::{NextHop, NextHopSet};
use crate::status::SnapshotQuery;

const TABLE: u32 = 254;
const METRIC: u32 = 20;

/// A kernel in memory: own routes and foreign ones at our keys, one bad next hop.
#[derive(Default)]
struct Model {
    own: BTreeMap<IpNet, Arc<RouteKind>>,
    foreign: BTreeSet<IpNet>,
    refuse: Option<i32>,
}

impl Model {
    fn execute(&mut self, op: &FibOp) -> Result<(), i32> {
        assert_eq!((op.key().table, op.key().metric), (TABLE, METRIC));
        let prefix = op.key().prefix;
        if let (Some(errno), FibOp::Create(_) | FibOp::Replace(_)) = (self.refuse, op) {
            return Err(errno);
        }
        match op {
            FibOp::Create(_) if self.own.contains_key(&prefix) || self.foreign.contains(&prefix) => {
                Err(libc::EEXIST)
            }
            FibOp::Replace(_) if !self.own.contains_key(&prefix) => {
                assert!(!self.foreign.contains(&prefix), "a foreign route was replaced");
                Err(libc::ENOENT)
            }
            FibOp::Create(route) | FibOp::Replace(route) => {
                self.own.insert(prefix, Arc::clone(&route.kind));
                Ok(())
            }
            FibOp::Delete(_) => self.own.remove(&prefix).map(|_| ()).ok_or(libc::ESRCH),
        }
    }
}

struct Lab {
    kernel: Model,
    rec: Reconciler,
    now: Instant,
}

impl Lab {
    fn new() -> Self {
        Self { kernel: Model::default(), rec: Reconciler::new(TABLE, METRIC), now: Instant::now() }
    }

    fn synced() -> Self {
        let mut lab = Self::new();
        lab.dump();
        lab
    }

    fn dump(&mut self) {
        self.rec.begin_dump();
        for (prefix, kind) in &self.kernel.own {
            self.rec.dump_row(*prefix, Some(kind.as_ref().clone()));
        }
        let foreign = self.kernel.foreign.clone();
        self.rec.end_dump(true, &foreign, self.now);
    }

    fn desire(&mut self, prefix: &str, want: Option<DesiredRoute>) {
        self.rec.desire([(prefix.parse().unwrap(), want)], &resolve);
    }

    /// Sends and answers until nothing is left to send; returns the operations.
    fn run(&mut self) -> Vec<FibOp> {
        let mut all = Vec::new();
        while let Some(batch) = self.rec.next_batch() {
            let results: Vec<_> = batch.ops.iter().map(|op| self.kernel.execute(op)).collect();
            all.extend(batch.ops);
            self.rec.results(batch.id, &results, self.now);
        }
        all
    }

    fn later(&mut self, by: Duration) {
        self.now += by;
        self.rec.retry(self.now);
    }

    fn status(&self, prefix: &str) -> RouteStatus {
        self.rec.routes(&SnapshotQuery::Exact(prefix.parse().unwrap()))[0].status
    }
}

fn via(last: u8) -> DesiredRoute {
    DesiredRoute::Via { next_hops: vec![IpAddr::from([192, 0, 2, last]).into()], onlink: false }
}

/// Even next hops are neighbours on link 2, odd ones do not resolve.
fn resolve(desired: &DesiredRoute) -> Option<RouteKind> {
    let DesiredRoute::Via { next_hops, .. } = desired else { return Some(RouteKind::Blackhole) };
    let even = |addr: &IpAddr| matches!(addr, IpAddr::V4(a) if a.octets()[3].is_multiple_of(2));
    let hops = next_hops.iter().map(|n| n.addr).filter(even).map(|addr| NextHop::via(addr, 2)).collect();
    NextHopSet::new(hops).map(RouteKind::Unicast)
}

fn kind(last: u8) -> RouteKind {
    resolve(&via(last)).unwrap()
}

/// Ends a dump that read `rows` at some moment since it began.
fn end_dump_with(lab: &mut Lab, rows: BTreeMap<IpNet, Arc<RouteKind>>) {
    for (prefix, kind) in rows {
        lab.rec.dump_row(prefix, Some(kind.as_ref().clone()));
    }
    lab.rec.end_dump(true, &BTreeSet::new(), lab.now);
}

const P: &str = "10.1.0.0/24";

fn p() -> IpNet {
    P.parse().unwrap()
}

#[test]
fn nothing_is_sent_before_the_kernel_was_looked_at() {
    let mut lab = Lab::new();
    lab.desire(P, Some(via(2)));
    assert!(lab.run().is_empty());
    lab.dump();
    assert!(matches!(lab.run()[..], [FibOp::Create(_)]));
    assert_eq!(lab.status(P), RouteStatus::Installed);
}

#[test]
fn a_dump_does_not_revive_what_went_while_it_ran() {
    let mut lab = Lab::synced();
    lab.rec.converged();
    lab.desire(P, Some(via(2)));
    lab.run();
    lab.rec.begin_dump();
    let rows = lab.kernel.own.clone();
    lab.desire(P, None);
    lab.run();
    end_dump_with(&mut lab, rows);
    lab.desire(P, Some(via(2)));
    lab.run();
    assert_eq!(lab.kernel.own.get(&p()).map(|k| k.as_ref().clone()), Some(kind(2)));
}

#[test]
fn a_dump_does_not_revive_a_strangers_route_that_went_while_it_ran() {
    let mut lab = Lab::synced();
    lab.rec.converged();
    lab.rec.begin_dump();
    lab.rec.own_route_gone(p(), Some(kind(2)), lab.now);
    end_dump_with(&mut lab, BTreeMap::from([(p(), Arc::new(kind(2)))]));
    lab.desire(P, Some(via(2)));
    lab.run();
    assert_eq!(lab.kernel.own.get(&p()).map(|k| k.as_ref().clone()), Some(kind(2)));
}

#[test]
fn change_replaces_and_withdrawal_deletes() {
    let mut lab = Lab::synced();
    lab.desire(P, Some(via(2)));
    lab.run();
    lab.desire(P, Some(via(4)));
    assert!(matches!(lab.run()[..], [FibOp::Replace(_)]));
    assert_eq!(*lab.kernel.own[&p()], kind(4));
    lab.desire(P, None);
    assert!(matches!(lab.run()[..], [FibOp::Delete(_)]));
    assert!(lab.rec.routes(&SnapshotQuery::All).is_empty());
}

#[test]
fn adopted_routes_stay_until_converged_and_equal_ones_are_not_touched() {
    let mut lab = Lab::new();
    lab.kernel.own.insert(p(), Arc::new(kind(2)));
    lab.kernel.own.insert("10.2.0.0/24".parse().unwrap(), Arc::new(kind(2)));
    lab.desire(P, Some(via(2)));
    lab.dump();
    assert_eq!(lab.rec.counters().adopted, 2);
    assert!(lab.run().is_empty());
    lab.rec.converged();
    assert!(matches!(lab.run()[..], [FibOp::Delete(key)] if key.prefix.to_string() == "10.2.0.0/24"));
}

#[test]
fn a_route_withdrawn_by_name_goes_before_convergence() {
    let mut lab = Lab::new();
    lab.kernel.own.insert(p(), Arc::new(kind(2)));
    lab.dump();
    lab.desire(P, None);
    assert!(lab.run().is_empty(), "nobody had announced it in this life");
    lab.desire(P, Some(via(2)));
    lab.desire(P, None);
    assert!(matches!(lab.run()[..], [FibOp::Delete(_)]));
}

#[test]
fn removals_follow_the_additions_of_their_flush() {
    let mut lab = Lab::synced();
    let more: Vec<(IpNet, Option<DesiredRoute>)> = (0..600u16)
        .map(|i| (IpNet::new([10, 9, (i >> 8) as u8, i as u8].into(), 32).unwrap(), Some(via(2))))
        .collect();
    lab.rec.desire(more.clone(), &resolve);
    lab.run();
    let mut batch: Vec<_> = more.into_iter().map(|(prefix, _)| (prefix, None)).collect();
    batch.push(("10.9.0.0/16".parse().unwrap(), Some(via(2))));
    lab.rec.desire(batch, &resolve);
    let ops = lab.run();
    assert_eq!(ops.len(), 601);
    assert!(matches!(ops[0], FibOp::Create(_)), "the covering route comes first");
}

#[test]
fn at_most_four_batches_are_unanswered() {
    let mut lab = Lab::synced();
    let many = (0..3000u32)
        .map(|i| (IpNet::new(std::net::Ipv4Addr::from(0x0a00_0000 + i).into(), 32).unwrap(), Some(via(2))));
    lab.rec.desire(many, &resolve);
    let sent: Vec<OpBatch> = std::iter::from_fn(|| lab.rec.next_batch()).collect();
    assert_eq!(sent.len(), BATCHES_IN_FLIGHT);
    assert!(sent.iter().all(|batch| batch.ops.len() == BATCH_OPS));
}

#[test]
fn a_change_of_mind_in_flight_is_sent_after_the_answer() {
    let mut lab = Lab::synced();
    lab.desire(P, Some(via(2)));
    let batch = lab.rec.next_batch().unwrap();
    lab.desire(P, Some(via(4)));
    assert!(lab.rec.next_batch().is_none());
    let results: Vec<_> = batch.ops.iter().map(|op| lab.kernel.execute(op)).collect();
    lab.rec.results(batch.id, &results, lab.now);
    assert!(matches!(lab.run()[..], [FibOp::Replace(_)]));
}

#[test]
fn a_route_deleted_by_hand_is_created_again_at_once() {
    let mut lab = Lab::synced();
    lab.desire(P, Some(via(2)));
    lab.run();
    lab.kernel.own.clear();
    lab.rec.own_route_gone(p(), Some(kind(2)), lab.now);
    assert!(matches!(lab.run()[..], [FibOp::Create(_)]));
    assert_eq!(lab.rec.counters().repairs_event, 1);
}

#[test]
fn a_route_undone_over_and_over_is_repaired_ever_more_slowly() {
    let mut lab = Lab::synced();
    lab.desire(P, Some(via(2)));
    lab.run();
    let mut repaired = 0;
    for _ in 0..100 {
        lab.kernel.own.clear();
        lab.rec.own_route_gone(p(), Some(kind(2)), lab.now);
        repaired += lab.run().len();
    }
    assert!(repaired <= 10, "{repaired} repairs without a pause");
    lab.later(Duration::from_secs(31));
    assert!(matches!(lab.run()[..], [FibOp::Create(_)]));
}

/// docs/src/kernel-routes.md, facts 1 to 5: gone without a word.
#[test]
fn a_route_missing_from_a_dump_is_created_again() {
    let mut lab = Lab::synced();
    lab.desire(P, Some(via(2)));
    lab.run();
    lab.kernel.own.clear();
    lab.dump();
    assert!(matches!(lab.run()[..], [FibOp::Create(_)]));
    assert_eq!(lab.rec.counters().repairs_audit, 1);
}

#[test]
fn an_incomplete_dump_proves_no_absence_and_asks_for_another() {
    let mut lab = Lab::synced();
    lab.desire(P, Some(via(2)));
    lab.run();
    lab.rec.begin_dump();
    lab.rec.end_dump(false, &BTreeSet::new(), lab.now);
    assert!(lab.run().is_empty());
    assert!(lab.rec.take_dump_wish());
}

#[test]
fn a_dump_older_than_an_operation_does_not_undo_it() {
    let mut lab = Lab::synced();
    lab.rec.begin_dump();
    lab.desire(P, Some(via(2)));
    lab.run();
    lab.rec.end_dump(true, &BTreeSet::new(), lab.now);
    assert!(lab.run().is_empty());
    assert_eq!(lab.status(P), RouteStatus::Installed);
}

/// docs/src/kernel-routes.md, fact 6.
#[test]
fn a_foreign_route_at_the_key_is_a_conflict_until_it_goes() {
    let mut lab = Lab::synced();
    lab.kernel.foreign.insert(p());
    lab.desire(P, Some(via(2)));
    assert_eq!(lab.run().len(), 1);
    assert_eq!(lab.status(P), RouteStatus::Pending, "whose it is is not known yet");
    assert!(lab.rec.take_dump_wish());
    lab.dump();
    assert!(lab.run().is_empty());
    assert_eq!(lab.rec.take_news(), BTreeMap::from([(p(), RouteStatus::Conflict)]));
    assert_eq!(lab.rec.counters().conflicts, 1);

    lab.kernel.foreign.clear();
    lab.rec.foreign(p(), false);
    assert!(matches!(lab.run()[..], [FibOp::Create(_)]));
    assert_eq!(lab.rec.take_news(), BTreeMap::from([(p(), RouteStatus::Installed)]));
}

#[test]
fn an_own_route_we_forgot_is_adopted_when_creating_it_fails() {
    let mut lab = Lab::synced();
    lab.kernel.own.insert(p(), Arc::new(kind(4)));
    lab.desire(P, Some(via(2)));
    lab.run();
    lab.dump();
    assert!(matches!(lab.run()[..], [FibOp::Replace(_)]));
    assert_eq!(*lab.kernel.own[&p()], kind(2));
}

#[test]
fn something_no_dump_shows_does_not_cause_dump_after_dump() {
    let mut lab = Lab::synced();
    lab.kernel.refuse = Some(libc::EEXIST);
    lab.desire(P, Some(via(2)));
    lab.run();
    lab.dump();
    lab.run();
    lab.rec.take_dump_wish();
    assert_eq!(lab.status(P), RouteStatus::Failed(crate::status::FailReason::Errno(libc::EEXIST)));
    lab.dump();
    assert!(lab.run().is_empty());
}

#[test]
fn busy_kernels_are_asked_again_soon_and_refusals_rarely() {
    for (errno, soon) in [(libc::ENOBUFS, 1), (libc::EINTR, 1), (libc::ENETUNREACH, 1), (libc::EINVAL, 60)] {
        let mut lab = Lab::synced();
        lab.kernel.refuse = Some(errno);
        lab.desire(P, Some(via(2)));
        assert_eq!(lab.run().len(), 1);
        lab.kernel.refuse = None;
        assert!(lab.run().is_empty(), "no retry without a pause");
        lab.later(Duration::from_secs(soon));
        assert_eq!(lab.run().len(), 1, "errno {errno}");
    }
}

#[test]
fn unwritten_routes_are_counted_once_on_every_way_into_the_kernel() {
    let unwritten = |lab: &Lab| (lab.rec.counters().unwritten, lab.rec.counters().failed);
    for (errno, refused) in [(libc::ENOBUFS, (1, 0)), (libc::EINVAL, (0, 1))] {
        let mut lab = Lab::new();
        // Neither is desired: what is in the kernel already says nothing of what is not.
        lab.kernel.own.insert("10.2.0.0/24".parse().unwrap(), Arc::new(kind(2)));
        lab.rec.pin(&["10.3.0.0/24".parse().unwrap()]);
        lab.dump();
        lab.run();
        assert_eq!((lab.rec.counters().installed, unwritten(&lab)), (2, (0, 0)));
        lab.desire(P, Some(via(2)));
        assert_eq!(unwritten(&lab), (1, 0), "queued");
        let batch = lab.rec.next_batch().unwrap();
        assert_eq!(unwritten(&lab), (1, 0), "in flight");
        lab.rec.results(batch.id, &[Err(errno)], lab.now);
        assert_eq!(unwritten(&lab), refused, "{errno}");
        lab.later(Duration::from_secs(60));
        assert_eq!(unwritten(&lab), refused, "{errno}, queued again");
        let batch = lab.rec.next_batch().unwrap();
        assert_eq!(unwritten(&lab), refused, "{errno}, in flight again");
        lab.rec.results(batch.id, &[Ok(())], lab.now);
        assert_eq!(unwritten(&lab), (0, 0));
        lab.desire(P, Some(via(4)));
        assert_eq!(unwritten(&lab), (1, 0), "in the kernel, but not as desired");
        lab.desire(P, None);
        lab.rec.next_batch();
        assert_eq!(unwritten(&lab), (0, 0), "a removal");
    }
}

#[test]
fn unresolved_routes_leave_the_kernel_and_come_back() {
    let mut lab = Lab::synced();
    lab.desire(P, Some(via(2)));
    lab.run();
    lab.rec.refresh(&|_| None);
    assert!(matches!(lab.run()[..], [FibOp::Delete(_)]));
    assert_eq!(lab.status(P), RouteStatus::Unresolved);
    assert_eq!(lab.rec.counters().unresolved, 1);
    lab.rec.refresh(&resolve);
    assert!(matches!(lab.run()[..], [FibOp::Create(_)]));
}

#[test]
fn an_ipv6_prefix_cannot_have_an_ipv4_next_hop() {
    let mut lab = Lab::synced();
    lab.desire("fd00:1::/64", Some(via(2)));
    assert!(lab.run().is_empty());
    assert_eq!(lab.status("fd00:1::/64"), RouteStatus::Failed(crate::status::FailReason::Family));
}

#[test]
fn configured_blackholes_are_stronger_than_what_peers_say() {
    let mut lab = Lab::synced();
    lab.desire(P, Some(via(2)));
    lab.rec.pin(&[p()]);
    lab.run();
    assert_eq!(*lab.kernel.own[&p()], RouteKind::Blackhole);
    lab.rec.pin(&[]);
    lab.run();
    assert_eq!(*lab.kernel.own[&p()], kind(2));
}

#[test]
fn retiring_removes_every_own_route() {
    let mut lab = Lab::new();
    lab.kernel.own.insert("10.7.0.0/24".parse().unwrap(), Arc::new(kind(2)));
    lab.dump();
    lab.desire(P, Some(via(2)));
    lab.rec.pin(&["10.8.0.0/24".parse().unwrap()]);
    lab.run();
    lab.rec.retire();
    lab.run();
    assert!(lab.kernel.own.is_empty() && lab.rec.idle());
}

#[derive(Clone, Debug)]
enum Step {
    Desire(u8, Option<u8>),
    Pin(u8),
    ForeignAdd(u8),
    ForeignGone(u8),
    Steal(u8, bool),
    Meddle(u8, u8),
    Send,
    Answer,
    Dump,
    Wait,
}

fn arb_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..6, proptest::option::of(0u8..8)).prop_map(|(p, n)| Step::Desire(p, n)),
        1 => (0u8..6).prop_map(Step::Pin),
        1 => (0u8..6).prop_map(Step::ForeignAdd),
        1 => (0u8..6).prop_map(Step::ForeignGone),
        1 => (0u8..6, any::<bool>()).prop_map(|(p, told)| Step::Steal(p, told)),
        1 => (0u8..6, 0u8..8).prop_map(|(p, n)| Step::Meddle(p, n)),
        3 => Just(Step::Send),
        3 => Just(Step::Answer),
        1 => Just(Step::Dump),
        1 => Just(Step::Wait),
    ]
}

fn nth(n: u8) -> IpNet {
    IpNet::new([10, n & 3, 0, 0].into(), 16 + (n >> 2)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever happens, with or without a word, a last dump and the answers make the kernel right.
    #[test]
    fn every_history_ends_in_the_desired_state(steps in proptest::collection::vec(arb_step(), 0..60)) {
        let mut lab = Lab::synced();
        lab.rec.converged();
        let mut desired: BTreeMap<IpNet, RouteKind> = BTreeMap::new();
        let mut pinned: Option<IpNet> = None;
        let mut sent: VecDeque<(u64, Vec<Result<(), i32>>)> = VecDeque::new();
        for step in steps {
            match step {
                Step::Desire(p, n) => {
                    match n.and_then(|n| resolve(&via(n))) {
                        Some(kind) => desired.insert(nth(p), kind),
                        None => desired.remove(&nth(p)),
                    };
                    lab.rec.desire([(nth(p), n.map(via))], &resolve);
                }
                Step::Pin(p) => {
                    pinned = Some(nth(p));
                    lab.rec.pin(&[nth(p)]);
                }
                Step::ForeignAdd(p) => {
                    if !lab.kernel.own.contains_key(&nth(p)) {
                        lab.kernel.foreign.insert(nth(p));
                        lab.rec.foreign(nth(p), true);
                    }
                }
                Step::ForeignGone(p) => {
                    lab.kernel.foreign.remove(&nth(p));
                    lab.rec.foreign(nth(p), false);
                }
                Step::Steal(p, told) => {
                    if let Some(kind) = lab.kernel.own.remove(&nth(p)) && told {
                        lab.rec.own_route_gone(nth(p), Some(kind.as_ref().clone()), lab.now);
                    }
                }
                Step::Meddle(p, n) => {
                    if let (Some(route), Some(kind)) = (lab.kernel.own.get_mut(&nth(p)), resolve(&via(n))) {
                        *route = Arc::new(kind.clone());
                        lab.rec.own_route(nth(p), Some(kind), lab.now);
                    }
                }
                Step::Send => {
                    if let Some(batch) = lab.rec.next_batch() {
                        sent.push_back((batch.id, batch.ops.iter().map(|op| lab.kernel.execute(op)).collect()));
                    }
                }
                Step::Answer => {
                    if let Some((id, results)) = sent.pop_front() {
                        lab.rec.results(id, &results, lab.now);
                    }
                }
                Step::Dump => lab.dump(),
                Step::Wait => lab.later(Duration::from_secs(1)),
            }
        }
        for (id, results) in sent {
            lab.rec.results(id, &results, lab.now);
        }
        for _ in 0..3 {
            lab.dump();
            lab.run();
            lab.later(Duration::from_secs(120));
            lab.run();
        }
        desired.extend(pinned.map(|prefix| (prefix, RouteKind::Blackhole)));
        desired.retain(|prefix, _| !lab.kernel.foreign.contains(prefix));
        let own: BTreeMap<IpNet, RouteKind> =
            lab.kernel.own.iter().map(|(p, k)| (*p, k.as_ref().clone())).collect();
        prop_assert_eq!(own, desired);
        prop_assert!(lab.rec.idle());
    }

    /// When every change is told, what is wished for is enough: nothing waits for an audit.
    #[test]
    fn told_changes_are_repaired_without_an_audit(steps in proptest::collection::vec(arb_told(), 0..80)) {
        let mut lab = Lab::synced();
        lab.rec.converged();
        let mut desired: BTreeMap<IpNet, RouteKind> = BTreeMap::new();
        let mut sent: VecDeque<(u64, Vec<Result<(), i32>>)> = VecDeque::new();
        let mut dump: Option<BTreeMap<IpNet, Arc<RouteKind>>> = None;
        for step in steps {
            match step {
                Told::Desire(p, n) => {
                    match n.and_then(|n| resolve(&via(n))) {
                        Some(kind) => desired.insert(nth(p), kind),
                        None => desired.remove(&nth(p)),
                    };
                    lab.rec.desire([(nth(p), n.map(via))], &resolve);
                }
                Told::Steal(p) => {
                    if let Some(kind) = lab.kernel.own.remove(&nth(p)) {
                        lab.rec.own_route_gone(nth(p), Some(kind.as_ref().clone()), lab.now);
                    }
                }
                Told::Send => {
                    if let Some(batch) = lab.rec.next_batch() {
                        sent.push_back((batch.id, batch.ops.iter().map(|op| lab.kernel.execute(op)).collect()));
                    }
                }
                Told::Answer => {
                    if let Some((id, results)) = sent.pop_front() {
                        lab.rec.results(id, &results, lab.now);
                    }
                }
                Told::BeginDump => {
                    if dump.is_none() && lab.rec.take_dump_wish() {
                        lab.rec.begin_dump();
                        dump = Some(lab.kernel.own.clone());
                    }
                }
                Told::ReadDump => {
                    if let Some(rows) = &mut dump {
                        *rows = lab.kernel.own.clone();
                    }
                }
                Told::EndDump => {
                    if let Some(rows) = dump.take() {
                        end_dump_with(&mut lab, rows);
                    }
                }
            }
        }
        for (id, results) in sent {
            lab.rec.results(id, &results, lab.now);
        }
        if let Some(mut rows) = dump {
            rows.clone_from(&lab.kernel.own);
            end_dump_with(&mut lab, rows);
        }
        lab.run();
        while lab.rec.take_dump_wish() {
            lab.dump();
            lab.run();
        }
        lab.later(Duration::from_secs(40));
        lab.run();
        let own: BTreeMap<IpNet, RouteKind> =
            lab.kernel.own.iter().map(|(p, k)| (*p, k.as_ref().clone())).collect();
        prop_assert_eq!(own, desired);
    }
}

#[derive(Clone, Debug)]
enum Told {
    Desire(u8, Option<u8>),
    Steal(u8),
    Send,
    Answer,
    BeginDump,
    ReadDump,
    EndDump,
}

fn arb_told() -> impl Strategy<Value = Told> {
    prop_oneof![
        3 => (0u8..3, proptest::option::of(0u8..8)).prop_map(|(p, n)| Told::Desire(p, n)),
        2 => (0u8..3).prop_map(Told::Steal),
        3 => Just(Told::Send),
        3 => Just(Told::Answer),
        2 => Just(Told::BeginDump),
        2 => Just(Told::ReadDump),
        2 => Just(Told::EndDump),
    ]
}
