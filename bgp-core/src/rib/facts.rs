//! What import and the decision process read from an attribute set, in one walk over it.

use super::DecisionKey;
use crate::types::{AsPath, AttrCode, AttrSet, ClusterId, NextHop, Origin, RouterId};

/// The attributes that decide about a path; the rest is only passed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) origin: Origin,
    pub(crate) as_path: AsPath<'a>,
    pub(crate) next_hop: Option<NextHop>,
    pub(crate) med: u32,
    pub(crate) local_pref: Option<u32>,
    pub(crate) originator: Option<RouterId>,
    clusters: &'a [u8],
}

/// Of these, what most decisions need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gist {
    pub(crate) key: DecisionKey,
    pub(crate) med: u32,
    pub(crate) next_hop: Option<NextHop>,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(set: &'a AttrSet) -> Self {
        let mut facts = Self {
            origin: Origin::Incomplete,
            as_path: AsPath::EMPTY,
            next_hop: None,
            med: 0,
            local_pref: None,
            originator: None,
            clusters: &[],
        };
        for attr in set.iter() {
            let number = || attr.value.try_into().ok().map(u32::from_be_bytes);
            match attr.code {
                AttrCode::ORIGIN => {
                    let origin = attr.value.first().and_then(|octet| Origin::from_octet(*octet));
                    facts.origin = origin.unwrap_or(Origin::Incomplete);
                }
                AttrCode::AS_PATH => facts.as_path = AsPath::parse(attr.value).unwrap_or(AsPath::EMPTY),
                AttrCode::NEXT_HOP => facts.next_hop = NextHop::from_octets(attr.value),
                // RFC 4271 §9.1.2.2 c: a route without one has the lowest possible.
                AttrCode::MED => facts.med = number().unwrap_or(0),
                AttrCode::LOCAL_PREF => facts.local_pref = number(),
                AttrCode::ORIGINATOR_ID => facts.originator = number().map(RouterId),
                AttrCode::CLUSTER_LIST => facts.clusters = attr.value,
                code if code > AttrCode::CLUSTER_LIST => break,
                _ => {}
            }
        }
        facts
    }

    /// What is kept beside the set.
    pub(crate) fn gist(&self) -> Gist {
        Gist { key: DecisionKey::from_facts(self), med: self.med, next_hop: self.next_hop }
    }

    /// CLUSTER_LIST.
    pub(crate) fn clusters(&self) -> impl ExactSizeIterator<Item = ClusterId> + 'a {
        let (ids, _) = self.clusters.as_chunks::<4>();
        ids.iter().map(|octets| ClusterId(u32::from_be_bytes(*octets)))
    }

    /// Whether there is anything that has no meaning from an external peer.
    pub(crate) fn has_internal_only(&self) -> bool {
        self.local_pref.is_some() || self.originator.is_some() || !self.clusters.is_empty()
    }
}
