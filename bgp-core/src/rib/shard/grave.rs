//! Counts of attribute sets that paths gave up, released after the flush and not before.

use super::{Core, Shard, ahead};
use crate::rib::AttrId;
use crate::rib::path::Path;

/// Counts of one set, given up by neighbouring paths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grave {
    pub(super) id: AttrId,
    /// Each path relied on the next hop of this set.
    pub(super) relied: bool,
    pub(super) paths: u32,
}

impl Shard {
    /// Releases what was given up without waiting for a flush, so that peers that replace their routes
    /// over and over while nobody flushes cannot pile up dead attributes.
    pub(super) fn settle_if_full(&mut self) {
        if self.core.grave.len() < MAX_GRAVE {
            return;
        }
        for dirty in [&mut self.v4.dirty, &mut self.v6.dirty] {
            for chosen in dirty.before.iter().skip(dirty.held) {
                self.core.attrs.retain(chosen.attrs);
            }
            dirty.held = dirty.before.len();
        }
        self.core.empty_grave();
    }
}

impl Core {
    /// Gives up the counts of a path that is no longer in any table.
    #[inline]
    pub(super) fn bury(&mut self, path: &Path) {
        self.bury_import(path);
        if path.attrs != path.attrs_in {
            self.give_up(path.attrs_in, false);
        }
    }

    /// Gives up what import made of a path, except for its own set as received.
    #[inline]
    pub(super) fn bury_import(&mut self, path: &Path) {
        if !path.attrs.is_none() {
            self.give_up(path.attrs, true);
        }
    }

    /// What came together mostly goes together: the paths of an UPDATE have one entry, or one for each of the
    /// two sets they hold.
    #[inline]
    fn give_up(&mut self, id: AttrId, relied: bool) {
        let latest = self.grave.len().saturating_sub(2);
        let latest = self.grave.get_mut(latest..).unwrap_or(&mut []);
        match latest.iter_mut().find(|grave| grave.id == id && grave.relied == relied) {
            Some(grave) => grave.paths = grave.paths.saturating_add(1),
            None => self.grave.push(Grave { id, relied, paths: 1 }),
        }
    }

    /// Paths no longer use the set they keep as received.
    pub(super) fn bury_use(&mut self, id: AttrId, paths: u32) {
        if let Some(next_hop) = self.attrs.entry(id).map(|entry| entry.next_hop) {
            self.attrs.next_hops_mut().remove_paths(next_hop, paths);
        }
    }

    pub(super) fn empty_grave(&mut self) {
        let mut graves = std::mem::take(&mut self.grave);
        for window in graves.chunks(ahead::WINDOW) {
            self.ahead.touch_graves(&self.attrs, window);
            for grave in window {
                if grave.relied {
                    self.bury_use(grave.id, grave.paths);
                }
                self.attrs.release_many(grave.id, grave.paths);
            }
        }
        graves.clear();
        graves.shrink_to(MAX_GRAVE);
        self.grave = graves;
    }
}

/// Three quarters of a mebibyte.
const MAX_GRAVE: usize = 1 << 16;
