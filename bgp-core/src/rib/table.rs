//! Destinations of one family with their paths, and which of them must be decided again.

use std::hash::BuildHasher;

use super::age::{Age, Life};
use super::index::Index;
use super::path::{Dest, DestFlags, Path};
use super::slab::Slab;
use super::spans::Spans;
use super::{AttrId, Best, DestId, TableId};
use crate::types::{NlriKey, PathId, PeerId};

/// Adj-RIB-In and Loc-RIB of one family.
#[derive(Debug)]
pub(crate) struct Table<K: NlriKey> {
    pub(crate) id: TableId,
    pub(crate) dests: Slab<Dest<K>>,
    pub(crate) spans: Spans,
    pub(crate) index: Index,
    pub(crate) dirty: Dirty,
    pub(crate) lap: Lap,
}

/// Destinations to be decided again, each once, with what was chosen before the first of its changes.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    pub(crate) ids: Vec<u32>,
    /// For each destination in order, as many as its `chosen` says.
    pub(crate) before: Vec<Chosen>,
    /// How many of `before`, from the front, hold a count of their attributes.
    pub(crate) held: usize,
}

/// A chosen path as it was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) attrs: AttrId,
    pub(crate) peer: PeerId,
    pub(crate) path_id: PathId,
}

impl From<&Best> for Chosen {
    fn from(best: &Best) -> Self {
        Self { attrs: best.attrs, peer: best.peer, path_id: best.path_id }
    }
}

impl From<&Path> for Chosen {
    fn from(path: &Path) -> Self {
        Self { attrs: path.attrs, peer: path.peer, path_id: path.path_id }
    }
}

/// A walk over all destinations, in steps; a new cause has it go around once more from where it stands.
#[derive(Debug, Default)]
pub(crate) struct Lap {
    cursor: u32,
    from: u32,
    wrapped: bool,
    pub(crate) active: bool,
}

impl Lap {
    /// The next slot to visit; `None` once every slot was visited since the last start.
    ///
    /// Slots may be added and removed meanwhile: it is the position that counts, not a number of visits.
    pub(crate) fn next<K: NlriKey>(&mut self, dests: &Slab<Dest<K>>) -> Option<u32> {
        self.cursor = dests.skip_empty(self.cursor);
        if self.cursor >= dests.extent() {
            self.active &= !self.wrapped;
            self.wrapped = true;
            self.cursor = 0;
        }
        self.active &= !(self.wrapped && self.cursor >= self.from);
        if !self.active {
            return None;
        }
        self.cursor += 1;
        Some(self.cursor - 1)
    }
}

/// What became of an announced path.
#[derive(Debug)]
pub(crate) enum Stored {
    /// There was none with this peer and path id.
    New(DestId),
    /// It took the place of this one.
    Replaced(DestId, Path),
    /// The same again; this one was there, perhaps of an older epoch.
    Same(Path),
    /// No room: the peer has too many paths there, or numbers have run out.
    Refused,
}

impl<K: NlriKey> Table<K> {
    pub(crate) fn new(id: TableId, seed: u64) -> Self {
        Self {
            id,
            dests: Slab::new(1, CHUNK_DESTS),
            spans: Spans::new(),
            index: Index::new(seed),
            dirty: Dirty::default(),
            lap: Lap::default(),
        }
    }

    /// The destination of a prefix.
    pub(crate) fn find(&self, key: K) -> Option<DestId> {
        self.index.find(self.index.hash(&key), self.is_at(key)).map(DestId)
    }

    /// The destination in a slot, unless it is free.
    #[inline]
    pub(crate) fn dest(&self, id: DestId) -> Option<&Dest<K>> {
        self.dests.get(id.0).filter(|dest| !dest.is_free())
    }

    /// Whether a slot is that of `key`.
    #[inline]
    fn is_at(&self, key: K) -> impl Fn(u32) -> bool + '_ {
        let key = key.pack();
        move |slot| self.dests.get(slot).is_some_and(|dest| dest.is(key))
    }

    /// Adds a path or puts it in the place of the one with the same peer and path id.
    #[inline]
    pub(crate) fn upsert(&mut self, key: K, path: &Path, age: Age) -> Stored {
        let hash = self.index.hash(&key);
        let slot = match self.index.find(hash, self.is_at(key)) {
            Some(slot) => slot,
            None => match self.add(key, hash) {
                Some(slot) => slot,
                None => return Stored::Refused,
            },
        };
        let Some(dest) = self.dests.get_mut(slot) else { return Stored::Refused };
        match self.spans.of(dest).find(path.peer, path.path_id) {
            Ok((at, was)) => {
                // But for the epoch.
                let same =
                    was.attrs_in == path.attrs_in && was.attrs == path.attrs && was.refusal == path.refusal;
                let same = same && age.life(was.epoch) != Life::Dead;
                if !same {
                    self.dirty.mark(slot, dest, &self.spans);
                }
                return match (self.spans.set(dest, at, path), same) {
                    (false, _) => Stored::Refused,
                    (true, true) => Stored::Same(was),
                    (true, false) => Stored::Replaced(DestId(slot), was),
                };
            }
            Err(others) if others >= MAX_PATHS_OF_PEER => return Stored::Refused,
            Err(_) => {}
        }
        self.dirty.mark(slot, dest, &self.spans);
        if self.spans.push(dest, path) { Stored::New(DestId(slot)) } else { Stored::Refused }
    }

    fn add(&mut self, key: K, hash: u64) -> Option<u32> {
        let slot = self.dests.alloc(Dest::new(key))?;
        let (dests, hasher) = (&self.dests, self.index.hasher());
        if self.index.insert(hash, slot, |slot| hash_of(dests, &hasher, slot)) {
            return Some(slot);
        }
        self.dests.free(slot);
        None
    }

    /// Removes the path of `peer` with `path_id`.
    pub(crate) fn remove(&mut self, key: K, peer: PeerId, path_id: PathId) -> Option<Path> {
        let id = self.find(key)?;
        let (at, _) = self.spans.of(self.dests.get(id.0)?).find(peer, path_id).ok()?;
        self.remove_at(id, at)
    }

    /// Removes one path; the last one of the destination takes its place.
    pub(crate) fn remove_at(&mut self, id: DestId, at: usize) -> Option<Path> {
        let dest = self.dests.get_mut(id.0)?;
        self.dirty.mark(id.0, dest, &self.spans);
        self.spans.swap_remove(dest, at)
    }

    /// Puts a path in the place of one; `false` if there is none or no room for it.
    pub(crate) fn replace_at(&mut self, id: DestId, at: usize, path: &Path) -> bool {
        let Some(dest) = self.dests.get_mut(id.0) else { return false };
        self.dirty.mark(id.0, dest, &self.spans);
        self.spans.set(dest, at, path)
    }

    /// Has the destination decided again at the next flush.
    pub(crate) fn mark(&mut self, id: DestId) {
        if let Some(dest) = self.dests.get_mut(id.0)
            && !dest.is_free()
        {
            self.dirty.mark(id.0, dest, &self.spans);
        }
    }

    /// The sink no longer remembers the destination.
    pub(crate) fn release(&mut self, id: DestId) {
        let Some(dest) = self.dests.get_mut(id.0) else { return };
        if !dest.is_free() {
            dest.flags.set(DestFlags::HELD, false);
            self.free_if_unused(id);
        }
    }

    /// Frees the slot of a destination without paths that nobody remembers.
    pub(crate) fn free_if_unused(&mut self, id: DestId) {
        let Some(dest) = self.dest(id) else { return };
        if dest.paths.count() > 0 || dest.flags.has(DestFlags::DIRTY) || dest.flags.has(DestFlags::HELD) {
            return;
        }
        let hash = self.index.hash(&dest.key());
        let (dests, hasher) = (&self.dests, self.index.hasher());
        self.index.remove(hash, id.0, |slot| hash_of(dests, &hasher, slot));
        self.dests.free(id.0);
    }

    /// Has every destination visited once from where the walk stands.
    pub(crate) fn start_lap(&mut self) {
        self.lap.from = self.lap.cursor;
        self.lap.wrapped = false;
        self.lap.active = true;
    }

    /// Destinations in use.
    pub(crate) fn len(&self) -> usize {
        self.dests.live() as usize
    }

    pub(crate) fn index_bytes(&self) -> usize {
        self.index.bytes()
    }
}

impl Dirty {
    /// Puts a destination on the list, with what is chosen now; call before any change to its paths.
    #[inline]
    pub(crate) fn mark<K: NlriKey>(&mut self, slot: u32, dest: &mut Dest<K>, spans: &Spans) {
        if dest.flags.has(DestFlags::DIRTY) {
            return;
        }
        dest.flags.set(DestFlags::DIRTY, true);
        self.ids.push(slot);
        if dest.chosen > 0 {
            let chosen = spans.of(dest).front(usize::from(dest.chosen));
            chosen.append_to(&mut self.before, |path| Chosen::from(path));
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.ids.capacity() * size_of::<u32>() + self.before.capacity() * size_of::<Chosen>()
    }
}

#[inline]
fn hash_of<K: NlriKey>(dests: &Slab<Dest<K>>, hasher: &impl BuildHasher, slot: u32) -> u64 {
    dests.get(slot).map_or(0, |dest| hasher.hash_one(dest.key()))
}

/// 64 Ki destinations, one mebibyte of IPv4.
const CHUNK_DESTS: u32 = 1 << 16;

/// Paths one peer may have for one destination: finding one of them is a walk over all, so that without a
/// limit a peer could make each of its routes cost more than the one before.
const MAX_PATHS_OF_PEER: usize = 4096;
