//! Shards, encoders and peers joined by queues that move when the dice say so.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_core::policy::{Action, Edit, Match, Policy, PolicyId, PrefixMatch, PrefixTest, Rule, RuleList};
use bgp_core::rib::{PeerInfo, PeerKind, TableId};
use bgp_core::types::attr::Community;
use bgp_core::types::{
    Asn, AttrBuilder, AttrCode, AttrSet, ClusterId, Family, NextHop, NlriKey, Origin, PeerId, RouterId, V4Key,
};

use super::dice::Dice;
use super::peer::Peer;
use super::rib::Rib;
use crate::transform::{Source, Transform, subject};
use crate::*;

/// Three peers of each role; for each role two groups, which differ in policy.
const ROLES: [PeerRole; 3] = [PeerRole::Client, PeerRole::External, PeerRole::NonClient];
const GROUPS: usize = 2 * ROLES.len();
const PEERS: std::ops::RangeInclusive<u16> = 1..=9;

/// Sources beyond the members: a client and a non-client that never read.
const SOURCES: u64 = 12;
const PREFIXES: u64 = 20;
const MAX_QUEUE: usize = 4;

pub(crate) struct World<R> {
    pub(crate) dice: Dice,
    now: Instant,
    pub(crate) tables: Vec<R>,
    pub(crate) exports: Vec<Export>,
    batches: Vec<VecDeque<DeltaBatch>>,
    /// What each shard's flushes are numbered by.
    rounds: [u64; 3],
    /// Nothing is begun any more.
    settling: bool,
    requests: VecDeque<ShardRequest>,
    grants: VecDeque<(usize, PeerId, Grant)>,
    pub(crate) encoders: Vec<Encoder>,
    keys: Vec<(GroupKey, Arc<Policy>)>,
    pub(crate) peers: BTreeMap<u16, Peer>,
    /// Where each peer is a member.
    at: BTreeMap<u16, usize>,
    /// Where a peer still is one although it was moved.
    left: BTreeMap<u16, usize>,
    /// On the way from one group to another, and whether they asked for everything meanwhile.
    between: BTreeMap<u16, (Moved, bool)>,
    pub(crate) moves: usize,
    sets: Vec<AttrSet>,
    infos: Vec<(PeerId, PeerInfo)>,
    pub(crate) lagged: usize,
}

impl<R: Rib> World<R> {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let shards = 1 + dice.below(3) as u8;
        let limits = LogLimits {
            // A chunk of everything has to fit, or nobody would ever get in.
            max_bytes: 2000 + dice.below(600) as usize,
            pace_bytes: 100 + dice.below(3000) as usize,
            segment_bytes: 1 + dice.below(300) as usize,
        };
        let infos = infos();
        let keys: Vec<_> = (0..GROUPS).map(|g| (key(g), policy(g))).collect();
        let mut exports: Vec<Export> = (0..shards).map(|shard| Export::new(ShardId(shard))).collect();
        for (id, (key, policy)) in keys.iter().enumerate() {
            for export in &mut exports {
                export.add_group(GroupId(id as u16), key.clone(), Arc::clone(policy));
            }
        }
        let encoders = keys.iter().enumerate();
        let encoders = encoders.map(|(id, (key, _))| Encoder::new(GroupId(id as u16), key, shards, limits));
        let mut world = Self {
            dice,
            now: epoch(),
            tables: (0..shards).map(|_| R::new(&infos)).collect(),
            exports,
            batches: (0..usize::from(shards) * GROUPS).map(|_| VecDeque::new()).collect(),
            rounds: [0; 3],
            settling: false,
            requests: VecDeque::new(),
            grants: VecDeque::new(),
            encoders: encoders.collect(),
            keys,
            peers: BTreeMap::new(),
            at: PEERS.map(|peer| (peer, usize::from(peer - 1) / 3 * 2)).collect(),
            left: BTreeMap::new(),
            between: BTreeMap::new(),
            moves: 0,
            sets: sets(),
            infos,
            lagged: 0,
        };
        if seed.is_multiple_of(3) {
            // So that the low half of the numbers passes 0 after this many flushes.
            let flush = u64::from(u32::MAX) - seed / 3 % 20;
            world.exports.iter_mut().for_each(|export| export.count_from(flush));
            world.encoders.iter_mut().for_each(|encoder| encoder.count_from(flush));
        }
        PEERS.for_each(|peer| world.join(peer));
        world
    }

    pub(crate) fn step(&mut self) {
        self.now += Duration::from_millis(self.dice.below(60));
        let arrives = self.between.keys().find(|_| self.dice.below(20) == 0).copied();
        if let Some(peer) = arrives {
            self.arrive(peer);
        }
        match self.dice.below(100) {
            0..18 => (0..=self.dice.below(14)).for_each(|_| self.change_route()),
            18..32 => {
                let shard = self.dice.below(3) as usize;
                self.flush(shard);
            }
            32..52 => self.encode(),
            52..62 => self.carry(1),
            62..98 => {
                let room = self.dice.below(500) as usize;
                let peer = self.a_peer();
                self.read(peer, room);
            }
            98 => {
                let peer = self.a_peer();
                self.reset(peer);
            }
            _ if self.dice.below(2) == 0 => {
                let peer = self.a_peer();
                self.refresh(peer);
            }
            _ => {
                // All of a role, as after a change of its policy, or one of them.
                let (first, last) = (self.a_peer(), self.a_peer());
                (first..=last.min(first + 2)).for_each(|peer| self.regroup(peer));
            }
        }
    }

    fn a_peer(&mut self) -> u16 {
        1 + self.dice.below(9) as u16
    }

    fn refresh(&mut self, peer: u16) {
        let far = self.peers.get_mut(&peer).unwrap();
        far.heard.clear();
        match (&mut far.member, self.between.get_mut(&peer)) {
            (Some(member), _) => {
                let request = member.refresh();
                self.encoders[self.at[&peer]].request(request, self.now);
            }
            (None, Some((_, afresh))) => *afresh = true,
            (None, None) => {}
        }
    }

    fn reset(&mut self, peer: u16) {
        self.between.remove(&peer);
        for group in [Some(self.at[&peer]), self.left.remove(&peer)].into_iter().flatten() {
            self.encoders[group].leave(PeerId(peer));
        }
        self.join(peer);
    }

    fn join(&mut self, peer: u16) {
        let member = self.encoders[self.at[&peer]].join(PeerId(peer), self.now);
        self.peers.insert(peer, Peer::new(member));
    }

    /// To the other group of the peer's role; one move at a time.
    fn regroup(&mut self, peer: u16) {
        self.finish_move(peer);
        let far = self.peers.get_mut(&peer).unwrap();
        if self.left.contains_key(&peer) || far.member.is_none() {
            return;
        }
        // What the encoder granted before it knew is under way still.
        self.encoders[self.at[&peer]].depart(PeerId(peer));
        let Some(member) = far.member.take() else { return };
        self.between.insert(peer, (member.depart(), false));
        if self.dice.below(8) == 0 {
            self.refresh(peer);
        }
    }

    /// Now and then the policy was changed back meanwhile.
    fn arrive(&mut self, peer: u16) {
        let Some((moved, afresh)) = self.between.remove(&peer) else { return };
        let from = self.at[&peer];
        let to = if self.dice.below(4) == 0 { from } else { from ^ 1 };
        let mut member = self.encoders[to].join_from(PeerId(peer), moved, self.now);
        if afresh {
            self.encoders[to].request(member.refresh(), self.now);
        }
        self.peers.get_mut(&peer).unwrap().member = Some(member);
        self.at.insert(peer, to);
        if to != from {
            self.left.insert(peer, from);
            self.moves += 1;
        }
    }

    fn finish_move(&mut self, peer: u16) {
        if self.is_synced(peer)
            && let Some(from) = self.left.remove(&peer)
        {
            self.encoders[from].leave(PeerId(peer));
        }
    }

    fn is_synced(&self, peer: u16) -> bool {
        self.peers[&peer].member.as_ref().is_some_and(Member::is_synced)
    }

    fn change_route(&mut self) {
        let n = self.dice.below(PREFIXES);
        let source = PeerId(self.dice.below(SOURCES) as u16);
        let shard = n as usize % self.tables.len();
        match self.dice.below(60) {
            0 => self.tables.iter_mut().for_each(|table| table.lose(source)),
            1..20 => self.tables[shard].withdraw(prefix(n), source),
            _ => {
                let attrs = &self.sets[self.dice.below(self.sets.len() as u64) as usize];
                self.tables[shard].announce(prefix(n), attrs, source);
            }
        }
    }

    /// One round of a shard's thread, as far as changes go.
    fn flush(&mut self, shard: usize) {
        let shard = shard % self.tables.len();
        let (table, export) = (&mut self.tables[shard], &mut self.exports[shard]);
        for group in 0..GROUPS {
            let room = self.batches[shard * GROUPS + group].len() + 2 <= MAX_QUEUE;
            export.set_open(GroupId(group as u16), room);
        }
        table.flush(export);
        let mut out = Vec::new();
        export.finish(table, &mut out);
        self.rounds[shard] += self.dice.below(2);
        for mut batch in out {
            (batch.round, batch.hurry) = (self.rounds[shard], self.dice.below(8) == 0);
            self.batches[shard * GROUPS + usize::from(batch.group.0)].push_back(batch);
        }
    }

    fn encode(&mut self) {
        let busy: Vec<usize> = (0..self.batches.len()).filter(|at| !self.batches[*at].is_empty()).collect();
        let queue = match busy.len() as u64 {
            0 => self.dice.below(self.batches.len() as u64) as usize,
            n => busy[self.dice.below(n) as usize],
        };
        let group = queue % GROUPS;
        if self.encoders[group].wants_batches()
            && let Some(batch) = self.batches[queue].pop_front()
        {
            self.encoders[group].push(batch);
        }
        self.process(group);
    }

    fn process(&mut self, group: usize) {
        // What is said of others is not always true, but in the end.
        let underway = self.rounds.map(|round| {
            let from = (round + 1).saturating_sub(self.dice.below(4));
            (!self.settling && self.dice.below(2) == 0).then_some(from)
        });
        self.encoders[group].set_underway(underway);
        self.encoders[group].process(self.now);
        while let Some(output) = self.encoders[group].poll_output() {
            match output {
                Output::Shard(request) => self.requests.push_back(request),
                Output::Grant { peer, grant } => self.grants.push_back((group, peer, grant)),
                Output::Refused { .. } => panic!("nothing was forgotten early"),
            }
        }
    }

    /// Moves messages between tasks.
    fn carry(&mut self, count: usize) {
        for _ in 0..count {
            if let Some((_, peer, grant)) = self.grants.pop_front()
                && let Some(member) = &mut self.peers.get_mut(&peer.0).unwrap().member
            {
                member.granted(grant);
            }
            if let Some(request) = self.requests.pop_front() {
                self.exports[usize::from(request.shard.0)].request(request);
            }
        }
    }

    fn read(&mut self, peer: u16, room: usize) -> WriteState {
        let Some(far) = self.peers.get_mut(&peer) else { return WriteState::Drained };
        let state = far.read(room);
        let at = self.at[&peer];
        if state == WriteState::Lagging
            && let Some(member) = &mut far.member
        {
            let request = member.lagging();
            self.lagged += usize::from(!request.whole);
            self.encoders[at].request(request, self.now);
        }
        state
    }

    /// Lets everything come to rest, and says whether it did.
    pub(crate) fn settle(&mut self) -> bool {
        self.settling = true;
        for _ in 0..400 {
            self.now += Duration::from_millis(150);
            for shard in 0..self.tables.len() {
                self.flush(shard);
            }
            for queue in 0..self.batches.len() {
                let group = queue % GROUPS;
                if self.encoders[group].wants_batches() {
                    while let Some(batch) = self.batches[queue].pop_front() {
                        self.encoders[group].push(batch);
                        self.process(group);
                        for peer in PEERS {
                            self.read(peer, usize::MAX);
                        }
                    }
                }
            }
            (0..GROUPS).for_each(|group| self.process(group));
            self.carry(100);
            for peer in PEERS {
                self.arrive(peer);
            }
            PEERS.for_each(|peer| self.finish_move(peer));
            let drained = PEERS.filter(|peer| self.read(*peer, usize::MAX) == WriteState::Drained).count();
            let synced = PEERS.into_iter().all(|peer| self.is_synced(peer));
            let asked = (0..GROUPS as u16)
                .any(|group| self.exports.iter().any(|export| export.is_behind(GroupId(group))));
            let idle = self.batches.iter().all(VecDeque::is_empty) && self.requests.is_empty() && !asked;
            let behind = self.exports.iter().flat_map(Export::figures);
            if drained == 9
                && synced
                && idle
                && behind.map(|f| f.dirty + f.tombstones as usize).sum::<usize>() == 0
            {
                return true;
            }
        }
        false
    }

    /// What a peer should hold, derived the slow way: route by route, peer by peer.
    pub(crate) fn expected(&self, peer: u16) -> BTreeMap<V4Key, AttrSet> {
        let (key, policy) = &self.keys[self.at[&peer]];
        let mut transform = Transform::default();
        let mut expected = BTreeMap::new();
        for n in 0..PREFIXES {
            let prefix = prefix(n);
            let Some((attrs, source)) = self.tables[n as usize % self.tables.len()].best(prefix) else {
                continue;
            };
            if source.0 == peer {
                continue;
            }
            let info = &self.infos.iter().find(|(id, _)| *id == source).unwrap().1;
            let source = Source::from(info);
            let route = subject(key, prefix.to_net(), &attrs, source);
            let sent = transform.outgoing(key, policy, &route, source);
            if let Some(sent) = sent.filter(|sent| sent.octets().len() < 4000) {
                expected.insert(prefix, sent);
            }
        }
        expected
    }

    pub(crate) fn withdraw_everything(&mut self) {
        for source in (0..SOURCES as u16).map(PeerId) {
            self.tables.iter_mut().for_each(|table| table.lose(source));
        }
    }
}

fn prefix(n: u64) -> V4Key {
    V4Key::new(0x0a00_0000 | (n as u32) << 8, 24).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "virtual time has to begin somewhere")]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

pub(crate) fn key(group: usize) -> GroupKey {
    GroupKey {
        table: TableId::MAIN,
        family: Family::IPV4_UNICAST,
        role: ROLES[group / 2],
        export: PolicyId(2 + group as u16),
        next_hop: NextHopRule::Auto,
        local_next_hop: Some(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))),
        speaker: Speaker { asn: Asn(64512), router_id: RouterId(99), cluster_id: ClusterId(99) },
        loop_asn: None,
        wire: WireMode::default(),
    }
}

/// The first group of clients gets everything, the others not all prefixes, or not all attributes, and two
/// groups get them changed.
fn policy(group: usize) -> Arc<Policy> {
    let prefixes =
        |net: &str| Match::Prefix(vec![PrefixMatch { prefix: net.parse().unwrap(), test: PrefixTest::In }]);
    let (hidden, edits) = match group {
        0 => return Arc::new(Policy::accept()),
        1 => (prefixes("10.0.0.0/22"), Vec::new()),
        2 => (prefixes("10.0.4.0/22"), Vec::new()),
        3 => (Match::Communities(vec![Community(7).into()]), vec![Edit::Med(5)]),
        4 => (Match::Communities(vec![Community(7).into()]), Vec::new()),
        _ => (
            Match::Communities(vec![Community(9).into()]),
            vec![Edit::AddCommunities(vec![Community(3).into()])],
        ),
    };
    let reject = Rule { matches: vec![hidden], edits: Vec::new(), action: Action::Reject };
    let rules = vec![reject, Rule { edits, ..Rule::always(Action::Accept) }];
    Arc::new(Policy::new([Arc::new(RuleList { name: "test".into(), rules })]))
}

pub(crate) fn infos() -> Vec<(PeerId, PeerInfo)> {
    let info = |id: u16| {
        let (kind, client) = match id {
            0 => (PeerKind::Local, false),
            1..=3 | 10 => (PeerKind::Internal, true),
            4..=6 => (PeerKind::External, false),
            _ => (PeerKind::Internal, false),
        };
        let router_id = RouterId(1000 + u32::from(id));
        (PeerId(id), PeerInfo { kind, client, router_id, ..PeerInfo::local(Asn(64512), router_id) })
    };
    (0..SOURCES as u16).map(info).collect()
}

pub(crate) fn sets() -> Vec<AttrSet> {
    let next_hop = NextHop::V4(Ipv4Addr::new(198, 51, 100, 1));
    let mut b = AttrBuilder::new();
    b.origin(Origin::Igp).as_sequence(&[Asn(65001)]).next_hop(next_hop);
    let plain = b.build();
    let pref = b.local_pref(200).build();
    let hidden = b.communities([Community(7)]).build();
    let inside = b.communities([Community::NO_EXPORT]).build();
    // Does not fit in a message, so that it must be a withdrawal of what was there before.
    let huge = b.set_raw(AttrCode(200), 0xc0, &[7; 4100]).build();
    vec![plain, pref, hidden, inside, huge]
}
