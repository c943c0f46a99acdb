//! Paths of destinations, contiguous, in slabs by size class.

use super::path::{Dest, Path};
use super::slab::{NO_SLOT, Slab};

/// The paths of one table.
///
/// The class follows from the number of paths alone, so that a destination need not store it.
#[derive(Debug)]
pub(crate) struct Spans {
    classes: Vec<Slab<Path>>,
}

impl Spans {
    pub(crate) fn new() -> Self {
        Self { classes: (0..CLASSES).map(|class| Slab::new(width(class), CHUNK_ITEMS)).collect() }
    }

    /// The paths of a destination.
    #[inline]
    pub(crate) fn of<K>(&self, dest: &Dest<K>) -> &[Path] {
        let count = usize::from(dest.count);
        let slot = self.classes.get(class(count)).and_then(|slab| slab.slot(dest.span));
        slot.and_then(|slot| slot.get(..count)).unwrap_or(&[])
    }

    /// As [`Spans::of`], mutable.
    #[inline]
    pub(crate) fn of_mut<K>(&mut self, dest: &Dest<K>) -> &mut [Path] {
        let count = usize::from(dest.count);
        let slot = self.classes.get_mut(class(count)).and_then(|slab| slab.slot_mut(dest.span));
        slot.and_then(|slot| slot.get_mut(..count)).unwrap_or(&mut [])
    }

    /// Appends a path; `false` if there is no room for another.
    pub(crate) fn push<K>(&mut self, dest: &mut Dest<K>, path: &Path) -> bool {
        let count = usize::from(dest.count);
        let Some(more) = dest.count.checked_add(1) else { return false };
        if count > 0 && class(count) == class(count + 1) {
            let slot = self.classes.get_mut(class(count)).and_then(|slab| slab.slot_mut(dest.span));
            let Some(free) = slot.and_then(|slot| slot.get_mut(count)) else { return false };
            *free = *path;
        } else {
            let Some(span) = self.classes.get_mut(class(count + 1)).and_then(|slab| slab.alloc(path)) else {
                return false;
            };
            self.relocate(dest, span, class(count + 1), count);
        }
        dest.count = more;
        true
    }

    /// Removes the path at `at`; the last one takes its place.
    pub(crate) fn swap_remove<K>(&mut self, dest: &mut Dest<K>, at: usize) -> Option<Path> {
        let paths = self.of_mut(dest);
        let removed = *paths.get(at)?;
        let left = paths.len() - 1;
        paths.swap(at, left);
        if left == 0 {
            self.release(dest);
        } else if class(left) != class(left + 1) {
            // Without room for the smaller copy the path could not be removed; but the slot it leaves
            // in the larger class is about to be free, so numbers cannot have run out in practice.
            let span = self.classes.get_mut(class(left))?.alloc(&removed)?;
            self.relocate(dest, span, class(left), left);
        }
        dest.count -= 1;
        Some(removed)
    }

    /// Copies the first `keep` paths to `span` of class `to` and frees the old slot.
    fn relocate<K>(&mut self, dest: &mut Dest<K>, span: u32, to: usize, keep: usize) {
        let from = class(usize::from(dest.count));
        if dest.count > 0 {
            // Neighbouring classes are different slabs; splitting the list lends out both.
            let (low, high) = self.classes.split_at_mut(from.max(to));
            let (small, large) = (low.get_mut(from.min(to)), high.first_mut());
            if let (Some(small), Some(large)) = (small, large) {
                let (source, target) = if from < to { (small, large) } else { (large, small) };
                if let (Some(old), Some(new)) = (source.slot(dest.span), target.slot_mut(span)) {
                    new.iter_mut().zip(old.iter().take(keep)).for_each(|(to, from)| *to = *from);
                }
                source.free(dest.span);
            }
        }
        dest.span = span;
    }

    fn release<K>(&mut self, dest: &mut Dest<K>) {
        if let Some(slab) = self.classes.get_mut(class(usize::from(dest.count))) {
            slab.free(dest.span);
        }
        dest.span = NO_SLOT;
    }

    /// Slots in use, of every class.
    #[cfg(test)]
    pub(crate) fn live(&self) -> usize {
        self.classes.iter().map(|slab| slab.live() as usize).sum()
    }

    /// Heap octets.
    pub(crate) fn bytes(&self) -> usize {
        self.classes.iter().map(Slab::bytes).sum()
    }
}

/// 1, 2, 3, 4, 6, 8, 12, 16 … 65536: powers of two and the middle between them.
fn width(class: usize) -> u32 {
    match class {
        0 => 1,
        odd if odd % 2 == 1 => 2 << (odd / 2),
        even => 3 << (even / 2 - 1),
    }
}

/// The smallest class that holds `count` paths; 0 for none, too.
#[inline]
fn class(count: usize) -> usize {
    if count <= 4 {
        return count.saturating_sub(1);
    }
    let ceil = (count - 1).ilog2() as usize + 1;
    if count <= 3 << (ceil - 2) { 2 * ceil - 2 } else { 2 * ceil - 1 }
}

const CLASSES: usize = 32;

/// 64 Ki paths, one mebibyte.
const CHUNK_ITEMS: u32 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rib::AttrId;
    use crate::rib::path::Refusal;
    use crate::types::{PathId, PeerId, V4Key};

    fn path(n: u32) -> Path {
        Path {
            attrs_in: AttrId(n),
            attrs: AttrId(n),
            peer: PeerId(1),
            epoch: 0,
            refusal: Refusal::None,
            path_id: PathId(n),
        }
    }

    #[test]
    fn classes_are_the_tightest() {
        for count in 1..=65_535 {
            assert!(width(class(count)) as usize >= count, "{count}");
            assert!(class(count) == 0 || (width(class(count) - 1) as usize) < count, "{count}");
        }
    }

    #[test]
    fn paths_survive_growth_and_removal() {
        let mut spans = Spans::new();
        let mut dest = Dest::new(V4Key::new(0, 0).unwrap());
        for n in 0..1000 {
            assert!(spans.push(&mut dest, &path(n)));
            assert_eq!(spans.of(&dest).len(), n as usize + 1);
            assert!(spans.of(&dest).iter().enumerate().all(|(i, p)| p.path_id.0 == i as u32));
        }
        let mut left: Vec<u32> = (0..1000).collect();
        while !left.is_empty() {
            let at = left.len() / 3;
            assert_eq!(spans.swap_remove(&mut dest, at).unwrap().path_id.0, left.swap_remove(at));
            assert_eq!(spans.of(&dest).iter().map(|p| p.path_id.0).collect::<Vec<_>>(), left);
        }
        assert_eq!((spans.live(), spans.bytes()), (0, 0));
    }
}
