//! The two records everything is made of: 16 octets a path, 16 a destination (32 for IPv6).

use super::slab::{Link, NO_SLOT};
use super::{AttrId, Reason};
use crate::types::{NlriKey, PathId, PeerId};

/// One candidate for a destination, as received and as the import policy left it.
///
/// Holds one count of `attrs_in`, and one of `attrs` where that is another set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Path {
    pub(crate) attrs_in: AttrId,
    /// [`AttrId::NONE`] if `refusal` says why.
    pub(crate) attrs: AttrId,
    pub(crate) peer: PeerId,
    pub(crate) epoch: u8,
    pub(crate) refusal: Refusal,
    pub(crate) path_id: PathId,
}

/// Why import did not let a path in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Refusal {
    None,
    Policy,
    AsLoop,
    OriginatorLoop,
    ClusterLoop,
    FirstAs,
    NextHopInvalid,
}

impl Refusal {
    pub(crate) fn reason(self) -> Option<Reason> {
        Some(match self {
            Self::None => return None,
            Self::Policy => Reason::Policy,
            Self::AsLoop => Reason::AsLoop,
            Self::OriginatorLoop => Reason::OriginatorLoop,
            Self::ClusterLoop => Reason::ClusterLoop,
            Self::FirstAs => Reason::FirstAs,
            Self::NextHopInvalid => Reason::NextHopInvalid,
        })
    }
}

impl Link for Path {
    fn next(&self) -> u32 {
        self.attrs_in.0
    }

    fn set_free(&mut self, next: u32) {
        self.attrs_in = AttrId(next);
    }
}

/// A prefix and where its paths are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dest<K> {
    pub(crate) key: K,
    /// Slot in the slab of the size class of `count`, or the next free slot of destinations.
    pub(crate) span: u32,
    pub(crate) count: u16,
    /// How many paths at the front of the span were chosen at the last flush. While the destination is
    /// dirty the span may have changed, and this many records are among the old ones of the dirty list.
    pub(crate) chosen: u8,
    pub(crate) flags: DestFlags,
}

/// What a destination is in the middle of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct DestFlags(u8);

impl DestFlags {
    /// In the dirty list.
    pub(crate) const DIRTY: u8 = 1;
    /// A sink remembers it although it has no best path.
    pub(crate) const HELD: u8 = 2;
    /// The slot is free.
    pub(crate) const FREE: u8 = 4;
    /// To be told at the next flush whether anything changed or not.
    pub(crate) const FORCED: u8 = 8;

    #[inline]
    pub(crate) fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    #[inline]
    pub(crate) fn set(&mut self, flag: u8, on: bool) {
        self.0 = if on { self.0 | flag } else { self.0 & !flag };
    }
}

impl<K: Clone> Link for Dest<K> {
    fn next(&self) -> u32 {
        self.span
    }

    fn set_free(&mut self, next: u32) {
        self.span = next;
        self.flags = DestFlags(DestFlags::FREE);
    }
}

impl<K: NlriKey> Dest<K> {
    pub(crate) fn new(key: K) -> Self {
        Self { key, span: NO_SLOT, count: 0, chosen: 0, flags: DestFlags::default() }
    }
}
