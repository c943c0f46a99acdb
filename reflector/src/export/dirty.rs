//! Destinations a group has yet to look at: a bit each.

use bgp_core::rib::DestId;

/// A set of slots, walked in ascending order from where the last walk ended.
#[derive(Debug, Default)]
pub(super) struct DirtySet {
    words: Vec<u64>,
    count: usize,
    hand: usize,
}

impl DirtySet {
    pub(super) fn insert(&mut self, dest: DestId) {
        let (word, bit) = split(dest);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            self.count += usize::from(*word & bit == 0);
            *word |= bit;
        }
    }

    pub(super) fn remove(&mut self, dest: DestId) {
        let (word, bit) = split(dest);
        if let Some(word) = self.words.get_mut(word) {
            self.count -= usize::from(*word & bit != 0);
            *word &= !bit;
        }
    }

    pub(super) fn contains(&self, dest: DestId) -> bool {
        let (word, bit) = split(dest);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Takes one out; the memory goes with the last one.
    pub(super) fn pop(&mut self) -> Option<DestId> {
        if self.count == 0 {
            return None;
        }
        let rotation = (self.hand..self.words.len()).chain(0..self.hand);
        for at in rotation {
            let Some(word) = self.words.get_mut(at) else { continue };
            if *word == 0 {
                continue;
            }
            let bit = word.trailing_zeros();
            *word &= *word - 1;
            self.count -= 1;
            self.hand = at;
            if self.count == 0 {
                *self = Self::default();
            }
            return Some(DestId((at as u32) * 64 + bit));
        }
        None
    }

    pub(super) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

fn split(dest: DestId) -> (usize, u64) {
    ((dest.0 / 64) as usize, 1 << (dest.0 % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_destination_comes_out_once() {
        let mut set = DirtySet::default();
        for dest in [5, 700, 64, 5, 63] {
            set.insert(DestId(dest));
        }
        assert_eq!(set.len(), 4);
        set.remove(DestId(64));
        assert!(set.contains(DestId(700)) && !set.contains(DestId(64)));
        let mut out = Vec::new();
        while let Some(dest) = set.pop() {
            out.push(dest.0);
        }
        out.sort_unstable();
        assert_eq!(out, [5, 63, 700]);
        assert_eq!((set.len(), set.bytes()), (0, 0));
    }
}
