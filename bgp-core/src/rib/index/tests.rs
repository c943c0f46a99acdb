use std::collections::{HashMap, HashSet};

use super::*;
use crate::types::{V4Key, V6Key};

/// Prefixes by slot, as the destinations have them.
#[derive(Default)]
struct Dests(HashMap<u32, V4Key>);

fn key(n: u32) -> V4Key {
    V4Key::new(n.wrapping_mul(0x9e37_79b1), 32).unwrap()
}

#[test]
fn finds_what_was_added_and_nothing_else_through_growth_and_removal() {
    let mut index = Index::new(3);
    let mut dests = Dests::default();
    let n = 60_000;
    for round in 0..3u32 {
        for slot in 0..n {
            let hash = index.hash(&key(slot + round));
            dests.0.insert(slot, key(slot + round));
            let hasher = index.hasher();
            assert!(index.insert(hash, slot, |slot| hasher.hash_one(dests.0[&slot])));
        }
        for slot in 0..n {
            let wanted = key(slot + round);
            let same = |slot| dests.0[&slot] == wanted;
            assert_eq!(index.find(index.hash(&wanted), same), Some(slot));
            let missing = key(slot + 1_000_000);
            assert_eq!(index.find(index.hash(&missing), |slot| dests.0[&slot] == missing), None);
        }
        let per_entry = index.bytes() as f64 / f64::from(n);
        assert!((5.0..9.0).contains(&per_entry), "{per_entry} octets an entry");
        // Remove in another order than added, with lookups of what is left in between.
        for slot in (0..n).rev() {
            let hash = index.hash(&key(slot + round));
            let hasher = index.hasher();
            index.remove(hash, slot, |slot| hasher.hash_one(dests.0[&slot]));
            let gone = key(slot + round);
            assert_eq!(index.find(hash, |slot| dests.0[&slot] == gone), None);
            let left = key(slot / 2 + round);
            let found = index.find(index.hash(&left), |slot| dests.0[&slot] == left);
            assert_eq!(found, (slot > 0).then_some(slot / 2));
        }
        assert!(index.bytes() <= SEGMENTS * size_of::<Segment>());
    }
}

#[test]
fn churn_at_constant_size_does_not_grow_it() {
    let mut index = Index::new(3);
    let mut keys: Vec<V4Key> = (0..10_000).map(key).collect();
    let hasher = index.hasher();
    for (slot, key) in keys.iter().enumerate() {
        index.insert(index.hash(key), slot as u32, |slot| hasher.hash_one(keys[slot as usize]));
    }
    let before = index.bytes();
    for n in 10_000..300_000u32 {
        let slot = n % 10_000;
        let old = keys[slot as usize];
        index.remove(index.hash(&old), slot, |slot| hasher.hash_one(keys[slot as usize]));
        keys[slot as usize] = key(n);
        index.insert(index.hash(&key(n)), slot, |slot| hasher.hash_one(keys[slot as usize]));
    }
    assert!(index.bytes() <= before * 2, "{} after {before}", index.bytes());
    for (slot, key) in keys.iter().enumerate() {
        assert_eq!(index.find(index.hash(key), |s| keys[s as usize] == *key), Some(slot as u32));
    }
}

fn check_neighbours<K: NlriKey>(index: &Index, groups: u32, members: u32, key: impl Fn(u32, u32) -> K) {
    let mut segments = HashSet::new();
    for group in 0..groups {
        let hashes: HashSet<u64> = (0..members).map(|n| index.hash(&key(group, n))).collect();
        let shared: HashSet<usize> = hashes.iter().map(|hash| segment_of(*hash)).collect();
        assert_eq!(shared.len(), 1, "group {group}");
        segments.extend(shared);
        // Nor do they queue for one place there, or look alike.
        let places: HashSet<u64> = hashes.iter().map(|hash| hash >> 32).collect();
        let tags: HashSet<u32> = hashes.iter().map(|hash| tag_of(*hash)).collect();
        assert_eq!((hashes.len(), places.len()), (members as usize, members as usize));
        assert!(tags.len() > 1, "group {group}");
    }
    // 4096 groups leave none of 256 empty, one in ten million times.
    assert_eq!(segments.len(), SEGMENTS, "groups of neighbours are spread over all segments");
}

#[test]
fn neighbours_share_a_segment_and_nothing_else() {
    let index = Index::new(3);
    check_neighbours(&index, 4096, 16, |group, n| V4Key::new(group << 20 | n << 8, 24).unwrap());
    check_neighbours(&index, 4096, 16, |group, n| {
        V6Key::new(0x2001 << 112 | u128::from(group) << 84 | u128::from(n) << 80, 48).unwrap()
    });
}

#[test]
fn a_number_too_large_for_an_entry_is_refused() {
    let mut index = Index::new(3);
    assert!(index.insert(1, MAX_SLOT, |_| 1));
    assert_eq!(index.find(1, |slot| slot == MAX_SLOT), Some(MAX_SLOT));
    assert!(!index.insert(1, MAX_SLOT + 1, |_| 1));
}
