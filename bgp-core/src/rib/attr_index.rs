//! The slots of attribute sets by hash.

use hashbrown::HashTable;

/// The hash of a set, different in every table.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct AttrHash(pub(super) u32);

/// Slots under hashes, in parts that grow each for itself: to move all that a full table has takes ten
/// milliseconds, during which nobody's routes would be decided.
#[derive(Debug)]
pub(super) struct AttrIndex {
    parts: Box<[HashTable<u32>]>,
}

impl Default for AttrIndex {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| HashTable::new()).collect() }
    }
}

impl AttrIndex {
    /// A slot with this hash that `same` accepts.
    pub(super) fn find(&self, hash: AttrHash, same: impl FnMut(&u32) -> bool) -> Option<u32> {
        self.parts.get(hash.part())?.find(hash.spread(), same).copied()
    }

    /// Adds a slot that is not there; `hash_of` tells the hashes of those that are.
    pub(super) fn insert(&mut self, hash: AttrHash, slot: u32, hash_of: impl Fn(u32) -> AttrHash) {
        if let Some(part) = self.parts.get_mut(hash.part()) {
            part.insert_unique(hash.spread(), slot, |slot| hash_of(*slot).spread());
        }
    }

    /// Removes a slot, and gives memory back after most have gone.
    pub(super) fn remove(&mut self, hash: AttrHash, slot: u32, hash_of: impl Fn(u32) -> AttrHash) {
        let Some(part) = self.parts.get_mut(hash.part()) else { return };
        if let Ok(found) = part.find_entry(hash.spread(), |at| *at == slot) {
            found.remove();
        }
        if part.capacity() > SMALL && part.len() < part.capacity() / 8 {
            part.shrink_to(part.len() * 2, |slot| hash_of(*slot).spread());
        }
    }

    /// Heap octets.
    pub(super) fn bytes(&self) -> usize {
        let parts = self.parts.iter().map(HashTable::allocation_size).sum::<usize>();
        parts + size_of_val(&*self.parts)
    }
}

impl AttrHash {
    /// Of bits that neither place an entry in a part of less than half a million nor tell it from others.
    fn part(self) -> usize {
        self.0 as usize >> 19 & (PARTS - 1)
    }

    /// A part wants the high bits as well as the low ones; only 32 are stored.
    fn spread(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.0)
    }
}

/// A million sets are 16,000 in each.
const PARTS: usize = 64;
/// Room for so many is not worth giving back.
const SMALL: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u32) -> AttrHash {
        AttrHash(n.wrapping_mul(0x9e37_79b9))
    }

    #[test]
    fn slots_are_found_until_they_are_removed_and_memory_comes_back() {
        let mut index = AttrIndex::default();
        let empty = index.bytes();
        (0..100_000).for_each(|n| index.insert(hash(n), n, hash));
        assert!((0..100_000).all(|n| index.find(hash(n), |slot| *slot == n) == Some(n)));
        assert_eq!(index.find(hash(100_000), |slot| *slot == 100_000), None);
        let full = index.bytes();
        (1..100_000).for_each(|n| index.remove(hash(n), n, hash));
        assert_eq!(index.find(hash(0), |_| true), Some(0));
        assert_eq!(index.find(hash(7), |slot| *slot == 7), None);
        assert!(full > 400_000 && index.bytes() < empty + full / 20, "{empty} {full} {}", index.bytes());
    }

    #[test]
    fn parts_are_about_as_large() {
        let mut index = AttrIndex::default();
        (0..64_000).for_each(|n| index.insert(hash(n), n, hash));
        assert!(index.parts.iter().all(|part| (900..1100).contains(&part.len())));
    }
}
