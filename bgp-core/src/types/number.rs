//! Numbers with a meaning: AS numbers, identifiers, hold time.

use std::fmt;
use std::net::Ipv4Addr;

/// Autonomous system number, four octets (RFC 6793).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Asn(pub u32);

impl Asn {
    /// What a four-octet AS number looks like to a two-octet speaker (RFC 6793 §4.2.2).
    pub const TRANS: Self = Self(23456);

    /// The two-octet form, [`Asn::TRANS`] where it does not fit.
    pub fn as_two_octets(self) -> u16 {
        u16::try_from(self.0).unwrap_or(23456)
    }

    /// Whether the number may appear in an AS_PATH or OPEN: 0 may not (RFC 7607).
    pub fn is_valid(self) -> bool {
        self.0 != 0
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// BGP identifier: an unsigned four-octet number, written like an IPv4 address (RFC 6286).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "Ipv4Addr", into = "Ipv4Addr")
)]
pub struct RouterId(pub u32);

/// Identifier of a route-reflection cluster (RFC 4456 §7).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "Ipv4Addr", into = "Ipv4Addr")
)]
pub struct ClusterId(pub u32);

macro_rules! dotted {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Ipv4Addr::from_bits(self.0).fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
        impl From<Ipv4Addr> for $name {
            fn from(addr: Ipv4Addr) -> Self {
                Self(addr.to_bits())
            }
        }
        impl From<$name> for Ipv4Addr {
            fn from(id: $name) -> Self {
                Self::from_bits(id.0)
            }
        }
    };
}
dotted!(RouterId);
dotted!(ClusterId);

/// A configured peer, numbered by the daemon for as long as it is configured.
///
/// Numbers are reused only after every table and log has forgotten the former owner.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct PeerId(pub u16);

impl PeerId {
    /// The origin of routes this speaker originates itself.
    pub const LOCAL: Self = Self(0);
}

/// Path identifier of add-path (RFC 7911); 0 where add-path is not in use.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct PathId(pub u32);

/// Seconds between messages before the peer is presumed dead; 0 disables (RFC 4271 §4.2).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct HoldTime(u16);

impl HoldTime {
    /// What RFC 4271 §10 suggests, 90 s.
    pub const DEFAULT: Self = Self(90);

    /// Accepts 0 or at least 3 seconds; anything else is what RFC 4271 §6.2 calls unacceptable.
    pub fn new(secs: u16) -> Option<Self> {
        (secs == 0 || secs >= 3).then_some(Self(secs))
    }

    /// Seconds; 0 means that neither hold nor keepalive timer runs.
    pub fn secs(self) -> u16 {
        self.0
    }
}
