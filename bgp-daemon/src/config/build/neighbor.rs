//! One `[[neighbor]]`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use bgp_core::types::{Asn, Family, HoldTime};
use toml::Spanned;

use super::super::model::{
    Chain, GracefulRestart, Mode, Neighbor, NextHop, Password, PeerAsn, PeerType, PolicyRef, Reach,
    SessionIdentity, Timers,
};
use super::super::raw::{AsnWord, OneOrMany, RawFamily, RawGracefulRestart, RawNeighbor, RawNextHop, Switch};
use super::super::report::Sink;
use super::super::text::Span;
use super::Context;
use super::local::valid_asn;

/// What a neighbour may refer to.
pub(super) struct Known<'a> {
    pub(super) policies: BTreeSet<&'a str>,
    /// The node's own number; absent when that is wrong, which has been reported.
    pub(super) asn: Option<Asn>,
    pub(super) listens: bool,
    pub(super) context: &'a Context<'a>,
}

pub(super) fn neighbor(raw: &RawNeighbor, known: &Known<'_>, sink: &mut Sink) -> Option<Neighbor> {
    let address = address(raw, sink);
    let asn = peer_asn(raw, sink);
    let local_asn = match &raw.local_asn {
        Some(asn) => valid_asn("local-asn", asn.span(), *asn.get_ref(), sink),
        None => known.asn,
    };
    let timers = timers(raw, sink);
    let families = families(raw, sink);
    let password = password(raw, known.context, sink);
    let reach = reach(raw, sink);
    let graceful_restart = graceful_restart(raw, sink);
    if let Some(address) = address {
        check_local_address(raw, address, known.context, sink);
    }
    if let (Some(passive), false) = (raw.passive.as_ref().filter(|p| *p.get_ref()), known.listens) {
        sink.error(passive.span(), "a passive neighbour can never connect: `listen` in [node] is empty")
            .hint("set `passive = false`, or listen on an address");
    }
    // Chains are checked even when the neighbour cannot be built: every fault counts.
    let import = chain("import", raw.import.as_ref(), known, sink);
    let export = chain("export", raw.export.as_ref(), known, sink);
    let (address, asn, local_asn, timers) = (address?, asn?, local_asn?, timers?);
    let mut session = SessionIdentity {
        asn,
        local_asn,
        port: raw.port.as_ref().map_or(179, |port| *port.get_ref()),
        passive: flag(raw.passive.as_ref(), false),
        local_address: raw.local_address.as_ref().map(|address| *address.get_ref()),
        reach: Reach::Connected,
        password,
        families,
        route_reflector_client: false,
        graceful_restart,
        extended_messages: flag(raw.extended_messages.as_ref(), true),
    };
    let peer_type = session.peer_type();
    session.reach = reach.unwrap_or(match peer_type {
        PeerType::Internal => Reach::Multihop(255),
        PeerType::External => Reach::Connected,
    });
    session.route_reflector_client = client(raw, peer_type, known.context.mode, sink);
    let name = name(raw, address, sink);
    warn_of_missing_policy(raw, &name, peer_type, sink);
    let default = match peer_type {
        PeerType::Internal => PolicyRef::Accept,
        PeerType::External => PolicyRef::Reject,
    };
    Some(Neighbor {
        address,
        session,
        timers,
        import: import.unwrap_or_else(|| Chain(vec![default.clone()])),
        export: export.unwrap_or_else(|| Chain(vec![default])),
        next_hop: match raw.next_hop.as_ref().map(|next_hop| *next_hop.get_ref()) {
            Some(RawNextHop::Auto) | None => NextHop::Auto,
            Some(RawNextHop::SelfAddress) => NextHop::SelfAddress,
            Some(RawNextHop::Keep) => NextHop::Keep,
        },
        allow_own_asn: raw.allow_own_asn.as_ref().map_or(0, |count| *count.get_ref()),
        shutdown: flag(raw.shutdown.as_ref(), false),
        name,
    })
}

fn address(raw: &RawNeighbor, sink: &mut Sink) -> Option<IpAddr> {
    let Some(address) = &raw.address else {
        if !raw.has("address") && !raw.has("interface") {
            sink.error(raw.at.clone(), "[[neighbor]] has no `address`")
                .hint("add `address = \"192.0.2.254\"`");
        }
        return None;
    };
    let (ip, zone) = (address.get_ref().ip, &address.get_ref().zone);
    let link_local = matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if zone.is_some() || link_local {
        sink.error(address.span(), "link-local neighbours are not available in this version")
            .hint("use a global or unique local address of the neighbour");
        return None;
    }
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    if ip.is_unspecified() || ip.is_multicast() || broadcast {
        sink.error(address.span(), format!("`address`: {ip} cannot be the address of a neighbour"));
        return None;
    }
    Some(ip.to_canonical())
}

fn peer_asn(raw: &RawNeighbor, sink: &mut Sink) -> Option<PeerAsn> {
    match &raw.asn {
        Some(asn) => match asn.get_ref() {
            AsnWord::Internal => Some(PeerAsn::Internal),
            AsnWord::External => Some(PeerAsn::External),
            AsnWord::Number(number) => valid_asn("asn", asn.span(), *number, sink).map(PeerAsn::Exactly),
        },
        None => {
            if !raw.has("asn") {
                sink.error(raw.at.clone(), "[[neighbor]] has no `asn`")
                    .hint("add the number, or `asn = \"internal\"` or `asn = \"external\"`");
            }
            None
        }
    }
}

fn name(raw: &RawNeighbor, address: IpAddr, sink: &mut Sink) -> String {
    let Some(name) = &raw.name else { return address.to_string() };
    let text = name.get_ref();
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        sink.error(name.span(), format!("`name`: {text:?} must be one word"))
            .hint("commands such as `peregrine clear NAME` take it");
    } else if text.parse::<IpAddr>().is_ok_and(|other| other != address) {
        sink.error(name.span(), format!("`name`: {text} is an address, and not the neighbour's"));
    }
    text.clone()
}

fn timers(raw: &RawNeighbor, sink: &mut Sink) -> Option<Timers> {
    let mut hold = HoldTime::new(90);
    if let Some(written) = &raw.hold_time {
        hold = HoldTime::new(*written.get_ref());
        if hold.is_none() {
            sink.error(written.span(), format!("`hold-time` must not be {}", written.get_ref()))
                .hint("0 turns it off, otherwise 3 seconds is the least (RFC 4271)");
        }
    }
    let hold_secs = hold.map_or(90, HoldTime::secs);
    let mut keepalive = hold_secs / 3;
    if let Some(written) = &raw.keepalive_time {
        keepalive = *written.get_ref();
        if hold_secs == 0 && keepalive > 0 {
            sink.error(written.span(), "`keepalive-time` has no use with `hold-time = 0`").hint("remove it");
        } else if hold_secs > 0 && (keepalive == 0 || keepalive >= hold_secs) {
            sink.error(
                written.span(),
                format!("`keepalive-time` {keepalive} must be below the hold time {hold_secs}, and not 0"),
            )
            .hint(format!("a third of the hold time is usual: {}", (hold_secs / 3).max(1)));
        }
    }
    let seconds = |written: Option<&Spanned<u16>>, default: u16| {
        Duration::from_secs(u64::from(written.map_or(default, |written| *written.get_ref())))
    };
    let connect_retry = seconds(raw.connect_retry_time.as_ref(), 5);
    let idle_hold = seconds(raw.idle_hold_time.as_ref(), 5);
    let idle_hold_max = seconds(raw.idle_hold_max.as_ref(), 30);
    if let (true, Some(written)) = (connect_retry.is_zero(), &raw.connect_retry_time) {
        sink.error(written.span(), "`connect-retry-time` must not be 0").hint("1 is the least");
    }
    if let (true, Some(at)) =
        (idle_hold > idle_hold_max, raw.idle_hold_max.as_ref().or(raw.idle_hold_time.as_ref()))
    {
        let (first, longest) = (idle_hold.as_secs(), idle_hold_max.as_secs());
        sink.error(at.span(), format!("`idle-hold-time` {first} is above `idle-hold-max` {longest}"))
            .hint("the pause starts at the first and doubles up to the second");
    }
    let keepalive = Duration::from_secs(u64::from(keepalive));
    Some(Timers { hold: hold?, keepalive, connect_retry, idle_hold, idle_hold_max })
}

fn families(raw: &RawNeighbor, sink: &mut Sink) -> Vec<Family> {
    let Some(written) = &raw.families else { return Family::SUPPORTED.to_vec() };
    let mut families = BTreeSet::new();
    for item in written.get_ref() {
        let family = match item.get_ref() {
            RawFamily::Ipv4Unicast => Family::IPV4_UNICAST,
            RawFamily::Ipv6Unicast => Family::IPV6_UNICAST,
        };
        if !families.insert(family) {
            sink.error(item.span(), format!("`families`: {family} is listed twice"))
                .hint("remove one of them");
        }
    }
    let told = |sink: &Sink| {
        let inside = |span: &Span| written.span().contains(&span.start);
        sink.diagnostics.iter().any(|d| d.span.as_ref().is_some_and(inside))
    };
    if written.get_ref().is_empty() && !told(sink) {
        sink.error(written.span(), "`families` is empty: nothing could be exchanged")
            .hint("leave it out for both, or set `shutdown = true`");
    }
    families.into_iter().collect()
}

fn check_local_address(raw: &RawNeighbor, peer: IpAddr, context: &Context<'_>, sink: &mut Sink) {
    let Some(written) = &raw.local_address else { return };
    let local = *written.get_ref();
    if local.is_ipv4() != peer.is_ipv4() {
        sink.error(
            written.span(),
            format!("`local-address` {local} and the neighbour's {peer} are of different families"),
        )
        .hint(context.host.addresses_hint(peer));
    } else if local.is_unspecified() || !context.host.has(local) {
        sink.error(written.span(), format!("`local-address`: {local} is not an address of this host"))
            .hint(context.host.addresses_hint(local));
    }
}

fn reach(raw: &RawNeighbor, sink: &mut Sink) -> Option<Reach> {
    match (&raw.ttl_security, &raw.multihop) {
        (Some(security), Some(multihop)) => {
            let at =
                if security.span().start > multihop.span().start { security.span() } else { multihop.span() };
            sink.error(at, "`ttl-security` and `multihop` exclude each other")
                .hint("`ttl-security = N` already reaches neighbours up to N hops away");
            None
        }
        (Some(security), None) => {
            let hops = *security.get_ref();
            if !(1..=254).contains(&hops) {
                sink.error(
                    security.span(),
                    format!("`ttl-security` must be from 1 to 254 hops, found {hops}"),
                )
                .hint("1 is a neighbour on the same network");
            }
            Some(Reach::TtlSecurity(hops))
        }
        (None, Some(multihop)) => {
            if *multihop.get_ref() == 0 {
                sink.error(multihop.span(), "`multihop` must not be 0").hint("64 is enough for any network");
            }
            Some(Reach::Multihop(*multihop.get_ref()))
        }
        (None, None) => None,
    }
}

fn graceful_restart(raw: &RawNeighbor, sink: &mut Sink) -> GracefulRestart {
    let full = |seconds: u16| GracefulRestart::Full { restart_time: Duration::from_secs(u64::from(seconds)) };
    match raw.graceful_restart.as_ref().map(Spanned::get_ref) {
        None | Some(Switch::Flag(true)) => full(DEFAULT_RESTART_TIME),
        Some(Switch::Flag(false)) => GracefulRestart::Off,
        Some(Switch::Table(RawGracefulRestart { restart_time, helper_only, .. })) => {
            let seconds = restart_time.as_ref().map_or(DEFAULT_RESTART_TIME, |time| *time.get_ref());
            if let (4096.., Some(time)) = (seconds, restart_time) {
                sink.error(
                    time.span(),
                    format!("`restart-time` must be at most 4095 seconds, found {seconds}"),
                )
                .hint("the capability has 12 bits for it (RFC 4724)");
            }
            match (flag(helper_only.as_ref(), false), restart_time) {
                (true, Some(time)) => {
                    sink.error(time.span(), "`restart-time` has no use with `helper-only = true`")
                        .hint("remove one of them");
                    GracefulRestart::HelperOnly
                }
                (true, None) => GracefulRestart::HelperOnly,
                (false, _) => full(seconds),
            }
        }
    }
}

fn password(raw: &RawNeighbor, context: &Context<'_>, sink: &mut Sink) -> Option<Password> {
    let (secret, at) = match (&raw.password, &raw.password_file) {
        (Some(_), Some(file)) => {
            sink.error(file.span(), "`password` and `password-file` exclude each other")
                .hint("remove one of them");
            return None;
        }
        (Some(secret), None) => (secret.get_ref().clone(), secret.span()),
        (None, Some(file)) => match (context.read_secret)(Path::new(file.get_ref())) {
            Ok(text) => (text.trim_end_matches(['\r', '\n']).to_owned(), file.span()),
            Err(error) => {
                sink.error(
                    file.span(),
                    format!("`password-file`: cannot read {:?}: {error}", file.get_ref()),
                )
                .hint("the file must exist and be readable by the daemon's user");
                return None;
            }
        },
        (None, None) => return None,
    };
    let length = secret.len();
    let password = Password::new(secret);
    if password.is_none() {
        sink.error(at, format!("the TCP MD5 key has {length} octets, of 1 to {}", Password::MAX))
            .hint("both sides must use the same key");
    }
    password
}

fn client(raw: &RawNeighbor, peer_type: PeerType, mode: Mode, sink: &mut Sink) -> bool {
    match (&raw.route_reflector_client, peer_type) {
        (Some(client), PeerType::External) if *client.get_ref() => {
            sink.error(client.span(), "an external neighbour cannot be a route reflector client")
                .hint("reflection is between neighbours of the same AS (RFC 4456)");
            false
        }
        (_, PeerType::External) => false,
        (Some(client), PeerType::Internal) => *client.get_ref(),
        (None, PeerType::Internal) => mode == Mode::Reflector,
    }
}

fn chain(
    key: &str,
    raw: Option<&Spanned<OneOrMany<String>>>,
    known: &Known<'_>,
    sink: &mut Sink,
) -> Option<Chain> {
    let raw = raw?;
    let mut links = Vec::new();
    for item in &raw.get_ref().0 {
        links.push(match item.get_ref().as_str() {
            "accept" => PolicyRef::Accept,
            "reject" => PolicyRef::Reject,
            name => {
                if !known.policies.contains(name) {
                    let words = known.policies.iter().copied().chain(["accept", "reject"]);
                    let added =
                        sink.error(item.span(), format!("`{key}`: there is no policy called `{name}`"));
                    match super::super::report::closest(name, words) {
                        Some(word) => added.hint(format!("did you mean `{word}`?")),
                        None => added.hint(format!("add a [[policy]] with `name = \"{name}\"`")),
                    };
                }
                PolicyRef::Named(name.to_owned())
            }
        });
    }
    if links.is_empty() {
        sink.error(raw.span(), format!("`{key}` is an empty list"))
            .hint(format!("write `{key} = \"reject\"`"));
    }
    Some(Chain(links))
}

/// RFC 8212: an external peering without policy carries nothing. Legal, and rarely what was meant.
fn warn_of_missing_policy(raw: &RawNeighbor, name: &str, peer_type: PeerType, sink: &mut Sink) {
    if peer_type == PeerType::Internal {
        return;
    }
    let at = raw.asn.as_ref().map_or(raw.at.clone(), Spanned::span);
    for (key, missing, effect) in [
        ("import", raw.import.is_none(), "nothing is accepted from it"),
        ("export", raw.export.is_none(), "nothing is sent to it"),
    ] {
        if missing {
            sink.warning(
                at.clone(),
                format!("external neighbour `{name}` has no `{key}`: {effect} (RFC 8212)"),
            )
            .hint(format!("add `{key} = [\"POLICY\"]`, or `{key} = \"accept\"` or \"reject\""));
        }
    }
}

fn flag(written: Option<&Spanned<bool>>, default: bool) -> bool {
    written.map_or(default, |written| *written.get_ref())
}

const DEFAULT_RESTART_TIME: u16 = 120;
