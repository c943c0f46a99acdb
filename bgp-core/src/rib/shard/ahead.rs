//! Touching memory before it is needed.
//!
//! Storing a route follows a chain (index, destination, paths; the same for its attributes) through memory
//! that is cold in a large table: three waits of some 200 ns one after the other. Looked at in stages for a
//! whole window of routes, the waits of each stage overlap, which makes a route several times cheaper than
//! the extra instructions cost. The real work then finds everything in cache.

use std::hint::black_box;
use std::iter::Take;

use super::{Grave, Shard, in_family};
use crate::rib::attr_index::AttrHash;
use crate::rib::table::Table;
use crate::rib::{AttrTable, DestId};
use crate::types::{AttrSet, Family, NlriBlock, NlriIter, NlriKey, PathId, PeerId};

/// One thing a peer said in an UPDATE, as [`Shard::ingest`] takes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ingest {
    /// These are reachable with these attributes.
    Announce(NlriBlock, AttrSet),
    /// These are no longer reachable.
    Withdraw(NlriBlock),
}

impl Ingest {
    /// The routes it is about.
    pub fn nlri(&self) -> &NlriBlock {
        match self {
            Self::Announce(nlri, _) | Self::Withdraw(nlri) => nlri,
        }
    }

    /// Reads where its octets begin, and where those of its attributes end.
    fn touch(&self) -> u8 {
        let edge = |octet: Option<&u8>| octet.copied().unwrap_or(0);
        let nlri = edge(self.nlri().octets().first());
        match self {
            Self::Announce(_, attrs) => nlri ^ edge(attrs.octets().first()) ^ edge(attrs.octets().last()),
            Self::Withdraw(_) => nlri,
        }
    }
}

/// What one stage finds for the next.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    v4: Stages,
    v6: Stages,
    sets: Vec<u32>,
    /// Of the attributes of each UPDATE at hand.
    hashes: Vec<AttrHash>,
}

/// The same for one table.
#[derive(Debug, Default)]
struct Stages {
    hashes: Vec<u64>,
    slots: Vec<u32>,
}

impl Shard {
    /// As [`Shard::announce`] and [`Shard::withdraw`] for each in order, but faster than one by one: hand
    /// over whatever has arrived together. `updates` is empty afterwards.
    pub fn ingest(&mut self, peer: PeerId, updates: &mut Vec<Ingest>) {
        let mut updates = updates.drain(..);
        while let Some(window) = window(updates.as_slice()) {
            self.look_ahead(window);
            let hashes = std::mem::take(&mut self.core.ahead.hashes);
            for (hash, update) in hashes.iter().zip(updates.by_ref()) {
                match update {
                    Ingest::Announce(nlri, attrs) => self.announce_now(peer, &nlri, attrs, *hash),
                    Ingest::Withdraw(nlri) => self.withdraw_now(peer, &nlri),
                }
            }
            self.core.ahead.hashes = hashes;
            self.settle_if_full();
        }
    }

    /// The sink no longer remembers destinations it answered [`Hold::Yes`](crate::rib::Hold::Yes) for.
    pub fn free_dests(&mut self, family: Family, dests: &[DestId]) {
        in_family!(self, family, table, _core => {
            let mut stages = Stages::default();
            for window in dests.chunks(WINDOW) {
                stages.touch_entries(table, window);
                window.iter().for_each(|dest| table.release(*dest));
            }
        }, else {});
    }

    fn look_ahead(&mut self, updates: &[Ingest]) {
        let mut ahead = std::mem::take(&mut self.core.ahead);
        ahead.hashes.clear();
        // Cold as well, where another thread wrote them.
        black_box(updates.iter().fold(0, |sum, update| sum ^ update.touch()));
        for update in updates {
            ahead.hashes.push(match update {
                Ingest::Announce(_, attrs) => self.core.attrs.hash(attrs),
                Ingest::Withdraw(_) => AttrHash::default(),
            });
            let nlri = update.nlri();
            // A longer one looks ahead by itself.
            if nlri.len() <= WINDOW {
                match nlri.family() {
                    Family::IPV4_UNICAST => ahead.v4.add(&self.v4, nlri.keys()),
                    _ => ahead.v6.add(&self.v6, nlri.keys()),
                }
            }
        }
        ahead.v4.touch(&self.v4);
        ahead.v6.touch(&self.v6);
        self.core.attrs.touch(&ahead.hashes, &mut ahead.sets);
        self.core.ahead = ahead;
    }
}

impl Ahead {
    /// Brings what releasing the sets will need into the cache.
    pub(super) fn touch_graves(&mut self, attrs: &AttrTable, graves: &[Grave]) {
        self.sets.clear();
        self.sets.extend(graves.iter().map(|grave| grave.id.0));
        attrs.touch_release(&self.sets);
    }
}

/// The first update and those behind it that can be looked at together; `None` without any.
fn window(updates: &[Ingest]) -> Option<&[Ingest]> {
    let mut routes = updates.first()?.nlri().len();
    let more = updates.iter().skip(1).take_while(|update| {
        routes += update.nlri().len();
        routes <= WINDOW
    });
    let count = 1 + more.count();
    updates.get(..count)
}

impl Stages {
    fn add<K: NlriKey>(&mut self, table: &Table<K>, keys: impl Iterator<Item = (PathId, K)>) {
        self.hashes.extend(keys.map(|(_, key)| table.index.hash(&key)));
    }

    /// Brings what removing destinations will need into the cache.
    fn touch_entries<K: NlriKey>(&mut self, table: &Table<K>, dests: &[DestId]) {
        let dests = dests.iter().filter_map(|dest| table.dests.get(dest.0));
        self.hashes.extend(dests.map(|dest| table.index.hash(&dest.key())));
        black_box(self.hashes.iter().fold(0, |sum, hash| sum ^ table.index.first_entry(*hash)));
        self.hashes.clear();
    }

    /// Brings everything that the routes added will need into the cache.
    fn touch<K: NlriKey>(&mut self, table: &Table<K>) {
        let hashes = std::mem::take(&mut self.hashes);
        black_box(hashes.iter().fold(0, |sum, hash| sum ^ table.index.first_entry(*hash)));
        // Probably the slot of the prefix: one of the same hash, but for a few in a hundred.
        self.slots.clear();
        self.slots.extend(hashes.iter().filter_map(|hash| table.index.find(*hash, |_| true)));
        let dests = || self.slots.iter().filter_map(|slot| table.dests.get(*slot));
        black_box(dests().fold(0, |sum, dest| sum ^ dest.chosen));
        let paths = dests().filter_map(|dest| table.spans.of(dest).first());
        black_box(paths.fold(0, |sum, path| sum ^ path.attrs.0));
        self.hashes = hashes;
        self.hashes.clear();
    }
}

/// The keys of a block in pieces, each looked at ahead; all at once if the whole block was.
pub(super) struct Pieces<'a, K> {
    keys: NlriIter<'a, K>,
    left: usize,
    long: bool,
    stages: Stages,
}

impl<'a, K: NlriKey> Pieces<'a, K> {
    pub(super) fn new(block: &'a NlriBlock) -> Self {
        let left = block.len();
        Self { keys: block.keys(), left, long: left > WINDOW, stages: Stages::default() }
    }

    pub(super) fn next(&mut self, table: &Table<K>) -> Option<Take<NlriIter<'a, K>>> {
        if self.left == 0 {
            return None;
        }
        self.left = self.left.saturating_sub(WINDOW);
        let piece = self.keys.clone().take(WINDOW);
        if self.long {
            self.stages.add(table, self.keys.by_ref().take(WINDOW));
            self.stages.touch(table);
        }
        Some(piece)
    }
}

/// Routes looked at together. Their cache lines, about four each, must stay in the first-level cache.
pub(super) const WINDOW: usize = 64;
