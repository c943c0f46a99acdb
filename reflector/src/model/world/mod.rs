//! Shards, encoders and peers joined by queues that move when the dice say so.

mod members;
mod rest;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_core::policy::Policy;
use bgp_core::rib::PeerInfo;
use bgp_core::types::{AttrSet, PeerId};

use super::cast::{GROUPS, PEERS, PREFIXES, SOURCES, epoch, infos, key, policy, prefix, sets};
use super::dice::Dice;
use super::peer::Peer;
use super::rib::Rib;
use crate::*;

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

    pub(crate) fn withdraw_everything(&mut self) {
        for source in (0..SOURCES as u16).map(PeerId) {
            self.tables.iter_mut().for_each(|table| table.lose(source));
        }
    }
}
