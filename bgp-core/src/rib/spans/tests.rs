use proptest::prelude::*;

use super::*;
use crate::rib::AttrId;
use crate::rib::path::Refusal;
use crate::types::{PathId, PeerId, V4Key};

/// With an identifier, or with other attributes than received, it has no short form.
fn path(n: u32, id: u32, edited: bool) -> Path {
    let attrs = AttrId(if edited { n + 1 } else { n });
    let (peer, path_id) = (PeerId(n as u16), PathId(id));
    Path { attrs_in: AttrId(n), attrs, peer, epoch: 0, refusal: Refusal::None, path_id }
}

fn dest() -> Dest<V4Key> {
    Dest::new(V4Key::new(0, 0).unwrap())
}

/// That the destination holds these, in the shortest form.
fn check(spans: &Spans, dest: &Dest<V4Key>, wanted: &[Path]) {
    assert_eq!(spans.of(dest).iter().collect::<Vec<_>>(), wanted);
    assert_eq!((spans.of(dest).len(), dest.paths.count()), (wanted.len(), wanted.len()));
    let plain = wanted.iter().all(|path| path.plain().is_some());
    let shortest = match dest.paths {
        Held::None => wanted.is_empty(),
        Held::One(_) => plain && wanted.len() == 1,
        Held::Plain(_) => plain && wanted.len() > 1,
        Held::Full(_) => !plain,
        Held::Free(_) => false,
    };
    assert!(shortest, "{:?} for {wanted:?}", dest.paths);
    assert_eq!(spans.live(), usize::from(matches!(dest.paths, Held::Plain(_) | Held::Full(_))));
}

#[test]
fn paths_survive_growth_and_removal() {
    for id in [0, 9] {
        let (mut spans, mut dest) = (Spans::new(), dest());
        let mut left: Vec<Path> = Vec::new();
        for n in 0..1000 {
            left.push(path(n, id, false));
            assert!(spans.push(&mut dest, left.last().unwrap()));
            check(&spans, &dest, &left);
        }
        while !left.is_empty() {
            let at = left.len() / 3;
            assert_eq!(spans.swap_remove(&mut dest, at), Some(left.swap_remove(at)));
            check(&spans, &dest, &left);
        }
        assert_eq!((spans.live(), spans.bytes()), (0, 0));
    }
}

#[test]
fn there_is_room_for_as_many_paths_as_can_be_counted() {
    for last in [path(1, 0, false), path(1, 9, false)] {
        let (mut spans, mut dest) = (Spans::new(), dest());
        let filled = (0..u32::from(u16::MAX)).all(|n| spans.push(&mut dest, &path(n, 0, false)));
        assert!(filled && !spans.push(&mut dest, &last));
        assert!(spans.set(&mut dest, 65_534, &last) && !spans.set(&mut dest, 65_535, &last));
        assert_eq!(spans.of(&dest).get(65_534), Some(last));
        assert_eq!(spans.of(&dest).first(), Some(path(0, 0, false)));
    }
}

/// A second path that comes and goes is what a table sees most. Nearly all of the lists of a table are of
/// two, so that there is a chunk of those, and often none of lists of one.
#[test]
fn a_second_path_comes_and_goes_without_a_list_of_one() {
    let (short, long) = (path(1, 0, false), path(2, 9, false));
    for (second, leaves) in [(short, 1), (short, 0), (long, 1)] {
        let mut spans = Spans::new();
        let mut others = [path(3, 0, false), path(4, 9, false)].map(|kind| {
            let mut other = dest();
            assert!(spans.push(&mut other, &kind) && spans.push(&mut other, &kind));
            other
        });
        let mut dest = dest();
        assert!(spans.push(&mut dest, &short));
        let made = spans.made();
        let mut cycle = || {
            assert!(spans.push(&mut dest, &second));
            spans.swap_remove(&mut dest, leaves).unwrap();
            assert_eq!((dest.paths.count(), spans.of(&dest).first()), (1, Some(short)));
            assert!(matches!(dest.paths, Held::One(_)), "{:?}", dest.paths);
            (spans.made(), spans.bytes(), spans.live())
        };
        let first = cycle();
        assert_eq!((first.0, first.2), (made, 2), "no chunk, and no list but the others'");
        assert_eq!([(); 100].map(|()| cycle()), [first; 100]);
        for other in &mut others {
            while spans.swap_remove(other, 0).is_some() {}
        }
        assert_eq!((spans.live(), spans.bytes()), (0, 0));
    }
}

#[derive(Clone, Debug)]
enum Op {
    Push(Path),
    Set(usize, Path),
    Remove(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let numbers = (0..50u32, 0..8u32, 0..5u8);
    let path = numbers.prop_map(|(n, id, edited)| path(n, id.saturating_sub(6), edited == 0));
    let at = 0..10usize;
    prop_oneof![
        path.clone().prop_map(Op::Push),
        (at.clone(), path).prop_map(|(at, path)| Op::Set(at, path)),
        at.prop_map(Op::Remove),
    ]
}

proptest! {
    #[test]
    fn short_and_long_forms_are_a_list_of_paths(ops in prop::collection::vec(op(), 1..60)) {
        let (mut spans, mut dest) = (Spans::new(), dest());
        let mut model: Vec<Path> = Vec::new();
        for op in ops {
            match op {
                Op::Push(path) => {
                    prop_assert!(spans.push(&mut dest, &path));
                    model.push(path);
                }
                Op::Set(at, path) => {
                    prop_assert_eq!(spans.set(&mut dest, at, &path), at < model.len());
                    model.get_mut(at).into_iter().for_each(|old| *old = path);
                }
                Op::Remove(at) => {
                    let removed = (at < model.len()).then(|| model.swap_remove(at));
                    prop_assert_eq!(spans.swap_remove(&mut dest, at), removed);
                }
            }
            check(&spans, &dest, &model);
        }
    }
}
