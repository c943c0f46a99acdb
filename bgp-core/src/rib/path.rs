//! The records everything is made of: 16 octets a destination (28 for IPv6) with its only path in it, if
//! that has the short form, and 8 or 16 octets for each path that is not in its destination.

use super::slab::Link;
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

/// A path as most are: without identifier, its attributes those received or refused as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Plain {
    attrs_in: AttrId,
    peer: PeerId,
    epoch: u8,
    refusal: Refusal,
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

impl Path {
    /// The short form, for a path that has one.
    #[inline]
    pub(crate) fn plain(&self) -> Option<Plain> {
        let &Self { attrs_in, attrs, peer, epoch, refusal, path_id } = self;
        let implied = if refusal == Refusal::None { attrs_in } else { AttrId::NONE };
        (path_id.0 == 0 && attrs == implied).then_some(Plain { attrs_in, peer, epoch, refusal })
    }
}

impl From<Plain> for Path {
    #[inline]
    fn from(Plain { attrs_in, peer, epoch, refusal }: Plain) -> Self {
        let attrs = if refusal == Refusal::None { attrs_in } else { AttrId::NONE };
        Self { attrs_in, attrs, peer, epoch, refusal, path_id: PathId(0) }
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

impl Link for Plain {
    fn next(&self) -> u32 {
        self.attrs_in.0
    }

    fn set_free(&mut self, next: u32) {
        self.attrs_in = AttrId(next);
    }
}

/// A prefix and where its paths are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dest<K: NlriKey> {
    key: K::Packed,
    /// How many paths at the front were chosen at the last flush. While the destination is dirty the paths
    /// may have changed, and this many records are among the old ones of the dirty list.
    pub(crate) chosen: u8,
    pub(crate) flags: DestFlags,
    pub(crate) paths: Held,
}

/// The paths of a destination: one alone is here, others are in slabs. In no case more than 8 octets,
/// because what tells the cases apart are values that [`Refusal`] does not have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    None,
    One(Plain),
    /// At least two, all plain.
    Plain(Span),
    /// At least one, and one that is not plain.
    Full(Span),
    /// The destination's slot is free; the next free one.
    Free([u8; 4]),
}

/// A slot in the slab of the size class of a number of paths, and that number.
///
/// Octets, because as numbers they would be padded to 8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    slot: [u8; 4],
    count: [u8; 2],
}

impl Span {
    #[inline]
    pub(crate) fn new(slot: u32, count: u16) -> Self {
        Self { slot: slot.to_ne_bytes(), count: count.to_ne_bytes() }
    }

    #[inline]
    pub(crate) fn slot(self) -> u32 {
        u32::from_ne_bytes(self.slot)
    }

    #[inline]
    pub(crate) fn count(self) -> u16 {
        u16::from_ne_bytes(self.count)
    }
}

impl Held {
    /// Number of paths.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::None | Self::Free(_) => 0,
            Self::One(_) => 1,
            Self::Plain(span) | Self::Full(span) => usize::from(span.count()),
        }
    }
}

/// What a destination is in the middle of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct DestFlags(u8);

impl DestFlags {
    /// In the dirty list.
    pub(crate) const DIRTY: u8 = 1;
    /// A sink remembers it although it has no best path.
    pub(crate) const HELD: u8 = 2;
    /// To be told at the next flush whether anything changed or not.
    pub(crate) const FORCED: u8 = 4;

    #[inline]
    pub(crate) fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    #[inline]
    pub(crate) fn set(&mut self, flag: u8, on: bool) {
        self.0 = if on { self.0 | flag } else { self.0 & !flag };
    }
}

impl<K: NlriKey> Link for Dest<K> {
    fn next(&self) -> u32 {
        match self.paths {
            Held::Free(next) => u32::from_ne_bytes(next),
            _ => super::slab::NO_SLOT,
        }
    }

    fn set_free(&mut self, next: u32) {
        self.paths = Held::Free(next.to_ne_bytes());
        self.flags = DestFlags::default();
    }
}

impl<K: NlriKey> Dest<K> {
    pub(crate) fn new(key: K) -> Self {
        Self { key: key.pack(), chosen: 0, flags: DestFlags::default(), paths: Held::None }
    }

    /// The prefix.
    #[inline]
    pub(crate) fn key(&self) -> K {
        K::unpack(self.key)
    }

    /// Whether this is the destination of `key`, given packed.
    #[inline]
    pub(crate) fn is(&self, key: K::Packed) -> bool {
        self.key == key
    }

    /// Whether the slot is free.
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        matches!(self.paths, Held::Free(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{V4Key, V6Key};

    #[test]
    fn records_are_as_small_as_they_are_told_to_be() {
        assert_eq!((size_of::<Plain>(), size_of::<Path>(), size_of::<Held>()), (8, 16, 8));
        assert_eq!((size_of::<Dest<V4Key>>(), size_of::<Dest<V6Key>>()), (16, 28));
    }

    #[test]
    fn the_short_form_says_all_of_a_path_or_there_is_none() {
        let (one, other) = (AttrId(7), AttrId(8));
        for (attrs_in, attrs, refusal, path_id, short) in [
            (one, one, Refusal::None, 0, true),
            (one, AttrId::NONE, Refusal::Policy, 0, true),
            (one, other, Refusal::None, 0, false),
            (one, one, Refusal::None, 5, false),
            (one, AttrId::NONE, Refusal::AsLoop, 5, false),
            // When numbers of sets have run out.
            (one, AttrId::NONE, Refusal::None, 0, false),
            (AttrId::NONE, AttrId::NONE, Refusal::None, 0, true),
        ] {
            let path_id = PathId(path_id);
            let path = Path { attrs_in, attrs, peer: PeerId(3), epoch: 9, refusal, path_id };
            assert_eq!(path.plain().map(Path::from), short.then_some(path), "{path:?}");
        }
    }
}
