//! Every section that is about this speaker.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bgp_core::types::{Asn, ClusterId, RouterId};
use ipnet::IpNet;
use toml::Spanned;

use super::super::model::{
    Api, Decision, Fib, Log, LogFormat, LogLevel, MAX_SHARDS, Mode, Node, Originate, Restart,
};
use super::super::raw::{
    Network, RawApi, RawFib, RawFile, RawLog, RawLogFormat, RawLogLevel, RawNode, RawOriginate,
};
use super::super::report::Sink;
use super::super::text::Span;
use super::Context;

/// `[node]` while it may still lack what is required; whatever is missing has been reported.
pub(super) struct NodeParts {
    name: String,
    pub(super) asn: Option<Asn>,
    router_id: Option<RouterId>,
    pub(super) listen: Vec<SocketAddr>,
    shards: Option<u8>,
}

impl NodeParts {
    pub(super) fn finish(self) -> Option<Node> {
        let Self { name, asn, router_id, listen, shards } = self;
        Some(Node { name, asn: asn?, router_id: router_id?, listen, shards })
    }
}

pub(super) fn node(file: &RawFile, context: &Context<'_>, sink: &mut Sink) -> NodeParts {
    let raw = file.node.as_ref().map(Spanned::get_ref);
    let host = context.host;
    let name = match raw.and_then(|raw| raw.name.as_ref()) {
        Some(name) => {
            if name.get_ref().trim().is_empty() {
                sink.error(name.span(), "`name` is empty").hint("leave it out to use the host name");
            }
            name.get_ref().clone()
        }
        None => host.name.clone(),
    };
    NodeParts {
        name,
        asn: node_asn(raw, file.has("node"), sink),
        router_id: router_id(raw, context, sink),
        listen: listen(raw, context, sink),
        shards: shards(raw, sink),
    }
}

fn shards(raw: Option<&RawNode>, sink: &mut Sink) -> Option<u8> {
    let written = raw?.shards.as_ref()?;
    let shards = *written.get_ref();
    if !(1..=MAX_SHARDS).contains(&shards) {
        sink.error(written.span(), format!("`shards` must be from 1 to {MAX_SHARDS}, found {shards}"))
            .hint("leave it out to have one for every two cores");
    }
    Some(shards)
}

fn node_asn(raw: Option<&RawNode>, has_node: bool, sink: &mut Sink) -> Option<Asn> {
    let Some(raw) = raw else {
        if !has_node {
            sink.error(None, "no [node] with an `asn`").hint("add `asn = 64512` under [node]");
        }
        return None;
    };
    match &raw.asn {
        Some(asn) => valid_asn("asn", asn.span(), *asn.get_ref(), sink),
        None => {
            if !raw.has("asn") {
                sink.error(raw.at.clone(), "[node] has no `asn`").hint("add `asn = 64512`");
            }
            None
        }
    }
}

/// An AS number a speaker may have.
pub(super) fn valid_asn(key: &str, at: Span, asn: u32, sink: &mut Sink) -> Option<Asn> {
    let asn = Asn(asn);
    let why = match asn {
        Asn(0) => "0 is reserved (RFC 7607)",
        Asn::TRANS => "23456 stands for numbers of four octets (RFC 6793)",
        Asn(65_535 | u32::MAX) => "it is reserved (RFC 7300)",
        _ => return Some(asn),
    };
    sink.error(at, format!("`{key}`: no speaker can have AS {asn}: {why}"))
        .hint("private numbers are 64512 to 65534 and 4200000000 to 4294967294");
    None
}

fn router_id(raw: Option<&RawNode>, context: &Context<'_>, sink: &mut Sink) -> Option<RouterId> {
    match raw.and_then(|raw| raw.router_id.as_ref()) {
        Some(id) if id.get_ref().is_unspecified() => {
            sink.error(id.span(), "`router-id` must not be 0.0.0.0").hint("use an address of this host");
            None
        }
        Some(id) => Some(RouterId::from(*id.get_ref())),
        None => {
            let first = context.host.first_ipv4();
            if first.is_none() {
                let at = raw.map(|raw| raw.at.clone());
                sink.error(at, "no `router-id`, and this host has no IPv4 address to take it from")
                    .hint("add `router-id = \"192.0.2.1\"` under [node], unique in the network");
            }
            first.map(RouterId::from)
        }
    }
}

fn listen(raw: Option<&RawNode>, context: &Context<'_>, sink: &mut Sink) -> Vec<SocketAddr> {
    let Some(raw) = raw.and_then(|raw| raw.listen.as_ref()) else {
        return DEFAULT_LISTEN.to_vec();
    };
    let mut accepted: Vec<SocketAddr> = Vec::new();
    for item in raw.get_ref() {
        let at = *item.get_ref();
        if at.port() == 0 {
            sink.error(item.span(), format!("`listen`: {at} has no port")).hint("BGP's own port is 179");
        } else if at.ip().is_multicast() || !context.host.has(at.ip()) {
            sink.error(item.span(), format!("`listen`: {} is not an address of this host", at.ip()))
                .hint(context.host.addresses_hint(at.ip()));
        } else if let Some(other) = accepted.iter().find(|other| clash(**other, at)) {
            let message = match *other == at {
                true => format!("`listen`: {at} is listed twice"),
                false => format!("`listen`: {at} and {other} cannot both be opened"),
            };
            sink.error(item.span(), message).hint("the wildcard address covers every other: keep one");
        }
        accepted.push(at);
    }
    accepted
}

/// IPv6 sockets are opened for IPv6 only, so the families never clash.
fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    let wildcard = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && (wildcard || a.ip() == b.ip())
}

pub(super) fn api(raw: Option<&RawApi>, context: &Context<'_>, sink: &mut Sink) -> Api {
    let socket = api_socket(raw.and_then(|raw| raw.socket.as_ref()), sink);
    let http = raw.and_then(|raw| raw.http.as_ref());
    if let Some(http) = http {
        let at = *http.get_ref();
        if at.port() == 0 {
            sink.error(http.span(), format!("`http`: {at} has no port")).hint("such as \"127.0.0.1:9179\"");
        } else if at.ip().is_multicast() || !context.host.has(at.ip()) {
            sink.error(http.span(), format!("`http`: {} is not an address of this host", at.ip()))
                .hint(context.host.addresses_hint(at.ip()));
        }
    }
    Api { socket, http: http.map(|http| *http.get_ref()) }
}

fn api_socket(socket: Option<&Spanned<String>>, sink: &mut Sink) -> PathBuf {
    let Some(socket) = socket else { return PathBuf::from(super::super::DEFAULT_SOCKET) };
    let path = PathBuf::from(socket.get_ref());
    if !path.is_absolute() {
        sink.error(socket.span(), format!("`socket` must be an absolute path, found {:?}", socket.get_ref()))
            .hint(format!("such as {:?}", super::super::DEFAULT_SOCKET));
    } else if socket.get_ref().len() > MAX_SOCKET_PATH {
        let length = socket.get_ref().len();
        sink.error(socket.span(), format!("`socket` has {length} octets, of at most {MAX_SOCKET_PATH}"))
            .hint("use a shorter path");
    }
    path
}

pub(super) fn cluster_id(raw: &RawFile, sink: &mut Sink) -> Option<ClusterId> {
    let id = raw.reflector.as_ref()?.get_ref().cluster_id.as_ref()?;
    if id.get_ref().is_unspecified() {
        sink.error(id.span(), "`cluster-id` must not be 0.0.0.0").hint("leave it out to use the router id");
    }
    Some(ClusterId::from(*id.get_ref()))
}

pub(super) fn originate(raw: Option<&RawOriginate>, sink: &mut Sink) -> Originate {
    let Some(raw) = raw else { return Originate::default() };
    let mut networks: Vec<IpNet> = Vec::new();
    for item in raw.networks.iter().flat_map(Spanned::get_ref) {
        let Network(net) = *item.get_ref();
        if networks.contains(&net) {
            sink.error(item.span(), format!("`networks`: {net} is listed twice")).hint("remove one of them");
            continue;
        }
        if let Some(why) = not_announceable(net) {
            sink.error(item.span(), format!("`networks`: {net} cannot be announced: it is {why}"));
        }
        if net.prefix_len() == 0 {
            sink.warning(
                item.span(),
                format!("`networks`: {net} puts a blackhole default route into the kernel"),
            )
            .hint("what has no other route is dropped; announce the default from a host that has one");
        }
        networks.push(net);
    }
    networks.sort_unstable();
    let container_routes = patterns("container-routes", raw.container_routes.as_ref(), sink);
    let connected = patterns("connected", raw.connected.as_ref(), sink);
    Originate { networks, container_routes, connected }
}

fn not_announceable(net: IpNet) -> Option<&'static str> {
    let (address, whole) = (net.addr(), net.prefix_len() == 0);
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    match () {
        () if whole => None,
        () if address.is_multicast() => Some("multicast"),
        () if address.is_loopback() => Some("loopback"),
        () if link_local => Some("link-local"),
        () => None,
    }
}

/// Interface patterns: `*` stands for anything.
fn patterns(key: &str, raw: Option<&Spanned<Vec<Spanned<String>>>>, sink: &mut Sink) -> Vec<String> {
    let mut accepted: Vec<String> = Vec::new();
    for item in raw.into_iter().flat_map(Spanned::get_ref) {
        let pattern = item.get_ref();
        let fits = |c: char| c.is_ascii_graphic() && c != '/';
        if pattern.is_empty() || pattern.len() > MAX_INTERFACE_NAME || !pattern.chars().all(fits) {
            sink.error(item.span(), format!("`{key}`: {pattern:?} cannot be the name of an interface")).hint(
                "1 to 15 characters without `/` and blanks; `*` stands for anything, such as \"veth*\"",
            );
        } else if accepted.contains(pattern) {
            sink.error(item.span(), format!("`{key}`: {pattern:?} is listed twice"))
                .hint("remove one of them");
        } else {
            accepted.push(pattern.clone());
        }
    }
    accepted
}

pub(super) fn fib(raw: Option<&RawFib>, mode: Mode, sink: &mut Sink) -> Fib {
    let mut fib =
        Fib { program: mode == Mode::Agent, table: 254, protocol: 186, metric: 20, keep_on_exit: true };
    let Some(raw) = raw else { return fib };
    take(&mut fib.program, raw.program.as_ref());
    take(&mut fib.table, raw.table.as_ref());
    take(&mut fib.protocol, raw.protocol.as_ref());
    take(&mut fib.metric, raw.metric.as_ref());
    take(&mut fib.keep_on_exit, raw.keep_on_exit.as_ref());
    if let (0 | 255, Some(table)) = (fib.table, &raw.table) {
        let why = if fib.table == 0 { "0 is none" } else { "255 holds the kernel's own addresses" };
        sink.error(table.span(), format!("`table`: {why}")).hint("the main table is 254");
    }
    if let (0..=4, Some(protocol)) = (fib.protocol, &raw.protocol) {
        sink.error(
            protocol.span(),
            format!("`protocol`: {} is the kernel's or the operator's", fib.protocol),
        )
        .hint("routes of this number are taken for ours: use 186 (bgp), or one nobody else uses");
    }
    if let (0, Some(metric)) = (fib.metric, &raw.metric) {
        sink.error(metric.span(), "`metric` must not be 0").hint("the kernel makes 1024 of it for IPv6");
    }
    fib
}

pub(super) fn decision(raw: &RawFile, sink: &mut Sink) -> Decision {
    let mut decision = Decision { always_compare_med: false, multipath: 16 };
    let Some(raw) = raw.decision.as_ref().map(Spanned::get_ref) else { return decision };
    take(&mut decision.always_compare_med, raw.always_compare_med.as_ref());
    take(&mut decision.multipath, raw.multipath.as_ref());
    if let (false, Some(multipath)) = ((1..=256).contains(&decision.multipath), &raw.multipath) {
        let found = decision.multipath;
        sink.error(multipath.span(), format!("`multipath` must be from 1 to 256, found {found}"))
            .hint("1 means the best path alone");
    }
    decision
}

pub(super) fn restart(raw: &RawFile, sink: &mut Sink) -> Restart {
    let mut restart = Restart { enabled: true, deferral_time: Duration::from_secs(120) };
    let Some(raw) = raw.restart.as_ref().map(Spanned::get_ref) else { return restart };
    take(&mut restart.enabled, raw.enabled.as_ref());
    if let Some(time) = &raw.deferral_time {
        restart.deferral_time = Duration::from_secs(u64::from(*time.get_ref()));
        if restart.deferral_time.is_zero() {
            sink.error(time.span(), "`deferral-time` must not be 0")
                .hint("set `enabled = false` to come back without waiting");
        }
    }
    restart
}

pub(super) fn log(raw: Option<&RawLog>) -> Log {
    let level = match raw.and_then(|raw| raw.level.as_ref()).map(|level| *level.get_ref()) {
        Some(RawLogLevel::Error) => LogLevel::Error,
        Some(RawLogLevel::Warn) => LogLevel::Warn,
        Some(RawLogLevel::Info) | None => LogLevel::Info,
        Some(RawLogLevel::Debug) => LogLevel::Debug,
        Some(RawLogLevel::Trace) => LogLevel::Trace,
    };
    let format = match raw.and_then(|raw| raw.format.as_ref()).map(|format| *format.get_ref()) {
        Some(RawLogFormat::Text) => LogFormat::Text,
        Some(RawLogFormat::Json) => LogFormat::Json,
        None => LogFormat::Auto,
    };
    Log { level, format }
}

/// Overwrites a default with what the file says, if it says anything.
pub(super) fn take<T: Clone>(default: &mut T, written: Option<&Spanned<T>>) {
    if let Some(written) = written {
        *default = written.get_ref().clone();
    }
}

const DEFAULT_LISTEN: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 179),
    SocketAddr::new(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED), 179),
];

/// IFNAMSIZ without the zero at the end.
const MAX_INTERFACE_NAME: usize = 15;

/// `sun_path` without the zero at the end, nor the suffix under which the socket is made.
const MAX_SOCKET_PATH: usize = 103;
