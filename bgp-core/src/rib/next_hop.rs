//! Next hops of the paths and whether they can be reached.

use std::net::IpAddr;

use hashbrown::HashMap;

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

/// The next hops that attribute sets name, with the paths that rely on them.
#[derive(Debug, Default)]
pub(crate) struct NextHopTable {
    entries: Vec<Entry>,
    index: HashMap<IpAddr, u32, foldhash::fast::FixedState>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    addr: IpAddr,
    /// Attribute sets that name it.
    sets: u32,
    state: NextHopState,
}

impl NextHopTable {
    pub(crate) fn intern(&mut self, addr: IpAddr) -> NextHopId {
        if let Some(&id) = self.index.get(&addr) {
            if let Some(entry) = self.entries.get_mut(id as usize) {
                entry.sets += 1;
            }
            return NextHopId(id);
        }
        let entry = Entry { addr, sets: 1, state: NextHopState::Unknown };
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

    pub(crate) fn release(&mut self, id: NextHopId) {
        let Some(entry) = self.entries.get_mut(id.0 as usize) else { return };
        entry.sets = entry.sets.saturating_sub(1);
        if entry.sets == 0 {
            self.index.remove(&entry.addr);
            self.free.push(id.0);
        }
    }

    #[inline]
    pub(crate) fn state(&self, id: NextHopId) -> NextHopState {
        self.entries.get(id.0 as usize).map_or(NextHopState::Unknown, |entry| entry.state)
    }
}
