//! Query parameters and bodies of requests, checked.

use std::net::IpAddr;

use bgp_core::types::Family;
use ipnet::IpNet;
use serde::Deserialize;

use super::api::{ApiError, ErrorCode, Prefixes};
use super::backend::{RouteQuery, View};

/// Makes a view of one peer.
pub(super) type OfPeer = fn(IpAddr) -> View;

/// What `GET /v1/routes` was asked for.
pub(super) struct RouteParams {
    pub(super) prefix: Option<IpNet>,
    pub(super) longer: bool,
    pub(super) family: Option<Family>,
    /// A peer by name or address, and the view that is to be had of it.
    pub(super) peer: Option<(String, OfPeer)>,
    /// The view when no peer is named.
    pub(super) view: View,
    /// One route a line instead of one document.
    pub(super) lines: bool,
}

impl RouteParams {
    pub(super) fn query(&self, view: View) -> RouteQuery {
        RouteQuery { view, prefix: self.prefix, longer: self.longer, family: self.family }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    prefix: Option<String>,
    longer: bool,
    family: Option<String>,
    received: Option<String>,
    advertised: Option<String>,
    fib: bool,
    format: Option<String>,
}

pub(super) fn route_params(query: &str) -> Result<RouteParams, ApiError> {
    let written: Written = from_query(query)?;
    let prefix = written.prefix.as_deref().map(prefix).transpose()?;
    let asked = [written.received.is_some(), written.advertised.is_some(), written.fib];
    if asked.iter().filter(|asked| **asked).count() > 1 {
        return Err(invalid("`received`, `advertised` and `fib` exclude each other"));
    }
    if written.longer && prefix.is_none() {
        return Err(invalid("`longer` needs a prefix"));
    }
    let received = written.received.map(|peer| (peer, View::Received as OfPeer));
    let advertised = written.advertised.map(|peer| (peer, View::Advertised as OfPeer));
    Ok(RouteParams {
        prefix,
        longer: written.longer,
        family: written.family.as_deref().map(family).transpose()?,
        peer: received.or(advertised),
        view: if written.fib { View::Fib } else { View::LocRib },
        lines: match written.format.as_deref() {
            None | Some("json") => false,
            Some("jsonl") => true,
            Some(other) => return Err(invalid(format!("`format` must be json or jsonl, found {other:?}"))),
        },
    })
}

pub(super) fn explain_prefix(query: &str) -> Result<IpNet, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Explain {
        prefix: String,
    }
    prefix(&from_query::<Explain>(query)?.prefix)
}

/// Whether `GET /metrics` is to have series of each peer; it has unless they are declined.
pub(super) fn peer_series(query: &str) -> Result<bool, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        peers: Option<bool>,
    }
    Ok(from_query::<Written>(query)?.peers.unwrap_or(true))
}

/// The prefixes of a body: at least one, none with host bits.
pub(super) fn valid_prefixes(body: Prefixes) -> Result<Vec<IpNet>, ApiError> {
    if body.prefixes.is_empty() {
        return Err(invalid("no prefix is given"));
    }
    match body.prefixes.iter().find(|prefix| prefix.trunc() != **prefix) {
        Some(prefix) => Err(host_bits(*prefix)),
        None => Ok(body.prefixes),
    }
}

/// A prefix, or an address for the prefix of that host alone.
pub(crate) fn prefix(text: &str) -> Result<IpNet, ApiError> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    let Ok(prefix) = text.parse::<IpNet>().or(address) else {
        return Err(
            invalid(format!("{text:?} is not a prefix")).hint("such as 10.60.0.0/16 or 2001:db8::/32")
        );
    };
    if prefix.trunc() != prefix {
        return Err(host_bits(prefix));
    }
    Ok(prefix)
}

/// A family by its configuration name.
pub(crate) fn family(text: &str) -> Result<Family, ApiError> {
    match text {
        "ipv4-unicast" | "ipv4" => Ok(Family::IPV4_UNICAST),
        "ipv6-unicast" | "ipv6" => Ok(Family::IPV6_UNICAST),
        _ => Err(invalid(format!("there is no family {text:?}")).hint("ipv4-unicast or ipv6-unicast")),
    }
}

fn host_bits(prefix: IpNet) -> ApiError {
    invalid(format!("{prefix} has host bits set")).hint(format!("did you mean `{}`?", prefix.trunc()))
}

fn from_query<T: for<'de> Deserialize<'de>>(query: &str) -> Result<T, ApiError> {
    let uri = format!("/?{query}").parse().map_err(|_| invalid("the query is not well formed"))?;
    let axum::extract::Query(read) = axum::extract::Query::try_from_uri(&uri)
        .map_err(|error| invalid(format!("the query is not what was expected: {}", error.body_text())))?;
    Ok(read)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::Invalid, message)
}
