//! The one check of next hops, for NEXT_HOP and MP_REACH_NLRI alike (RFC 4271 §6.3, RFC 7606 §7.3).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::types::NextHop;

/// The next hop if its address can be a host's: not in 0/8, not unspecified, multicast or reserved.
///
/// Loopback and own addresses are left to next-hop tracking, which knows what is local. A second IPv6 address
/// that is not link-local is dropped (RFC 2545 §3 allows nothing else there; some speakers fill in zeros).
pub(super) fn checked(next_hop: NextHop) -> Option<NextHop> {
    match next_hop {
        NextHop::V4(addr) => is_v4_host(addr).then_some(next_hop),
        NextHop::V6(addr) => is_v6_host(addr).then_some(next_hop),
        NextHop::V6WithLinkLocal { global, .. } if !is_v6_host(global) => None,
        NextHop::V6WithLinkLocal { global, link_local } if !link_local.is_unicast_link_local() => {
            Some(NextHop::V6(global))
        }
        NextHop::V6WithLinkLocal { .. } => Some(next_hop),
    }
}

fn is_v4_host(addr: Ipv4Addr) -> bool {
    let [first, ..] = addr.octets();
    (1..224).contains(&first)
}

fn is_v6_host(addr: Ipv6Addr) -> bool {
    !addr.is_unspecified() && !addr.is_multicast()
}
