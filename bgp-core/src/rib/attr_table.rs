//! Interned attribute sets with plain counts and what the decision process reads from them.

use std::hash::BuildHasher;
use std::hint::black_box;

use super::attr_index::{AttrHash, AttrIndex};
use super::decision::DecisionKey;
use super::facts::{Facts, Gist};
use super::next_hop::{NextHopId, NextHopTable};
use super::slab::{Link, Slab};
use crate::types::{AttrSet, NextHop};

/// An interned attribute set of one shard; equal ids mean equal sets while both are held.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AttrId(pub u32);

impl AttrId {
    /// No set: the path was rejected.
    pub const NONE: Self = Self(u32::MAX);

    /// Whether this names no set.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// The attribute sets of one shard, each held once and counted.
///
/// Counts are plain numbers, because one thread owns the table. An id is valid as long as whoever uses
/// it holds one count; at zero the set is dropped and the id will name another one.
#[derive(Debug)]
pub struct AttrTable {
    entries: Slab<Entry>,
    index: AttrIndex,
    hasher: foldhash::fast::FixedState,
    set_bytes: usize,
    next_hops: NextHopTable,
}

/// What the table knows of one set; 40 octets. What only ties need is read from the set when they occur.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    set: Option<AttrSet>,
    pub(crate) key: DecisionKey,
    pub(crate) med: u32,
    pub(crate) next_hop: NextHopId,
    /// Holders, or the next free slot while `set` is `None`.
    count: u32,
    hash: AttrHash,
}

impl Link for Entry {
    fn next(&self) -> u32 {
        self.count
    }

    fn set_free(&mut self, next: u32) {
        self.set = None;
        self.count = next;
    }
}

impl Default for AttrTable {
    fn default() -> Self {
        Self::new(0)
    }
}

impl AttrTable {
    /// An empty table whose hashes cannot be foreseen by who does not know `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            entries: Slab::new(1, 4096),
            index: AttrIndex::default(),
            hasher: foldhash::fast::FixedState::with_seed(seed),
            set_bytes: 0,
            next_hops: NextHopTable::default(),
        }
    }

    /// The id of `set`, with one count for the caller.
    ///
    /// Costs one hash of the octets and, for a set not seen before, a walk over its attributes.
    pub fn intern(&mut self, set: &AttrSet) -> AttrId {
        let hash = self.hash(set);
        self.find(set, hash).unwrap_or_else(|| self.insert(set.clone(), hash, Facts::of(set).gist()))
    }

    /// As [`AttrTable::intern`], for who has hashed and read the set already.
    pub(crate) fn intern_known(&mut self, set: AttrSet, hash: AttrHash, gist: Gist) -> AttrId {
        self.find(&set, hash).unwrap_or_else(|| self.insert(set, hash, gist))
    }

    /// The hash of a set in this table.
    pub(crate) fn hash(&self, set: &AttrSet) -> AttrHash {
        AttrHash(self.hasher.hash_one(set.octets()) as u32)
    }

    fn find(&mut self, set: &AttrSet, hash: AttrHash) -> Option<AttrId> {
        let same = |id: u32| {
            self.entries.get(id).is_some_and(|e| e.hash == hash && e.set.as_ref().is_some_and(|s| s == set))
        };
        let id = AttrId(self.index.find(hash, same)?);
        self.retain(id);
        Some(id)
    }

    /// Brings sets of these hashes, and where a new one would be put, into the cache.
    pub(crate) fn touch(&self, hashes: &[AttrHash], slots: &mut Vec<u32>) {
        self.touch_index(hashes.iter().copied());
        slots.clear();
        slots.extend(hashes.iter().filter_map(|hash| self.index.find(*hash, |_| true)));
        self.touch_slots(slots);
    }

    /// Brings everything that releasing these will need into the cache.
    pub(crate) fn touch_release(&self, slots: &[u32]) {
        self.touch_slots(slots);
        self.touch_index(slots.iter().filter_map(|slot| self.entries.get(*slot)).map(|entry| entry.hash));
    }

    fn touch_slots(&self, slots: &[u32]) {
        let sets = || slots.iter().filter_map(|slot| self.entries.get(*slot));
        black_box(sets().fold(0, |sum, entry| sum ^ entry.hash.0));
        let octets = sets().filter_map(|entry| entry.set.as_ref()).map(AttrSet::octets);
        black_box(
            octets.fold(0, |sum, octets| sum ^ octets.first().unwrap_or(&0) ^ octets.last().unwrap_or(&0)),
        );
    }

    fn touch_index(&self, hashes: impl Iterator<Item = AttrHash>) {
        black_box(hashes.fold(0, |sum, hash| sum ^ self.index.first_tag(hash)));
    }

    fn insert(&mut self, set: AttrSet, hash: AttrHash, gist: Gist) -> AttrId {
        let next_hop = match gist.next_hop {
            None => NextHopId::NONE,
            Some(NextHop::V6(addr)) if addr.is_unicast_link_local() => NextHopId::ON_LINK,
            Some(next_hop) => self.next_hops.intern(next_hop.addr()),
        };
        let bytes = set_bytes(&set);
        let entry = Entry { key: gist.key, med: gist.med, next_hop, count: 1, hash, set: Some(set) };
        // Four billion sets do not fit in memory before they run out of numbers.
        let Some(id) = self.entries.alloc(entry) else {
            self.next_hops.release(next_hop);
            return AttrId::NONE;
        };
        self.set_bytes += bytes;
        self.index.insert(hash, id);
        AttrId(id)
    }

    /// The set; `None` for [`AttrId::NONE`] and ids nobody holds.
    pub fn get(&self, id: AttrId) -> Option<&AttrSet> {
        self.entries.get(id.0)?.set.as_ref()
    }

    #[inline]
    pub(crate) fn entry(&self, id: AttrId) -> Option<&Entry> {
        self.entries.get(id.0)
    }

    /// The hash of the set, which tables with the same seed agree about; 0 for ids nobody holds.
    pub fn hash_of(&self, id: AttrId) -> u32 {
        self.entries.get(id.0).map_or(0, |entry| entry.hash.0)
    }

    /// What orders the set in the decision process before ties.
    pub fn key(&self, id: AttrId) -> Option<DecisionKey> {
        self.entries.get(id.0).map(|entry| entry.key)
    }

    /// One more holder.
    #[inline]
    pub fn retain(&mut self, id: AttrId) {
        self.retain_many(id, 1);
    }

    /// `n` more holders.
    #[inline]
    pub fn retain_many(&mut self, id: AttrId, n: u32) {
        if let Some(entry) = self.entries.get_mut(id.0) {
            // A count that reached the top stays there: the set is then kept for ever, never freed early.
            entry.count = entry.count.saturating_add(n);
        }
    }

    /// One holder fewer; the last one drops the set.
    #[inline]
    pub fn release(&mut self, id: AttrId) {
        self.release_many(id, 1);
    }

    /// `n` holders fewer.
    #[inline]
    pub(crate) fn release_many(&mut self, id: AttrId, n: u32) {
        let Some(entry) = self.entries.get_mut(id.0) else { return };
        if entry.set.is_none() || entry.count == u32::MAX {
            return;
        }
        entry.count -= n;
        if entry.count == 0 {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: AttrId) {
        let Some(entry) = self.entries.get(id.0) else { return };
        let (hash, next_hop) = (entry.hash, entry.next_hop);
        self.set_bytes -= entry.set.as_ref().map_or(0, set_bytes);
        self.index.remove(hash, id.0);
        self.entries.free(id.0);
        self.next_hops.release(next_hop);
    }

    /// Sets held.
    pub fn len(&self) -> usize {
        self.entries.live() as usize
    }

    /// Whether no set is held.
    pub fn is_empty(&self) -> bool {
        self.entries.live() == 0
    }

    /// Octets held: the sets as allocated, the slots and the index.
    pub fn bytes(&self) -> usize {
        self.set_bytes + self.entries.bytes() + self.index.bytes()
    }

    pub(crate) fn next_hops(&self) -> &NextHopTable {
        &self.next_hops
    }

    pub(crate) fn next_hops_mut(&mut self) -> &mut NextHopTable {
        &mut self.next_hops
    }
}

/// The octets and the two counts in front of them, as jemalloc rounds them, with which the daemon is built:
/// to 16 octets, from 128 on to a quarter of the power of two below.
fn set_bytes(set: &AttrSet) -> usize {
    let size = set.octets().len() + 2 * size_of::<usize>();
    let quarter = 1 << (size - 1).ilog2().saturating_sub(2);
    size.next_multiple_of(quarter.max(16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{AttrBuilder, AttrCode};

    #[test]
    fn sets_are_counted_as_jemalloc_rounds_them() {
        let empty = AttrBuilder::new().build();
        assert_eq!((empty.octets().len(), set_bytes(&empty)), (0, 16));
        for (octets, size) in [(48, 64), (49, 80), (112, 128), (113, 160), (208, 224), (209, 256), (241, 320)]
        {
            let set = AttrBuilder::new().set_raw(AttrCode(99), 0xc0, &vec![0; octets - 3]).build();
            assert_eq!((set.octets().len(), set_bytes(&set)), (octets, size));
        }
    }

    #[test]
    fn entry_is_forty_octets() {
        assert_eq!(size_of::<Entry>(), 40);
    }
}
