//! Address families (RFC 4760).

use std::fmt;

use ipnet::IpNet;

/// An AFI/SAFI pair.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Family {
    /// Address family identifier.
    pub afi: u16,
    /// Subsequent address family identifier.
    pub safi: u8,
}

impl Family {
    /// AFI 1, SAFI 1.
    pub const IPV4_UNICAST: Self = Self { afi: 1, safi: 1 };
    /// AFI 2, SAFI 1.
    pub const IPV6_UNICAST: Self = Self { afi: 2, safi: 1 };
    /// The families whose routes this speaker understands, in table order.
    pub const SUPPORTED: [Self; 2] = [Self::IPV4_UNICAST, Self::IPV6_UNICAST];

    /// The unicast family of a prefix.
    pub fn of(prefix: IpNet) -> Self {
        match prefix {
            IpNet::V4(_) => Self::IPV4_UNICAST,
            IpNet::V6(_) => Self::IPV6_UNICAST,
        }
    }

    /// Whether routes of this family can be held; others are skipped by length, never parsed inside.
    pub fn is_supported(self) -> bool {
        Self::SUPPORTED.contains(&self)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IPV4_UNICAST => f.write_str("ipv4-unicast"),
            Self::IPV6_UNICAST => f.write_str("ipv6-unicast"),
            Self { afi, safi } => write!(f, "afi-{afi}-safi-{safi}"),
        }
    }
}

/// One value for each supported family.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PerFamily<T> {
    /// For IPv4 unicast.
    pub ipv4: T,
    /// For IPv6 unicast.
    pub ipv6: T,
}

impl<T> PerFamily<T> {
    /// The value for `family`; `None` for families that are not supported.
    pub fn get(&self, family: Family) -> Option<&T> {
        match family {
            Family::IPV4_UNICAST => Some(&self.ipv4),
            Family::IPV6_UNICAST => Some(&self.ipv6),
            _ => None,
        }
    }

    /// As [`PerFamily::get`], mutable.
    pub fn get_mut(&mut self, family: Family) -> Option<&mut T> {
        match family {
            Family::IPV4_UNICAST => Some(&mut self.ipv4),
            Family::IPV6_UNICAST => Some(&mut self.ipv6),
            _ => None,
        }
    }

    /// Both values with their families.
    pub fn iter(&self) -> impl Iterator<Item = (Family, &T)> {
        [(Family::IPV4_UNICAST, &self.ipv4), (Family::IPV6_UNICAST, &self.ipv6)].into_iter()
    }
}
