//! From prefix to slot number: a hash table in segments, so that growth never copies everything at once.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;

use crate::types::NlriKey;

/// Slot numbers by the hash of their prefix; the prefixes themselves stay with the destinations.
#[derive(Debug)]
pub(crate) struct Index {
    segments: Vec<HashTable<u32>>,
    hasher: foldhash::fast::FixedState,
}

impl Index {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            segments: (0..SEGMENTS).map(|_| HashTable::new()).collect(),
            hasher: foldhash::fast::FixedState::with_seed(seed),
        }
    }

    #[inline]
    pub(crate) fn hash<K: NlriKey>(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The slot for which `same` holds, among those of equal hash.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        self.segments.get(segment(hash))?.find(hash, |slot| same(*slot)).copied()
    }

    /// As [`Index::find`]; where nothing is found `make` gives the slot to add.
    #[inline]
    pub(crate) fn find_or_add<K: NlriKey>(
        &mut self,
        hash: u64,
        key_of: impl Fn(u32) -> Option<K>,
        key: K,
    ) -> Place<'_> {
        let hasher = &self.hasher;
        let Some(table) = self.segments.get_mut(segment(hash)) else { return Place::Missing };
        let same = |slot: &u32| key_of(*slot) == Some(key);
        match table.entry(hash, same, |slot| key_of(*slot).map_or(0, |key| hasher.hash_one(key))) {
            Entry::Occupied(found) => Place::Found(*found.get()),
            Entry::Vacant(vacant) => Place::Vacant(vacant),
        }
    }

    pub(crate) fn remove<K: NlriKey>(&mut self, hash: u64, slot: u32, key_of: impl Fn(u32) -> Option<K>) {
        let hasher = &self.hasher;
        let Some(table) = self.segments.get_mut(segment(hash)) else { return };
        if let Ok(found) = table.find_entry(hash, |at| *at == slot) {
            found.remove();
        }
        if table.is_empty() {
            *table = HashTable::new();
        } else if table.capacity() > 64 && table.len() < table.capacity() / 8 {
            let len = table.len();
            table.shrink_to(len * 2, |at| key_of(*at).map_or(0, |key| hasher.hash_one(key)));
        }
    }

    /// Heap octets.
    pub(crate) fn bytes(&self) -> usize {
        self.segments.capacity() * size_of::<HashTable<u32>>()
            + self.segments.iter().map(HashTable::allocation_size).sum::<usize>()
    }
}

/// Where a prefix is or would go.
pub(crate) enum Place<'a> {
    Found(u32),
    Vacant(hashbrown::hash_table::VacantEntry<'a, u32>),
    Missing,
}

/// Bits that the tables themselves use least: they take the lowest for the bucket, the highest 7 as tag.
#[inline]
fn segment(hash: u64) -> usize {
    (hash >> 40) as usize % SEGMENTS
}

/// At a million prefixes one segment is 40 KB, copied in some 50 µs when it grows.
const SEGMENTS: usize = 256;
