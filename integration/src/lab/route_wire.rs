//! Kernel routes from and to netlink messages.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteNextHop, RouteNextHopFlags, RouteVia,
};

use super::error::Result;
use super::route::{Hop, KernelRoute, RouteKind};

impl KernelRoute {
    pub(crate) fn from_message(message: &RouteMessage, links: &HashMap<u32, String>) -> Option<Self> {
        let header = &message.header;
        let any: IpAddr = match header.address_family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        if header.flags.contains(RouteFlags::Cloned) {
            return None;
        }
        let mut route = Self::to(IpNet::new(any, 0).ok()?);
        route.protocol = header.protocol.into();
        route.scope = header.scope.into();
        route.table = header.table.into();
        route.kind = RouteKind::from(u8::from(header.kind));
        let mut address = any;
        let mut single = Hop {
            weight: 1,
            onlink: header.flags.contains(RouteFlags::Onlink),
            dead: header.flags.intersects(RouteFlags::Dead | RouteFlags::Linkdown),
            ..Hop::default()
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(to) => address = plain(to)?,
                RouteAttribute::Table(table) => route.table = *table,
                RouteAttribute::Priority(metric) => route.metric = *metric,
                RouteAttribute::MultiPath(all) => route.hops.extend(all.iter().map(|one| {
                    let mut hop = Hop {
                        weight: u16::from(one.hops) + 1,
                        onlink: one.flags.contains(RouteNextHopFlags::Onlink),
                        dead: one.flags.intersects(RouteNextHopFlags::Dead | RouteNextHopFlags::Linkdown),
                        dev: links.get(&one.interface_index).cloned(),
                        ..Hop::default()
                    };
                    one.attributes.iter().for_each(|attribute| hop.fill(attribute, links));
                    hop
                })),
                other => single.fill(other, links),
            }
        }
        route.prefix = IpNet::new(address, header.destination_prefix_length).ok()?;
        if route.hops.is_empty() && route.kind == RouteKind::Unicast {
            route.hops.push(single);
        }
        Some(route)
    }

    /// The message that adds or deletes it; `index` finds links by name.
    pub(crate) fn to_message(&self, index: impl Fn(&str) -> Result<u32>) -> Result<RouteMessage> {
        let mut message = RouteMessage::default();
        let header = &mut message.header;
        header.address_family = family(self.prefix.addr());
        header.destination_prefix_length = self.prefix.prefix_len();
        header.protocol = self.protocol.into();
        header.scope = self.scope.into();
        header.kind = u8::from(self.kind).into();
        header.table = u8::try_from(self.table).unwrap_or(0);
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Destination(self.prefix.addr().into()));
        attributes.push(RouteAttribute::Table(self.table));
        if self.metric > 0 {
            attributes.push(RouteAttribute::Priority(self.metric));
        }
        if let [hop] = self.hops.as_slice() {
            if hop.onlink {
                header.flags |= RouteFlags::Onlink;
            }
            if let Some(dev) = &hop.dev {
                attributes.push(RouteAttribute::Oif(index(dev)?));
            }
            attributes.extend(hop.via.map(|via| self.gateway(via)));
            return Ok(message);
        }
        let mut all = Vec::new();
        for hop in &self.hops {
            let mut one = RouteNextHop::default();
            one.hops = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
            if hop.onlink {
                one.flags |= RouteNextHopFlags::Onlink;
            }
            if let Some(dev) = &hop.dev {
                one.interface_index = index(dev)?;
            }
            one.attributes.extend(hop.via.map(|via| self.gateway(via)));
            all.push(one);
        }
        if !all.is_empty() {
            attributes.push(RouteAttribute::MultiPath(all));
        }
        Ok(message)
    }

    fn gateway(&self, via: IpAddr) -> RouteAttribute {
        match (self.prefix, via) {
            (IpNet::V4(_), IpAddr::V6(via)) => RouteAttribute::Via(RouteVia::Inet6(via)),
            _ => RouteAttribute::Gateway(via.into()),
        }
    }
}

impl Hop {
    fn fill(&mut self, attribute: &RouteAttribute, links: &HashMap<u32, String>) {
        match attribute {
            RouteAttribute::Oif(index) => self.dev = links.get(index).cloned(),
            RouteAttribute::Gateway(to) => self.via = plain(to),
            RouteAttribute::Via(RouteVia::Inet(via)) => self.via = Some((*via).into()),
            RouteAttribute::Via(RouteVia::Inet6(via)) => self.via = Some((*via).into()),
            _ => {}
        }
    }
}

/// Address family of an address, for netlink headers.
pub(crate) fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn plain(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some((*v4).into()),
        RouteAddress::Inet6(v6) => Some((*v6).into()),
        _ => None,
    }
}
