//! A growable array in fixed chunks: growth never copies what is there.

/// Slots addressed by `u32`, in chunks of `CHUNK` (a power of two).
///
/// A vector that doubles holds three times its content for a moment, which is what the peak of a full
/// table load would then be; here the peak is the content and one chunk.
#[derive(Debug)]
pub(crate) struct Chunked<T, const CHUNK: usize> {
    chunks: Vec<Vec<T>>,
    len: u32,
}

impl<T, const CHUNK: usize> Default for Chunked<T, CHUNK> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T, const CHUNK: usize> Chunked<T, CHUNK> {
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.chunks.get(at as usize / CHUNK)?.get(at as usize % CHUNK)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.chunks.get_mut(at as usize / CHUNK)?.get_mut(at as usize % CHUNK)
    }

    /// Appends and says where; `None` once `u32` cannot address another slot.
    pub(crate) fn push(&mut self, value: T) -> Option<u32> {
        let at = self.len;
        self.len = at.checked_add(1)?;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(value),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(value);
                self.chunks.push(chunk);
            }
        }
        Some(at)
    }

    /// Heap octets held.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<T>() + self.chunks.capacity() * size_of::<Vec<T>>()
    }
}
