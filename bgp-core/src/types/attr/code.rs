//! Attribute type codes and their categories.

use std::fmt;

/// Path attribute type code (IANA "BGP Path Attributes").
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AttrCode(pub u8);

/// Flag bits of a path attribute (RFC 4271 §4.3).
pub mod flags {
    /// Optional, not well-known.
    pub const OPTIONAL: u8 = 0x80;
    /// Transitive.
    pub const TRANSITIVE: u8 = 0x40;
    /// Somebody on the way did not know the attribute.
    pub const PARTIAL: u8 = 0x20;
    /// Two length octets.
    pub const EXTENDED: u8 = 0x10;
}

impl AttrCode {
    /// RFC 4271 §5.1.1.
    pub const ORIGIN: Self = Self(1);
    /// RFC 4271 §5.1.2.
    pub const AS_PATH: Self = Self(2);
    /// RFC 4271 §5.1.3.
    pub const NEXT_HOP: Self = Self(3);
    /// RFC 4271 §5.1.4.
    pub const MED: Self = Self(4);
    /// RFC 4271 §5.1.5.
    pub const LOCAL_PREF: Self = Self(5);
    /// RFC 4271 §5.1.6.
    pub const ATOMIC_AGGREGATE: Self = Self(6);
    /// RFC 4271 §5.1.7.
    pub const AGGREGATOR: Self = Self(7);
    /// RFC 1997.
    pub const COMMUNITIES: Self = Self(8);
    /// RFC 4456 §8.
    pub const ORIGINATOR_ID: Self = Self(9);
    /// RFC 4456 §8.
    pub const CLUSTER_LIST: Self = Self(10);
    /// RFC 4760 §3.
    pub const MP_REACH_NLRI: Self = Self(14);
    /// RFC 4760 §4.
    pub const MP_UNREACH_NLRI: Self = Self(15);
    /// RFC 4360.
    pub const EXT_COMMUNITIES: Self = Self(16);
    /// RFC 6793.
    pub const AS4_PATH: Self = Self(17);
    /// RFC 6793.
    pub const AS4_AGGREGATOR: Self = Self(18);
    /// RFC 8092.
    pub const LARGE_COMMUNITIES: Self = Self(32);

    /// The category flags of attributes this speaker understands; `None` for all others.
    pub fn category(self) -> Option<u8> {
        use flags::{OPTIONAL, TRANSITIVE};
        match self {
            Self::ORIGIN | Self::AS_PATH | Self::NEXT_HOP | Self::LOCAL_PREF | Self::ATOMIC_AGGREGATE => {
                Some(TRANSITIVE)
            }
            Self::MED | Self::ORIGINATOR_ID | Self::CLUSTER_LIST => Some(OPTIONAL),
            Self::MP_REACH_NLRI | Self::MP_UNREACH_NLRI => Some(OPTIONAL),
            Self::AGGREGATOR | Self::COMMUNITIES | Self::EXT_COMMUNITIES => Some(OPTIONAL | TRANSITIVE),
            Self::AS4_PATH | Self::AS4_AGGREGATOR | Self::LARGE_COMMUNITIES => Some(OPTIONAL | TRANSITIVE),
            _ => None,
        }
    }

    fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::ORIGIN => "ORIGIN",
            Self::AS_PATH => "AS_PATH",
            Self::NEXT_HOP => "NEXT_HOP",
            Self::MED => "MULTI_EXIT_DISC",
            Self::LOCAL_PREF => "LOCAL_PREF",
            Self::ATOMIC_AGGREGATE => "ATOMIC_AGGREGATE",
            Self::AGGREGATOR => "AGGREGATOR",
            Self::COMMUNITIES => "COMMUNITIES",
            Self::ORIGINATOR_ID => "ORIGINATOR_ID",
            Self::CLUSTER_LIST => "CLUSTER_LIST",
            Self::MP_REACH_NLRI => "MP_REACH_NLRI",
            Self::MP_UNREACH_NLRI => "MP_UNREACH_NLRI",
            Self::EXT_COMMUNITIES => "EXTENDED_COMMUNITIES",
            Self::AS4_PATH => "AS4_PATH",
            Self::AS4_AGGREGATOR => "AS4_AGGREGATOR",
            Self::LARGE_COMMUNITIES => "LARGE_COMMUNITIES",
            _ => return None,
        })
    }
}

impl fmt::Display for AttrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "attribute {}", self.0),
        }
    }
}

/// ORIGIN (RFC 4271 §5.1.1); lower is preferred.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Origin {
    /// Interior to the originating AS.
    Igp = 0,
    /// Learned by EGP.
    Egp = 1,
    /// By other means.
    Incomplete = 2,
}

impl Origin {
    /// `None` for values RFC 4271 does not define.
    pub fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            0 => Self::Igp,
            1 => Self::Egp,
            2 => Self::Incomplete,
            _ => return None,
        })
    }
}
