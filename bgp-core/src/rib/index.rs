//! From prefix to slot number: four octets an entry, in segments that grow one at a time.
//!
//! Open addressing with linear probing. An entry is a slot number with seven bits of the hash, so that
//! looking a prefix up reads one cache line here and, but for one in 128, no destination in vain. Segments
//! begin at different sizes and double at different times: growth never copies more than one of them, and
//! the room left over is the same at any number of prefixes (about 6.8 octets an entry in all).
//! Neighbouring prefixes are in the same segment: they mostly come and go together, so that their entries are
//! on few pages here, and destinations read again when a segment grows stand side by side.

use std::hash::BuildHasher;

use crate::types::NlriKey;

/// Slot numbers by the hash of their prefix; the prefixes themselves stay with the destinations.
#[derive(Debug)]
pub(crate) struct Index {
    segments: Vec<Segment>,
    hasher: foldhash::fast::FixedState,
}

#[derive(Debug, Default)]
struct Segment {
    entries: Vec<u32>,
    /// Entries that hold a slot.
    live: usize,
    /// Those and the ones that did: looking up ends only at one never used.
    used: usize,
}

impl Index {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            segments: (0..SEGMENTS).map(|_| Segment::default()).collect(),
            hasher: foldhash::fast::FixedState::with_seed(seed),
        }
    }

    /// Neighbours have the same segment, and nothing else in common.
    #[inline]
    pub(crate) fn hash<K: NlriKey>(&self, key: &K) -> u64 {
        let segment = segment_of(self.hasher.hash_one(key.neighbourhood())) as u64;
        let place = self.hasher.hash_one(key);
        place - segment_of(place) as u64 + segment
    }

    /// What [`Index::hash`] uses to choose the place within a segment, for when the index itself is borrowed.
    pub(crate) fn hasher(&self) -> foldhash::fast::FixedState {
        self.hasher.clone()
    }

    /// The slot for which `same` holds, among those of (nearly) equal hash.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        let segment = self.segments.get(segment_of(hash))?;
        segment.probe(hash, |entry| slot_of(entry).is_some_and(&mut same)).and_then(|(_, e)| slot_of(e))
    }

    /// The entry where a search for this hash begins, whatever it holds.
    ///
    /// Nothing branches on it, so that any number of these can wait for memory at the same time; the end of
    /// a search cannot be foreseen, and everything after it would be thrown away and begun again.
    #[inline]
    pub(crate) fn first_entry(&self, hash: u64) -> u32 {
        let segment = self.segments.get(segment_of(hash));
        segment.and_then(|segment| segment.entries.get(segment.home(hash))).copied().unwrap_or(EMPTY)
    }

    /// Adds a slot that is not there; `false` if its number is too large for an entry.
    ///
    /// `hash_of` gives the hash for any slot added before.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) -> bool {
        if slot > MAX_SLOT {
            return false;
        }
        let at = segment_of(hash);
        let Some(segment) = self.segments.get_mut(at) else { return false };
        if segment.is_full() {
            // Where many have gone it is enough to clear those away; more than half full, that would
            // have to be done again too soon.
            let crowded = segment.live * 5 > segment.used * 3;
            let size = if crowded { segment.entries.len() * 2 } else { segment.entries.len() };
            segment.rebuild(size.max(smallest(at)), hash_of);
        }
        segment.place(hash, slot);
        true
    }

    pub(crate) fn remove(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        let at = segment_of(hash);
        let Some(segment) = self.segments.get_mut(at) else { return };
        segment.remove(hash, slot);
        if segment.live == 0 {
            *segment = Segment::default();
        } else if segment.live < segment.entries.len() / 8 && segment.entries.len() > 2 * smallest(at) {
            segment.rebuild(segment.entries.len() / 4, hash_of);
        }
    }

    /// Heap octets.
    pub(crate) fn bytes(&self) -> usize {
        self.segments.capacity() * size_of::<Segment>()
            + self.segments.iter().map(|s| s.entries.capacity() * size_of::<u32>()).sum::<usize>()
    }
}

impl Segment {
    /// Whether another entry would make lookups long: they take 22 entries then where nothing is found.
    fn is_full(&self) -> bool {
        (self.used + 1) * 20 > self.entries.len() * 17
    }

    /// Positions from where the hash points, around the end.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.entries.len() as u64) >> 32) as usize
    }

    /// The first entry with the tag of `hash` for which `wanted` holds, and where it is.
    #[inline]
    fn probe(&self, hash: u64, mut wanted: impl FnMut(u32) -> bool) -> Option<(usize, u32)> {
        let home = self.home(hash);
        let (before, after) = self.entries.split_at_checked(home)?;
        let tag = tag_of(hash);
        // Two plain loops: one over a chain of both halves costs twice the instructions.
        for (half, start) in [(after, home), (before, 0)] {
            for (at, &entry) in half.iter().enumerate() {
                if entry == EMPTY {
                    return None;
                }
                if entry & TAG == tag && wanted(entry) {
                    return Some((start + at, entry));
                }
            }
        }
        None
    }

    /// Puts a slot at the first place free.
    #[inline]
    fn place(&mut self, hash: u64, slot: u32) {
        let home = self.home(hash);
        let Some((before, after)) = self.entries.split_at_mut_checked(home) else { return };
        let is_free = |entry: &&mut u32| **entry & !TAG < FIRST;
        let free = after.iter_mut().find(is_free).or_else(|| before.iter_mut().find(is_free));
        let Some(free) = free else { return };
        self.used += usize::from(*free == EMPTY);
        self.live += 1;
        *free = tag_of(hash) | (slot + FIRST);
    }

    fn remove(&mut self, hash: u64, slot: u32) {
        let Some((at, _)) = self.probe(hash, |entry| slot_of(entry) == Some(slot)) else { return };
        // Nobody looks past this one if the next was never used.
        let last = self.entries.get(at + 1).or(self.entries.first()) == Some(&EMPTY);
        if let Some(entry) = self.entries.get_mut(at) {
            *entry = if last { EMPTY } else { GONE };
            self.used -= usize::from(last);
            self.live -= 1;
        }
    }

    fn rebuild(&mut self, size: usize, hash_of: impl Fn(u32) -> u64) {
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; size]);
        let live = std::mem::take(&mut self.live);
        self.used = 0;
        let mut slots = Vec::with_capacity(live);
        slots.extend(old.iter().filter_map(|entry| slot_of(*entry)));
        // In a pass of their own, with nothing else between them, the reads of cold destinations overlap.
        let hashes: Vec<u64> = slots.iter().map(|slot| hash_of(*slot)).collect();
        for (slot, hash) in slots.into_iter().zip(hashes) {
            self.place(hash, slot);
        }
    }
}

#[inline]
fn segment_of(hash: u64) -> usize {
    hash as usize % SEGMENTS
}

#[inline]
fn tag_of(hash: u64) -> u32 {
    (hash >> 8) as u32 & TAG
}

/// The slot in an entry, unless it is free.
#[inline]
fn slot_of(entry: u32) -> Option<u32> {
    (entry & !TAG).checked_sub(FIRST)
}

/// 16 to 32, spread evenly over the segments.
fn smallest(segment: usize) -> usize {
    16 + 16 * segment / SEGMENTS
}

/// At a million prefixes one segment is some 26 KB, copied in some 50 µs when it grows.
const SEGMENTS: usize = 256;

/// The bits of an entry that are bits of the hash: apart from those that choose segment and place.
const TAG: u32 = 0xfe00_0000;
/// Never used.
const EMPTY: u32 = 0;
/// Used before; its tag is 0.
const GONE: u32 = 1;
/// What slot 0 is written as.
const FIRST: u32 = 2;
/// 33 million destinations of one family, a gigabyte and more of them, are one shard's share at most.
const MAX_SLOT: u32 = !TAG - FIRST;

#[cfg(test)]
mod tests;
