//! What a rule can change about a route.

use ipnet::IpNet;

use crate::types::attr::{AnyCommunity, Community, LargeCommunity};
use crate::types::{Asn, AttrBuilder, AttrSet, NextHop};

/// One change to the attributes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Edit {
    /// LOCAL_PREF becomes this.
    LocalPref(u32),
    /// MULTI_EXIT_DISC becomes this.
    Med(u32),
    /// The next hop becomes this where the route is of the address's family; others keep theirs, which
    /// they could not be reached by.
    NextHop(NextHop),
    /// AS_PATH gets these in front, the first one foremost; at most 255. A path that would then have more
    /// than 65,535 octets stays as it is.
    Prepend(Vec<Asn>),
    /// These are added unless already present.
    AddCommunities(Vec<AnyCommunity>),
    /// These are removed where present.
    RemoveCommunities(Vec<AnyCommunity>),
}

/// Attributes a policy has set on purpose, whether or not they were different before.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Chosen {
    /// By [`Edit::Med`].
    pub med: bool,
    /// By [`Edit::NextHop`].
    pub next_hop: bool,
}

impl Edit {
    fn concerns(&self, prefix: IpNet) -> bool {
        match self {
            Self::NextHop(next_hop) => next_hop.addr().is_ipv4() == prefix.addr().is_ipv4(),
            _ => true,
        }
    }
}

#[cfg(test)]
thread_local! {
    /// How often attributes were made, which is what policies cost.
    pub(crate) static MADE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Makes the changes to the attributes of a route to `prefix`, of which only the family counts.
pub(super) fn apply(edits: &[Edit], prefix: IpNet, attrs: &AttrSet, chosen: &mut Chosen) -> AttrSet {
    #[cfg(test)]
    MADE.set(MADE.get() + 1);
    let mut builder = AttrBuilder::edit(attrs);
    let mut communities = CommunityLists { attrs, standard: None, large: None };
    for edit in edits.iter().filter(|edit| edit.concerns(prefix)) {
        match edit {
            Edit::LocalPref(value) => {
                builder.local_pref(*value);
            }
            Edit::Med(value) => {
                builder.med(*value);
                chosen.med = true;
            }
            Edit::NextHop(next_hop) => {
                builder.next_hop(*next_hop);
                chosen.next_hop = true;
            }
            Edit::Prepend(asns) => {
                let octets = builder.build().as_path().prepended(asns);
                // What no attribute has room for would be cut, and the longest path be the shortest.
                if u16::try_from(octets.len()).is_ok() {
                    builder.as_path(&octets);
                }
            }
            Edit::AddCommunities(add) => add.iter().for_each(|community| communities.add(*community)),
            Edit::RemoveCommunities(remove) => {
                remove.iter().for_each(|community| communities.remove(*community));
            }
        }
    }
    if let Some(list) = communities.standard {
        builder.communities(list);
    }
    if let Some(list) = communities.large {
        builder.large_communities(list);
    }
    builder.build()
}

/// Edits of communities build on each other, so the lists are carried along once one is touched.
struct CommunityLists<'a> {
    attrs: &'a AttrSet,
    standard: Option<Vec<Community>>,
    large: Option<Vec<LargeCommunity>>,
}

impl CommunityLists<'_> {
    fn standard(&mut self) -> &mut Vec<Community> {
        self.standard.get_or_insert_with(|| self.attrs.communities().iter().collect())
    }

    fn large(&mut self) -> &mut Vec<LargeCommunity> {
        self.large.get_or_insert_with(|| self.attrs.large_communities().collect())
    }

    fn add(&mut self, community: AnyCommunity) {
        match community {
            AnyCommunity::Standard(community) => push_new(self.standard(), community),
            AnyCommunity::Large(community) => push_new(self.large(), community),
        }
    }

    fn remove(&mut self, community: AnyCommunity) {
        match community {
            AnyCommunity::Standard(community) => self.standard().retain(|present| *present != community),
            AnyCommunity::Large(community) => self.large().retain(|present| *present != community),
        }
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}
