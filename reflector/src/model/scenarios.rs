//! Single stories the dice seldom tell.

use std::sync::Arc;
use std::time::Duration;

use bgp_core::policy::Policy;
use bgp_core::types::{AttrSet, PeerId, V4Key};

use super::peer::Peer;
use super::rib::Rib;
use super::table::Table;
use super::world::{epoch, infos, key, sets};
use crate::*;

struct Story {
    table: Table,
    export: Export,
    encoder: Encoder,
    peers: Vec<Peer>,
    refused: Vec<PeerId>,
    asked: usize,
    attrs: AttrSet,
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
        }
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
        out.into_iter().for_each(|batch| self.encoder.push(batch));
        self.encoder.process(now);
        while let Some(output) = self.encoder.poll_output() {
            match output {
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
