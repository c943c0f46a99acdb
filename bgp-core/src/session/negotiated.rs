//! What two OPENs add up to.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::types::{Asn, Family, HoldTime, PerFamily, RouterId};
use crate::wire::notification::code;
use crate::wire::open::RestartFamily;
use crate::wire::{Capability, MAX_EXTENDED_LEN, MAX_LEN, Notification, Open};

use super::config::{Families, GracefulRestart, PeerAsn, PeerConfig, both, each, none};
use super::io::{ConnId, Direction};

/// Internal or external session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum PeerType {
    /// Same AS on both sides.
    Internal,
    /// Another AS.
    External,
}

/// The connection a session runs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Transport {
    /// Its number.
    pub conn: ConnId,
    /// Who opened it.
    pub direction: Direction,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
}

/// Everything both sides agreed on; a value, so that no state has to ask whether it is there.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Negotiated {
    /// The connection.
    pub transport: Transport,
    /// The AS we showed.
    pub local_asn: Asn,
    /// Our identifier.
    pub local_id: RouterId,
    /// The peer's AS.
    pub peer_asn: Asn,
    /// The peer's identifier.
    pub peer_id: RouterId,
    /// Internal or external.
    pub peer_type: PeerType,
    /// Hold time in force.
    pub hold_time: HoldTime,
    /// Longest time between our KEEPALIVEs; zero for none.
    pub keepalive: Duration,
    /// Families whose routes are exchanged; never empty.
    pub families: Families,
    /// AS numbers of four octets in AS_PATH and AGGREGATOR (RFC 6793).
    pub four_octet_asn: bool,
    /// Either side may ask for routes again (RFC 2918).
    pub route_refresh: bool,
    /// Refreshes have a beginning and an end (RFC 7313).
    pub enhanced_refresh: bool,
    /// Longest message the peer takes in UPDATEs, octets (RFC 8654).
    pub max_send: usize,
    /// Longest message we take, octets.
    pub max_receive: usize,
    /// Graceful restart, if both sides speak it.
    pub graceful_restart: Option<PeerRestart>,
    /// Codes of the capabilities the peer sent, in its order, without repetitions.
    pub capability_codes: Vec<u8>,
}

/// The graceful restart capability of the peer (RFC 4724 §3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PeerRestart {
    /// Seconds the peer wants to be waited for, 0 to 4095.
    pub time: u16,
    /// The peer has just restarted; it does not wait for our End-of-RIB if we restarted too.
    pub restarting: bool,
    /// Both sides restart gracefully after a NOTIFICATION or hold timer expiry too (RFC 8538).
    pub notification: bool,
    /// Families listed: their routes may be kept.
    pub families: Families,
    /// Of these, the ones whose forwarding state was kept.
    pub forwarding: Families,
}

impl Negotiated {
    /// The connection the session runs on.
    pub fn conn(&self) -> ConnId {
        self.transport.conn
    }

    /// Families to keep while the peer is away: those it listed and that were exchanged.
    pub(super) fn restart_families(&self) -> Families {
        self.graceful_restart.map(|restart| both(&restart.families, &self.families)).unwrap_or_default()
    }
}

/// Our OPEN.
pub(super) fn offer(config: &PeerConfig) -> Open {
    let mut capabilities: Vec<_> = each(&config.families).map(Capability::Multiprotocol).collect();
    capabilities.push(Capability::RouteRefresh);
    if config.extended_messages {
        capabilities.push(Capability::ExtendedMessage);
    }
    if let Some(restart) = restart_offer(config) {
        capabilities.push(restart);
    }
    capabilities.push(Capability::FourOctetAs(config.local_asn));
    capabilities.push(Capability::EnhancedRouteRefresh);
    Open {
        my_as: config.local_asn.as_two_octets(),
        hold_time: config.timers.hold.secs(),
        router_id: config.local_id,
        capabilities,
    }
}

fn restart_offer(config: &PeerConfig) -> Option<Capability> {
    let forwarding = |family| config.restart.forwarding.get(family) == Some(&true);
    let (time, families) = match config.graceful_restart {
        GracefulRestart::Off => return None,
        // No family listed: we help, and are not waited for (RFC 4724 §3).
        GracefulRestart::HelperOnly => (0, Vec::new()),
        GracefulRestart::Full { restart_time } => {
            let list = each(&config.families);
            let list = list.map(|family| RestartFamily { family, forwarding: forwarding(family) });
            (restart_time.min(4095), list.collect())
        }
    };
    let restart_state = config.restart.restarting && !families.is_empty();
    Some(Capability::GracefulRestart { restart_state, notification: true, time, families })
}

/// Checks the peer's OPEN against the configuration (RFC 4271 §6.2) and combines it with ours.
///
/// If no configured family is offered there is nothing to talk about: the answer is 2/7 with the
/// capabilities that were wanted, so that the peer's operator sees which (RFC 5492 §5).
///
/// # Errors
/// The NOTIFICATION to answer with, and why in words.
pub(super) fn negotiate(
    config: &PeerConfig,
    open: &Open,
    transport: Transport,
) -> Result<Negotiated, (Notification, String)> {
    let asn = open.asn();
    if !config.peer_asn.accepts(asn, config.local_asn) {
        let wanted = match config.peer_asn {
            PeerAsn::Exactly(asn) => format!("AS {asn}"),
            PeerAsn::Internal => format!("AS {}", config.local_asn),
            PeerAsn::External => format!("any AS but {}", config.local_asn),
        };
        return Err((refuse(2, Bytes::new()), format!("peer is of AS {asn}, configured is {wanted}")));
    }
    let peer_type = if asn == config.local_asn { PeerType::Internal } else { PeerType::External };
    let own_id = peer_type == PeerType::Internal && open.router_id == config.local_id;
    if own_id || open.router_id == RouterId(0) {
        let data = Bytes::copy_from_slice(&open.router_id.0.to_be_bytes());
        return Err((refuse(3, data), format!("peer has the identifier {}", open.router_id)));
    }
    let Some(peer_hold) = HoldTime::new(open.hold_time) else {
        let data = Bytes::copy_from_slice(&open.hold_time.to_be_bytes());
        return Err((refuse(6, data), format!("hold time of {} s", open.hold_time)));
    };
    let offered =
        PerFamily { ipv4: open.offers(Family::IPV4_UNICAST), ipv6: open.offers(Family::IPV6_UNICAST) };
    let families = both(&config.families, &offered);
    if none(&families) {
        return Err((refuse(7, wanted_families(config)), "peer offers none of our families".into()));
    }
    let hold_time = config.timers.hold.min(peer_hold);
    let mut capability_codes: Vec<u8> = Vec::new();
    for code in open.capabilities.iter().map(Capability::code) {
        if !capability_codes.contains(&code) {
            capability_codes.push(code);
        }
    }
    let len = |extended| if extended { MAX_EXTENDED_LEN } else { MAX_LEN };
    Ok(Negotiated {
        transport,
        local_asn: config.local_asn,
        local_id: config.local_id,
        peer_asn: asn,
        peer_id: open.router_id,
        peer_type,
        hold_time,
        keepalive: keepalive(config.timers.keepalive, hold_time),
        families,
        four_octet_asn: open.four_octet_as().is_some(),
        route_refresh: open.has(&Capability::RouteRefresh),
        enhanced_refresh: open.has(&Capability::EnhancedRouteRefresh),
        max_send: len(config.extended_messages && open.has(&Capability::ExtendedMessage)),
        max_receive: len(config.extended_messages),
        graceful_restart: peer_restart(config, open),
        capability_codes,
    })
}

fn refuse(subcode: u8, data: Bytes) -> Notification {
    Notification::new(code::OPEN, subcode, data)
}

/// The configured families as capabilities, in wire form.
fn wanted_families(config: &PeerConfig) -> Bytes {
    let mut data = BytesMut::new();
    for family in each(&config.families) {
        data.put_slice(&[1, 4]);
        data.put_u16(family.afi);
        data.put_slice(&[0, family.safi]);
    }
    data.freeze()
}

/// At most a third of the hold time (RFC 4271 §4.4) and never more than one a second.
fn keepalive(wanted: Duration, hold: HoldTime) -> Duration {
    match hold.secs() {
        0 => Duration::ZERO,
        secs => wanted.min(Duration::from_secs(u64::from(secs)) / 3).max(Duration::from_secs(1)),
    }
}

/// The last capability counts where a peer sends several (RFC 4724 §3).
fn peer_restart(config: &PeerConfig, open: &Open) -> Option<PeerRestart> {
    if !config.graceful_restart.helps() {
        return None;
    }
    open.capabilities.iter().rev().find_map(|capability| {
        let Capability::GracefulRestart { restart_state, notification, time, families } = capability else {
            return None;
        };
        let has = |family, wanted: fn(&RestartFamily) -> bool| {
            families.iter().any(|entry| entry.family == family && wanted(entry))
        };
        let set = |wanted| PerFamily {
            ipv4: has(Family::IPV4_UNICAST, wanted),
            ipv6: has(Family::IPV6_UNICAST, wanted),
        };
        Some(PeerRestart {
            time: *time,
            restarting: *restart_state,
            notification: *notification,
            families: set(|_| true),
            forwarding: set(|entry| entry.forwarding),
        })
    })
}
