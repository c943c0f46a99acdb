//! What the admin API says: the JSON types of every reply.
//!
//! Names are a promise to users' scripts: fields are added, never renamed, and [`SCHEMA`] is raised
//! when a meaning changes. Times are milliseconds since 1970 (UTC), durations whole seconds.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Version of these types, in every reply as `schema`.
pub const SCHEMA: u32 = 1;

/// A reply: its fields beside `schema`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reply<T> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was asked for.
    #[serde(flatten)]
    pub body: T,
}

impl<T> Reply<T> {
    /// Wraps a body in the current schema.
    pub fn new(body: T) -> Self {
        Self { schema: SCHEMA, body }
    }
}

/// Where the daemon is in its life.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DaemonState {
    /// Configuration read, sockets being opened.
    Starting,
    /// Waiting for peers' first tables.
    Converging,
    /// In service.
    Ready,
    /// On its way out; peers have been asked to use other routes.
    Draining,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Status {
    /// Node name.
    pub name: String,
    /// `agent` or `reflector`.
    pub mode: String,
    /// Release of the running daemon.
    pub version: String,
    /// Phase of life.
    pub state: DaemonState,
    /// BGP identifier.
    pub router_id: Ipv4Addr,
    /// Autonomous system.
    pub asn: u32,
    /// Process id.
    pub pid: u32,
    /// When the process started, ms.
    pub started_at: u64,
    /// Seconds since then.
    pub uptime: u64,
    /// The configuration in force.
    pub config: ConfigStatus,
    /// Peers by condition.
    pub peers: PeerCounts,
    /// Tables, one entry a family.
    pub tables: Vec<TableCounts>,
    /// The kernel's side.
    pub fib: FibStatus,
    /// Bytes held, by component.
    pub memory: Vec<MemoryUse>,
    /// Resources that were skipped and other things an operator should look at.
    pub problems: Vec<String>,
}

/// Which configuration runs, and how the last attempt to change it went.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigStatus {
    /// File it was read from.
    pub path: String,
    /// Counts configurations put in force; 1 at start.
    pub revision: u64,
    /// When this one was put in force, ms.
    pub loaded_at: u64,
    /// Why the last reload was refused, if it was; the configuration before it stays.
    pub last_error: Option<String>,
    /// When that was, ms.
    pub last_error_at: Option<u64>,
}

/// Peers by condition.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PeerCounts {
    /// All of them.
    pub configured: usize,
    /// With an established session.
    pub established: usize,
    /// Kept down by an operator.
    pub shutdown: usize,
}

/// Size of one table.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TableCounts {
    /// Such as `ipv4-unicast`.
    pub family: String,
    /// Destinations with at least one path.
    pub destinations: u64,
    /// Paths over all destinations.
    pub paths: u64,
    /// Destinations originated here.
    pub originated: u64,
}

/// Kernel programming in numbers.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FibStatus {
    /// Whether the kernel is written at all.
    pub enabled: bool,
    /// Routes that should be in the kernel.
    pub desired: u64,
    /// Of these, the ones that are.
    pub programmed: u64,
    /// Waiting to be written, or for a next hop to resolve.
    pub pending: u64,
    /// Refused by the kernel for good.
    pub failed: u64,
    /// Held by another daemon's route of the same key.
    pub conflicts: u64,
    /// Routes put right after something else changed them.
    pub repairs: u64,
    /// Whole re-reads of the kernel's table.
    pub resyncs: u64,
    /// Writes withheld until tables are complete after a restart.
    pub deferring: bool,
}

/// Memory of one component.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MemoryUse {
    /// Such as `paths`, `attributes`, `adj-rib-out`, `frame-log`, `resident`.
    pub component: String,
    /// Bytes.
    pub bytes: u64,
    /// Things held, where they can be counted.
    pub items: Option<u64>,
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

/// Body of `GET /v1/peers`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Peers {
    /// Sorted by address.
    pub peers: Vec<Peer>,
}

/// One path of `GET /v1/routes`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Route {
    /// Destination.
    #[cfg_attr(test, schemars(with = "String"))]
    pub prefix: IpNet,
    /// Path identifier (RFC 7911), where one is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_id: Option<u32>,
    /// Address of the peer it came from; absent for what is originated here.
    pub peer: Option<IpAddr>,
    /// Name of that peer, or what originates it: `network`, `container`, `connected`, `announced`.
    pub source: String,
    /// Standing of the path.
    pub flags: RouteFlags,
    /// Next hop; absent for what is originated here.
    pub next_hop: Option<IpAddr>,
    /// Path attributes.
    pub attributes: Attributes,
    /// Seconds since it was learned or last changed, where known.
    pub age: Option<u64>,
    /// Why it is not the best: the step of the decision it lost at.
    pub reason: Option<String>,
}

/// Standing of a path; the codes of the table in brackets.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RouteFlags {
    /// May be chosen (`*`).
    pub valid: bool,
    /// Chosen (`>`).
    pub best: bool,
    /// As good as the chosen one, and in use beside it (`=`).
    pub multipath: bool,
    /// Learned from an internal peer (`i`).
    pub internal: bool,
    /// Kept from a session that ended (`S`).
    pub stale: bool,
    /// Chosen, yet not in the kernel (`r`).
    pub not_in_kernel: bool,
}

/// Path attributes as text and numbers.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Attributes {
    /// `igp`, `egp` or `incomplete`.
    pub origin: String,
    /// AS numbers apart by spaces, sets as `{1 2}`.
    pub as_path: String,
    /// LOCAL_PREF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_pref: Option<u32>,
    /// MULTI_EXIT_DISC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub med: Option<u32>,
    /// `65000:1`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub communities: Vec<String>,
    /// `65000:1:2`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub large_communities: Vec<String>,
    /// Extended communities, `rt:65000:1` or hexadecimal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extended_communities: Vec<String>,
    /// ORIGINATOR_ID (RFC 4456).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub originator_id: Option<Ipv4Addr>,
    /// CLUSTER_LIST, nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cluster_list: Vec<Ipv4Addr>,
    /// ATOMIC_AGGREGATE.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub atomic_aggregate: bool,
    /// AGGREGATOR as `asn address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregator: Option<String>,
    /// Codes of attributes carried without being understood.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<u8>,
}

/// Body of `GET /v1/routes`, unless a line each is asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Routes {
    /// In no particular order between prefixes; a prefix's paths are together, the best first.
    pub routes: Vec<Route>,
}

/// `GET /v1/explain`: everything known about one prefix.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Explanation {
    /// The prefix that was asked for.
    #[cfg_attr(test, schemars(with = "String"))]
    pub prefix: IpNet,
    /// Every path with what import policy did and the step it won or lost at.
    pub paths: Vec<ExplainedPath>,
    /// Who is told, and who is not and why.
    pub sent: Vec<ExplainedPeer>,
    /// What the kernel has: one sentence.
    pub kernel: String,
}

/// One path of an [`Explanation`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExplainedPath {
    /// The path.
    #[serde(flatten)]
    pub route: Route,
    /// What import policy did, in words.
    pub import: String,
}

/// One peer of an [`Explanation`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExplainedPeer {
    /// Name.
    pub peer: String,
    /// Address.
    pub address: IpAddr,
    /// Whether it is told.
    pub sent: bool,
    /// By which rule.
    pub why: String,
}

/// `GET /v1/fib`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FibReport {
    /// Numbers.
    pub fib: FibStatus,
    /// Routes whose kernel state differs from what is desired, at most [`FibReport::MAX`].
    pub differences: Vec<FibDifference>,
}

impl FibReport {
    /// Most differences in one reply; the numbers always count all.
    pub const MAX: usize = 1000;
}

/// One route that is not as it should be.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FibDifference {
    /// Destination.
    #[cfg_attr(test, schemars(with = "String"))]
    pub prefix: IpNet,
    /// Table.
    pub table: u32,
    /// What is the matter.
    pub state: FibState,
    /// In words.
    pub detail: String,
}

/// Why a route differs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FibState {
    /// Not written yet.
    Pending,
    /// The next hop does not resolve.
    Unresolved,
    /// Refused by the kernel.
    Failed,
    /// Another daemon's route is in the way.
    Conflict,
}

impl FibState {
    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unresolved => "unresolved",
            Self::Failed => "failed",
            Self::Conflict => "conflict",
        }
    }
}

/// Body of `GET /v1/groups`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Groups {
    /// Every update group.
    pub groups: Vec<Group>,
}

/// One update group: peers that are sent equal bytes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Group {
    /// Number, not stable over restarts.
    pub id: u32,
    /// Family.
    pub family: String,
    /// `external`, `client` or `non-client`.
    pub role: String,
    /// Names of the members.
    pub members: Vec<String>,
    /// Destinations in the group's Adj-RIB-Out.
    pub routes: u64,
    /// Octets in the frame log.
    pub log_bytes: u64,
    /// Bound of these.
    pub log_limit: u64,
    /// Octets the slowest attached member still has to send.
    pub lag_bytes: u64,
    /// Members that fell off the log and resynchronise.
    pub resyncing: u64,
    /// Resynchronisations since the group exists.
    pub resyncs: u64,
}

/// `GET /v1/config`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigReport {
    /// Where it is from and since when.
    #[serde(flatten)]
    pub status: ConfigStatus,
    /// The effective configuration, every default applied, secrets as `***`.
    pub config: serde_json::Value,
}

/// Reply to every POST.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Done {
    /// How many things changed: prefixes, peers, or steps of a reload.
    pub changed: u64,
    /// What was done, in words, for people.
    pub message: String,
}

/// Body of `POST /v1/announce` and `/v1/withdraw`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Prefixes {
    /// Without host bits.
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub prefixes: Vec<IpNet>,
}

/// Body of `POST /v1/peers/{peer}/refresh`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Which way; both unless given.
    #[serde(default)]
    pub direction: Option<Direction>,
}

/// Direction of a refresh.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Ask the peer for its routes again.
    In,
    /// Send it ours again.
    Out,
}

/// Body of `POST /v1/peers/{peer}/disable`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Disable {
    /// Shutdown communication for the peer's operator, at most 255 octets (RFC 9003).
    #[serde(default)]
    pub message: Option<String>,
}

/// Body of every reply that is not 2xx.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// What went wrong.
    pub error: ApiError,
}

/// What went wrong with a request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[error("{message}")]
pub struct ApiError {
    /// Its class.
    pub code: ErrorCode,
    /// One line with the values.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// Class of an [`ApiError`]; each has one HTTP status.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The request makes no sense (400).
    Invalid,
    /// No such peer, prefix or path (404).
    NotFound,
    /// Understood and refused, or tried in vain (409).
    Failed,
    /// The part that would answer is not there: starting, stopping, or not built in (503).
    Unavailable,
}

impl ApiError {
    /// An error without hints.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hints: Vec::new() }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}
