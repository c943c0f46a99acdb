//! Netlink messages as facts. Messages this crate has no use for are `None`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::wire::{Message, attrs, num, u16_at, u32_at};
use crate::kernel::seen::{Fact, Link, SeenAddr, SeenHop, SeenKind, SeenRoute};
use crate::route::{NextHop, RouteKey};

/// What a message of a dump or of a multicast group says.
pub(super) fn fact(message: &Message<'_>) -> Option<Fact> {
    match message.kind {
        num::RTM_NEWLINK => link(message.body).map(Fact::Link),
        num::RTM_DELLINK => link(message.body).map(|link| Fact::LinkGone(link.ifindex)),
        num::RTM_NEWADDR => addr(message.body).map(Fact::Addr),
        num::RTM_DELADDR => addr(message.body).map(Fact::AddrGone),
        num::RTM_NEWROUTE => {
            let replace = message.flags & num::F_REPLACE != 0;
            route(message.body).map(|route| Fact::Route { route, replace })
        }
        num::RTM_DELROUTE => route(message.body).map(Fact::RouteGone),
        num::RTM_NEWNEXTHOP | num::RTM_DELNEXTHOP => Some(Fact::NextHopObject),
        num::NLMSG_OVERRUN => Some(Fact::Overrun),
        _ => None,
    }
}

/// The error number of an NLMSG_ERROR or NLMSG_DONE, positive; 0 is an acknowledgement.
pub(super) fn errno(message: &Message<'_>) -> i32 {
    let raw = u32_at(message.body, 0).unwrap_or(0);
    raw.cast_signed().saturating_neg().max(0)
}

fn link(body: &[u8]) -> Option<Link> {
    // A bridge port leaving its bridge is told as DELLINK of family AF_BRIDGE: the link itself stays.
    if *body.first()? != 0 {
        return None;
    }
    let ifindex = u32_at(body, 4)?;
    let flags = u32_at(body, 8)?;
    let name = attrs(body.get(16..)?).find(|(kind, _)| *kind == num::IFLA_IFNAME).map(|(_, name)| name);
    let name = String::from_utf8_lossy(name.unwrap_or_default());
    Some(Link {
        ifindex,
        name: name.trim_end_matches('\0').into(),
        up: flags & num::IFF_UP != 0,
        carrier: flags & num::IFF_LOWER_UP != 0,
    })
}

fn addr(body: &[u8]) -> Option<SeenAddr> {
    let (family, len) = (*body.first()?, *body.get(1)?);
    let ifindex = u32_at(body, 4)?;
    let (mut local, mut peer) = (None, None);
    for (kind, payload) in attrs(body.get(8..)?) {
        match kind {
            num::IFA_LOCAL => local = ip(family, payload),
            num::IFA_ADDRESS => peer = ip(family, payload),
            _ => {}
        }
    }
    let own = local.or(peer)?;
    // With a peer address, the prefix is the peer's and says nothing of our neighbours.
    let len = match peer {
        Some(peer) if peer != own => IpNet::from(own).prefix_len(),
        _ => len,
    };
    Some(SeenAddr { ifindex, addr: own, len })
}

fn route(body: &[u8]) -> Option<SeenRoute> {
    let [family, len, _src, tos, table, protocol, scope, kind, ..] = *body.first_chunk::<12>()?;
    let flags = u32_at(body, 8)?;
    if flags & num::RTM_F_CLONED != 0 || tos != 0 {
        return None;
    }
    let mut parts = Parts { table: u32::from(table), ..Parts::default() };
    for (kind, payload) in attrs(body.get(12..)?) {
        parts.take(kind, payload, family);
    }
    let dst = match (parts.dst, family) {
        (Some(dst), _) => dst,
        (None, num::AF_INET) => Ipv4Addr::UNSPECIFIED.into(),
        (None, num::AF_INET6) => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let kind = match kind {
        num::RTN_UNICAST => SeenKind::Unicast,
        num::RTN_LOCAL => SeenKind::Local,
        num::RTN_BLACKHOLE => SeenKind::Blackhole,
        other => SeenKind::Other(other),
    };
    let mut hops = parts.multipath;
    if let (true, Some(ifindex)) = (hops.is_empty(), parts.oif) {
        let [flags, ..] = flags.to_le_bytes();
        hops.push(hop(parts.gateway, ifindex, flags, 0));
    }
    if !matches!(kind, SeenKind::Unicast | SeenKind::Local) {
        // IPv6 hangs dropping routes on the loopback link.
        hops.clear();
    }
    Some(SeenRoute {
        key: RouteKey::new(parts.table, IpNet::new(dst, len).ok()?, parts.metric),
        protocol,
        scope,
        kind,
        hops,
        object: parts.object,
    })
}

#[derive(Default)]
struct Parts {
    table: u32,
    dst: Option<IpAddr>,
    metric: u32,
    gateway: Option<IpAddr>,
    oif: Option<u32>,
    multipath: Vec<SeenHop>,
    object: bool,
}

impl Parts {
    fn take(&mut self, kind: u16, payload: &[u8], family: u8) {
        match kind {
            num::RTA_DST => self.dst = ip(family, payload),
            num::RTA_TABLE => self.table = u32_at(payload, 0).unwrap_or(self.table),
            num::RTA_PRIORITY => self.metric = u32_at(payload, 0).unwrap_or(0),
            num::RTA_OIF => self.oif = u32_at(payload, 0),
            num::RTA_GATEWAY => self.gateway = ip(family, payload),
            num::RTA_VIA => self.gateway = via(payload),
            num::RTA_MULTIPATH => self.multipath = multipath(payload, family),
            num::RTA_NH_ID => self.object = true,
            _ => {}
        }
    }
}

fn multipath(mut buf: &[u8], family: u8) -> Vec<SeenHop> {
    let mut hops = Vec::new();
    while let (Some(len), Some(&flags), Some(&weight), Some(ifindex)) =
        (u16_at(buf, 0), buf.get(2), buf.get(3), u32_at(buf, 4))
    {
        let len = usize::from(len);
        let Some(inner) = buf.get(8..len) else { break };
        let mut gateway = None;
        for (kind, payload) in attrs(inner) {
            match kind {
                num::RTA_GATEWAY => gateway = ip(family, payload),
                num::RTA_VIA => gateway = via(payload),
                _ => {}
            }
        }
        hops.push(hop(gateway, ifindex, flags, weight));
        buf = buf.get(super::wire::align(len)..).unwrap_or_default();
    }
    hops
}

fn hop(gateway: Option<IpAddr>, ifindex: u32, flags: u8, extra_weight: u8) -> SeenHop {
    let onlink = flags & num::RTNH_F_ONLINK != 0;
    let hop = NextHop { gateway, ifindex, onlink, weight: u16::from(extra_weight) + 1 };
    SeenHop { hop, dead: flags & num::RTNH_F_DEAD != 0 }
}

fn via(payload: &[u8]) -> Option<IpAddr> {
    let family = u8::try_from(u16_at(payload, 0)?).ok()?;
    ip(family, payload.get(2..)?)
}

fn ip(family: u8, payload: &[u8]) -> Option<IpAddr> {
    match family {
        num::AF_INET => Some(IpAddr::from(*payload.first_chunk::<4>()?)),
        num::AF_INET6 => Some(IpAddr::from(*payload.first_chunk::<16>()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::encode;
    use super::super::wire::{Writer, messages};
    use super::*;
    use crate::plan::FibOp;
    use crate::route::{FibRoute, NextHopSet, RouteKind};

    fn arb_kind(v6: bool) -> impl Strategy<Value = RouteKind> {
        let gateway = prop_oneof![
            Just(None),
            any::<u32>().prop_map(move |bits| Some(if v6 {
                IpAddr::from(Ipv6Addr::from(u128::from(bits) | 0xfd << 120))
            } else {
                IpAddr::from(Ipv4Addr::from(bits))
            })),
            any::<u128>().prop_map(|bits| Some(IpAddr::from(Ipv6Addr::from(bits)))),
        ];
        let hop = (gateway, 1u32..9, any::<bool>(), 1u16..=256)
            .prop_map(|(gateway, ifindex, onlink, weight)| NextHop { gateway, ifindex, onlink, weight });
        proptest::collection::vec(hop, 0..5)
            .prop_map(|hops| NextHopSet::new(hops).map_or(RouteKind::Blackhole, RouteKind::Unicast))
    }

    fn arb_route() -> impl Strategy<Value = FibRoute> {
        let key = (any::<u32>(), any::<u128>(), any::<bool>(), 0u8..=32, any::<u32>()).prop_map(
            |(table, bits, v6, len, metric)| {
                let addr: IpAddr =
                    if v6 { Ipv6Addr::from(bits).into() } else { Ipv4Addr::from(bits as u32).into() };
                RouteKey::new(table, IpNet::new(addr, len).unwrap(), metric)
            },
        );
        key.prop_flat_map(|key| {
            arb_kind(matches!(key.prefix, IpNet::V6(_)))
                .prop_map(move |kind| FibRoute { key, kind: Arc::new(kind) })
        })
    }

    proptest! {
        #[test]
        fn an_encoded_route_decodes_to_itself(route in arb_route(), seq in any::<u32>()) {
            let mut out = Writer::default();
            encode::operation(&mut out, &FibOp::Create(route.clone()), 186, seq, true);
            let all: Vec<_> = messages(out.bytes()).collect();
            prop_assert_eq!((all.len(), all[0].seq), (1, seq));
            let Some(Fact::Route { route: seen, .. }) = fact(&all[0]) else { panic!() };
            prop_assert_eq!((seen.key, seen.protocol), (route.key, 186));
            prop_assert_eq!(seen.as_kind(), Some(route.kind.as_ref().clone()));
        }

        #[test]
        fn garbage_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 16u16..30) {
            let _ = messages(&bytes).filter_map(|m| fact(&m)).count();
            let mut out = Writer::default();
            out.begin(kind, 0, 1, &bytes);
            out.end();
            let _ = messages(out.bytes()).filter_map(|m| fact(&m)).count();
        }
    }

    #[test]
    fn a_port_leaving_a_bridge_is_not_a_link_going_away() {
        let mut out = Writer::default();
        let mut header = [0u8; 16];
        header[0] = 7;
        header[4] = 3;
        out.begin(num::RTM_DELLINK, 0, 0, &header);
        out.end();
        assert!(messages(out.bytes()).all(|m| fact(&m).is_none()));
    }
}
