//! Next hops of the paths and whether they can be reached.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::DestId;
use crate::types::PerFamily;

/// A next hop address of one shard.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct NextHopId(pub u32);

impl NextHopId {
    /// The set names no next hop (a route of this speaker's own).
    pub const NONE: Self = Self(u32::MAX);
    /// A link-local address, valid on the link of the session: up as long as the session is.
    pub const ON_LINK: Self = Self(u32::MAX - 1);
}

/// What is known about a next hop.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
pub enum NextHopState {
    /// Nobody said yet; its paths wait.
    #[default]
    Unknown,
    /// No route leads to it (RFC 4271 §9.1.2: the path is not eligible).
    Unreachable,
    /// It is an address of this host, hence nobody's next hop.
    Own,
    /// Packets can be sent to it.
    Reachable {
        /// Cost of the route that leads to it; lower is preferred (RFC 4271 §9.1.2.2 e).
        metric: u32,
    },
}

/// Next hops to begin and to cease asking about.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WantedNextHops {
    /// Paths rely on these now, and nobody was asked yet.
    pub add: Vec<IpAddr>,
    /// No path relies on these any more; what was said about them is forgotten.
    pub remove: Vec<IpAddr>,
}

/// Addresses that attribute sets name, with the paths that rely on them.
#[derive(Debug, Default)]
pub(crate) struct NextHopTable {
    entries: Vec<Entry>,
    index: HashMap<IpAddr, u32, foldhash::fast::FixedState>,
    free: Vec<u32>,
    /// Entries whose first path came or whose last path went since somebody asked.
    moved: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    addr: IpAddr,
    state: NextHopState,
    /// Attribute sets that name it.
    sets: u32,
    /// Paths that rely on it.
    paths: u32,
    /// In `moved`.
    moved: bool,
    /// Somebody outside was told that it is wanted.
    asked: bool,
    /// Changed since the tables were last walked.
    changed: bool,
    waiting: Waiting,
}

/// Destinations whose paths wait for the first word about a next hop.
#[derive(Debug)]
enum Waiting {
    /// All of them.
    Listed(PerFamily<Vec<DestId>>),
    /// Too many, or some word was given before: only a walk over the tables finds them.
    Unlisted,
}

impl NextHopTable {
    pub(crate) fn intern(&mut self, addr: IpAddr) -> NextHopId {
        if let Some(&id) = self.index.get(&addr) {
            if let Some(entry) = self.entries.get_mut(id as usize) {
                entry.sets += 1;
            }
            return NextHopId(id);
        }
        let entry = Entry {
            addr,
            state: NextHopState::Unknown,
            sets: 1,
            paths: 0,
            moved: false,
            asked: false,
            changed: false,
            waiting: Waiting::Listed(PerFamily::default()),
        };
        let id = match self.free.pop().and_then(|id| Some((id, self.entries.get_mut(id as usize)?))) {
            Some((id, slot)) => {
                *slot = entry;
                id
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        self.index.insert(addr, id);
        NextHopId(id)
    }

    /// One attribute set fewer names it.
    pub(crate) fn release(&mut self, id: NextHopId) {
        let Some(entry) = self.entries.get_mut(id.0 as usize) else { return };
        entry.sets = entry.sets.saturating_sub(1);
        self.forget_if_unused(id.0);
    }

    /// `n` more paths rely on it.
    pub(crate) fn add_paths(&mut self, id: NextHopId, n: u32) {
        let Some(entry) = self.entries.get_mut(id.0 as usize) else { return };
        let first = entry.paths == 0 && n > 0;
        entry.paths += n;
        if first {
            self.note_moved(id.0);
        }
    }

    /// `n` paths fewer rely on it.
    #[inline]
    pub(crate) fn remove_paths(&mut self, id: NextHopId, n: u32) {
        let Some(entry) = self.entries.get_mut(id.0 as usize) else { return };
        entry.paths = entry.paths.saturating_sub(n);
        if entry.paths == 0 {
            self.note_moved(id.0);
        }
    }

    fn note_moved(&mut self, id: u32) {
        let Some(entry) = self.entries.get_mut(id as usize) else { return };
        if !std::mem::replace(&mut entry.moved, true) {
            self.moved.push(id);
        }
    }

    fn forget_if_unused(&mut self, id: u32) {
        let Some(entry) = self.entries.get_mut(id as usize) else { return };
        if entry.sets == 0 && entry.paths == 0 && !entry.moved && !entry.asked {
            self.index.remove(&entry.addr);
            entry.waiting = Waiting::Unlisted;
            self.free.push(id);
        }
    }

    #[inline]
    pub(crate) fn state(&self, id: NextHopId) -> NextHopState {
        self.entries.get(id.0 as usize).map_or(NextHopState::Unknown, |entry| entry.state)
    }

    /// Whether the paths that rely on it must be decided again.
    #[inline]
    pub(crate) fn changed(&self, id: NextHopId) -> bool {
        self.entries.get(id.0 as usize).is_some_and(|entry| entry.changed)
    }

    pub(crate) fn clear_changed(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.changed = false);
    }

    /// Remembers that a path of `dest` waits for the first word; nothing if that was given.
    #[inline]
    pub(crate) fn wait(&mut self, id: NextHopId, family: crate::types::Family, dest: DestId) {
        let Some(entry) = self.entries.get_mut(id.0 as usize) else { return };
        let Waiting::Listed(lists) = &mut entry.waiting else { return };
        let Some(list) = lists.get_mut(family) else { return };
        if list.len() < MAX_WAITING {
            list.push(dest);
        } else {
            entry.waiting = Waiting::Unlisted;
        }
    }

    /// Takes a new state in; says which destinations must be decided again.
    pub(crate) fn set_state(&mut self, addr: IpAddr, state: NextHopState) -> Affected {
        let entry = self.index.get(&addr).and_then(|id| self.entries.get_mut(*id as usize));
        let Some(entry) = entry else { return Affected::None };
        if entry.state == state {
            return Affected::None;
        }
        entry.state = state;
        match std::mem::replace(&mut entry.waiting, Waiting::Unlisted) {
            Waiting::Listed(lists) => Affected::Listed(lists),
            Waiting::Unlisted => {
                entry.changed = true;
                Affected::Unlisted
            }
        }
    }

    pub(crate) fn take_wanted(&mut self) -> WantedNextHops {
        let mut wanted = WantedNextHops::default();
        for id in std::mem::take(&mut self.moved) {
            let Some(entry) = self.entries.get_mut(id as usize) else { continue };
            entry.moved = false;
            match (entry.paths > 0, entry.asked) {
                (true, false) => wanted.add.push(entry.addr),
                (false, true) => {
                    wanted.remove.push(entry.addr);
                    entry.state = NextHopState::Unknown;
                    entry.waiting = Waiting::Listed(PerFamily::default());
                }
                _ => {}
            }
            entry.asked = entry.paths > 0;
            self.forget_if_unused(id);
        }
        wanted
    }

    /// Every next hop that paths rely on, with its state and how many they are.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (IpAddr, NextHopState, u32)> + '_ {
        self.entries.iter().filter(|e| e.paths > 0).map(|e| (e.addr, e.state, e.paths))
    }

    /// Addresses known, wanted or not.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }
}

/// What a new state of a next hop means for destinations.
#[derive(Debug)]
pub(crate) enum Affected {
    /// Nothing.
    None,
    /// These must be decided again.
    Listed(PerFamily<Vec<DestId>>),
    /// The tables must be walked.
    Unlisted,
}

/// Past this many destinations a walk over the tables costs no more than the list would take room.
const MAX_WAITING: usize = 1 << 16;
