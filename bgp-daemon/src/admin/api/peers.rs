//! `GET /v1/peers`.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

/// Body of `GET /v1/peers`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Peers {
    /// Sorted by address.
    pub peers: Vec<Peer>,
}

/// One peer of `GET /v1/peers`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Peer {
    /// Configured name.
    pub name: String,
    /// Address: the peer's key.
    pub address: IpAddr,
    /// AS number, from the session or the configuration; absent while only `external` is known.
    pub asn: Option<u32>,
    /// AS number shown to it.
    pub local_asn: u32,
    /// Internal or external.
    pub kind: PeerKind,
    /// Client of our reflection.
    pub client: bool,
    /// Session state.
    pub state: SessionState,
    /// When that state was entered, ms.
    pub since: u64,
    /// Seconds of the established session.
    pub uptime: Option<u64>,
    /// Kept down by an operator.
    pub shutdown: bool,
    /// What the session agreed on; absent unless established.
    pub session: Option<PeerSession>,
    /// Counts of routes, one entry a configured family.
    pub families: Vec<PeerFamily>,
    /// Messages since the daemon started.
    pub messages: Messages,
    /// Established sessions lost.
    pub flaps: u64,
    /// The last thing that went wrong.
    pub last_error: Option<PeerError>,
    /// Graceful restart.
    pub graceful_restart: PeerRestart,
}

/// State of a peer's session (RFC 4271 §8.2.2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum SessionState {
    /// Not trying.
    Idle,
    /// Dialling.
    Connect,
    /// Waiting to dial again, or to be dialled.
    Active,
    /// OPEN sent.
    OpenSent,
    /// OPEN accepted.
    OpenConfirm,
    /// Routes are exchanged.
    Established,
}

impl SessionState {
    /// The RFC's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        }
    }
}

/// Internal or external.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PeerKind {
    /// Same AS.
    Internal,
    /// Another AS.
    External,
}

/// What an established session agreed on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PeerSession {
    /// The peer's BGP identifier.
    pub router_id: Ipv4Addr,
    /// Our end of the connection.
    pub local: String,
    /// The peer's end.
    pub remote: String,
    /// Hold time in force, seconds; 0 is off.
    pub hold_time: u16,
    /// Between KEEPALIVEs, seconds.
    pub keepalive_time: u16,
    /// Capabilities the peer sent, by name or number.
    pub capabilities: Vec<String>,
}

/// One family with one peer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PeerFamily {
    /// Such as `ipv4-unicast`.
    pub family: String,
    /// Both sides speak it in this session.
    pub negotiated: bool,
    /// Paths received and kept.
    pub received: u64,
    /// Of these, the ones import policy let in.
    pub accepted: u64,
    /// Destinations the peer is told.
    pub advertised: u64,
    /// Paths kept from a session that ended.
    pub stale: u64,
    /// The peer has sent End-of-RIB in this session.
    pub end_of_rib: bool,
}

/// Messages in both directions.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Messages {
    /// From the peer.
    pub received: MessageCounts,
    /// To the peer.
    pub sent: MessageCounts,
}

/// Messages by type.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MessageCounts {
    /// Every type.
    pub total: u64,
    /// UPDATE.
    pub updates: u64,
    /// NOTIFICATION.
    pub notifications: u64,
    /// ROUTE-REFRESH.
    pub refreshes: u64,
}

/// Why a session last ended or could not start.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PeerError {
    /// In words.
    pub text: String,
    /// When, ms.
    pub at: u64,
}

/// Graceful restart with one peer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PeerRestart {
    /// What goes on now.
    pub state: RestartState,
    /// Restart Time the peer announced, seconds; absent when it cannot.
    pub peer_restart_time: Option<u16>,
}

/// Phase of a graceful restart.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RestartState {
    /// Not negotiated, or not configured.
    Off,
    /// Negotiated, nothing going on.
    Ready,
    /// The peer restarts and its routes are kept.
    Helping,
    /// We restarted and wait for its End-of-RIB.
    Restarting,
}
