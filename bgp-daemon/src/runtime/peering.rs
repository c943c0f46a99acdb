//! From a configured neighbour and what its session negotiated to what the pure crates want to know.

use std::net::IpAddr;

use bgp_core::policy::PolicyId;
use bgp_core::rib::{PeerInfo, PeerKind, TableId};
use bgp_core::session::{self, Families, Negotiated, PeerConfig, PeerType, RestartFlags};
use bgp_core::types::{Family, NextHop, PerFamily};
use reflector::{GroupKey, NextHopRule, PeerRole, Speaker, WireMode};

use crate::config::model::{self, Config, GracefulRestart, Neighbor};

/// What a session has to know of its peer.
pub fn session_config(config: &Config, neighbor: &Neighbor, restart: RestartFlags) -> PeerConfig {
    let identity = &neighbor.session;
    let has = |family| identity.families.contains(&family);
    PeerConfig {
        local_asn: identity.local_asn,
        local_id: config.node.router_id,
        peer_asn: match identity.asn {
            model::PeerAsn::Exactly(asn) => session::PeerAsn::Exactly(asn),
            model::PeerAsn::Internal => session::PeerAsn::Internal,
            model::PeerAsn::External => session::PeerAsn::External,
        },
        passive: identity.passive,
        families: PerFamily { ipv4: has(Family::IPV4_UNICAST), ipv6: has(Family::IPV6_UNICAST) },
        timers: timers(neighbor),
        graceful_restart: match identity.graceful_restart {
            GracefulRestart::Off => session::GracefulRestart::Off,
            GracefulRestart::HelperOnly => session::GracefulRestart::HelperOnly,
            GracefulRestart::Full { restart_time } => session::GracefulRestart::Full {
                restart_time: u16::try_from(restart_time.as_secs()).unwrap_or(u16::MAX),
            },
        },
        restart,
        extended_messages: identity.extended_messages,
    }
}

/// The timers of a session.
pub fn timers(neighbor: &Neighbor) -> session::Timers {
    let timers = &neighbor.timers;
    session::Timers {
        hold: timers.hold,
        keepalive: timers.keepalive,
        connect_retry: timers.connect_retry,
        idle_hold: timers.idle_hold,
        idle_hold_max: timers.idle_hold_max,
        ..session::Timers::default()
    }
}

/// A peer's configuration with its policies by number.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerSettings {
    /// As configured.
    pub neighbor: Neighbor,
    /// For what it sends.
    pub import: PolicyId,
    /// For what it is sent.
    pub export: PolicyId,
}

/// What the tables have to know of the peer of an established session.
pub fn peer_info(settings: &PeerSettings, negotiated: &Negotiated) -> PeerInfo {
    let neighbor = &settings.neighbor;
    let kind = match negotiated.peer_type {
        PeerType::Internal => PeerKind::Internal,
        PeerType::External => PeerKind::External,
    };
    PeerInfo {
        kind,
        client: kind == PeerKind::Internal && neighbor.session.route_reflector_client,
        asn: negotiated.peer_asn,
        local_asn: negotiated.local_asn,
        router_id: negotiated.peer_id,
        addr: neighbor.address,
        scope: scope(negotiated),
        import: settings.import,
        allow_own_asn: neighbor.allow_own_asn,
        enforce_first_as: true,
    }
}

/// Index of the link of a session over link-local addresses, else 0.
fn scope(negotiated: &Negotiated) -> u32 {
    match negotiated.transport.remote {
        std::net::SocketAddr::V6(remote) if remote.ip().is_unicast_link_local() => remote.scope_id(),
        _ => 0,
    }
}

/// The groups an established session is a member of, one a family.
pub fn group_keys(
    config: &Config,
    settings: &PeerSettings,
    negotiated: &Negotiated,
    own: PerFamily<Option<NextHop>>,
) -> Vec<GroupKey> {
    let neighbor = &settings.neighbor;
    let key = |family: Family| GroupKey {
        table: TableId::MAIN,
        family,
        role: role(neighbor, negotiated),
        export: settings.export,
        next_hop: match neighbor.next_hop {
            model::NextHop::Auto => NextHopRule::Auto,
            model::NextHop::SelfAddress => NextHopRule::Own,
            model::NextHop::Keep => NextHopRule::Keep,
        },
        local_next_hop: own.get(family).copied().flatten(),
        speaker: Speaker {
            asn: negotiated.local_asn,
            router_id: negotiated.local_id,
            cluster_id: config.reflector.cluster_id,
        },
        loop_asn: None,
        wire: WireMode {
            four_octet_asn: negotiated.four_octet_asn,
            add_path: false,
            max_message: u16::try_from(negotiated.max_send).unwrap_or(u16::MAX),
            extended_next_hop: false,
        },
    };
    each(&negotiated.families).map(key).collect()
}

/// What the peer is to this speaker.
fn role(neighbor: &Neighbor, negotiated: &Negotiated) -> PeerRole {
    match negotiated.peer_type {
        PeerType::External => PeerRole::External,
        PeerType::Internal if neighbor.session.route_reflector_client => PeerRole::Client,
        PeerType::Internal => PeerRole::NonClient,
    }
}

/// What the peer will be to this speaker, before any session has told its AS.
pub fn configured_role(neighbor: &Neighbor) -> PeerRole {
    match neighbor.session.peer_type() {
        model::PeerType::External => PeerRole::External,
        model::PeerType::Internal if neighbor.session.route_reflector_client => PeerRole::Client,
        model::PeerType::Internal => PeerRole::NonClient,
    }
}

/// The families in a set.
pub fn each(families: &Families) -> impl Iterator<Item = Family> + use<> {
    let families = *families;
    Family::SUPPORTED.into_iter().filter(move |family| families.get(*family) == Some(&true))
}

/// The session's local address without its port.
pub fn local_address(negotiated: &Negotiated) -> IpAddr {
    negotiated.transport.local.ip().to_canonical()
}
