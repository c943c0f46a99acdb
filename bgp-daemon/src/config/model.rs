//! The validated configuration: what the runtime works from.
//!
//! Every default is applied and every reference resolved, so that nothing here needs a second
//! look: no unset values, no names of things that do not exist. Built only by [`super::load`].

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use bgp_core::policy::PeerType;
use bgp_core::policy::RuleList;
use bgp_core::types::{Asn, ClusterId, Family, HoldTime, RouterId};
use ipnet::IpNet;

/// What the process is: decides a few defaults.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// A container host: originates its containers' routes and programs the kernel.
    Agent,
    /// A route reflector: internal neighbours are clients, the kernel is left alone.
    Reflector,
}

/// One complete, valid configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Which of the two daemons this is for.
    pub mode: Mode,
    /// Who this speaker is.
    pub node: Node,
    /// Where operators reach it.
    pub api: Api,
    /// The configured peers, sorted by address.
    pub neighbors: Vec<Neighbor>,
    /// Every policy, in the order of the file. Names are unique and never `accept` nor `reject`.
    pub policies: Vec<Arc<RuleList>>,
    /// What this speaker announces of its own.
    pub originate: Originate,
    /// How routes reach the kernel.
    pub fib: Fib,
    /// Choices of the decision process.
    pub decision: Decision,
    /// Coming back after a stop.
    pub restart: Restart,
    /// Route reflection.
    pub reflector: Reflector,
    /// What is logged, and how.
    pub log: Log,
}

/// The speaker's identity (`[node]`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// The node's name, for people.
    pub name: String,
    /// The autonomous system; never 0 nor 23456.
    pub asn: Asn,
    /// The BGP identifier; never 0.0.0.0.
    pub router_id: RouterId,
    /// Where connections are accepted; empty means that this speaker only dials.
    pub listen: Vec<SocketAddr>,
    /// Threads that own the tables, 1 to [`MAX_SHARDS`]; half of the cores unless set.
    pub shards: Option<u8>,
}

/// Threads that may own tables. With more, what else a route costs counts more than the tables.
pub const MAX_SHARDS: u8 = 16;

/// The operator's interface (`[api]`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Api {
    /// Path of the Unix socket.
    pub socket: PathBuf,
    /// Address of the read-only HTTP server, if there is one.
    pub http: Option<SocketAddr>,
}

/// One peer (`[[neighbor]]`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Neighbor {
    /// Unique name; the address as text unless set.
    pub name: String,
    /// Unique address: the key of the peer everywhere.
    pub address: IpAddr,
    /// What the session is made of; changing any of it means another session.
    pub session: SessionIdentity,
    /// Timers; a change takes effect without losing the session.
    pub timers: Timers,
    /// Routes in: the policies run on what the peer sends.
    pub import: Chain,
    /// Routes out: the policies run on what the peer is sent.
    pub export: Chain,
    /// The next hop written into what is sent.
    pub next_hop: NextHop,
    /// How often the own AS number may appear in a received AS path.
    pub allow_own_asn: u8,
    /// Kept down on purpose.
    pub shutdown: bool,
}

/// The part of a neighbour that cannot change under an established session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionIdentity {
    /// Which AS the peer must be of.
    pub asn: PeerAsn,
    /// The AS number shown to the peer; the node's unless set.
    pub local_asn: Asn,
    /// TCP port dialled.
    pub port: u16,
    /// Accept connections only, never dial.
    pub passive: bool,
    /// Address to dial from and to be dialled at; `None` leaves it to the kernel.
    pub local_address: Option<IpAddr>,
    /// How far away the peer may be.
    pub reach: Reach,
    /// TCP MD5 key.
    pub password: Option<Password>,
    /// Families offered, sorted, never empty.
    pub families: Vec<Family>,
    /// This peer is a client of our reflection (RFC 4456); never with an external peer.
    pub route_reflector_client: bool,
    /// Graceful restart as offered to this peer (RFC 4724).
    pub graceful_restart: GracefulRestart,
    /// Offer messages of up to 65535 octets (RFC 8654).
    pub extended_messages: bool,
}

/// What is demanded of the AS number in the peer's OPEN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PeerAsn {
    /// This one.
    Exactly(Asn),
    /// Ours.
    Internal,
    /// Any but ours.
    External,
}

impl SessionIdentity {
    /// Internal when the peer must be of the AS we show it.
    pub fn peer_type(&self) -> PeerType {
        match self.asn {
            PeerAsn::Internal => PeerType::Internal,
            PeerAsn::Exactly(asn) if asn == self.local_asn => PeerType::Internal,
            PeerAsn::Exactly(_) | PeerAsn::External => PeerType::External,
        }
    }
}

/// Distance to the peer, as socket options.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    /// External default: on a connected network, packets leave with TTL 1.
    Connected,
    /// Packets leave with this TTL; internal default 255.
    Multihop(u8),
    /// Packets leave with TTL 255 and must arrive from at most this many hops away (RFC 5082).
    TtlSecurity(u8),
}

/// A TCP MD5 key: 1 to 80 octets, never printed.
#[derive(Clone, Eq, PartialEq)]
pub struct Password(String);

impl Password {
    /// Longest key the kernel takes (TCP_MD5SIG_MAXKEYLEN).
    pub const MAX: usize = 80;

    /// `None` when empty or longer than [`Password::MAX`] octets.
    pub fn new(secret: impl Into<String>) -> Option<Self> {
        let secret = secret.into();
        (1..=Self::MAX).contains(&secret.len()).then_some(Self(secret))
    }

    /// The key itself, for the socket option.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Graceful restart towards one peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GracefulRestart {
    /// The capability is not sent.
    Off,
    /// The peer's routes are kept while it restarts, ours are not asked to be.
    HelperOnly,
    /// Both sides.
    Full {
        /// Restart Time of the capability, whole seconds up to 4095.
        restart_time: Duration,
    },
}

/// Session timers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timers {
    /// Offered hold time. From the next session on.
    pub hold: HoldTime,
    /// Between KEEPALIVEs; zero only when `hold` is zero. From the next session on.
    pub keepalive: Duration,
    /// Between attempts to connect.
    pub connect_retry: Duration,
    /// First pause after a session was lost; doubles up to `idle_hold_max`.
    pub idle_hold: Duration,
    /// Longest such pause.
    pub idle_hold_max: Duration,
}

/// How the next hop of sent routes is chosen.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum NextHop {
    /// As RFC 4271 §5.1.3 says.
    Auto,
    /// Always our own address.
    SelfAddress,
    /// Never changed.
    Keep,
}

/// Policies in the order they are run; what falls off the end is rejected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chain(pub Vec<PolicyRef>);

/// One link of a [`Chain`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PolicyRef {
    /// Everything passes.
    Accept,
    /// Nothing passes.
    Reject,
    /// One of [`Config::policies`], which exists.
    Named(String),
}

/// What is announced of the speaker's own (`[originate]`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Originate {
    /// Always announced, with a blackhole under each; sorted, without host bits or repetition.
    pub networks: Vec<IpNet>,
    /// Interface patterns (`veth*`) whose host routes are announced.
    pub container_routes: Vec<String>,
    /// Interface patterns whose connected prefixes are announced.
    pub connected: Vec<String>,
}

/// Kernel programming (`[fib]`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fib {
    /// Whether the kernel is written at all.
    pub program: bool,
    /// Routing table, never 0.
    pub table: u32,
    /// Protocol number that marks routes as ours; never one of the kernel's own (0 to 4).
    pub protocol: u8,
    /// Route metric.
    pub metric: u32,
    /// Routes stay when the daemon ends.
    pub keep_on_exit: bool,
}

/// Choices of the decision process (`[decision]`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decision {
    /// Compare MED between routes of different neighbouring systems too.
    pub always_compare_med: bool,
    /// Equal paths kept for the kernel, at least 1.
    pub multipath: u16,
}

/// Return after a stop (`[restart]`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Restart {
    /// Come back as a graceful restart when own routes are found in the kernel.
    pub enabled: bool,
    /// Longest wait for every End-of-RIB.
    pub deferral_time: Duration,
}

/// Reflection (`[reflector]`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reflector {
    /// CLUSTER_ID written into reflected routes; never 0.0.0.0.
    pub cluster_id: ClusterId,
}

/// Logging (`[log]`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Log {
    /// Least severe level shown.
    pub level: LogLevel,
    /// Shape of the lines.
    pub format: LogFormat,
}

/// Severity, from the least talkative on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// Failures only.
    Error,
    /// What an operator should act on.
    Warn,
    /// State changes.
    Info,
    /// Messages.
    Debug,
    /// Routes.
    Trace,
}

/// Shape of a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}
