//! Small numbers for values that a million routes share.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Values by number, numbers by value. Number 0 is never given out.
#[derive(Debug)]
pub(super) struct Interner<T> {
    values: Vec<Option<Arc<T>>>,
    ids: BTreeMap<Arc<T>, u32>,
    free: Vec<u32>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: vec![None], ids: BTreeMap::new(), free: Vec::new() }
    }
}

impl<T: Ord> Interner<T> {
    /// The number of `value`, a new one if it has none yet.
    pub(super) fn intern(&mut self, value: T) -> u32 {
        if let Some(id) = self.ids.get(&value) {
            return *id;
        }
        let value = Arc::new(value);
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.values.push(None);
                // Four thousand million different next-hop sets do not fit in memory.
                u32::try_from(self.values.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(slot) = self.values.get_mut(id as usize) {
            *slot = Some(Arc::clone(&value));
        }
        self.ids.insert(value, id);
        id
    }

    pub(super) fn get(&self, id: u32) -> Option<&Arc<T>> {
        self.values.get(id as usize)?.as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Arc<T>)> {
        self.ids.iter().map(|(value, id)| (*id, value))
    }

    pub(super) fn remove(&mut self, id: u32) {
        if let Some(value) = self.values.get_mut(id as usize).and_then(Option::take) {
            self.ids.remove(&value);
            self.free.push(id);
        }
    }

    /// Gives back the numbers for which `used` is false; they will name other values later.
    pub(super) fn retain(&mut self, used: impl Fn(u32) -> bool) {
        let gone: Vec<u32> = self.ids.values().copied().filter(|id| !used(*id)).collect();
        for id in gone {
            self.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_number_and_freed_numbers_come_back() {
        let mut names = Interner::default();
        let a = names.intern("a");
        assert_eq!(names.intern("a"), a);
        let b = names.intern("b");
        assert_ne!(a, b);
        names.retain(|id| id == b);
        assert!(names.get(a).is_none());
        assert_eq!(names.intern("c"), a);
        assert_eq!(names.len(), 2);
    }
}
