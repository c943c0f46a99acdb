//! The peers by number, the age of their paths, and how many they have.

use super::age::{Age, AgeKind, Life};
use super::path::Path;
use super::peer::{PeerInfo, PeerKind};
use crate::types::{Family, PeerId, PerFamily};

/// How many routes of one family a peer has with us.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PeerRoutes {
    /// Paths received and not withdrawn, stale ones included.
    pub received: u32,
    /// Of these, those that import let in.
    pub accepted: u32,
    /// Of `received`, those of a session that was lost and is being waited for.
    pub stale: u32,
    /// Destinations whose best path came from this peer, as of the last flush.
    pub best: u32,
}

/// The peers known to a shard, by number.
#[derive(Debug, Default)]
pub struct PeerTable {
    slots: Vec<Option<PeerInfo>>,
    ages: PerFamily<Vec<Age>>,
    counts: PerFamily<Vec<Counts>>,
    dead: PerFamily<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    fresh: Tally,
    stale: Tally,
    dead: u32,
    best: u32,
    /// Epochs begun since the table was last known to hold no dead path.
    unswept: u8,
}

/// Paths, and those of them that import let in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    paths: u32,
    accepted: u32,
}

impl Tally {
    /// One path more.
    #[inline]
    pub(crate) fn add(&mut self, path: &Path) {
        self.paths += 1;
        self.accepted += u32::from(!path.attrs.is_none());
    }
}

impl PeerTable {
    /// The peer, if it is or was up and has not been forgotten.
    #[inline]
    pub fn get(&self, id: PeerId) -> Option<&PeerInfo> {
        self.slots.get(usize::from(id.0))?.as_ref()
    }

    /// Every peer with its number.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, &PeerInfo)> {
        self.slots.iter().enumerate().filter_map(|(id, slot)| Some((PeerId(id as u16), slot.as_ref()?)))
    }

    /// How many routes of `family` the peer has with us.
    pub fn routes(&self, id: PeerId, family: Family) -> PeerRoutes {
        let Some(c) = self.counts(id, family) else { return PeerRoutes::default() };
        PeerRoutes {
            received: c.fresh.paths + c.stale.paths,
            accepted: c.fresh.accepted + c.stale.accepted,
            stale: c.stale.paths,
            best: c.best,
        }
    }

    /// Adds or replaces a peer.
    pub fn set(&mut self, id: PeerId, info: PeerInfo) {
        let at = usize::from(id.0);
        if self.slots.len() <= at {
            self.slots.resize(at + 1, None);
        }
        for family in Family::SUPPORTED {
            if let (Some(ages), Some(counts)) = (self.ages.get_mut(family), self.counts.get_mut(family)) {
                ages.resize(ages.len().max(at + 1), Age::default());
                counts.resize(counts.len().max(at + 1), Counts::default());
            }
            if let Some(age) = self.age_mut(id, family) {
                age.kind = match info.kind {
                    PeerKind::Local => AgeKind::Local,
                    PeerKind::External => AgeKind::External,
                    PeerKind::Internal => AgeKind::Internal,
                };
            }
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(info);
        }
    }

    /// Forgets a peer none of whose paths is left; says whether it did.
    pub(crate) fn forget(&mut self, id: PeerId) -> bool {
        let idle = Family::SUPPORTED.iter().all(|family| {
            let left = self.counts(id, *family).copied().unwrap_or_default();
            left.fresh.paths + left.stale.paths + left.dead + left.best == 0
        });
        if idle && let Some(slot) = self.slots.get_mut(usize::from(id.0)) {
            *slot = None;
        }
        idle
    }

    #[inline]
    pub(crate) fn ages(&self, family: Family) -> &[Age] {
        self.ages.get(family).map_or(&[], Vec::as_slice)
    }

    #[inline]
    pub(crate) fn age(&self, id: PeerId, family: Family) -> Option<Age> {
        self.ages.get(family)?.get(usize::from(id.0)).copied()
    }

    pub(crate) fn age_mut(&mut self, id: PeerId, family: Family) -> Option<&mut Age> {
        self.ages.get_mut(family)?.get_mut(usize::from(id.0))
    }

    fn counts(&self, id: PeerId, family: Family) -> Option<&Counts> {
        self.counts.get(family)?.get(usize::from(id.0))
    }

    fn counts_mut(&mut self, id: PeerId, family: Family) -> Option<&mut Counts> {
        self.counts.get_mut(family)?.get_mut(usize::from(id.0))
    }

    /// Clears the marks for another run of import.
    pub(crate) fn clear_reimport(&mut self, family: Family) {
        if let Some(ages) = self.ages.get_mut(family) {
            ages.iter_mut().for_each(|age| age.reimport = false);
        }
    }

    /// Counts a path in.
    #[inline]
    pub(crate) fn count_in(&mut self, family: Family, path: &Path) {
        self.tally(family, path, u32::wrapping_add);
    }

    /// Counts in what has just arrived from a peer. What it replaced may have been counted out before, so
    /// that numbers pass below zero on the way.
    pub(crate) fn count_fresh(&mut self, family: Family, peer: PeerId, arrived: Tally) {
        if let Some(counts) = self.counts_mut(peer, family) {
            counts.fresh.paths = counts.fresh.paths.wrapping_add(arrived.paths);
            counts.fresh.accepted = counts.fresh.accepted.wrapping_add(arrived.accepted);
        }
    }

    /// Counts a path out, however old it is.
    #[inline]
    pub(crate) fn count_out(&mut self, family: Family, path: &Path) {
        self.tally(family, path, u32::wrapping_sub);
    }

    #[inline]
    fn tally(&mut self, family: Family, path: &Path, step: fn(u32, u32) -> u32) {
        let Some(age) = self.age(path.peer, family) else { return };
        let Some(counts) = self.counts_mut(path.peer, family) else { return };
        let tally = match age.life(path.epoch) {
            Life::Fresh => &mut counts.fresh,
            Life::Stale => &mut counts.stale,
            Life::Dead => {
                counts.dead = step(counts.dead, 1);
                if let Some(dead) = self.dead.get_mut(family) {
                    *dead = step(*dead, 1);
                }
                return;
            }
        };
        tally.paths = step(tally.paths, 1);
        tally.accepted = step(tally.accepted, u32::from(!path.attrs.is_none()));
    }

    /// Moves the count of best paths from one peer to another.
    #[inline]
    pub(crate) fn move_best(&mut self, family: Family, from: Option<PeerId>, to: Option<PeerId>) {
        if from == to {
            return;
        }
        if let Some(counts) = from.and_then(|id| self.counts_mut(id, family)) {
            counts.best = counts.best.saturating_sub(1);
        }
        if let Some(counts) = to.and_then(|id| self.counts_mut(id, family)) {
            counts.best += 1;
        }
    }

    /// Begins an epoch: what was fresh is stale if `keep`, else dead; what was stale is dead.
    ///
    /// RFC 4724 §4.2: a route already stale when its session is lost again is not kept a second time.
    pub(crate) fn begin_epoch(&mut self, id: PeerId, family: Family, keep: bool) -> Aged {
        let Some(counts) = self.counts_mut(id, family) else { return Aged::default() };
        let kept = if keep { std::mem::take(&mut counts.fresh) } else { Tally::default() };
        let died = counts.stale.paths + counts.fresh.paths;
        counts.dead += died;
        counts.fresh = Tally::default();
        counts.stale = kept;
        counts.unswept = counts.unswept.saturating_add(1);
        let aged = Aged { dead: counts.dead > 0, wrap_near: counts.unswept >= MAX_UNSWEPT };
        if let Some(age) = self.age_mut(id, family) {
            age.epoch = age.epoch.wrapping_add(1);
            age.keep = u8::from(keep);
        }
        self.add_dead(family, died);
        aged
    }

    /// Stale paths die; says whether there were any.
    pub(crate) fn end_stale(&mut self, id: PeerId, family: Family) -> bool {
        if let Some(age) = self.age_mut(id, family) {
            age.keep = 0;
        }
        let Some(counts) = self.counts_mut(id, family) else { return false };
        let stale = std::mem::take(&mut counts.stale);
        counts.dead += stale.paths;
        self.add_dead(family, stale.paths);
        stale.paths > 0
    }

    fn add_dead(&mut self, family: Family, paths: u32) {
        if let Some(dead) = self.dead.get_mut(family) {
            *dead += paths;
        }
    }

    /// Dead paths not yet swept, of all peers.
    pub(crate) fn dead(&self, family: Family) -> u32 {
        self.dead.get(family).copied().unwrap_or(0)
    }

    /// A walk over the whole table has removed every path that was dead when it began.
    pub(crate) fn swept(&mut self, family: Family) {
        if let Some(counts) = self.counts.get_mut(family) {
            counts.iter_mut().for_each(|c| c.unswept = 0);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let per_family = |ages: &Vec<Age>, counts: &Vec<Counts>| {
            ages.capacity() * size_of::<Age>() + counts.capacity() * size_of::<Counts>()
        };
        self.slots.capacity() * size_of::<Option<PeerInfo>>()
            + per_family(&self.ages.ipv4, &self.counts.ipv4)
            + per_family(&self.ages.ipv6, &self.counts.ipv6)
    }
}

/// What a new epoch left behind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Aged {
    /// There are dead paths to sweep.
    pub(crate) dead: bool,
    /// The sweep must not be put off any longer.
    pub(crate) wrap_near: bool,
}

/// Epochs are numbers of eight bits: a dead path must be gone before its number comes around.
const MAX_UNSWEPT: u8 = 250;
