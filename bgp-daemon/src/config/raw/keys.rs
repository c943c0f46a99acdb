//! Every table of the file but policies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::report::Sink;
use super::policy::RawPolicy;
use super::section::{Section, report_unknown, section};
use super::value::{AsnWord, FromToml, Network, OneOrMany, PeerAddress, Switch, words, wrong_type};

section! {
    /// The file.
    RawFile "" "" {
        /// Who this speaker is.
        "node" node: RawNode = "",
        /// The operator's interface.
        "api" api: RawApi = "",
        /// Where the cluster's resources are; absent means this file alone.
        "datastore" datastore: RawDatastore = "",
        /// A peer.
        "neighbor" neighbor: Vec<Spanned<RawNeighbor>> = "",
        /// Peers accepted from a prefix.
        "neighbor-range" neighbor_range: Vec<Spanned<RawNeighborRange>> = "",
        /// A list of rules for routes.
        "policy" policy: Vec<Spanned<RawPolicy>> = "",
        /// What this speaker announces of its own.
        "originate" originate: RawOriginate = "",
        /// Kernel programming.
        "fib" fib: RawFib = "",
        /// The decision process.
        "decision" decision: RawDecision = "",
        /// Coming back after a stop.
        "restart" restart: RawRestart = "",
        /// Route reflection.
        "reflector" reflector: RawReflector = "",
        /// Logging.
        "log" log: RawLog = "",
    }
}

section! {
    /// Who this speaker is.
    RawNode "[node]" "node" {
        /// The node's name, for people.
        "name" name: String = "`$NODENAME`, then the host name",
        /// Autonomous system number.
        "asn" asn: u32 = "none: required",
        /// BGP identifier.
        "router-id" router_id: Ipv4Addr = "the host's first IPv4 address",
        /// Where connections are accepted; `[]` means that this speaker only dials.
        "listen" listen: Vec<Spanned<SocketAddr>> = "`[\"0.0.0.0:179\", \"[::]:179\"]`",
        /// Threads that own the tables, each a part of all prefixes: 1 to 16.
        "shards" shards: u8 = "half of the cores",
    }
}

section! {
    /// The operator's interface.
    RawApi "[api]" "api" {
        /// Path of the Unix socket, mode 0660.
        "socket" socket: String = "`\"/run/peregrine/peregrine.sock\"`",
        /// Address of the read-only HTTP server: metrics, health and every reader of the API.
        "http" http: SocketAddr = "off",
        /// Path of a socket that speaks BIRD's dialect.
        "bird-socket" bird_socket: String = "off",
        /// The same for IPv6.
        "bird6-socket" bird6_socket: String = "off",
    }
}

words! {
    /// Kind of datastore.
    RawDatastoreKind { Etcd = "etcd", Directory = "directory", }
}

section! {
    /// Where the cluster's resources are; without this table, the file alone counts.
    RawDatastore "[datastore]" "datastore" {
        /// What it is.
        "kind" kind: RawDatastoreKind = "none: required",
        /// URLs of the etcd members.
        "endpoints" endpoints: Vec<Spanned<String>> = "none",
        /// Certificates that sign the members' own.
        "ca-file" ca_file: String = "the system's",
        /// Certificate shown to the members.
        "cert-file" cert_file: String = "none",
        /// Its key.
        "key-file" key_file: String = "none",
        /// User of etcd.
        "username" username: String = "none",
        /// File with that user's password.
        "password-file" password_file: String = "none",
        /// Directory of resources in YAML or JSON.
        "path" path: String = "none",
        /// File for the last good state.
        "cache" cache: String = "none",
    }
}

words! {
    /// Address family.
    RawFamily { Ipv4Unicast = "ipv4-unicast", Ipv6Unicast = "ipv6-unicast", }
}

words! {
    /// Next hop of sent routes.
    RawNextHop { Auto = "auto", SelfAddress = "self", Keep = "keep", }
}

words! {
    /// Several paths a prefix (RFC 7911).
    RawAddPath { Both = "both", Receive = "receive", Send = "send", Off = "off", }
}

words! {
    /// Business relation to the peer (RFC 9234).
    RawRole { Customer = "customer", Provider = "provider", Peer = "peer", Rs = "rs", RsClient = "rs-client", }
}

words! {
    /// What to do when there are too many prefixes.
    RawLimitAction { Idle = "idle", Warn = "warn", }
}

section! {
    /// One peer. The address is its key.
    RawNeighbor "[[neighbor]]" "neighbor" {
        /// Unique name.
        "name" name: String = "the address",
        /// Address of the peer.
        "address" address: PeerAddress = "none: required",
        /// Interface of an unnumbered peer.
        "interface" interface: String = "none",
        /// The peer's AS number, or whether it must be ours or any other.
        "asn" asn: AsnWord = "none: required",
        /// TCP port that is dialled.
        "port" port: u16 = "`179`",
        /// Families offered.
        "families" families: Vec<Spanned<RawFamily>> = "`[\"ipv4-unicast\", \"ipv6-unicast\"]`",
        /// Own address of the session.
        "local-address" local_address: IpAddr = "chosen by the kernel",
        /// AS number shown to the peer.
        "local-asn" local_asn: u32 = "that of `[node]`",
        /// Wait for the peer to dial.
        "passive" passive: bool = "`false`",
        /// TCP MD5 key, up to 80 octets.
        "password" password: String = "none",
        /// File that holds the key; a newline at its end does not count.
        "password-file" password_file: String = "none",
        /// Seconds without a message until the peer is presumed dead: 0, or 3 and more.
        "hold-time" hold_time: u16 = "`90`",
        /// Seconds between KEEPALIVEs.
        "keepalive-time" keepalive_time: u16 = "a third of the hold time",
        /// Seconds between attempts to connect.
        "connect-retry-time" connect_retry_time: u16 = "`5`",
        /// Seconds of rest after a session was lost; doubles each time.
        "idle-hold-time" idle_hold_time: u16 = "`5`",
        /// Longest such rest, in seconds.
        "idle-hold-max" idle_hold_max: u16 = "`30`",
        /// The peer is at most this many hops away (RFC 5082).
        "ttl-security" ttl_security: u8 = "off",
        /// TTL of packets to an external peer that is not on a connected network.
        "multihop" multihop: u8 = "off; internal peers may be anywhere",
        /// Next hop written into sent routes: as RFC 4271 says, always ourselves, or never changed.
        "next-hop" next_hop: RawNextHop = "`\"auto\"`",
        /// Policies for received routes, or `accept` or `reject`.
        "import" import: OneOrMany<String> = "internal `\"accept\"`, external `\"reject\"` (RFC 8212)",
        /// Policies for sent routes, or `accept` or `reject`.
        "export" export: OneOrMany<String> = "internal `\"accept\"`, external `\"reject\"` (RFC 8212)",
        /// The peer is a client of this reflector (RFC 4456).
        "route-reflector-client" route_reflector_client: bool = "`true` for internal peers of `peregrine reflector`, else `false`",
        /// Several paths a prefix (RFC 7911).
        "add-path" add_path: RawAddPath = "`\"off\"`",
        /// Graceful restart (RFC 4724).
        "graceful-restart" graceful_restart: Switch<RawGracefulRestart> = "`true`",
        /// Limit on received prefixes.
        "max-prefixes" max_prefixes: RawMaxPrefixes = "none",
        /// How often the own AS number may stand in a received AS path.
        "allow-own-asn" allow_own_asn: u8 = "`0`",
        /// Relation to the peer (RFC 9234).
        "role" role: RawRole = "none",
        /// The peer must have the matching role.
        "role-strict" role_strict: bool = "`false`",
        /// Offer messages of up to 65535 octets (RFC 8654).
        "extended-messages" extended_messages: bool = "`true`",
        /// IPv4 routes with IPv6 next hops (RFC 8950).
        "extended-next-hop" extended_next_hop: bool = "`false`",
        /// Least preference for routes with GRACEFUL_SHUTDOWN (RFC 8326).
        "honor-graceful-shutdown" honor_graceful_shutdown: bool = "`false`",
        /// Drop traffic to routes with BLACKHOLE (RFC 7999).
        "honor-blackhole" honor_blackhole: bool = "`false`",
        /// Bidirectional forwarding detection.
        "bfd" bfd: Switch<RawBfd> = "`false`",
        /// Keep the session down.
        "shutdown" shutdown: bool = "`false`",
    }
}

section! {
    /// Graceful restart with one peer.
    RawGracefulRestart "`graceful-restart`" "neighbor.graceful-restart" {
        /// Seconds the peer should wait for our return, up to 4095.
        "restart-time" restart_time: u16 = "`120`",
        /// Seconds that stale routes are kept beyond that (RFC 9494).
        "long-lived-stale-time" long_lived_stale_time: u32 = "`0`",
        /// Keep the peer's routes while it restarts, without asking the same of it.
        "helper-only" helper_only: bool = "`false`",
    }
}

section! {
    /// Limit on received prefixes.
    RawMaxPrefixes "`max-prefixes`" "neighbor.max-prefixes" {
        /// Most prefixes.
        "count" count: u32 = "none: required",
        /// Percentage of these that is worth a warning.
        "warn-at" warn_at: u8 = "`80`",
        /// What to do beyond.
        "action" action: RawLimitAction = "`\"idle\"`",
        /// Seconds until another attempt.
        "restart-after" restart_after: u32 = "never",
    }
}

section! {
    /// Bidirectional forwarding detection.
    RawBfd "`bfd`" "neighbor.bfd" {
        /// Milliseconds between packets.
        "interval" interval: u32 = "`300`",
        /// Packets missed until the peer is down.
        "multiplier" multiplier: u8 = "`3`",
    }
}

section! {
    /// The part of a range that is its own.
    RawRangeKeys "[[neighbor-range]]" "neighbor-range" {
        /// Peers are accepted from here.
        "prefix" prefix: Network = "none: required",
        /// Most peers at a time.
        "limit" limit: u32 = "`1000`",
    }
}

/// Peers accepted from a prefix: two keys of its own, the others as for a neighbour.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "keys of later releases are read and typed, then refused")]
pub(crate) struct RawNeighborRange {
    pub(crate) keys: RawRangeKeys,
    pub(crate) neighbor: RawNeighbor,
}

impl FromToml for RawNeighborRange {
    const TABLE: bool = true;

    fn kind() -> String {
        "table".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else { return wrong_type(key, value, sink) };
        let known = [RawRangeKeys::keys(), RawNeighbor::keys()].concat();
        report_unknown(table, RawRangeKeys::TITLE, &known, sink);
        let read = |table: &DeTable<'_>, sink: &mut Sink| Self {
            keys: RawRangeKeys::read_keys(table, value.span(), sink),
            neighbor: RawNeighbor::read_keys(table, value.span(), sink),
        };
        Some(read(table, sink))
    }
}

section! {
    /// What this speaker announces of its own.
    RawOriginate "[originate]" "originate" {
        /// Prefixes, announced always, with a blackhole in the kernel under each.
        "networks" networks: Vec<Spanned<Network>> = "`[]`",
        /// Interfaces whose host routes are announced; `*` stands for anything.
        "container-routes" container_routes: Vec<Spanned<String>> = "`[]`",
        /// Interfaces whose connected prefixes are announced.
        "connected" connected: Vec<Spanned<String>> = "`[]`",
    }
}

section! {
    /// Kernel programming.
    RawFib "[fib]" "fib" {
        /// Write routes to the kernel.
        "program" program: bool = "`true`; `false` for `peregrine reflector`",
        /// Routing table.
        "table" table: u32 = "`254`",
        /// Protocol number that marks routes as ours.
        "protocol" protocol: u8 = "`186`",
        /// Metric of the routes.
        "metric" metric: u32 = "`20`",
        /// Leave the routes when the daemon ends.
        "keep-on-exit" keep_on_exit: bool = "`true`",
    }
}

section! {
    /// The decision process.
    RawDecision "[decision]" "decision" {
        /// Compare MED between different neighbouring systems too.
        "always-compare-med" always_compare_med: bool = "`false`",
        /// Equal paths that are used beside each other by the kernel.
        "multipath" multipath: u16 = "`16`",
    }
}

section! {
    /// Coming back after a stop.
    RawRestart "[restart]" "restart" {
        /// Come back as a graceful restart when own routes are found in the kernel.
        "enabled" enabled: bool = "`true`",
        /// Longest wait for every End-of-RIB, in seconds.
        "deferral-time" deferral_time: u16 = "`120`",
    }
}

section! {
    /// Route reflection.
    RawReflector "[reflector]" "reflector" {
        /// CLUSTER_ID (RFC 4456).
        "cluster-id" cluster_id: Ipv4Addr = "the router id",
    }
}

words! {
    /// Severity.
    RawLogLevel { Error = "error", Warn = "warn", Info = "info", Debug = "debug", Trace = "trace", }
}

words! {
    /// Shape of log lines.
    RawLogFormat { Text = "text", Json = "json", }
}

section! {
    /// Logging, to standard error.
    RawLog "[log]" "log" {
        /// Least severe level shown.
        "level" level: RawLogLevel = "`\"info\"`",
        /// Lines for people or for machines.
        "format" format: RawLogFormat = "`\"text\"` on a terminal, else `\"json\"`",
    }
}
