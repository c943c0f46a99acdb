//! What a group was told: one record for each prefix, whatever the number of members.
//!
//! A member holds a prefix iff its entry is live and the member is not the source (split horizon), so
//! no member has a record of its own. Entries are addressed by the destination's slot.
//!
//! Flushes are numbered in 64 bits, which nobody uses up, but an entry keeps the low 32 of them: memory
//! goes by the entry. The others follow from the newest number there is, as long as no entry is 2^32
//! flushes older than that. So what is older than [`MAX_AGE`] does not keep its number: announced routes
//! are [renewed](AdjRibOut::renew), for which at worst somebody is told a route again, and the group forgets
//! withdrawn ones, for which whoever did not hear of them is refused.

mod chunk;

use bgp_core::rib::{AttrId, DestId};
use bgp_core::types::PeerId;

use chunk::{CHUNK, Chunk};

/// What the group was told last about a destination.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OutEntry {
    /// Attributes after import policy, held by a count; what is sent is derived from them.
    pub attrs: AttrId,
    /// The flush that brought the entry to this state, or a later one if that was [`MAX_AGE`] ago.
    pub flush: u64,
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

/// The entries of one group in one shard: 8 octets each, and 2 more where neighbours have different sources.
#[derive(Debug, Default)]
pub struct AdjRibOut {
    chunks: Vec<Option<Chunk>>,
    /// The highest number of a flush an entry was put with.
    newest: u64,
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
        let chunk = self.chunks.get(chunk).and_then(Option::as_ref);
        chunk.map_or(OutEntry::EMPTY, |chunk| chunk.entry(at, self.newest))
    }

    /// Replaces the entry and returns what it was.
    ///
    /// Its flush must not be older than [`MAX_AGE`], and that of a tombstone one that [`after`] returned.
    pub fn put(&mut self, dest: DestId, entry: OutEntry) -> OutEntry {
        let (chunk, at) = split(dest);
        if chunk >= self.chunks.len() {
            self.chunks.resize_with(chunk + 1, || None);
        }
        let Some(chunk) = self.chunks.get_mut(chunk) else { return OutEntry::EMPTY };
        let chunk = chunk.get_or_insert_with(|| Chunk::new(entry.source));
        let old = chunk.entry(at, self.newest);
        self.newest = self.newest.max(entry.flush);
        chunk.put(at, entry);
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

    /// To be called after every flush with its number, so that no entry's age becomes ambiguous.
    ///
    /// Looks at one chunk, and seldom: each is due once in 2^30 flushes, the first at the first of them, the
    /// second at the second, and so on, so that no flush waits for a walk over the table.
    pub fn renew(&mut self, flush: u64) {
        let due = usize::try_from(flush.wrapping_sub(1) % RENEWAL).ok();
        if let Some(chunk) = due.and_then(|due| self.chunks.get_mut(due)?.as_mut()) {
            chunk.renew(self.newest);
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
            if chunk.as_ref().is_some_and(Chunk::is_empty) {
                *chunk = None;
            }
        }
        while matches!(self.chunks.last(), Some(None)) {
            self.chunks.pop();
        }
    }

    /// Heap octets held.
    pub fn bytes(&self) -> usize {
        self.chunks.iter().flatten().map(Chunk::bytes).sum::<usize>()
            + self.chunks.capacity() * size_of::<Option<Chunk>>()
            + self.sources.capacity() * size_of::<u32>()
    }
}

/// The number of the flush after `flush`, passing over those whose low half is 0.
#[inline]
pub fn after(flush: u64) -> u64 {
    let next = flush.wrapping_add(1);
    next | u64::from(next as u32 == 0)
}

fn split(dest: DestId) -> (usize, usize) {
    let at = dest.0 as usize;
    (at / CHUNK, at % CHUNK)
}

/// Flushes after which an entry does not keep its number. Until its turn to be
/// [renewed](AdjRibOut::renew) comes it grows up to 2^30 older still, which leaves a quarter of 2^32.
pub const MAX_AGE: u64 = 1 << 31;

/// Flushes from one visit of [`AdjRibOut::renew`] to the next; there are fewer chunks than that.
const RENEWAL: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_costs_eight_octets_until_its_neighbours_have_another_source() {
        let mut out = AdjRibOut::default();
        let live = |n: u32, source| OutEntry {
            attrs: AttrId(n),
            flush: n.into(),
            source: PeerId(source),
            state: OutState::Live,
        };
        for n in 0..CHUNK as u32 {
            assert_eq!(out.put(DestId(n), live(n, 4)), OutEntry::EMPTY);
        }
        let before = out.bytes();
        assert!(before < CHUNK * 8 + 200, "{before}");
        out.put(DestId(7), live(9, 5));
        assert!(out.bytes() < before + CHUNK * 2 + 200, "{}", out.bytes());
        for n in (0..CHUNK as u32).filter(|n| *n != 7) {
            assert_eq!(out.entry(DestId(n)), live(n, 4));
        }
        assert_eq!(out.entry(DestId(7)), live(9, 5));
        assert_eq!((out.held_by(PeerId(4)), out.held_by(PeerId(5))), (1, CHUNK as u32 - 1));
    }

    #[test]
    fn numbers_of_flushes_are_whole_however_old_the_entry() {
        let mut out = AdjRibOut::default();
        let entry = |flush, state| OutEntry { attrs: AttrId(3), flush, source: PeerId(4), state };
        let (steady, late, busy) = (DestId(7), DestId(CHUNK as u32 * 2), DestId(9));
        out.put(steady, entry(5, OutState::Live));
        out.put(late, entry(6, OutState::Live));
        let mut flush = 6;
        // Of every 2^30 flushes, those in which something is due, and the last.
        for lap in 0..20 {
            for of in (1..=3).chain([RENEWAL - 1]) {
                flush = lap * RENEWAL + of;
                let state = if of == 2 { OutState::Tombstone } else { OutState::Live };
                out.put(busy, entry(flush, state));
                out.renew(flush);
                assert_eq!((out.entry(busy).flush, out.entry(busy).state), (flush, state));
                for (dest, first) in [(steady, 5), (late, 6)] {
                    let oldest = flush.saturating_sub(MAX_AGE + RENEWAL).max(first);
                    let newest = flush.saturating_sub(MAX_AGE).max(first);
                    let known = out.entry(dest).flush;
                    assert!((oldest..=newest).contains(&known), "{known} at {flush}");
                }
            }
        }
        assert!(flush > 4 << 32);
    }

    #[test]
    fn no_number_of_a_flush_looks_like_none() {
        assert_eq!((after(0), after(41)), (1, 42));
        assert_eq!(after(u64::from(u32::MAX)), (1 << 32) + 1);
        assert_eq!(after((8 << 32) - 1), (8 << 32) + 1);
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
