//! Paths in and out of a table.

use std::sync::Arc;

use super::ahead::Pieces;
use super::memo::Memo;
use super::{Core, check};
use crate::policy::{Policy, PolicyId, RouteSource, Subject, Verdict};
use crate::rib::age::Age;
use crate::rib::attr_index::AttrHash;
use crate::rib::facts::Facts;
use crate::rib::path::{Path, Refusal};
use crate::rib::peer_table::Tally;
use crate::rib::table::{Stored, Table};
use crate::rib::{AttrId, AttrTable, DestId, NextHopId, NextHopState, PeerInfo};
use crate::types::{AttrSet, Family, NlriBlock, NlriKey, PathId, PeerId};

/// What import made of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Imported {
    /// With one count for whoever called, unless it is the set given or [`AttrId::NONE`].
    pub(super) attrs: AttrId,
    pub(super) refusal: Refusal,
}

impl Imported {
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self { attrs: AttrId::NONE, refusal }
    }

    fn of(verdict: Verdict, attrs_in: AttrId, attrs: &mut AttrTable) -> Self {
        match verdict {
            Verdict::Reject => Self::refused(Refusal::Policy),
            Verdict::Accept(None) => Self { attrs: attrs_in, refusal: Refusal::None },
            Verdict::Accept(Some(set)) => Self { attrs: attrs.intern(&set), refusal: Refusal::None },
        }
    }
}

/// What a policy is asked about apart from the prefix.
pub(super) struct Import<'a> {
    pub(super) policy: &'a Policy,
    pub(super) info: &'a PeerInfo,
    pub(super) set: &'a AttrSet,
    pub(super) attrs_in: AttrId,
}

impl Import<'_> {
    pub(super) fn subject<K: NlriKey>(&self, key: K) -> Subject<'_> {
        subject(self.info, self.set, key)
    }

    /// As [`Import::run`], of one prefix among many of `peer`: attributes, which may be long, are made once
    /// for all that meet the same rules.
    pub(super) fn run_once<K: NlriKey>(
        &self,
        memo: &mut Memo,
        attrs: &mut AttrTable,
        peer: PeerId,
        key: K,
    ) -> Imported {
        let Some(trace) = self.policy.trace(&self.subject(key)) else {
            return self.run(attrs, key);
        };
        let about = (peer, self.attrs_in, Some(trace));
        if let Some(known) = memo.known(attrs, &about) {
            return known;
        }
        let imported = self.run(attrs, key);
        memo.keep(attrs, about, imported);
        imported
    }

    /// Runs the policy for one prefix.
    pub(super) fn run<K: NlriKey>(&self, attrs: &mut AttrTable, key: K) -> Imported {
        let verdict = self.policy.apply(&self.subject(key));
        Imported::of(verdict, self.attrs_in, attrs)
    }
}

/// What an import policy sees of a route.
fn subject<'a, K: NlriKey>(info: &PeerInfo, attrs: &'a AttrSet, key: K) -> Subject<'a> {
    let peer_type = info.kind.peer_type();
    let source = if peer_type.is_none() { RouteSource::Local } else { RouteSource::Peers };
    Subject { prefix: key.to_net(), attrs, source, peer_type }
}

/// Who announces, and how that comes in.
struct Announcer<'a> {
    peer: PeerId,
    age: Age,
    info: &'a PeerInfo,
    policy: &'a Policy,
}

/// Stores the NLRI of one UPDATE; the set is taken, so that as a rule no count shared with a session is touched.
pub(super) fn announce<K: NlriKey>(
    table: &mut Table<K>,
    core: &mut Core,
    peer: PeerId,
    block: &NlriBlock,
    set: (AttrSet, AttrHash),
) {
    let (Some(info), Some(age)) = (core.peers.get(peer).cloned(), core.peers.age(peer, K::FAMILY)) else {
        return;
    };
    // Lent, not counted: a count that threads share waits for every store before it. One policy is always there.
    let policies = std::mem::take(&mut core.policies);
    if let Some(policy) = numbered(&policies, info.import) {
        announce_from(table, core, &Announcer { peer, age, info: &info, policy }, block, set);
    }
    core.policies = policies;
}

fn announce_from<K: NlriKey>(
    table: &mut Table<K>,
    core: &mut Core,
    &Announcer { peer, age, info, policy }: &Announcer<'_>,
    block: &NlriBlock,
    (mut set, mut hash): (AttrSet, AttrHash),
) {
    let read = |facts: &Facts<'_>| (check::refusal(&core.config, info, facts), facts.gist());
    let facts = Facts::of(&set);
    let (refusal, gist) = match check::cleaned(info, &set, &facts) {
        None => read(&facts),
        Some(cleaned) => {
            hash = core.attrs.hash(&cleaned);
            set = cleaned;
            read(&Facts::of(&set))
        }
    };
    let Some((_, first)) = block.keys::<K>().next() else { return };
    // Asked before the set is given away.
    let fate = if refusal != Refusal::None {
        Fate::Refused(refusal)
    } else if policy.looks_at_prefix() && block.len() > 1 {
        Fate::Each(set.clone())
    } else {
        Fate::Judged(policy.apply(&subject(info, &set, first)))
    };
    let attrs_in = core.attrs.intern_known(set, hash, gist);
    let mut batch = Batch { table, core, peer, age, attrs_in, arrived: Tally::default() };
    match fate {
        Fate::Each(set) => batch.store_each(block, &Import { policy, info, set: &set, attrs_in }),
        Fate::Refused(refusal) => batch.store_all(block, Imported::refused(refusal)),
        Fate::Judged(verdict) => {
            let imported = Imported::of(verdict, attrs_in, &mut batch.core.attrs);
            batch.store_all(block, imported);
        }
    }
    batch.end();
}

/// What becomes of the prefixes of an UPDATE.
enum Fate {
    /// All are refused.
    Refused(Refusal),
    /// The policy says the same of all.
    Judged(Verdict),
    /// The policy is asked about each, with this set.
    Each(AttrSet),
}

pub(super) fn withdraw<K: NlriKey>(table: &mut Table<K>, core: &mut Core, peer: PeerId, block: &NlriBlock) {
    let mut pieces = Pieces::new(block);
    while let Some(piece) = pieces.next(table) {
        for (path_id, key) in piece {
            if let Some(path) = table.remove(key, peer, path_id) {
                core.peers.count_out(K::FAMILY, &path);
                core.bury(&path);
            }
        }
    }
}

/// Paths of one UPDATE on their way into a table.
struct Batch<'a, K: NlriKey> {
    table: &'a mut Table<K>,
    core: &'a mut Core,
    peer: PeerId,
    age: Age,
    attrs_in: AttrId,
    /// Paths that are now counted with the peer, told to it once.
    arrived: Tally,
}

impl<K: NlriKey> Batch<'_, K> {
    /// Every NLRI with the same outcome of import: counts are settled once.
    fn store_all(&mut self, block: &NlriBlock, imported: Imported) {
        let waits_for = self.core.unknown_next_hop(imported.attrs);
        let mut stored = 0;
        let mut pieces = Pieces::new(block);
        while let Some(piece) = pieces.next(self.table) {
            for (path_id, key) in piece {
                let path = self.path(path_id, imported);
                let Some(dest) = self.put(key, &path) else { continue };
                stored += 1;
                if let Some(next_hop) = waits_for {
                    self.core.attrs.next_hops_mut().wait(next_hop, K::FAMILY, dest);
                }
            }
        }
        self.core.hold(self.attrs_in, imported.attrs, stored);
        if imported.attrs != self.attrs_in {
            self.core.attrs.release(imported.attrs);
        }
    }

    /// Asks the policy about every prefix, or every set of rules that prefixes meet.
    fn store_each(&mut self, block: &NlriBlock, import: &Import<'_>) {
        let mut memo = Memo::default();
        let mut pieces = Pieces::new(block);
        while let Some(piece) = pieces.next(self.table) {
            for (path_id, key) in piece {
                let imported = import.run_once(&mut memo, &mut self.core.attrs, self.peer, key);
                self.store_one(path_id, key, imported);
            }
        }
        memo.release(&mut self.core.attrs);
    }

    /// Settles the counts, and lets go of the set.
    fn end(self) {
        self.core.peers.count_fresh(K::FAMILY, self.peer, self.arrived);
        self.core.attrs.release(self.attrs_in);
    }

    fn store_one(&mut self, path_id: PathId, key: K, imported: Imported) {
        let path = self.path(path_id, imported);
        if let Some(dest) = self.put(key, &path) {
            self.core.hold(self.attrs_in, imported.attrs, 1);
            if let Some(next_hop) = self.core.unknown_next_hop(imported.attrs) {
                self.core.attrs.next_hops_mut().wait(next_hop, K::FAMILY, dest);
            }
        }
        if imported.attrs != self.attrs_in {
            self.core.attrs.release(imported.attrs);
        }
    }

    fn path(&self, path_id: PathId, imported: Imported) -> Path {
        Path {
            attrs_in: self.attrs_in,
            attrs: imported.attrs,
            peer: self.peer,
            epoch: self.age.epoch,
            refusal: imported.refusal,
            path_id,
        }
    }

    /// Puts one path into the table; says where if it is there now and was not before.
    #[inline]
    fn put(&mut self, key: K, path: &Path) -> Option<DestId> {
        if key.is_martian() && self.peer != PeerId::LOCAL {
            self.core.refused += 1;
            return None;
        }
        match self.table.upsert(key, path, self.age) {
            Stored::New(dest) => {
                self.arrived.add(path);
                Some(dest)
            }
            Stored::Replaced(dest, old) => {
                self.core.peers.count_out(K::FAMILY, &old);
                self.arrived.add(path);
                self.core.bury(&old);
                Some(dest)
            }
            Stored::Same(old) => {
                if old.epoch != path.epoch {
                    self.core.peers.count_out(K::FAMILY, &old);
                    self.arrived.add(path);
                }
                None
            }
            Stored::Refused => {
                self.core.refused += 1;
                None
            }
        }
    }
}

impl Core {
    /// Counts `n` paths in as holders of their sets and as relying on the next hop.
    pub(super) fn hold(&mut self, attrs_in: AttrId, attrs: AttrId, n: u32) {
        self.attrs.retain_many(attrs_in, n);
        self.hold_import(attrs_in, attrs, n);
    }

    /// As [`Core::hold`], without the set as received.
    pub(super) fn hold_import(&mut self, attrs_in: AttrId, attrs: AttrId, n: u32) {
        if attrs.is_none() {
            return;
        }
        if attrs != attrs_in {
            self.attrs.retain_many(attrs, n);
        }
        if let Some(next_hop) = self.attrs.entry(attrs).map(|entry| entry.next_hop) {
            self.attrs.next_hops_mut().add_paths(next_hop, n);
        }
    }

    /// The next hop of the set, if nobody has said anything about it yet.
    pub(super) fn unknown_next_hop(&self, attrs: AttrId) -> Option<NextHopId> {
        let next_hop = self.attrs.entry(attrs)?.next_hop;
        let unknown = next_hop != NextHopId::NONE
            && next_hop != NextHopId::ON_LINK
            && self.attrs.next_hops().state(next_hop) == NextHopState::Unknown;
        unknown.then_some(next_hop)
    }

    /// The import policy. One that is yet to be told rejects, so that paths are kept for when it is.
    pub(super) fn policy_of(&self, info: &PeerInfo) -> Arc<Policy> {
        numbered(&self.policies, info.import).cloned().unwrap_or_else(|| Arc::new(Policy::reject()))
    }

    pub(super) fn family_flag(&self, family: Family) -> bool {
        self.redecide.get(family).copied().unwrap_or(false)
    }
}

/// The policy of that number, or else the one that rejects.
fn numbered(policies: &[Arc<Policy>], id: PolicyId) -> Option<&Arc<Policy>> {
    let numbered = |id: PolicyId| policies.get(usize::from(id.0));
    numbered(id).or_else(|| numbered(PolicyId::REJECT))
}
