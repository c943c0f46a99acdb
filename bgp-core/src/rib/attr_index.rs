//! The slots of attribute sets by hash.
//!
//! Open addressing with linear probing, as in [`Index`](super::index). An entry has sixteen bits of the hash
//! beside the slot: what chooses its place at any size, so that neither growing nor removing reads a set, and
//! what tells it from others, so that looking up reads hardly one in vain. Parts begin at different sizes and
//! grow at different times, by half: growth never copies more than one of them, and the room left over is the
//! same at any number of sets (some ten octets a set in all).

/// The hash of a set, different for every seed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct AttrHash(pub(super) u32);

/// Slots under hashes, in parts that grow each for itself.
#[derive(Debug)]
pub(super) struct AttrIndex {
    parts: Box<[Part]>,
}

#[derive(Debug, Default)]
struct Part {
    entries: Vec<Entry>,
    /// Entries that hold a slot.
    live: usize,
}

/// Of six octets: a slot as octets, because a number would be padded to eight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Entry {
    /// 0 for an entry that is free.
    tag: u16,
    slot: [u16; 2],
}

impl Default for AttrIndex {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| Part::default()).collect() }
    }
}

impl AttrIndex {
    /// A slot with nearly this hash that `same` accepts.
    #[inline]
    pub(super) fn find(&self, hash: AttrHash, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        let (_, found) = self.parts.get(hash.part())?.probe(hash.tag(), |entry| same(entry.slot()))?;
        Some(found.slot())
    }

    /// The tag of the entry where a search for this hash begins: a read that nothing branches on, so that any
    /// number of them can wait for memory at the same time.
    #[inline]
    pub(super) fn first_tag(&self, hash: AttrHash) -> u16 {
        let part = self.parts.get(hash.part());
        part.and_then(|part| part.entries.get(part.home(hash.tag()))).map_or(0, |entry| entry.tag)
    }

    /// Adds a slot that is not there.
    pub(super) fn insert(&mut self, hash: AttrHash, slot: u32) {
        let at = hash.part();
        let Some(part) = self.parts.get_mut(at) else { return };
        if part.is_full() {
            let size = part.entries.len();
            part.rebuild((size + size / 2).max(smallest(at)));
        }
        part.place(Entry::new(hash.tag(), slot));
        part.live += 1;
    }

    /// Removes a slot, and gives memory back after most have gone.
    pub(super) fn remove(&mut self, hash: AttrHash, slot: u32) {
        let at = hash.part();
        let Some(part) = self.parts.get_mut(at) else { return };
        let entry = Entry::new(hash.tag(), slot);
        let Some((found, _)) = part.probe(entry.tag, |other| other == entry) else { return };
        part.close(found);
        part.live -= 1;
        if part.live == 0 {
            *part = Part::default();
        } else if part.live < part.entries.len() / 8 && part.entries.len() > 2 * smallest(at) {
            part.rebuild(part.entries.len() / 4);
        }
    }

    /// Heap octets.
    pub(super) fn bytes(&self) -> usize {
        let entries = self.parts.iter().map(|part| part.entries.capacity()).sum::<usize>();
        entries * size_of::<Entry>() + size_of_val(&*self.parts)
    }
}

impl Part {
    /// Whether another entry would make searches long: they look at nine then where nothing is found.
    fn is_full(&self) -> bool {
        (self.live + 1) * 4 > self.entries.len() * 3
    }

    /// Where a search begins: positions in the order of the tags, at any size.
    #[inline]
    fn home(&self, tag: u16) -> usize {
        (usize::from(tag) * self.entries.len()) >> u16::BITS
    }

    /// The first entry with this tag for which `wanted` holds, and where it is.
    #[inline]
    fn probe(&self, tag: u16, mut wanted: impl FnMut(Entry) -> bool) -> Option<(usize, Entry)> {
        let home = self.home(tag);
        let (before, after) = self.entries.split_at_checked(home)?;
        // Two plain loops: one over a chain of both halves costs twice the instructions.
        for (half, start) in [(after, home), (before, 0)] {
            for (at, &entry) in half.iter().enumerate() {
                if entry.is_free() {
                    return None;
                }
                if entry.tag == tag && wanted(entry) {
                    return Some((start + at, entry));
                }
            }
        }
        None
    }

    /// Puts an entry at the first place free.
    #[inline]
    fn place(&mut self, entry: Entry) {
        let home = self.home(entry.tag);
        let Some((before, after)) = self.entries.split_at_mut_checked(home) else { return };
        let is_free = |entry: &&mut Entry| entry.is_free();
        let free = after.iter_mut().find(is_free).or_else(|| before.iter_mut().find(is_free));
        if let Some(free) = free {
            *free = entry;
        }
    }

    /// Frees a place and moves up what is behind it only because that was taken, so that no search ends early.
    fn close(&mut self, mut hole: usize) {
        let len = self.entries.len();
        let behind = |from: usize, at: usize| if at < from { at + len - from } else { at - from };
        let mut at = hole;
        loop {
            at = if at + 1 == len { 0 } else { at + 1 };
            // The hole itself is found again where no entry is free.
            let Some(&entry) = self.entries.get(at).filter(|entry| !entry.is_free() && at != hole) else {
                break;
            };
            if behind(self.home(entry.tag), at) >= behind(hole, at) {
                if let Some(place) = self.entries.get_mut(hole) {
                    *place = entry;
                }
                hole = at;
            }
        }
        if let Some(place) = self.entries.get_mut(hole) {
            *place = Entry::FREE;
        }
    }

    fn rebuild(&mut self, size: usize) {
        let old = std::mem::replace(&mut self.entries, vec![Entry::FREE; size]);
        old.into_iter().filter(|entry| !entry.is_free()).for_each(|entry| self.place(entry));
    }
}

impl Entry {
    const FREE: Self = Self { tag: 0, slot: [0; 2] };

    #[inline]
    fn new(tag: u16, slot: u32) -> Self {
        Self { tag, slot: [slot as u16, (slot >> u16::BITS) as u16] }
    }

    #[inline]
    fn is_free(self) -> bool {
        self.tag == 0
    }

    #[inline]
    fn slot(self) -> u32 {
        let [low, high] = self.slot;
        u32::from(low) | u32::from(high) << u16::BITS
    }
}

impl AttrHash {
    #[inline]
    fn part(self) -> usize {
        self.0 as usize % PARTS
    }

    /// Of bits that do not choose the part; never 0.
    #[inline]
    fn tag(self) -> u16 {
        ((self.0 >> u16::BITS) as u16).max(1)
    }
}

/// 16 to 24, spread evenly over the parts.
fn smallest(part: usize) -> usize {
    16 + 8 * part / PARTS
}

/// A million sets are 4,000 in each, so that one search in sixteen meets a slot of another hash.
const PARTS: usize = 256;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn hash(n: u32) -> AttrHash {
        AttrHash(n.wrapping_mul(0x9e37_79b9))
    }

    fn found(index: &AttrIndex, n: u32) -> Option<u32> {
        index.find(hash(n), |slot| slot == n)
    }

    #[test]
    fn slots_are_found_until_they_are_removed_and_memory_comes_back() {
        let mut index = AttrIndex::default();
        let empty = index.bytes();
        (0..100_000).for_each(|n| index.insert(hash(n), n));
        assert!((0..100_000).all(|n| found(&index, n) == Some(n)));
        assert_eq!(found(&index, 100_000), None);
        let full = index.bytes();
        (1..100_000).for_each(|n| index.remove(hash(n), n));
        assert_eq!((found(&index, 0), found(&index, 7)), (Some(0), None));
        assert!(full > 600_000 && index.bytes() < empty + full / 20, "{empty} {full} {}", index.bytes());
        index.remove(hash(0), 0);
        assert_eq!(index.bytes(), empty);
    }

    #[test]
    fn an_entry_is_six_octets_and_a_set_has_ten_at_any_number() {
        assert_eq!(size_of::<Entry>(), 6);
        let mut index = AttrIndex::default();
        for n in 0..200_000 {
            index.insert(hash(n), n);
            let each = index.bytes() as f64 / f64::from(n + 1);
            assert!(n < 20_000 || (9.0..11.0).contains(&each), "{each} octets for each of {n}");
        }
    }

    proptest! {
        /// Few parts and tags, so that entries meet, wrap around the end and are moved up.
        #[test]
        fn every_slot_is_found_whatever_goes_before(
            steps in proptest::collection::vec((any::<bool>(), 0..60_u32, 0..12_u32), 1..400)
        ) {
            let hash = |tag: u32| AttrHash(0xffff_ffff - (tag << 26));
            let mut index = AttrIndex::default();
            let mut held = HashSet::new();
            for (add, slot, tag) in steps {
                let found = index.find(hash(tag), |other| other == slot);
                prop_assert_eq!(found, held.contains(&(tag, slot)).then_some(slot));
                if !add {
                    index.remove(hash(tag), slot);
                    held.remove(&(tag, slot));
                } else if held.insert((tag, slot)) {
                    index.insert(hash(tag), slot);
                }
            }
            for (tag, slot) in held {
                prop_assert_eq!(index.find(hash(tag), |other| other == slot), Some(slot));
            }
        }
    }
}
