//! Single stories the dice seldom tell.

use std::sync::Arc;
use std::time::Duration;

use bgp_core::policy::Policy;
use bgp_core::types::{AttrSet, PeerId, V4Key};

use super::cast::{epoch, infos, key, sets};
use super::peer::Peer;
use super::rib::Rib;
use super::table::Table;
use crate::*;

struct Story {
    table: Table,
    export: Export,
    encoder: Encoder,
    peers: Vec<Peer>,
    refused: Vec<PeerId>,
    asked: usize,
    attrs: AttrSet,
    /// What flushes are numbered by.
    round: u64,
    /// What shards were asked that are not there.
    elsewhere: Vec<ShardRequest>,
}

impl Story {
    fn new(limits: LogLimits) -> Self {
        let key = key(0);
        let mut export = Export::new(ShardId(0));
        export.add_group(GroupId(0), key.clone(), Arc::new(Policy::accept()));
        Self {
            table: Table::new(&infos()),
            export,
            encoder: Encoder::new(GroupId(0), &key, 1, limits),
            peers: Vec::new(),
            refused: Vec::new(),
            asked: 0,
            attrs: sets().swap_remove(0),
            round: 0,
            elsewhere: Vec::new(),
        }
    }

    /// These peers hold so many routes, and nothing is under way.
    fn settled(limits: LogLimits, routes: u32, peers: std::ops::Range<u16>) -> (Self, std::time::Instant) {
        let (mut story, mut now) = (Self::new(limits), epoch());
        story.announce(routes);
        story.join(peers, now);
        story.rest(&mut now);
        (story, now)
    }

    /// As if `flush` flushes had been made.
    fn count_from(&mut self, flush: u64) {
        self.export.count_from(flush);
        self.encoder.count_from(flush);
    }

    fn join(&mut self, peers: std::ops::Range<u16>, now: std::time::Instant) {
        for peer in peers {
            self.peers.push(Peer::new(self.encoder.join(PeerId(peer), now)));
        }
    }

    fn prefix(n: u32) -> V4Key {
        V4Key::new(0x0a00_0000 + (n << 8), 24).unwrap()
    }

    fn announce(&mut self, count: u32) {
        for n in 0..count {
            self.table.announce(Self::prefix(n), &self.attrs, PeerId(10));
        }
    }

    fn turn(&mut self, now: std::time::Instant) {
        self.table.flush(&mut self.export);
        let mut out = Vec::new();
        self.export.finish(&mut self.table, &mut out);
        let round = self.round;
        out.into_iter().for_each(|batch| self.encoder.push(DeltaBatch { round, ..batch }));
        self.encoder.process(now);
        while let Some(output) = self.encoder.poll_output() {
            match output {
                Output::Shard(request) if request.shard != ShardId(0) => self.elsewhere.push(request),
                Output::Shard(request) => {
                    self.asked += 1;
                    self.export.request(request);
                }
                Output::Grant { peer, grant } => {
                    let peer = self.peers.iter_mut().map(Peer::member).find(|m| m.peer() == peer);
                    peer.unwrap().granted(grant);
                }
                Output::Refused { peer } => self.refused.push(peer),
            }
        }
    }

    fn read(&mut self) {
        self.peers.iter_mut().for_each(|peer| {
            peer.read(usize::MAX);
        });
    }

    /// Until everybody has everything and nobody has to remember anything.
    fn rest(&mut self, now: &mut std::time::Instant) {
        for _ in 0..6 {
            *now += Duration::from_secs(1);
            self.turn(*now);
            self.read();
        }
    }

    /// One that did not read for a while finds out.
    fn resume(&mut self, peer: usize, now: std::time::Instant) {
        assert_eq!(self.peers[peer].read(usize::MAX), WriteState::Lagging);
        let request = self.peers[peer].member().lagging();
        self.encoder.request(request, now);
    }
}

#[test]
fn a_thousand_joiners_share_one_splice() {
    let mut story = Story::new(LogLimits::default());
    let mut now = epoch();
    story.announce(5000);
    // They come over half a second.
    for n in 0..50 {
        now += Duration::from_millis(10);
        story.join(20 * n + 20..20 * n + 40, now);
    }
    for _ in 0..20 {
        now += Duration::from_millis(200);
        story.turn(now);
        story.read();
    }
    assert!(story.peers.iter().all(|p| p.routes.len() == 5000 && p.end_of_rib == 1));
    assert!(story.peers.iter_mut().all(|p| p.member().is_synced()));
    assert_eq!(story.encoder.figures().routes, 5000);
    // The state and its second chunk.
    assert_eq!(story.asked, 2);
    assert_eq!(story.encoder.figures().log_bytes, 0);
}

#[test]
fn a_member_away_for_too_long_is_refused_and_the_memory_stays_bounded() {
    let limits = LogLimits { max_bytes: 4096, pace_bytes: 1 << 30, segment_bytes: 512 };
    let mut story = Story::new(limits);
    let mut now = epoch();
    story.join(1..2, now);
    for _ in 0..4 {
        now += Duration::from_secs(1);
        story.turn(now);
        story.read();
    }
    assert!(story.peers[0].member().is_synced());
    let count = 300_000;
    story.announce(count);
    story.turn(now);
    for n in 0..count {
        story.table.withdraw(Story::prefix(n), PeerId(10));
        if n % 4096 == 0 {
            story.turn(now);
        }
    }
    story.turn(now);
    let figures = story.export.figures().next().unwrap();
    assert!(figures.tombstones <= 256 << 10 && figures.tombstones > 250_000, "{figures:?}");
    assert_eq!(story.peers[0].read(usize::MAX), WriteState::Lagging);
    let request = story.peers[0].member().lagging();
    story.encoder.request(request, now);
    for _ in 0..3 {
        now += Duration::from_secs(1);
        story.turn(now);
    }
    assert_eq!(story.refused, [PeerId(1)]);
    story.encoder.leave(PeerId(1));
    let mut before = story.export.figures().next().unwrap().tombstones;
    for _ in 0..40 {
        now += Duration::from_secs(1);
        story.turn(now);
        let left = story.export.figures().next().unwrap().tombstones;
        // In pieces, and the rest of a flush, so that nobody waits for all of it.
        assert!(before - left <= (16 + 4) << 10, "{before} {left}");
        before = left;
    }
    // Nobody needs to remember any more.
    assert_eq!((story.export.figures().next().unwrap().tombstones, story.table.used()), (0, (0, 0)));
}

/// A slow member is asked to say when it has read on; what the others read is no news to the splice.
#[test]
fn only_those_a_splice_waits_for_wake_the_encoder() {
    // More than the encoder sends ahead of a reader.
    let (mut story, mut now) = Story::settled(LogLimits::default(), 300_000, 1..2);
    (0..20).for_each(|_| story.rest(&mut now));
    story.join(2..3, now);
    for _ in 0..100 {
        now += Duration::from_millis(20);
        story.turn(now);
        story.peers[0].read(usize::MAX);
    }
    assert_eq!(story.encoder.figures().splices, 1, "the second reads nothing");
    story.table.withdraw(Story::prefix(1), PeerId(10));
    story.turn(now);
    let wakes = story.peers.iter_mut().map(|peer| {
        let mut left = 1000;
        let written = peer.member().write_with(1 << 20, &mut Vec::new(), |slices| {
            let taken = slices.iter().map(|slice| slice.len()).sum::<usize>().min(left);
            left -= taken;
            if taken == 0 { Err(std::io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
        });
        let written = written.unwrap();
        assert!(written.bytes > 0);
        written.wake_encoder
    });
    assert_eq!(wakes.collect::<Vec<_>>(), [false, true]);
}

#[test]
fn flush_numbers_go_on_where_their_low_half_ends() {
    let mut story = Story::new(SHORT);
    story.count_from(u64::from(u32::MAX) - 3);
    let mut now = epoch();
    story.announce(4);
    story.join(1..3, now);
    story.rest(&mut now);
    for n in 0..4 {
        // The second peer is left behind so far that it has to be told the difference.
        story.table.withdraw(Story::prefix(n), PeerId(10));
        story.turn(now);
        for other in 100..140 {
            story.table.announce(Story::prefix(other), &story.attrs, PeerId(10));
            story.turn(now);
            story.peers[0].read(usize::MAX);
        }
        story.resume(1, now);
        story.rest(&mut now);
        let held = [0, 1].map(|peer| story.peers[peer].routes.len());
        let figures = story.export.figures().next().unwrap();
        assert_eq!((held, figures.tombstones), ([43; 2], 0), "{figures:?}");
        story.announce(4);
        story.rest(&mut now);
        (100..140).for_each(|other| story.table.withdraw(Story::prefix(other), PeerId(10)));
        story.rest(&mut now);
    }
    assert!(story.export.figures().all(|figures| figures.flush > 1 << 32));
    assert_eq!(story.refused, []);
}

#[test]
fn an_old_route_is_not_told_again_when_the_low_half_of_its_number_returns() {
    let (mut story, mut now) = Story::settled(SHORT, 1, 1..3);
    for lap in 1..=8 {
        story.count_from(lap << 30);
        story.peers.iter_mut().for_each(|peer| peer.heard.clear());
        for _ in 0..30 {
            story.table.withdraw(Story::prefix(1), PeerId(10));
            story.turn(now);
            story.table.announce(Story::prefix(1), &story.attrs, PeerId(10));
            story.turn(now);
            story.peers[0].read(usize::MAX);
        }
        story.resume(1, now);
        story.rest(&mut now);
        for peer in &story.peers {
            assert_eq!(peer.heard.iter().collect::<Vec<_>>(), [&Story::prefix(1)]);
            assert_eq!(peer.routes.len(), 2);
        }
    }
}

#[test]
fn what_was_withdrawn_ages_ago_is_forgotten_and_whoever_needs_it_refused() {
    let (mut story, mut now) = Story::settled(SHORT, 40, 1..2);
    let mut withdraw = |prefixes: std::ops::Range<u32>| {
        for n in prefixes {
            story.table.withdraw(Story::prefix(n), PeerId(10));
            story.turn(now);
        }
        let figures = story.export.figures().next().unwrap();
        story.count_from(figures.flush + (1 << 30));
        (figures.tombstones, story.table.used().0)
    };
    assert_eq!((withdraw(0..20), withdraw(20..21)), ((20, 40), (21, 40)));
    assert_eq!((withdraw(21..22), withdraw(22..23)), ((2, 20), (2, 19)));
    story.resume(0, now);
    story.rest(&mut now);
    assert_eq!(story.refused, [PeerId(1)]);
}

/// Whoever misses a few messages falls behind.
const SHORT: LogLimits = LogLimits { max_bytes: 512, pace_bytes: 1 << 30, segment_bytes: 64 };

/// Of a shard that has nothing to say.
fn silent(shard: u8, kind: BatchKind, round: u64) -> DeltaBatch {
    let (group, shard) = (GroupId(0), ShardId(shard));
    let (runs, nlri) = (Vec::new(), Vec::new());
    DeltaBatch { group, shard, kind, runs, nlri, routes: 0, round, hurry: false, tombstones: false }
}

#[test]
fn end_of_rib_does_not_overtake_a_flush_that_waits_for_its_other_part() {
    let mut story = Story::new(LogLimits::default());
    story.encoder = Encoder::new(GroupId(0), &key(0), 2, LogLimits::default());
    story.encoder.hold_end_of_rib(true);
    let mut now = epoch();
    story.join(1..2, now);
    for _ in 0..4 {
        now += Duration::from_secs(1);
        story.turn(now);
        story.read();
        for splice in story.elsewhere.drain(..).filter_map(|request| request.ask.splice()) {
            story.encoder.push(silent(1, BatchKind::Splice { splice, last: true }, 0));
        }
    }
    assert!(story.peers[0].member().is_synced());

    story.encoder.set_underway([None, Some(7)]);
    story.announce(1);
    story.round = 7;
    story.turn(now);
    story.read();
    assert_eq!((story.peers[0].routes.len(), story.peers[0].end_of_rib), (0, 0));
    // Now it is due, and so is what waited; the first message read is the route's.
    story.encoder.hold_end_of_rib(false);
    story.turn(now);
    let messages = story.peers[0].messages;
    while story.peers[0].messages == messages {
        story.peers[0].read(8);
    }
    assert_eq!((story.peers[0].routes.len(), story.peers[0].end_of_rib), (1, 0));
    story.read();
    assert_eq!((story.peers[0].routes.len(), story.peers[0].end_of_rib), (1, 1));
}
