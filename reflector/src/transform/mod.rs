//! From a route in the table to the attributes a group is sent.
//!
//! A pure function of the attributes after import, where they come from, and the group's key and policy;
//! so the result is never stored with a route but derived again when it must be sent again.

use bgp_core::policy::{Chosen, Decider, Policy, RouteSource, Subject, Verdict};
use bgp_core::rib::{PeerInfo, PeerKind};
use bgp_core::types::attr::flags;
use bgp_core::types::{AttrBuilder, AttrCode, AttrSet, Family, NextHop, Origin, RouterId};
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

/// Derives outgoing attributes for one group; keeps scratch memory between calls.
#[derive(Debug, Default)]
pub struct Transform {
    builder: AttrBuilder,
}

impl Transform {
    /// The attributes members of the group are sent for a route, or `None` if they may not hear it.
    ///
    /// `prefix` only matters to policies that look at it. Rules come first, then policy, then what the
    /// protocol demands: AS path, next hop, and the attributes that stay inside or outside of the AS.
    pub fn outgoing(
        &mut self,
        key: &GroupKey,
        policy: &Policy,
        route: &Subject<'_>,
        source: Source,
    ) -> Option<AttrSet> {
        if forbidden(key, route.attrs, source).is_some() {
            return None;
        }
        let (verdict, chosen) = policy.apply_choosing(route);
        let Verdict::Accept(edited) = verdict else { return None };
        let attrs = edited.as_ref().unwrap_or(route.attrs);
        // The policy may just have said that nobody outside should hear it.
        if edited.is_some() && !communities_allow(attrs, key.role) {
            return None;
        }
        self.write(key, Edited { attrs, chosen }, source)
    }

    /// Why [`Transform::outgoing`] has attributes for a route or has none: the rule of the policy that lets
    /// it pass.
    ///
    /// # Errors
    /// What holds it back.
    pub fn explain(
        &mut self,
        key: &GroupKey,
        policy: &Policy,
        route: &Subject<'_>,
        source: Source,
    ) -> Result<Option<Decider>, HeldBack> {
        if let Some(why) = forbidden(key, route.attrs, source) {
            return Err(why);
        }
        let (verdict, decider) = policy.explain(route);
        match verdict {
            Verdict::Reject => Err(HeldBack::Policy(decider)),
            Verdict::Accept(Some(edited)) if !communities_allow(&edited, key.role) => {
                Err(HeldBack::Community)
            }
            Verdict::Accept(_) => {
                self.outgoing(key, policy, route, source).map(|_| decider).ok_or(HeldBack::NextHop)
            }
        }
    }

    fn write(&mut self, key: &GroupKey, edited: Edited<'_>, source: Source) -> Option<AttrSet> {
        let attrs = edited.attrs;
        let next_hop = next_hop(key, edited, source)?;
        let out = &mut self.builder;
        out.clear();
        // What is changed is so in its place: attributes in ascending order need not be sorted.
        for attr in attrs.iter() {
            let sent = match attr.code {
                AttrCode::AS_PATH => {
                    as_path(out, key, attrs);
                    continue;
                }
                AttrCode::NEXT_HOP => {
                    out.next_hop(next_hop);
                    continue;
                }
                AttrCode::AS4_PATH | AttrCode::AS4_AGGREGATOR => false,
                AttrCode::MP_REACH_NLRI | AttrCode::MP_UNREACH_NLRI => false,
                AttrCode::ORIGINATOR_ID | AttrCode::CLUSTER_LIST => is_reflection(source.role, key.role),
                AttrCode::LOCAL_PREF => key.role.is_internal(),
                AttrCode::MED => key.role.is_internal() || edited.may_send_med(source.role),
                // Non-transitive and not understood: it ends here (RFC 4271 §5).
                code => code.category().is_some() || attr.flags & flags::TRANSITIVE != 0,
            };
            if sent {
                let unknown = attr.code.category().is_none() && source.role != PeerRole::Local;
                let partial = if unknown { flags::PARTIAL } else { 0 };
                out.set_raw(attr.code, attr.flags | partial, attr.value);
            }
        }
        if !out.contains(AttrCode::ORIGIN) {
            out.origin(Origin::Igp);
        }
        if !out.contains(AttrCode::AS_PATH) {
            as_path(out, key, attrs);
        }
        if !out.contains(AttrCode::NEXT_HOP) {
            out.next_hop(next_hop);
        }
        if key.role.is_internal() {
            internal(out, key, source);
        } else {
            external(out, attrs);
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

/// Attributes after the export policy: what it set on purpose is not taken away.
#[derive(Clone, Copy)]
struct Edited<'a> {
    attrs: &'a AttrSet,
    chosen: Chosen,
}

impl Edited<'_> {
    /// A MED somebody sent us goes no further (RFC 4271 §5.1.4); one that is ours does, be it the same.
    fn may_send_med(self, from: PeerRole) -> bool {
        from == PeerRole::Local || self.chosen.med
    }
}

fn internal(out: &mut AttrBuilder, key: &GroupKey, source: Source) {
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

fn as_path(out: &mut AttrBuilder, key: &GroupKey, attrs: &AttrSet) {
    if key.role.is_internal() {
        out.as_path(attrs.as_path().octets());
    } else {
        out.as_path(&attrs.as_path().prepended(&[key.speaker.asn]));
    }
}

fn external(out: &mut AttrBuilder, attrs: &AttrSet) {
    if attrs.ext_communities().any(|community| !community.is_transitive()) {
        // RFC 4360 §6
        let kept: Vec<u8> = attrs.ext_communities().filter(|c| c.is_transitive()).flat_map(|c| c.0).collect();
        if kept.is_empty() {
            out.remove(AttrCode::EXT_COMMUNITIES);
        } else {
            let flags = attrs.raw(AttrCode::EXT_COMMUNITIES).map_or(0, |attr| attr.flags);
            out.set_raw(AttrCode::EXT_COMMUNITIES, flags, &kept);
        }
    }
}

/// The next hop to send; `None` if there is none that the members could use.
fn next_hop(key: &GroupKey, edited: Edited<'_>, source: Source) -> Option<NextHop> {
    let next_hop = match edited.attrs.next_hop() {
        Some(chosen) if edited.chosen.next_hop => chosen,
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
mod tests;
