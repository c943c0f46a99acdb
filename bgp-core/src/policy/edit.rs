//! What a rule can change about a route.

use crate::types::attr::Community;
use crate::types::{Asn, AttrBuilder, AttrSet, NextHop};

/// One change to the attributes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Edit {
    /// LOCAL_PREF becomes this.
    LocalPref(u32),
    /// MULTI_EXIT_DISC becomes this.
    Med(u32),
    /// The next hop becomes this.
    NextHop(NextHop),
    /// AS_PATH gets the number in front this many times.
    Prepend(Asn, u8),
    /// These are added unless already present.
    AddCommunities(Vec<Community>),
    /// These are removed where present.
    RemoveCommunities(Vec<Community>),
}

pub(super) fn apply(edits: &[Edit], attrs: &AttrSet) -> AttrSet {
    let mut builder = AttrBuilder::edit(attrs);
    // Edits of communities build on each other, so the list is carried along.
    let mut communities: Option<Vec<Community>> = None;
    for edit in edits {
        match edit {
            Edit::LocalPref(value) => {
                builder.local_pref(*value);
            }
            Edit::Med(value) => {
                builder.med(*value);
            }
            Edit::NextHop(next_hop) => {
                builder.next_hop(*next_hop);
            }
            Edit::Prepend(asn, times) => {
                let octets = builder.build().as_path().prepended(*asn, *times);
                builder.as_path(&octets);
            }
            Edit::AddCommunities(add) => {
                let list = communities.get_or_insert_with(|| attrs.communities().iter().collect());
                for community in add {
                    if !list.contains(community) {
                        list.push(*community);
                    }
                }
            }
            Edit::RemoveCommunities(remove) => {
                let list = communities.get_or_insert_with(|| attrs.communities().iter().collect());
                list.retain(|community| !remove.contains(community));
            }
        }
    }
    if let Some(list) = communities {
        builder.communities(list);
    }
    builder.build()
}
