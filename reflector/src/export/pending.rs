//! Changes collected for one batch, then laid out by attribute set and audience.

use bgp_core::policy::{Policy, Trace};
use bgp_core::rib::{AttrId, ChangeContext};
use bgp_core::types::{NlriKey, PeerId};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::delta::{Audience, BatchKind, DeltaBatch, Run};
use crate::group::{GroupId, GroupKey, ShardId};
use crate::transform::{Allowed, Source, subject};

/// A route as the table has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<K> {
    pub(super) key: K,
    pub(super) attrs: AttrId,
    pub(super) source: PeerId,
}

/// The group's part of deriving what is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outbound<'a> {
    pub(super) key: &'a GroupKey,
    pub(super) policy: &'a Policy,
}

/// Collects NLRI under slots, one for each attribute set and audience; keeps its memory between batches.
#[derive(Debug, Default)]
pub(super) struct Pending {
    slots: Vec<Slot>,
    items: Vec<Item>,
    octets: Vec<u8>,
    /// Only valid while the table holds those ids.
    memo: HashMap<Asked, Option<u32>, FixedState>,
    last: Option<(Asked, Option<u32>)>,
    /// Slots by what may be heard, for policies whose result depends on the prefix.
    by_set: HashMap<(Allowed, Audience), u32, FixedState>,
    withdrawals: HashMap<Audience, u32, FixedState>,
    last_withdrawal: Option<(Audience, u32)>,
    /// Octets of all attribute sets in slots.
    attr_bytes: usize,
}

/// What a verdict depends on: attributes, source, and the rules met if the policy looks at prefixes.
type Asked = (AttrId, PeerId, Trace);

#[derive(Debug)]
struct Slot {
    attrs: Option<Allowed>,
    hash: u32,
    audience: Audience,
    len: u32,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    slot: u32,
    at: u32,
    len: u8,
}

impl Pending {
    /// NLRI collected.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Octets the batch will have, nearly.
    pub(super) fn bytes(&self) -> usize {
        self.octets.len() + self.attr_bytes
    }

    /// The slot a route is announced under; `None` if the group may not hear it.
    pub(super) fn slot<K: NlriKey>(
        &mut self,
        out: Outbound<'_>,
        route: Candidate<K>,
        ctx: &ChangeContext<'_>,
    ) -> Option<u32> {
        let Some(trace) = trace(out, route, ctx) else { return self.derive(out, route, ctx) };
        let asked = (route.attrs, route.source, trace);
        match &self.last {
            Some((last, slot)) if *last == asked => return *slot,
            _ => {}
        }
        let slot = match self.memo.get(&asked) {
            Some(slot) => *slot,
            None => {
                let slot = self.derive(out, route, ctx);
                self.memo.insert(asked, slot);
                slot
            }
        };
        self.last = Some((asked, slot));
        slot
    }

    fn derive<K: NlriKey>(
        &mut self,
        out: Outbound<'_>,
        route: Candidate<K>,
        ctx: &ChangeContext<'_>,
    ) -> Option<u32> {
        let attrs = ctx.attrs.get(route.attrs)?;
        let source = Source::from(ctx.peers.get(route.source)?);
        let subject = subject(out.key, route.key.to_net(), attrs, source);
        let allowed = Allowed::of(out.key, out.policy, &subject, source)?;
        let audience = Audience::except(route.source);
        let hash = ctx.attrs.hash_of(route.attrs);
        if !out.policy.looks_at_prefix() {
            return Some(self.open(Some(allowed), hash, audience));
        }
        if let Some(slot) = self.by_set.get(&(allowed.clone(), audience)) {
            return Some(*slot);
        }
        let slot = self.open(Some(allowed.clone()), hash, audience);
        self.by_set.insert((allowed, audience), slot);
        Some(slot)
    }

    fn open(&mut self, attrs: Option<Allowed>, hash: u32, audience: Audience) -> u32 {
        self.attr_bytes += attrs.as_ref().map_or(0, |allowed| allowed.attrs.octets().len());
        self.slots.push(Slot { attrs, hash, audience, len: 0 });
        (self.slots.len() - 1) as u32
    }

    /// The attributes of a slot.
    pub(super) fn attrs(&self, slot: u32) -> Option<&Allowed> {
        self.slots.get(slot as usize)?.attrs.as_ref()
    }

    /// Adds a prefix under a slot from [`Pending::slot`].
    pub(super) fn announce<K: NlriKey>(&mut self, slot: u32, key: K) {
        let at = self.octets.len();
        key.write(&mut self.octets);
        let len = self.octets.len() - at;
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.len += len as u32;
        }
        self.items.push(Item { slot, at: at as u32, len: len as u8 });
    }

    /// Adds a withdrawal.
    pub(super) fn withdraw<K: NlriKey>(&mut self, audience: Audience, key: K) {
        let slot = match self.last_withdrawal.filter(|(last, _)| *last == audience) {
            Some((_, slot)) => slot,
            None => self.withdrawal_slot(audience),
        };
        self.announce(slot, key);
    }

    fn withdrawal_slot(&mut self, audience: Audience) -> u32 {
        let slot = match self.withdrawals.get(&audience) {
            Some(slot) => *slot,
            None => {
                let slot = self.open(None, 0, audience);
                self.withdrawals.insert(audience, slot);
                slot
            }
        };
        self.last_withdrawal = Some((audience, slot));
        slot
    }

    /// Forgets the verdicts: the table is about to change.
    pub(super) fn forget_verdicts(&mut self) {
        self.memo.clear();
        self.last = None;
        self.by_set.clear();
    }

    /// Everything collected as one batch; empty afterwards.
    pub(super) fn take(&mut self, group: GroupId, shard: ShardId, kind: BatchKind) -> DeltaBatch {
        // Withdrawals first: they make room at the receiver, and are what blackholes if late.
        let mut cursors = vec![0u32; self.slots.len()];
        let mut runs = Vec::with_capacity(self.slots.len());
        let mut end = 0u32;
        for withdrawals in [true, false] {
            for (slot, cursor) in self.slots.iter_mut().zip(&mut cursors) {
                if slot.attrs.is_none() == withdrawals && slot.len > 0 {
                    *cursor = end;
                    end += slot.len;
                    let nlri = *cursor..end;
                    let (attrs, hash) = (slot.attrs.take(), slot.hash);
                    runs.push(Run { attrs, hash, audience: slot.audience, nlri });
                    // Taking the attributes must not let the slot pass for a withdrawal.
                    slot.len = 0;
                }
            }
        }
        let mut nlri = vec![0; end as usize];
        for item in &self.items {
            let from = item.at as usize;
            let Some(octets) = self.octets.get(from..from + usize::from(item.len)) else { continue };
            let Some(cursor) = cursors.get_mut(item.slot as usize) else { continue };
            let to = *cursor as usize;
            *cursor += u32::from(item.len);
            if let Some(place) = nlri.get_mut(to..to + octets.len()) {
                place.copy_from_slice(octets);
            }
        }
        let routes = self.items.len() as u32;
        self.clear();
        DeltaBatch { group, shard, kind, runs, nlri, routes, round: 0, hurry: false, tombstones: false }
    }

    /// Forgets what was collected.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.items.clear();
        self.octets.clear();
        self.attr_bytes = 0;
        self.withdrawals.clear();
        self.last_withdrawal = None;
        self.forget_verdicts();
    }
}

/// `None` where the verdict has to be asked for each prefix.
fn trace<K: NlriKey>(out: Outbound<'_>, route: Candidate<K>, ctx: &ChangeContext<'_>) -> Option<Trace> {
    if !out.policy.looks_at_prefix() {
        return Some(Trace::default());
    }
    let attrs = ctx.attrs.get(route.attrs)?;
    let source = Source::from(ctx.peers.get(route.source)?);
    out.policy.trace(&subject(out.key, route.key.to_net(), attrs, source))
}
