//! Random histories against a table that is nothing but a map of vectors.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;
use crate::policy::{Action, Edit, Match, PrefixMatch, PrefixTest, Rule, RuleList};
use crate::types::attr::Community;

const PREFIXES: [&str; 8] = [
    "10.0.0.0/24",
    "10.0.1.0/24",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "192.168.7.9/32",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "::/0",
];
const PEERS: u16 = 6;

#[derive(Clone, Debug)]
enum Op {
    Announce { peer: u16, prefixes: Vec<usize>, id: u32, attrs: Sample },
    Withdraw { peer: u16, prefixes: Vec<usize>, id: u32 },
    Down { peer: u16, retain: [bool; 2] },
    MarkStale { peer: u16, v4: bool },
    EndOfRib { peer: u16, v4: bool },
    Policy { id: u16, variant: usize },
    Peer { peer: u16, variant: usize },
    NextHop { which: usize, state: usize },
    Decision { always: bool, multipath: u8 },
    Wanted,
    Step(usize),
    Flush,
    Release,
    Settle,
}

/// Attributes by small numbers, so that ties and repeats are frequent.
#[derive(Clone, Debug)]
struct Sample {
    local_pref: usize,
    path: usize,
    origin: u8,
    med: usize,
    next_hop: usize,
    originator: usize,
    clusters: usize,
}

impl Sample {
    fn build(&self) -> AttrSet {
        let mut builder = AttrBuilder::new();
        let paths: [&[u32]; 6] = [&[65001], &[65002], &[65001, 65003], &[65002, 65003], &[65001, 65000], &[]];
        let path: Vec<Asn> = paths[self.path].iter().map(|asn| Asn(*asn)).collect();
        builder.origin(Origin::from_octet(self.origin).unwrap()).as_sequence(&path);
        builder.next_hop(NextHop::from(hop(self.next_hop)));
        if self.local_pref > 0 {
            builder.local_pref([0, 100, 200][self.local_pref]);
        }
        if self.med > 0 {
            builder.med([0, 0, 10][self.med]);
        }
        if self.originator > 0 {
            builder.originator_id(RouterId([0, 7, 0x0a00_0001][self.originator]));
        }
        for _ in 0..self.clusters {
            builder.prepend_cluster(ClusterId(5));
        }
        builder.build()
    }
}

fn hop(which: usize) -> IpAddr {
    ["198.51.100.1", "198.51.100.2", "2001:db8::9"][which].parse().unwrap()
}

fn state(which: usize) -> NextHopState {
    [
        NextHopState::Reachable { metric: 0 },
        NextHopState::Reachable { metric: 10 },
        NextHopState::Unreachable,
        NextHopState::Own,
        NextHopState::Unknown,
    ][which]
}

fn policy(variant: usize) -> Arc<Policy> {
    let within = |net: &str, test| Match::Prefix(vec![PrefixMatch { prefix: net.parse().unwrap(), test }]);
    let rules = match variant {
        0 => vec![Rule::always(Action::Accept)],
        1 => vec![Rule::always(Action::Reject)],
        2 => vec![
            Rule {
                matches: vec![within("10.0.0.0/8", PrefixTest::In)],
                edits: vec![],
                action: Action::Reject,
            },
            Rule::always(Action::Accept),
        ],
        3 => vec![Rule { matches: vec![], edits: vec![Edit::LocalPref(100)], action: Action::Accept }],
        _ => vec![Rule {
            matches: vec![within("::/0", PrefixTest::NotEqual)],
            edits: vec![
                Edit::AddCommunities(vec![Community(1).into()]),
                Edit::NextHop(NextHop::V4("198.51.100.2".parse().unwrap())),
            ],
            action: Action::Accept,
        }],
    };
    Arc::new(Policy::new([Arc::new(RuleList { name: "p".into(), rules })]))
}

/// Peers 1 and 2 (AS 65001), 3 (65002), 4 and 5 internal; the variant picks policy and details.
fn info(peer: u16, variant: usize) -> PeerInfo {
    let n = peer as u8;
    let mut info = match peer {
        0 => PeerInfo::local(OWN_AS, config().router_id),
        1 | 2 => external(n, 65001),
        3 => PeerInfo { enforce_first_as: variant == 1, ..external(n, 65002) },
        _ => internal(n),
    };
    info.import = PolicyId(if peer == 0 { 0 } else { [0, 2, 3, 1][variant] });
    info.allow_own_asn = u8::from(variant == 2);
    if variant == 1 {
        // Peers that look the same but for their address.
        info.router_id = RouterId(0x0b00_0009);
    }
    info
}

fn sample() -> impl Strategy<Value = Sample> {
    (0..3usize, 0..6usize, 0..2u8, 0..3usize, 0..3usize, 0..3usize, 0..3usize).prop_map(
        |(local_pref, path, origin, med, next_hop, originator, clusters)| Sample {
            local_pref,
            path,
            origin,
            med,
            next_hop,
            originator,
            clusters,
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let prefixes = || prop::collection::vec(0..PREFIXES.len(), 1..4);
    prop_oneof![
        12 => (0..PEERS, prefixes(), 0..2u32, sample())
            .prop_map(|(peer, prefixes, id, attrs)| Op::Announce { peer, prefixes, id, attrs }),
        4 => (0..PEERS, prefixes(), 0..2u32)
            .prop_map(|(peer, prefixes, id)| Op::Withdraw { peer, prefixes, id }),
        2 => (1..PEERS, any::<[bool; 2]>()).prop_map(|(peer, retain)| Op::Down { peer, retain }),
        1 => (0..PEERS, any::<bool>()).prop_map(|(peer, v4)| Op::MarkStale { peer, v4 }),
        2 => (0..PEERS, any::<bool>()).prop_map(|(peer, v4)| Op::EndOfRib { peer, v4 }),
        1 => (2..4u16, 0..5usize).prop_map(|(id, variant)| Op::Policy { id, variant }),
        1 => (1..PEERS, 0..4usize).prop_map(|(peer, variant)| Op::Peer { peer, variant }),
        3 => (0..3usize, 0..5usize).prop_map(|(which, state)| Op::NextHop { which, state }),
        1 => (any::<bool>(), 1..4u8).prop_map(|(always, multipath)| Op::Decision { always, multipath }),
        3 => Just(Op::Wanted),
        3 => (1..6usize).prop_map(Op::Step),
        4 => Just(Op::Flush),
        1 => Just(Op::Release),
        2 => Just(Op::Settle),
    ]
}

#[derive(Clone, Debug)]
struct ModelPath {
    peer: u16,
    id: u32,
    received: AttrSet,
    stale: bool,
}

/// The naive table.
struct Model {
    paths: BTreeMap<IpNet, Vec<ModelPath>>,
    peers: HashMap<u16, PeerInfo>,
    policies: HashMap<u16, Arc<Policy>>,
    next_hops: HashMap<IpAddr, NextHopState>,
    decision: DecisionConfig,
    /// Import of paths already here may lag behind until everything is worked off.
    lagging: bool,
}

type Outcome = Vec<(u16, u32, AttrSet)>;

impl Model {
    /// What import makes of a path; `None` where it is refused.
    fn import(&self, net: IpNet, path: &ModelPath) -> Option<AttrSet> {
        let info = &self.peers[&path.peer];
        if info.kind == PeerKind::Local {
            return Some(path.received.clone());
        }
        let mut builder = AttrBuilder::edit(&path.received);
        if info.kind == PeerKind::External {
            use crate::types::AttrCode as C;
            builder.remove(C::LOCAL_PREF).remove(C::ORIGINATOR_ID).remove(C::CLUSTER_LIST);
        }
        let set = builder.build();
        let first_wrong = info.enforce_first_as && set.as_path().first() != Some(info.asn);
        let looped = set.as_path().count(OWN_AS) > usize::from(info.allow_own_asn)
            || set.originator_id() == Some(config().router_id);
        if first_wrong || looped {
            return None;
        }
        let subject = crate::policy::Subject {
            prefix: net,
            attrs: &set,
            source: crate::policy::RouteSource::Peers,
            peer_type: info.kind.peer_type(),
        };
        match self.policies[&info.import.0].apply(&subject) {
            crate::policy::Verdict::Reject => None,
            crate::policy::Verdict::Accept(edited) => Some(edited.unwrap_or(set)),
        }
    }

    fn metric(&self, path: &ModelPath, set: &AttrSet) -> Option<u32> {
        if path.peer == 0 {
            return Some(0);
        }
        match self.next_hops.get(&set.next_hop().unwrap().addr()) {
            Some(NextHopState::Reachable { metric }) => Some(*metric),
            _ => None,
        }
    }

    /// RFC 4271 §9.1.2.2 word by word.
    fn decide(&self, net: IpNet) -> Outcome {
        let mut left: Vec<(&ModelPath, AttrSet, u32)> = Vec::new();
        for path in self.paths.get(&net).into_iter().flatten() {
            if let Some(set) = self.import(net, path)
                && let Some(metric) = self.metric(path, &set)
            {
                left.push((path, set, metric));
            }
        }
        fn keep<T: Ord>(
            left: &mut Vec<(&ModelPath, AttrSet, u32)>,
            value: impl Fn(&(&ModelPath, AttrSet, u32)) -> T,
        ) {
            let least = left.iter().map(&value).min();
            left.retain(|candidate| Some(value(candidate)) == least);
        }
        let kind = |peer: u16| self.peers[&peer].kind;
        keep(&mut left, |c| std::cmp::Reverse(c.1.local_pref().unwrap_or(100)));
        keep(&mut left, |c| c.0.peer != 0);
        keep(&mut left, |c| c.1.as_path().hops());
        keep(&mut left, |c| c.1.origin());
        let all = left.clone();
        left.retain(|c| {
            !all.iter().any(|other| {
                let comparable =
                    self.decision.always_compare_med || other.1.as_path().first() == c.1.as_path().first();
                comparable && other.1.med().unwrap_or(0) < c.1.med().unwrap_or(0)
            })
        });
        keep(&mut left, |c| kind(c.0.peer) == PeerKind::Internal);
        keep(&mut left, |c| c.2);
        left.sort_by_key(|(path, set, _)| {
            let info = &self.peers[&path.peer];
            let id = set.originator_id().unwrap_or(info.router_id);
            (id, set.cluster_list().len(), info.addr, path.id, path.peer)
        });
        let mut hops = BTreeSet::new();
        left.retain(|(_, set, _)| hops.insert(set.next_hop()));
        left.truncate(usize::from(self.decision.multipath));
        left.into_iter().map(|(path, set, _)| (path.peer, path.id, set)).collect()
    }

    fn wanted(&self) -> BTreeSet<IpAddr> {
        let all = self.paths.iter().flat_map(|(net, paths)| paths.iter().map(move |path| (*net, path)));
        all.filter_map(|(net, path)| Some(self.import(net, path)?.next_hop()?.addr())).collect()
    }
}

struct Run {
    shard: Shard,
    model: Model,
    told: Told,
    asked: BTreeSet<IpAddr>,
}

impl Run {
    fn new(hold: bool) -> Self {
        let mut run = Self {
            shard: Shard::new(config()),
            model: Model {
                paths: BTreeMap::new(),
                peers: HashMap::new(),
                policies: [(0, policy(0)), (1, policy(1))].into(),
                next_hops: HashMap::new(),
                decision: config().decision,
                lagging: false,
            },
            told: Told { hold, ..Told::default() },
            asked: BTreeSet::new(),
        };
        for id in [2, 3] {
            run.apply(&Op::Policy { id, variant: 0 });
        }
        for peer in 0..PEERS {
            run.shard.peer_up(PeerId(peer), info(peer, 0));
            run.model.peers.insert(peer, info(peer, 0));
        }
        run
    }

    fn apply(&mut self, op: &Op) {
        let nets = |prefixes: &[usize]| -> Vec<IpNet> {
            prefixes.iter().map(|at| PREFIXES[*at].parse().unwrap()).collect()
        };
        let family = |v4: bool| if v4 { V4 } else { Family::IPV6_UNICAST };
        match op {
            Op::Announce { peer, prefixes, id, attrs } => {
                let set = attrs.build();
                let [v4, v6] = [true, false].map(|v4| {
                    let mut nets = nets(prefixes);
                    nets.retain(|net| matches!(net, IpNet::V4(_)) == v4);
                    let blocks = nets.iter().map(|net| block_with_id(&net.to_string(), *id));
                    let octets: Vec<u8> = blocks.flat_map(|block| block.octets().to_vec()).collect();
                    let block = NlriBlock::parse(family(v4), true, octets.into()).unwrap();
                    Ingest::Announce(block, set.clone())
                });
                self.shard.ingest(PeerId(*peer), &mut vec![v4, v6]);
                for net in nets(prefixes) {
                    let paths = self.model.paths.entry(net).or_default();
                    paths.retain(|path| (path.peer, path.id) != (*peer, *id));
                    paths.push(ModelPath { peer: *peer, id: *id, received: set.clone(), stale: false });
                }
            }
            Op::Withdraw { peer, prefixes, id } => {
                for net in nets(prefixes) {
                    self.shard.withdraw(PeerId(*peer), &block_with_id(&net.to_string(), *id));
                    let paths = self.model.paths.entry(net).or_default();
                    paths.retain(|path| (path.peer, path.id) != (*peer, *id));
                }
            }
            Op::Down { peer, retain: [v4, v6] } => {
                let retain: Vec<Family> = [(V4, *v4), (family(false), *v6)]
                    .iter()
                    .filter(|(_, keep)| *keep)
                    .map(|(f, _)| *f)
                    .collect();
                self.shard.peer_down(PeerId(*peer), &retain);
                self.age(*peer, true, *v4);
                self.age(*peer, false, *v6);
            }
            Op::MarkStale { peer, v4 } => {
                self.shard.mark_stale(PeerId(*peer), family(*v4));
                self.age(*peer, *v4, true);
            }
            Op::EndOfRib { peer, v4 } => {
                self.shard.end_of_rib(PeerId(*peer), family(*v4));
                for (net, paths) in &mut self.model.paths {
                    let other = matches!(net, IpNet::V4(_)) != *v4;
                    paths.retain(|path| other || path.peer != *peer || !path.stale);
                }
            }
            Op::Policy { id, variant } => {
                self.shard.set_policy(PolicyId(*id), policy(*variant));
                self.model.policies.insert(*id, policy(*variant));
                self.model.lagging = true;
            }
            Op::Peer { peer, variant } => {
                self.shard.peer_changed(PeerId(*peer), info(*peer, *variant));
                self.model.peers.insert(*peer, info(*peer, *variant));
                self.model.lagging = true;
            }
            Op::NextHop { which, state: to } => {
                // Nobody answers what was not asked.
                if self.asked.contains(&hop(*which)) {
                    self.shard.set_next_hops(&[(hop(*which), state(*to))]);
                    self.model.next_hops.insert(hop(*which), state(*to));
                }
            }
            Op::Decision { always, multipath } => {
                let decision = DecisionConfig { always_compare_med: *always, multipath: *multipath };
                self.shard.set_decision(decision);
                self.model.decision = decision;
            }
            Op::Wanted => self.take_wanted(),
            Op::Step(budget) => {
                self.shard.step(*budget);
            }
            Op::Flush => self.flush(),
            Op::Release => self.told.release(&mut self.shard),
            Op::Settle => self.settle(),
        }
    }

    /// RFC 4724 §4.2: what was stale is gone, what was fresh is stale or gone.
    fn age(&mut self, peer: u16, v4: bool, keep: bool) {
        for (net, paths) in &mut self.model.paths {
            if matches!(net, IpNet::V4(_)) == v4 {
                paths.retain(|path| path.peer != peer || keep && !path.stale);
                paths.iter_mut().filter(|path| path.peer == peer).for_each(|path| path.stale = true);
            }
        }
    }

    fn take_wanted(&mut self) {
        let wanted = self.shard.take_wanted_next_hops();
        for addr in wanted.add {
            assert!(self.asked.insert(addr), "{addr} asked for twice");
        }
        for addr in wanted.remove {
            assert!(self.asked.remove(&addr), "{addr} was never asked for");
            self.model.next_hops.remove(&addr);
        }
    }

    /// Each change is one, and is what the model says now.
    fn flush(&mut self) {
        let before = self.told.table.clone();
        self.told.changes.clear();
        self.shard.flush(&mut self.told);
        let mut seen = BTreeSet::new();
        for (net, _) in &self.told.changes {
            assert!(seen.insert(*net), "{net} told twice in one flush");
            let (old, new) = (outcome(before.get(net)), outcome(self.told.table.get(net)));
            assert_ne!(old, new, "{net} told without a change");
            if !self.model.lagging {
                assert_eq!(new, self.model.decide(*net), "{net}");
            }
        }
        assert_eq!(self.shard.dirty(), 0);
    }

    /// With all work done nothing is missing.
    fn settle(&mut self) {
        while self.shard.step(3) {}
        self.model.lagging = false;
        self.flush();
        self.take_wanted();
        assert_eq!(self.asked, self.model.wanted());
        let nets: Vec<IpNet> = PREFIXES.iter().map(|prefix| prefix.parse().unwrap()).collect();
        for net in &nets {
            let decided = self.model.decide(*net);
            assert_eq!(outcome(self.told.table.get(net)), decided, "{net} after all work");
            let first =
                self.shard.explain(*net).first().map(|view| (view.reason == Reason::Best, view.peer.0));
            assert_eq!(first.filter(|f| f.0).map(|f| f.1), decided.first().map(|d| d.0), "explain {net}");
            let mut read = Vec::new();
            self.shard.lookup(*net, &mut |route| {
                read = route.multipath.iter().map(|best| (best.peer.0, best.path_id.0)).collect();
            });
            assert_eq!(read, decided.iter().map(|d| (d.0, d.1)).collect::<Vec<_>>(), "read {net}");
        }
        for (family, v4) in [(V4, true), (Family::IPV6_UNICAST, false)] {
            for peer in 0..PEERS {
                let all = || {
                    let of_family =
                        self.model.paths.iter().filter(|(net, _)| matches!(net, IpNet::V4(_)) == v4);
                    of_family.flat_map(|(net, paths)| paths.iter().map(move |path| (net, path)))
                };
                let mine = || all().filter(|(_, path)| path.peer == peer);
                let best =
                    self.told.table.iter().filter(|(net, paths)| {
                        matches!(net, IpNet::V4(_)) == v4 && paths[0].0.peer.0 == peer
                    });
                let expected = crate::rib::PeerRoutes {
                    received: mine().count() as u32,
                    accepted: mine().filter(|(net, path)| self.model.import(**net, path).is_some()).count()
                        as u32,
                    stale: mine().filter(|(_, path)| path.stale).count() as u32,
                    best: best.count() as u32,
                };
                assert_eq!(self.shard.peers().routes(PeerId(peer), family), expected, "peer {peer} {family}");
            }
        }
    }
}

fn outcome(told: Option<&Vec<(Best, AttrSet)>>) -> Outcome {
    told.into_iter().flatten().map(|(best, set)| (best.peer.0, best.path_id.0, set.clone())).collect()
}

fn run(ops: &[Op], hold: bool) {
    let mut run = Run::new(hold);
    for op in ops {
        run.apply(op);
    }
    run.settle();
    for peer in 0..PEERS {
        run.apply(&Op::Down { peer, retain: [false, false] });
    }
    run.settle();
    run.told.release(&mut run.shard);
    assert_empty(&mut run.shard);
}

proptest! {
    #[test]
    fn any_history_ends_as_the_naive_table_says(ops in prop::collection::vec(op(), 1..80), hold: bool) {
        run(&ops, hold);
    }
}
