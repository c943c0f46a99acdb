//! Bodies of POST requests, and the reply to all of them.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

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

/// Reply to every POST.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Done {
    /// How many things changed: prefixes, peers, or steps of a reload.
    pub changed: u64,
    /// What was done, in words, for people.
    pub message: String,
}
