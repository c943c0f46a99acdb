//! The paths of destinations: one alone in its destination, if it has the short form, and others in lists.

use super::classes::Classes;
use super::path::{Dest, Held, Path, Plain};
use super::paths::Paths;
use crate::types::NlriKey;

/// The paths of one table that do not fit in their destinations.
///
/// Either all paths of a destination are in the short form or none is, and they are whenever they can be:
/// who has no use for path identifiers and for policies that edit does not pay for them.
#[derive(Debug)]
pub(crate) struct Spans {
    plain: Classes<Plain>,
    full: Classes<Path>,
}

impl Spans {
    pub(crate) fn new() -> Self {
        Self { plain: Classes::new(), full: Classes::new() }
    }

    /// The paths of a destination.
    // Left to itself the compiler calls it, for the most common case of one path at thrice the instructions.
    #[inline(always)]
    pub(crate) fn of<'a, K: NlriKey>(&'a self, dest: &'a Dest<K>) -> Paths<'a> {
        match &dest.paths {
            Held::None | Held::Free(_) => Paths::Plain(&[]),
            Held::One(path) => Paths::Plain(std::slice::from_ref(path)),
            Held::Plain(span) => Paths::Plain(self.plain.of(*span)),
            Held::Full(span) => Paths::Full(self.full.of(*span)),
        }
    }

    /// Appends a path; `false` if there is no room for another.
    #[inline]
    pub(crate) fn push<K: NlriKey>(&mut self, dest: &mut Dest<K>, path: &Path) -> bool {
        let longer = match (dest.paths, path.plain()) {
            (Held::None, Some(plain)) => Some(Held::One(plain)),
            (Held::One(first), Some(plain)) => {
                self.plain.store(2, [first, plain].into_iter()).map(Held::Plain)
            }
            (Held::Plain(span), Some(plain)) => self.plain.push(span, plain).map(Held::Plain),
            (Held::One(first), None) => self.full.store(2, [first.into(), *path].into_iter()).map(Held::Full),
            (Held::None, None) => self.full.store(1, [*path].into_iter()).map(Held::Full),
            (Held::Full(span), _) => self.full.push(span, *path).map(Held::Full),
            (Held::Plain(_), None) => {
                if dest.paths.count() < usize::from(u16::MAX) && self.widen(dest) {
                    return self.push(dest, path);
                }
                None
            }
            (Held::Free(_), _) => None,
        };
        dest.paths = longer.unwrap_or(dest.paths);
        longer.is_some()
    }

    /// Puts a path in the place of the one at `at`; `false`, and nothing happened, if there is none or no
    /// room for the longer form.
    #[inline]
    pub(crate) fn set<K: NlriKey>(&mut self, dest: &mut Dest<K>, at: usize, path: &Path) -> bool {
        match (dest.paths, path.plain()) {
            (Held::One(_), Some(plain)) if at == 0 => {
                dest.paths = Held::One(plain);
                true
            }
            (Held::Plain(span), Some(plain)) => put(self.plain.of_mut(span), at, plain),
            (Held::Full(span), plain) => {
                let done = put(self.full.of_mut(span), at, *path);
                if plain.is_some() {
                    self.narrow(dest);
                }
                done
            }
            (_, None) if at < dest.paths.count() => self.widen(dest) && self.set(dest, at, path),
            _ => false,
        }
    }

    /// Removes the path at `at`; the last one takes its place.
    #[inline]
    pub(crate) fn swap_remove<K: NlriKey>(&mut self, dest: &mut Dest<K>, at: usize) -> Option<Path> {
        match dest.paths {
            Held::One(path) if at == 0 => {
                dest.paths = Held::None;
                Some(path.into())
            }
            // Not by way of a list of one: there may be no other, and a chunk would come and go for each.
            Held::Plain(span) if span.count() == 2 => {
                let (removed, only) = of_two(self.plain.of(span), at)?;
                self.plain.free(span);
                dest.paths = Held::One(only);
                Some(removed.into())
            }
            Held::Plain(span) => {
                let (removed, left) = self.plain.swap_remove(span, at)?;
                dest.paths = left.map_or(Held::None, Held::Plain);
                Some(removed.into())
            }
            Held::Full(span) => {
                if let Some((removed, only)) = of_two(self.full.of(span), at)
                    && let Some(only) = only.plain()
                {
                    self.full.free(span);
                    dest.paths = Held::One(only);
                    return Some(removed);
                }
                let (removed, left) = self.full.swap_remove(span, at)?;
                dest.paths = left.map_or(Held::None, Held::Full);
                self.narrow(dest);
                Some(removed)
            }
            _ => None,
        }
    }

    /// Moves the paths at these positions to the front, in this order.
    pub(crate) fn bring_to_front<K: NlriKey>(&mut self, dest: &Dest<K>, chosen: &mut [u32]) {
        match dest.paths {
            Held::Plain(span) => bring_to_front(self.plain.of_mut(span), chosen),
            Held::Full(span) => bring_to_front(self.full.of_mut(span), chosen),
            Held::None | Held::One(_) | Held::Free(_) => {}
        }
    }

    /// Puts all paths into the long form; `false`, and nothing happened, if there is no room for it.
    #[cold]
    fn widen<K: NlriKey>(&mut self, dest: &mut Dest<K>) -> bool {
        let wide = match dest.paths {
            Held::One(path) => self.full.store(1, [path.into()].into_iter()),
            Held::Plain(span) => {
                let wide = self.full.store(span.count(), self.plain.of(span).iter().copied().map(Path::from));
                if wide.is_some() {
                    self.plain.free(span);
                }
                wide
            }
            _ => None,
        };
        dest.paths = wide.map_or(dest.paths, Held::Full);
        wide.is_some()
    }

    /// Puts the paths into the short form if all of them have one, and there is room.
    fn narrow<K: NlriKey>(&mut self, dest: &mut Dest<K>) {
        let Held::Full(span) = dest.paths else { return };
        let paths = self.full.of(span);
        if !paths.iter().all(|path| path.plain().is_some()) {
            return;
        }
        let narrow = match paths {
            [only] => only.plain().map(Held::One),
            _ => self.plain.store(span.count(), paths.iter().filter_map(Path::plain)).map(Held::Plain),
        };
        if let Some(narrow) = narrow {
            self.full.free(span);
            dest.paths = narrow;
        }
    }

    /// Lists in use.
    pub(crate) fn live(&self) -> usize {
        self.plain.live() + self.full.live()
    }

    /// How often room was made for a chunk.
    #[cfg(test)]
    pub(crate) fn made(&self) -> usize {
        self.plain.made() + self.full.made()
    }

    /// Heap octets.
    pub(crate) fn bytes(&self) -> usize {
        self.plain.bytes() + self.full.bytes()
    }
}

/// The one at `at` and the other, if they are two.
fn of_two<T: Copy>(items: &[T], at: usize) -> Option<(T, T)> {
    match (items, at) {
        ([first, second], 0) => Some((*first, *second)),
        ([first, second], 1) => Some((*second, *first)),
        _ => None,
    }
}

fn put<T>(items: &mut [T], at: usize, item: T) -> bool {
    let Some(place) = items.get_mut(at) else { return false };
    *place = item;
    true
}

fn bring_to_front<T>(paths: &mut [T], chosen: &mut [u32]) {
    for to in 0..chosen.len() {
        let Some((from, later)) = chosen.get_mut(to..).and_then(<[u32]>::split_first_mut) else { return };
        let from = *from as usize;
        if from != to {
            paths.swap(to, from);
            // Whoever was in front is now where the chosen one came from.
            later.iter_mut().filter(|at| **at as usize == to).for_each(|at| *at = from as u32);
        }
    }
}

#[cfg(test)]
mod tests;
