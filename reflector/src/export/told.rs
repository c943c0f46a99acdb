//! What a group was told of one destination, for the operator.

use bgp_core::policy::Decider;
use bgp_core::rib::{DestId, RouteRef, Shard};
use bgp_core::types::{AttrSet, PeerId};
use ipnet::IpNet;

use super::Export;
use crate::adj_out::OutState;
use crate::group::GroupId;
use crate::transform::{Allowed, HeldBack, Source, Transform, subject};

/// A route in an Adj-RIB-Out. A member has it unless it is the source itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// The attributes sent, derived again.
    pub attrs: AttrSet,
    /// Who sent the route to us; [`PeerId::LOCAL`] for own routes.
    pub source: PeerId,
}

impl Export {
    /// Prefixes a member of `group` was told.
    pub fn held_by(&self, group: GroupId, member: PeerId) -> u32 {
        let group = self.groups.iter().find(|candidate| candidate.id == group);
        group.map_or(0, |group| group.adj.held_by(member))
    }

    /// What `group` was told of the destination in a slot; `None` if nothing.
    pub fn told(&self, group: GroupId, dest: DestId, prefix: IpNet, table: &Shard) -> Option<Told> {
        let group = self.groups.iter().find(|candidate| candidate.id == group)?;
        let entry = group.adj.entry(dest);
        if entry.state != OutState::Live {
            return None;
        }
        let source = Source::from(table.peers().get(entry.source)?);
        let subject = subject(&group.key, prefix, table.attrs().get(entry.attrs)?, source);
        let allowed = Allowed::of(&group.key, &group.policy, &subject, source)?;
        let attrs = Transform::default().write(&group.key, &allowed)?;
        Some(Told { attrs, source: entry.source })
    }

    /// Why `group` is told of a destination's best path, or why not; `None` without a best path or group.
    ///
    /// It is about what the table has now, of which the group may not have been told yet.
    pub fn explain(
        &self,
        group: GroupId,
        route: &RouteRef<'_>,
        table: &Shard,
    ) -> Option<Result<Option<Decider>, HeldBack>> {
        let group = self.groups.iter().find(|candidate| candidate.id == group)?;
        let best = route.multipath.first()?;
        let source = Source::from(table.peers().get(best.peer)?);
        let subject = subject(&group.key, route.prefix, table.attrs().get(best.attrs)?, source);
        Some(Allowed::explain(&group.key, &group.policy, &subject, source))
    }
}
