//! A routing table of one path a prefix, nasty about slots: the one freed last is reused first.

use std::collections::HashMap;

use bgp_core::rib::{
    AttrTable, Best, Change, ChangeContext, ChangeSink, DestId, Hold, PeerInfo, PeerTable, TableId,
};
use bgp_core::types::{AttrSet, Family, NlriKey, PathId, PeerId, V4Key};

use super::rib::Rib;
use crate::export::{Export, Routes};

#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) attrs: AttrTable,
    pub(crate) peers: PeerTable,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    by_key: HashMap<V4Key, u32>,
    dirty: Vec<u32>,
    /// Sets put in since the last flush, and those they replaced, which are held until it is over.
    replaced: Vec<Best>,
}

#[derive(Clone, Debug)]
struct Slot {
    key: V4Key,
    best: Option<Best>,
    told: Option<Best>,
    dirty: bool,
    held: bool,
}

impl Table {
    /// The chosen route of a prefix.
    fn set(&mut self, key: V4Key, route: Option<(&AttrSet, PeerId)>) {
        let at = match (self.by_key.get(&key), route) {
            (Some(at), _) => *at,
            (None, None) => return,
            (None, Some(_)) => {
                let at = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(None);
                    self.slots.len() as u32 - 1
                });
                self.slots[at as usize] =
                    Some(Slot { key, best: None, told: None, dirty: false, held: false });
                self.by_key.insert(key, at);
                at
            }
        };
        let best = route.map(|(attrs, peer)| {
            let attrs = self.attrs.intern(attrs);
            Best { attrs, peer, path_id: PathId(0), stale: false }
        });
        let slot = self.slots[at as usize].as_mut().unwrap();
        self.replaced.extend(std::mem::replace(&mut slot.best, best));
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(at);
        }
    }

    fn free_if_unused(&mut self, at: u32) {
        let slot = &self.slots[at as usize];
        if slot.as_ref().is_some_and(|slot| slot.best.is_none() && !slot.held && !slot.dirty) {
            self.by_key.remove(&slot.as_ref().unwrap().key);
            self.slots[at as usize] = None;
            self.free.push(at);
        }
    }
}

impl Rib for Table {
    fn new(peers: &[(PeerId, PeerInfo)]) -> Self {
        let mut table = Self::default();
        for (id, info) in peers {
            table.peers.set(*id, info.clone());
        }
        table
    }

    fn announce(&mut self, key: V4Key, attrs: &AttrSet, peer: PeerId) {
        self.set(key, Some((attrs, peer)));
    }

    fn withdraw(&mut self, key: V4Key, _: PeerId) {
        self.set(key, None);
    }

    fn lose(&mut self, peer: PeerId) {
        let of_peer = |slot: &&Slot| slot.best.is_some_and(|best| best.peer == peer);
        let keys: Vec<V4Key> = self.slots.iter().flatten().filter(of_peer).map(|slot| slot.key).collect();
        keys.into_iter().for_each(|key| self.set(key, None));
    }

    fn flush(&mut self, export: &mut Export) {
        for at in std::mem::take(&mut self.dirty) {
            let slot = self.slots[at as usize].as_mut().unwrap();
            slot.dirty = false;
            let (best, told) = (slot.best, slot.told);
            slot.told = best;
            let multipath: Vec<Best> = best.into_iter().collect();
            let change = Change {
                table: TableId::MAIN,
                dest: DestId(at),
                key: slot.key,
                best,
                multipath: &multipath,
                best_changed: best != told,
            };
            let mut ctx = ChangeContext { attrs: &mut self.attrs, peers: &self.peers };
            let hold = export.change(&change, &mut ctx);
            if best.is_none() {
                self.slots[at as usize].as_mut().unwrap().held = hold == Hold::Yes;
                self.free_if_unused(at);
            }
        }
        for best in self.replaced.drain(..) {
            self.attrs.release(best.attrs);
        }
    }

    fn best(&self, key: V4Key) -> Option<(AttrSet, PeerId)> {
        let slot = self.slots[*self.by_key.get(&key)? as usize].as_ref()?;
        slot.best.and_then(|best| Some((self.attrs.get(best.attrs)?.clone(), best.peer)))
    }

    fn used(&self) -> (usize, usize) {
        (self.by_key.len(), self.attrs.len())
    }
}

fn as_key<K: NlriKey>(key: V4Key) -> Option<K> {
    K::from_net(key.to_net())
}

impl Routes for Table {
    fn context(&mut self) -> ChangeContext<'_> {
        ChangeContext { attrs: &mut self.attrs, peers: &self.peers }
    }

    fn bound(&self, _: TableId, _: Family) -> u32 {
        self.slots.len() as u32
    }

    fn lookup<K: NlriKey>(&self, _: TableId, dest: DestId) -> Option<(K, Option<Best>)> {
        let slot = self.slots.get(dest.0 as usize)?.as_ref()?;
        assert!(!slot.dirty, "export looks at the table between flush and change only");
        Some((as_key(slot.key)?, slot.best))
    }

    fn free_dests(&mut self, _: TableId, _: Family, dests: &[DestId]) {
        for dest in dests {
            if let Some(slot) = &mut self.slots[dest.0 as usize] {
                slot.held = false;
                self.free_if_unused(dest.0);
            }
        }
    }
}
