//! From a route in the table to the attributes a group is sent.
//!
//! A pure function of the attributes after import, where they come from, and the group's key and policy;
//! so the result is never stored with a route but derived again when it must be sent again.

use bgp_core::policy::{At, Chosen, Decider, Outcome, Policy, RouteSource, Subject, Verdict};
use bgp_core::rib::{PeerInfo, PeerKind};
use bgp_core::types::attr::{ExtCommunity, flags};
use bgp_core::types::{AttrBuilder, AttrCode, AttrSet, Family, NextHop, Origin, RawAttr, RouterId};
use ipnet::IpNet;

use crate::group::{GroupKey, NextHopRule};
use crate::rules::{PeerRole, communities_allow, is_reflection, may_advertise};

/// LOCAL_PREF towards internal peers where nobody set one.
const DEFAULT_LOCAL_PREF: u32 = 100;

/// Where a path comes from, as far as what is sent depends on it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Source {
    /// Its role towards us.
    pub role: PeerRole,
    /// Its BGP identifier, the originator unless the route names one.
    pub router_id: RouterId,
}

impl From<&PeerInfo> for Source {
    fn from(info: &PeerInfo) -> Self {
        let role = match (info.kind, info.client) {
            (PeerKind::Local, _) => PeerRole::Local,
            (PeerKind::External, _) => PeerRole::External,
            (PeerKind::Internal, true) => PeerRole::Client,
            (PeerKind::Internal, false) => PeerRole::NonClient,
        };
        Self { role, router_id: info.router_id }
    }
}

/// What a group may hear: attributes after its policy, to be written with [`Transform::write`].
///
/// Shards decide; to write is left to the encoder, once for what all shards tell with the same attributes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Allowed {
    /// Those of the table, unless the policy edited them.
    pub attrs: AttrSet,
    source: Source,
    /// What the policy set on purpose is not taken away.
    chosen: Chosen,
}

impl Allowed {
    /// What members of the group may hear of a route, or `None` if nothing.
    ///
    /// The prefix only matters to policies that look at it. Rules come first, then policy, then whether the
    /// members could use the next hop.
    pub fn of(key: &GroupKey, policy: &Policy, route: &Subject<'_>, source: Source) -> Option<Self> {
        Self::decide(key, policy, route, source).0.ok()
    }

    /// Why [`Allowed::of`] lets a route pass or does not: the rule of the policy that lets it pass.
    ///
    /// # Errors
    /// What holds it back.
    pub fn explain(
        key: &GroupKey,
        policy: &Policy,
        route: &Subject<'_>,
        source: Source,
    ) -> Result<Option<Decider>, HeldBack> {
        let (allowed, at) = Self::decide(key, policy, route, source);
        let decider = at.and_then(|at| policy.decider(at));
        match allowed {
            Ok(_) => Ok(decider),
            Err(HeldBack::Policy(_)) => Err(HeldBack::Policy(decider)),
            Err(why) => Err(why),
        }
    }

    /// Everything that must hold, in order, and the place in the policy that decided. Its name is left out of
    /// [`HeldBack::Policy`]: it is shared, and counted, with other threads.
    fn decide(
        key: &GroupKey,
        policy: &Policy,
        route: &Subject<'_>,
        source: Source,
    ) -> (Result<Self, HeldBack>, Option<At>) {
        if let Some(why) = forbidden(key, route.attrs, source) {
            return (Err(why), None);
        }
        let Outcome { verdict, at, chosen } = policy.run(route);
        let allowed = match verdict {
            Verdict::Reject => Err(HeldBack::Policy(None)),
            // The policy may just have said that nobody outside should hear it.
            Verdict::Accept(Some(edited)) if !communities_allow(&edited, key.role) => {
                Err(HeldBack::Community)
            }
            Verdict::Accept(edited) => {
                let attrs = edited.unwrap_or_else(|| route.attrs.clone());
                let usable = next_hop(key, attrs.next_hop(), chosen, source).is_some();
                usable.then_some(Self { attrs, source, chosen }).ok_or(HeldBack::NextHop)
            }
        };
        (allowed, at)
    }

    /// A MED somebody sent us goes no further (RFC 4271 §5.1.4); one that is ours does, be it the same.
    fn may_send_med(&self) -> bool {
        self.source.role == PeerRole::Local || self.chosen.med
    }
}

/// Writes outgoing attributes; keeps scratch memory between calls.
#[derive(Debug, Default)]
pub struct Transform {
    builder: AttrBuilder,
}

impl Transform {
    /// What the protocol makes of attributes that the group may hear: AS path, next hop, and what stays inside
    /// or outside of the AS. `None` if the members could not use the next hop, which [`Allowed::of`] with the
    /// same key rules out.
    ///
    /// One walk over the attributes. What is changed is so in its place: in ascending order they are written
    /// once.
    pub fn write(&mut self, key: &GroupKey, allowed: &Allowed) -> Option<AttrSet> {
        let &Allowed { ref attrs, source, chosen } = allowed;
        let internal = key.role.is_internal();
        let out = &mut self.builder;
        out.clear();
        for attr in attrs.iter() {
            let sent = match attr.code {
                AttrCode::AS_PATH if internal => true,
                AttrCode::AS_PATH => {
                    out.prepended(attr.as_path(), key.speaker.asn);
                    continue;
                }
                AttrCode::NEXT_HOP => {
                    out.next_hop(next_hop(key, NextHop::from_octets(attr.value), chosen, source)?);
                    continue;
                }
                AttrCode::EXT_COMMUNITIES if !internal => {
                    transitive(out, &attr);
                    continue;
                }
                AttrCode::AS4_PATH | AttrCode::AS4_AGGREGATOR => false,
                AttrCode::MP_REACH_NLRI | AttrCode::MP_UNREACH_NLRI => false,
                AttrCode::ORIGINATOR_ID | AttrCode::CLUSTER_LIST => is_reflection(source.role, key.role),
                AttrCode::LOCAL_PREF => internal,
                AttrCode::MED => internal || allowed.may_send_med(),
                // Non-transitive and not understood: it ends here (RFC 4271 §5).
                code => code.category().is_some() || attr.flags & flags::TRANSITIVE != 0,
            };
            let unknown = attr.code.category().is_none() && source.role != PeerRole::Local;
            if sent && unknown && attr.flags & flags::PARTIAL == 0 {
                out.set_raw(attr.code, attr.flags | flags::PARTIAL, attr.value);
            } else if sent {
                out.copy(&attr);
            }
        }
        if !out.contains(AttrCode::ORIGIN) {
            out.origin(Origin::Igp);
        }
        if !out.contains(AttrCode::AS_PATH) {
            let own = if internal { &[][..] } else { &[key.speaker.asn] };
            out.as_sequence(own);
        }
        if !out.contains(AttrCode::NEXT_HOP) {
            out.next_hop(next_hop(key, None, chosen, source)?);
        }
        if internal {
            for_internal(out, key, source);
        }
        Some(out.build())
    }
}

/// What keeps a route from a group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeldBack {
    /// It was learned from an internal peer, and neither is a client (RFC 4456 §6).
    NotReflected,
    /// A well-known community (RFC 1997).
    Community,
    /// The members' AS is in its path.
    OwnAs,
    /// A rule of the export policy, or that none accepts it.
    Policy(Option<Decider>),
    /// There is no next hop that the members could use.
    NextHop,
}

/// What forbids to tell a route before any policy is asked.
fn forbidden(key: &GroupKey, attrs: &AttrSet, source: Source) -> Option<HeldBack> {
    if !may_advertise(source.role, key.role) {
        return Some(HeldBack::NotReflected);
    }
    if !communities_allow(attrs, key.role) {
        return Some(HeldBack::Community);
    }
    let looped = key.loop_asn.is_some_and(|asn| attrs.as_path().count(asn) > 0);
    looped.then_some(HeldBack::OwnAs)
}

/// What internal peers must find.
fn for_internal(out: &mut AttrBuilder, key: &GroupKey, source: Source) {
    if !out.contains(AttrCode::LOCAL_PREF) {
        out.local_pref(DEFAULT_LOCAL_PREF);
    }
    if is_reflection(source.role, key.role) {
        if !out.contains(AttrCode::ORIGINATOR_ID) {
            out.originator_id(source.router_id);
        }
        out.prepend_cluster(key.speaker.cluster_id);
    }
}

/// EXTENDED_COMMUNITIES as an external peer is sent them (RFC 4360 §6).
fn transitive(out: &mut AttrBuilder, attr: &RawAttr<'_>) {
    let all = || attr.ext_communities();
    if all().all(ExtCommunity::is_transitive) {
        return out.copy(attr);
    }
    let kept: Vec<u8> = all().filter(|c| c.is_transitive()).flat_map(|c| c.0).collect();
    if !kept.is_empty() {
        out.set_raw(attr.code, attr.flags, &kept);
    }
}

/// The next hop to send instead of `theirs`; `None` if there is none that the members could use.
fn next_hop(key: &GroupKey, theirs: Option<NextHop>, chosen: Chosen, source: Source) -> Option<NextHop> {
    let next_hop = match theirs {
        Some(theirs) if chosen.next_hop => theirs,
        Some(theirs) if keeps(key, source) => match theirs {
            // A link-local address means nothing beyond the link it came from (RFC 2545 §3).
            NextHop::V6WithLinkLocal { global, .. } => NextHop::V6(global),
            NextHop::V6(addr) if addr.is_unicast_link_local() => key.local_next_hop?,
            other => other,
        },
        _ => key.local_next_hop?,
    };
    let fits = match next_hop {
        NextHop::V4(_) => key.family == Family::IPV4_UNICAST,
        NextHop::V6(_) | NextHop::V6WithLinkLocal { .. } => {
            key.family != Family::IPV4_UNICAST || key.wire.extended_next_hop
        }
    };
    fits.then_some(next_hop)
}

fn keeps(key: &GroupKey, source: Source) -> bool {
    match key.next_hop {
        NextHopRule::Keep => true,
        NextHopRule::Auto => key.role.is_internal(),
        // RFC 4456 §10: a reflector must not attract the traffic of what it reflects.
        NextHopRule::Own => is_reflection(source.role, key.role),
    }
}

/// What an export policy sees of a route.
pub fn subject<'a>(key: &GroupKey, prefix: IpNet, attrs: &'a AttrSet, source: Source) -> Subject<'a> {
    let from = if source.role == PeerRole::Local { RouteSource::Local } else { RouteSource::Peers };
    Subject { prefix, attrs, source: from, peer_type: Some(key.peer_type()) }
}

#[cfg(test)]
pub(crate) mod tests;
