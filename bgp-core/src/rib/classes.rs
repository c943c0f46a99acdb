//! Lists of items, contiguous, in slabs by size class.

use super::path::Span;
use super::slab::{Link, Slab};

/// Lists of items, addressed by a slot and their length.
///
/// The class follows from the length alone, so that it need not be stored.
#[derive(Debug)]
pub(crate) struct Classes<T> {
    slabs: Vec<Slab<T>>,
}

impl<T: Link + Copy> Classes<T> {
    pub(crate) fn new() -> Self {
        Self { slabs: (0..CLASSES).map(|class| Slab::new(width(class), CHUNK_ITEMS)).collect() }
    }

    /// The items of a list.
    #[inline]
    pub(crate) fn of(&self, span: Span) -> &[T] {
        let count = usize::from(span.count());
        let slot = self.slabs.get(class(count)).and_then(|slab| slab.slot(span.slot()));
        slot.and_then(|slot| slot.get(..count)).unwrap_or(&[])
    }

    /// As [`Classes::of`], mutable.
    #[inline]
    pub(crate) fn of_mut(&mut self, span: Span) -> &mut [T] {
        let count = usize::from(span.count());
        let slot = self.slabs.get_mut(class(count)).and_then(|slab| slab.slot_mut(span.slot()));
        slot.and_then(|slot| slot.get_mut(..count)).unwrap_or(&mut [])
    }

    /// A new list of `count` items, as many as there must be; `None` if there is no room for it.
    pub(crate) fn store(&mut self, count: u16, items: impl Iterator<Item = T>) -> Option<Span> {
        let mut items = items.peekable();
        let slot = self.slabs.get_mut(class(usize::from(count)))?.alloc(*items.peek()?)?;
        let span = Span::new(slot, count);
        self.of_mut(span).iter_mut().zip(items).for_each(|(to, item)| *to = item);
        Some(span)
    }

    /// Appends an item; says where the list is now. `None` if there is no room for another.
    pub(crate) fn push(&mut self, span: Span, item: T) -> Option<Span> {
        let count = usize::from(span.count());
        let more = span.count().checked_add(1)?;
        if class(count) == class(count + 1) {
            let longer = Span::new(span.slot(), more);
            *self.of_mut(longer).last_mut()? = item;
            return Some(longer);
        }
        let slot = self.slabs.get_mut(class(count + 1))?.alloc(item)?;
        self.relocate(span, slot, class(count + 1), count);
        Some(Span::new(slot, more))
    }

    /// Removes the item at `at`; the last one takes its place. Says where the list is now, if anything is left.
    pub(crate) fn swap_remove(&mut self, span: Span, at: usize) -> Option<(T, Option<Span>)> {
        let items = self.of_mut(span);
        let removed = *items.get(at)?;
        let left = items.len() - 1;
        items.swap(at, left);
        let mut slot = span.slot();
        if left == 0 {
            self.free(span);
            return Some((removed, None));
        } else if class(left) != class(left + 1) {
            // Numbers cannot run out: a slab has hardly more slots than there are destinations, and the
            // index has numbers for far fewer of those.
            slot = self.slabs.get_mut(class(left))?.alloc(removed)?;
            self.relocate(span, slot, class(left), left);
        }
        Some((removed, Some(Span::new(slot, span.count() - 1))))
    }

    /// Copies the first `keep` items to `slot` of class `to` and frees the old slot.
    fn relocate(&mut self, span: Span, slot: u32, to: usize, keep: usize) {
        let from = class(usize::from(span.count()));
        // Neighbouring classes are different slabs; splitting the list lends out both.
        let (low, high) = self.slabs.split_at_mut(from.max(to));
        let (small, large) = (low.get_mut(from.min(to)), high.first_mut());
        if let (Some(small), Some(large)) = (small, large) {
            let (source, target) = if from < to { (small, large) } else { (large, small) };
            if let (Some(old), Some(new)) = (source.slot(span.slot()), target.slot_mut(slot)) {
                new.iter_mut().zip(old.iter().take(keep)).for_each(|(to, from)| *to = *from);
            }
            source.free(span.slot());
        }
    }

    pub(crate) fn free(&mut self, span: Span) {
        if let Some(slab) = self.slabs.get_mut(class(usize::from(span.count()))) {
            slab.free(span.slot());
        }
    }

    /// Lists in use.
    pub(crate) fn live(&self) -> usize {
        self.slabs.iter().map(|slab| slab.live() as usize).sum()
    }

    /// How often room was made for a chunk, of any class.
    #[cfg(test)]
    pub(crate) fn made(&self) -> usize {
        self.slabs.iter().map(Slab::made).sum()
    }

    /// Heap octets.
    pub(crate) fn bytes(&self) -> usize {
        self.slabs.iter().map(Slab::bytes).sum()
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

/// The smallest class that holds `count` items; 0 for none, too.
#[inline]
fn class(count: usize) -> usize {
    if count <= 4 {
        return count.saturating_sub(1);
    }
    let ceil = (count - 1).ilog2() as usize + 1;
    if count <= 3 << (ceil - 2) { 2 * ceil - 2 } else { 2 * ceil - 1 }
}

const CLASSES: usize = 32;

/// 64 Ki items, a mebibyte or half of one.
const CHUNK_ITEMS: u32 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_the_tightest() {
        for count in 1..=65_535 {
            assert!(width(class(count)) as usize >= count, "{count}");
            assert!(class(count) == 0 || (width(class(count) - 1) as usize) < count, "{count}");
        }
    }
}
