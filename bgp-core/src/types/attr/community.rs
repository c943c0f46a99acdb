//! Communities, borrowed from an attribute set or as values.

use std::fmt;

/// A community (RFC 1997).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Community(pub u32);

impl Community {
    /// RFC 1997: not beyond the confederation or AS.
    pub const NO_EXPORT: Self = Self(0xffff_ff01);
    /// RFC 1997: to nobody.
    pub const NO_ADVERTISE: Self = Self(0xffff_ff02);
    /// RFC 1997: not to external peers, members of the confederation included.
    pub const NO_EXPORT_SUBCONFED: Self = Self(0xffff_ff03);
    /// RFC 8326.
    pub const GRACEFUL_SHUTDOWN: Self = Self(0xffff_0000);
    /// RFC 7999.
    pub const BLACKHOLE: Self = Self(0xffff_029a);
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff)
    }
}

/// A large community (RFC 8092).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LargeCommunity {
    /// Global administrator, an AS number.
    pub global: u32,
    /// First local part.
    pub local1: u32,
    /// Second local part.
    pub local2: u32,
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.global, self.local1, self.local2)
    }
}

/// An extended community, uninterpreted (RFC 4360).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExtCommunity(pub [u8; 8]);

impl ExtCommunity {
    /// Whether it may cross an AS boundary (RFC 4360 §2: bit 0x40 of the type says it may not).
    pub fn is_transitive(self) -> bool {
        self.0[0] & 0x40 == 0
    }
}

impl fmt::Display for ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", u64::from_be_bytes(self.0))
    }
}

/// The value of a COMMUNITIES attribute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Communities<'a>(&'a [u8]);

impl<'a> Communities<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// The communities in wire order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Community> + 'a {
        let (chunks, _) = self.0.as_chunks::<4>();
        chunks.iter().map(|octets| Community(u32::from_be_bytes(*octets)))
    }

    /// Whether `community` is among them.
    pub fn contains(self, community: Community) -> bool {
        self.iter().any(|c| c == community)
    }
}
