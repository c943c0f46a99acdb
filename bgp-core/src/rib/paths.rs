//! Reading the paths of a destination, whichever form they are in.

use super::path::{Path, Plain};
use super::table::Chosen;
use crate::types::{PathId, PeerId};

/// The paths of one destination, to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Paths<'a> {
    Plain(&'a [Plain]),
    Full(&'a [Path]),
}

impl<'a> Paths<'a> {
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Plain(paths) => paths.len(),
            Self::Full(paths) => paths.len(),
        }
    }

    #[inline]
    pub(crate) fn get(self, at: usize) -> Option<Path> {
        match self {
            Self::Plain(paths) => paths.get(at).copied().map(Path::from),
            Self::Full(paths) => paths.get(at).copied(),
        }
    }

    #[inline]
    pub(crate) fn first(self) -> Option<Path> {
        self.get(0)
    }

    /// The first `count` of them; none if there are fewer.
    #[inline]
    pub(crate) fn front(self, count: usize) -> Self {
        match self {
            Self::Plain(paths) => Self::Plain(paths.get(..count).unwrap_or(&[])),
            Self::Full(paths) => Self::Full(paths.get(..count).unwrap_or(&[])),
        }
    }

    /// All of them, as something to go through at leisure: the other ways are faster.
    pub(crate) fn iter(self) -> impl Iterator<Item = Path> + use<'a> {
        (0..self.len()).filter_map(move |at| self.get(at))
    }

    /// Appends what `made` makes of each.
    #[inline]
    pub(crate) fn append_to<T>(self, out: &mut Vec<T>, made: impl Fn(&Path) -> T) {
        match self {
            Self::Plain(paths) => out.extend(paths.iter().map(|path| made(&Path::from(*path)))),
            Self::Full(paths) => out.extend(paths.iter().map(made)),
        }
    }

    /// Whether these are what was chosen before.
    #[inline]
    pub(crate) fn are(self, chosen: &[Chosen]) -> bool {
        fn are<T: Copy + Into<Path>>(paths: &[T], chosen: &[Chosen]) -> bool {
            paths.len() == chosen.len()
                && paths.iter().zip(chosen).all(|(path, chosen)| Chosen::from(&(*path).into()) == *chosen)
        }
        match self {
            Self::Plain(paths) => are(paths, chosen),
            Self::Full(paths) => are(paths, chosen),
        }
    }

    /// The path of a peer with an identifier and where it is, or how many others of that peer there are.
    #[inline]
    pub(crate) fn find(self, peer: PeerId, path_id: PathId) -> Result<(usize, Path), usize> {
        fn find<T: Copy + Into<Path>>(
            paths: &[T],
            peer: PeerId,
            path_id: PathId,
        ) -> Result<(usize, Path), usize> {
            let mut others = 0;
            for (at, path) in paths.iter().enumerate() {
                let path: Path = (*path).into();
                if path.peer == peer {
                    if path.path_id == path_id {
                        return Ok((at, path));
                    }
                    others += 1;
                }
            }
            Err(others)
        }
        match self {
            Self::Plain(paths) => find(paths, peer, path_id),
            Self::Full(paths) => find(paths, peer, path_id),
        }
    }
}
