//! What a group was told: one record for each prefix, whatever the number of members.
//!
//! A member holds a prefix iff its entry is live and the member is not the source (split horizon), so
//! no member has a record of its own. Entries are addressed by the destination's slot.

use bgp_core::rib::{AttrId, DestId};
use bgp_core::types::PeerId;

/// What the group was told last about a destination; 12 octets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OutEntry {
    /// Attributes after import policy, held by a count; what is sent is derived from them.
    pub attrs: AttrId,
    /// The flush that brought the entry to this state.
    pub flush: u32,
    /// Where the route was learned, the one member that does not hold it.
    pub source: PeerId,
    /// Live, withdrawn, or never told.
    pub state: OutState,
}

/// State of an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutState {
    /// The group was never told, or everybody has forgotten.
    Empty,
    /// Announced.
    Live,
    /// Withdrawn, and some member may not have read it yet.
    Tombstone,
}

impl OutEntry {
    /// Nothing.
    pub const EMPTY: Self =
        Self { attrs: AttrId::NONE, flush: 0, source: PeerId::LOCAL, state: OutState::Empty };
}

/// The entries of one group in one shard.
#[derive(Debug, Default)]
pub struct AdjRibOut {
    chunks: Vec<Option<Box<[OutEntry; CHUNK]>>>,
    live: u32,
    tombstones: u32,
    /// Live entries by source.
    sources: Vec<u32>,
}

impl AdjRibOut {
    /// The entry; [`OutEntry::EMPTY`] where nothing was ever put.
    #[inline]
    pub fn entry(&self, dest: DestId) -> OutEntry {
        let (chunk, at) = split(dest);
        let slot = self.chunks.get(chunk).and_then(|chunk| chunk.as_ref()?.get(at));
        slot.copied().unwrap_or(OutEntry::EMPTY)
    }

    /// Replaces the entry and returns what it was.
    pub fn put(&mut self, dest: DestId, entry: OutEntry) -> OutEntry {
        let (chunk, at) = split(dest);
        if chunk >= self.chunks.len() {
            self.chunks.resize_with(chunk + 1, || None);
        }
        let Some(slot) = self.chunks.get_mut(chunk) else { return OutEntry::EMPTY };
        let slot = slot.get_or_insert_with(|| Box::new([OutEntry::EMPTY; CHUNK])).get_mut(at);
        let Some(slot) = slot else { return OutEntry::EMPTY };
        let old = std::mem::replace(slot, entry);
        for (state, sign) in [(old.state, -1), (entry.state, 1)] {
            match state {
                OutState::Empty => {}
                OutState::Live => self.count(if sign > 0 { entry.source } else { old.source }, sign),
                OutState::Tombstone => self.tombstones = self.tombstones.wrapping_add_signed(sign),
            }
        }
        old
    }

    fn count(&mut self, source: PeerId, sign: i32) {
        self.live = self.live.wrapping_add_signed(sign);
        let at = usize::from(source.0);
        if at >= self.sources.len() {
            self.sources.resize(at + 1, 0);
        }
        if let Some(count) = self.sources.get_mut(at) {
            *count = count.wrapping_add_signed(sign);
        }
    }

    /// Prefixes a member holds: those that were not learned from it.
    pub fn held_by(&self, member: PeerId) -> u32 {
        self.live - self.sources.get(usize::from(member.0)).copied().unwrap_or(0)
    }

    /// One past the highest slot that may have an entry.
    pub fn bound(&self) -> u32 {
        u32::try_from(self.chunks.len() * CHUNK).unwrap_or(u32::MAX)
    }

    /// Prefixes the group holds.
    pub fn live(&self) -> u32 {
        self.live
    }

    /// Withdrawn prefixes still remembered.
    pub fn tombstones(&self) -> u32 {
        self.tombstones
    }

    /// Returns the memory of the chunks nothing is in.
    pub fn shrink(&mut self) {
        for chunk in &mut self.chunks {
            if chunk.as_ref().is_some_and(|c| c.iter().all(|entry| entry.state == OutState::Empty)) {
                *chunk = None;
            }
        }
        while matches!(self.chunks.last(), Some(None)) {
            self.chunks.pop();
        }
    }

    /// Heap octets held.
    pub fn bytes(&self) -> usize {
        self.chunks.iter().flatten().count() * size_of::<[OutEntry; CHUNK]>()
            + self.chunks.capacity() * size_of::<Option<Box<[OutEntry; CHUNK]>>>()
            + self.sources.capacity() * size_of::<u32>()
    }
}

fn split(dest: DestId) -> (usize, usize) {
    let at = dest.0 as usize;
    (at / CHUNK, at % CHUNK)
}

/// 12 KiB each: no copies on growth, and a small table stays small.
const CHUNK: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_is_twelve_octets() {
        assert_eq!(size_of::<OutEntry>(), 12);
    }

    #[test]
    fn counts_follow_the_entries_and_empty_chunks_are_returned() {
        let mut out = AdjRibOut::default();
        let live = OutEntry { attrs: AttrId(3), flush: 1, source: PeerId(4), state: OutState::Live };
        assert_eq!(out.put(DestId(5000), live), OutEntry::EMPTY);
        assert_eq!((out.live(), out.tombstones(), out.entry(DestId(5000))), (1, 0, live));
        let tombstone = OutEntry { state: OutState::Tombstone, ..live };
        assert_eq!(out.put(DestId(5000), tombstone), live);
        assert_eq!((out.live(), out.tombstones()), (0, 1));
        out.put(DestId(5000), OutEntry::EMPTY);
        out.shrink();
        assert_eq!((out.bound(), out.entry(DestId(5000))), (0, OutEntry::EMPTY));
    }
}
