//! Every prefix a scenario speaks of, by number.
//!
//! Receivers keep one number per prefix in a flat array; this table finds the place. It is read for every
//! prefix of every receiver, so it is an open-addressing table of its own rather than a general map.

use super::wire::Prefix;

/// Prefixes and their numbers, fixed once built.
#[derive(Debug, Default)]
pub struct Universe {
    prefixes: Vec<Prefix>,
    slots: Vec<(u64, u32)>,
    mask: usize,
}

/// No prefix has this key: lengths end at 32.
const EMPTY: u64 = u64::MAX;

impl Universe {
    /// Numbers the prefixes in the order given; one met before keeps its first number.
    pub fn new(prefixes: impl IntoIterator<Item = Prefix>) -> Self {
        let given: Vec<Prefix> = prefixes.into_iter().collect();
        let size = (given.len() * 2).next_power_of_two().max(16);
        let mut universe = Self { prefixes: Vec::new(), slots: vec![(EMPTY, 0); size], mask: size - 1 };
        for prefix in given {
            universe.add(prefix);
        }
        universe
    }

    /// How many prefixes there are.
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// The prefix of a number.
    pub fn prefix(&self, index: usize) -> Option<Prefix> {
        self.prefixes.get(index).copied()
    }

    /// The number of the prefix with that [`Prefix::key`].
    #[inline]
    pub fn index(&self, key: u64) -> Option<usize> {
        let mut at = self.start(key);
        loop {
            match self.slots.get(at) {
                Some(&(found, index)) if found == key => return Some(index as usize),
                Some(&(EMPTY, _)) | None => return None,
                Some(_) => at = (at + 1) & self.mask,
            }
        }
    }

    #[inline]
    fn start(&self, key: u64) -> usize {
        // Fibonacci hashing: neighbouring prefixes land apart.
        ((key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24) as usize) & self.mask
    }

    fn add(&mut self, prefix: Prefix) {
        let number = u32::try_from(self.prefixes.len()).unwrap_or(u32::MAX);
        let mut at = self.start(prefix.key());
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.0 == prefix.key() {
                return;
            }
            if slot.0 == EMPTY {
                *slot = (prefix.key(), number);
                self.prefixes.push(prefix);
                return;
            }
            at = (at + 1) & self.mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_found_by_its_number_and_no_other_is() {
        let all: Vec<Prefix> = (0..4000_u32).map(|i| Prefix::new(i << 9, 23 + (i % 2) as u8)).collect();
        let universe = Universe::new(all.iter().chain(&all).copied());
        assert_eq!(universe.len(), 4000);
        for (number, prefix) in all.iter().enumerate() {
            assert_eq!(universe.index(prefix.key()), Some(number));
            assert_eq!(universe.prefix(number), Some(*prefix));
        }
        assert_eq!(universe.index(Prefix::new(1 << 9, 25).key()), None);
    }
}
