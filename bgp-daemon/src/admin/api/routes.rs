//! `GET /v1/routes` and `/v1/explain`.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Body of `GET /v1/routes`, unless a line each is asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Routes {
    /// In no particular order between prefixes; a prefix's paths are together, the best first.
    pub routes: Vec<Route>,
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
    /// Address of the peer it came from; absent for what is originated here, and for a removed peer.
    pub peer: Option<IpAddr>,
    /// Name of that peer, or what originates it: `network`, `container`, `connected`, `announced`;
    /// `removed peer` for a path about to go with its peer.
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
