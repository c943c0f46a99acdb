//! Entries of neighbouring slots, in 8 octets each.

use bgp_core::rib::AttrId;
use bgp_core::types::PeerId;

use super::{MAX_AGE, OutEntry, OutState};

/// Entries of neighbouring slots. Routes that came one after the other mostly came from one peer, so that
/// the source is stored once until a second one appears.
#[derive(Debug)]
pub(super) struct Chunk {
    slots: Box<[Slot; CHUNK]>,
    sources: Sources,
}

#[derive(Debug)]
enum Sources {
    One(PeerId),
    Each(Box<[PeerId; CHUNK]>),
}

/// An entry without its source. Its state follows from the rest: only what is live has attributes, and
/// flushes that withdraw something have numbers whose low half is not 0, as [`super::after`] sees to.
#[derive(Clone, Copy, Debug)]
struct Slot {
    attrs: AttrId,
    /// The low half of the number.
    flush: u32,
}

impl Slot {
    const EMPTY: Self = Self { attrs: AttrId::NONE, flush: 0 };

    fn state(self) -> OutState {
        match self {
            Self { attrs: AttrId::NONE, flush: 0 } => OutState::Empty,
            Self { attrs: AttrId::NONE, .. } => OutState::Tombstone,
            _ => OutState::Live,
        }
    }
}

impl Chunk {
    pub(super) fn new(source: PeerId) -> Self {
        Self { slots: Box::new([Slot::EMPTY; CHUNK]), sources: Sources::One(source) }
    }

    #[inline]
    pub(super) fn entry(&self, at: usize, newest: u64) -> OutEntry {
        let slot = self.slots.get(at).copied().unwrap_or(Slot::EMPTY);
        let source = match &self.sources {
            Sources::One(source) => *source,
            Sources::Each(sources) => sources.get(at).copied().unwrap_or(PeerId::LOCAL),
        };
        match slot.state() {
            OutState::Empty => OutEntry::EMPTY,
            state => OutEntry { attrs: slot.attrs, flush: whole(newest, slot.flush), source, state },
        }
    }

    pub(super) fn put(&mut self, at: usize, entry: OutEntry) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        *slot = match entry.state {
            OutState::Empty => Slot::EMPTY,
            OutState::Tombstone => Slot { attrs: AttrId::NONE, flush: entry.flush as u32 },
            OutState::Live => Slot { attrs: entry.attrs, flush: entry.flush as u32 },
        };
        if entry.state == OutState::Empty {
            return;
        }
        match &mut self.sources {
            Sources::One(source) if *source == entry.source => {}
            Sources::One(source) => {
                let mut sources = Box::new([*source; CHUNK]);
                if let Some(source) = sources.get_mut(at) {
                    *source = entry.source;
                }
                self.sources = Sources::Each(sources);
            }
            Sources::Each(sources) => {
                if let Some(source) = sources.get_mut(at) {
                    *source = entry.source;
                }
            }
        }
    }

    /// No announced route stays older than [`MAX_AGE`].
    pub(super) fn renew(&mut self, newest: u64) {
        let Some(oldest) = newest.checked_sub(MAX_AGE) else { return };
        for slot in self.slots.iter_mut().filter(|slot| slot.state() == OutState::Live) {
            slot.flush = whole(newest, slot.flush).max(oldest) as u32;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| slot.state() == OutState::Empty)
    }

    /// Heap octets.
    pub(super) fn bytes(&self) -> usize {
        let sources = if matches!(self.sources, Sources::Each(_)) { size_of::<[PeerId; CHUNK]>() } else { 0 };
        size_of::<[Slot; CHUNK]>() + sources
    }
}

/// The highest number up to `newest` that ends in `low`.
#[inline]
fn whole(newest: u64, low: u32) -> u64 {
    newest.wrapping_sub((newest as u32).wrapping_sub(low).into())
}

/// 8 KiB each, a size allocators round nothing up for: no copies on growth, and a small table stays small.
pub(super) const CHUNK: usize = 1024;
