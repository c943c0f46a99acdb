//! Slots of a fixed number of items, in chunks: growth copies nothing, and empty chunks are given back.
//!
//! A vector that doubles holds three times its content for a moment, which is what the peak of loading a
//! full table would then be; here the peak is the content and one chunk.

/// An item that can hold the number of the next free slot while its own slot is free.
pub(crate) trait Link: Clone {
    /// The number stored by [`Link::set_free`].
    fn next(&self) -> u32;
    /// Drops the content and stores a number instead.
    fn set_free(&mut self, next: u32);
}

/// Slots of `width` items each, numbered by `u32`.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    width: u32,
    /// Slots in a chunk, as a power of two.
    shift: u32,
    chunks: Vec<Chunk<T>>,
    /// Chunks with room; the last one is used first.
    open: Vec<u32>,
    live: u32,
    /// How often room was made for a chunk.
    #[cfg(test)]
    made: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    items: Vec<T>,
    free: u32,
    live: u32,
    open: bool,
}

/// No slot.
pub(crate) const NO_SLOT: u32 = u32::MAX;

impl<T: Link> Slab<T> {
    /// Slots of `width` items (at least 1), about `chunk_items` of them in a chunk.
    pub(crate) fn new(width: u32, chunk_items: u32) -> Self {
        let shift = (chunk_items / width.max(1)).max(1).ilog2();
        Self {
            width: width.max(1),
            shift,
            chunks: Vec::new(),
            open: Vec::new(),
            live: 0,
            #[cfg(test)]
            made: 0,
        }
    }

    /// The chunk of a slot and where in it the slot begins.
    #[inline]
    fn place(&self, slot: u32) -> (usize, usize) {
        let within = slot & ((1 << self.shift) - 1);
        ((slot >> self.shift) as usize, (within * self.width) as usize)
    }

    /// The items of a slot, as many as its width.
    #[inline]
    pub(crate) fn slot(&self, slot: u32) -> Option<&[T]> {
        let (chunk, at) = self.place(slot);
        self.chunks.get(chunk)?.items.get(at..at + self.width as usize)
    }

    /// As [`Slab::slot`], mutable.
    #[inline]
    pub(crate) fn slot_mut(&mut self, slot: u32) -> Option<&mut [T]> {
        let (chunk, at) = self.place(slot);
        let width = self.width as usize;
        self.chunks.get_mut(chunk)?.items.get_mut(at..at + width)
    }

    /// The first item of a slot.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        let (chunk, at) = self.place(slot);
        self.chunks.get(chunk)?.items.get(at)
    }

    /// As [`Slab::get`], mutable.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        let (chunk, at) = self.place(slot);
        self.chunks.get_mut(chunk)?.items.get_mut(at)
    }

    /// Takes a slot, every item of it `value`; `None` once numbers run out.
    pub(crate) fn alloc(&mut self, value: T) -> Option<u32> {
        let index = match self.open.last() {
            Some(index) => *index,
            None => self.new_chunk()?,
        };
        let per_chunk = 1usize << self.shift;
        let width = self.width as usize;
        let chunk = self.chunks.get_mut(index as usize)?;
        let within = if chunk.free != NO_SLOT {
            let within = chunk.free;
            let at = within as usize * width;
            let items = chunk.items.get_mut(at..at + width)?;
            chunk.free = items.first()?.next();
            items.fill(value);
            within
        } else {
            if chunk.items.capacity() == 0 {
                chunk.items.reserve_exact(per_chunk * width);
                #[cfg(test)]
                {
                    self.made += 1;
                }
            }
            let within = chunk.items.len() / width;
            if width == 1 {
                chunk.items.push(value);
            } else {
                chunk.items.extend(std::iter::repeat_n(value, width));
            }
            within as u32
        };
        chunk.live += 1;
        if chunk.free == NO_SLOT && chunk.items.len() == per_chunk * width {
            chunk.open = false;
            self.open.pop();
        }
        self.live += 1;
        Some(index << self.shift | within)
    }

    fn new_chunk(&mut self) -> Option<u32> {
        let index = u32::try_from(self.chunks.len()).ok()?;
        // The last slot of the new chunk must have a number, and NO_SLOT must not be one.
        index.checked_add(1)?.checked_mul(1 << self.shift)?;
        self.chunks.push(Chunk { items: Vec::new(), free: NO_SLOT, live: 0, open: true });
        self.open.push(index);
        Some(index)
    }

    /// Gives a slot back; whoever calls must own it.
    pub(crate) fn free(&mut self, slot: u32) {
        let (index, at) = self.place(slot);
        let Some(chunk) = self.chunks.get_mut(index) else { return };
        let within = slot & ((1 << self.shift) - 1);
        let Some(first) = chunk.items.get_mut(at) else { return };
        first.set_free(chunk.free);
        chunk.free = within;
        chunk.live -= 1;
        self.live -= 1;
        if chunk.live == 0 && self.live != 0 {
            chunk.items = Vec::new();
            chunk.free = NO_SLOT;
        }
        if !chunk.open {
            chunk.open = true;
            self.open.push(index as u32);
        }
        if self.live == 0 {
            self.chunks = Vec::new();
            self.open = Vec::new();
        }
    }

    /// One more than the highest slot number that may be in use.
    pub(crate) fn extent(&self) -> u32 {
        match self.chunks.len() as u32 {
            0 => 0,
            n => {
                let last = self.chunks.last().map_or(0, |chunk| chunk.items.len() as u32 / self.width);
                ((n - 1) << self.shift) + last
            }
        }
    }

    /// The first slot number at or after `slot` whose chunk holds anything.
    pub(crate) fn skip_empty(&self, slot: u32) -> u32 {
        let (mut index, _) = self.place(slot);
        if self.chunks.get(index).is_some_and(|chunk| !chunk.items.is_empty()) {
            return slot;
        }
        while self.chunks.get(index).is_some_and(|chunk| chunk.items.is_empty()) {
            index += 1;
        }
        (index as u32) << self.shift
    }

    /// Slots in use.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// How often room was made for a chunk.
    #[cfg(test)]
    pub(crate) fn made(&self) -> usize {
        self.made
    }

    /// Heap octets that hold or held content since their chunk was last empty.
    pub(crate) fn bytes(&self) -> usize {
        let items: usize = self.chunks.iter().map(|chunk| chunk.items.len()).sum();
        items * size_of::<T>()
            + self.chunks.capacity() * size_of::<Chunk<T>>()
            + self.open.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Item(u32);

    impl Link for Item {
        fn next(&self) -> u32 {
            self.0
        }
        fn set_free(&mut self, next: u32) {
            self.0 = next;
        }
    }

    #[test]
    fn slots_are_reused_and_never_shared() {
        let mut slab = Slab::new(3, 16);
        let slots: Vec<u32> = (0..20).map(|n| slab.alloc(Item(n)).unwrap()).collect();
        for (n, slot) in slots.iter().enumerate() {
            assert_eq!(slab.slot(*slot).unwrap(), vec![Item(n as u32); 3]);
        }
        let extent = slab.extent();
        for slot in slots.iter().step_by(2) {
            slab.free(*slot);
        }
        let again: Vec<u32> = (100..110).map(|n| slab.alloc(Item(n)).unwrap()).collect();
        assert_eq!(slab.extent(), extent);
        for (n, slot) in slots.iter().enumerate().skip(1).step_by(2) {
            assert_eq!(slab.slot(*slot).unwrap(), vec![Item(n as u32); 3]);
        }
        for (n, slot) in again.iter().enumerate() {
            assert_eq!(slab.slot(*slot).unwrap(), vec![Item(100 + n as u32); 3]);
        }
    }

    #[test]
    fn memory_is_given_back() {
        let mut slab = Slab::new(1, 16);
        let slots: Vec<u32> = (0..160).map(|n| slab.alloc(Item(n)).unwrap()).collect();
        slots.iter().skip(16).for_each(|slot| slab.free(*slot));
        assert_eq!(slab.chunks.iter().filter(|chunk| chunk.items.capacity() > 0).count(), 1);
        assert_eq!(slab.skip_empty(16), 160);
        slots.iter().take(16).for_each(|slot| slab.free(*slot));
        assert_eq!((slab.live(), slab.bytes(), slab.extent()), (0, 0, 0));
    }
}
