//! Operations and dump requests as netlink messages.

use std::net::IpAddr;

use ipnet::IpNet;

use super::wire::{Writer, num};
use crate::plan::FibOp;
use crate::route::{FibRoute, NextHop, RouteKey, RouteKind};
use crate::view::{SCOPE_LINK, SCOPE_UNIVERSE};

/// Writes one operation. With `ack` the kernel answers even when all is well.
pub(super) fn operation(out: &mut Writer, op: &FibOp, protocol: u8, seq: u32, ack: bool) {
    let ack = if ack { num::F_ACK } else { 0 };
    match op {
        FibOp::Create(r) => new_route(out, r, protocol, seq, ack | num::F_CREATE | num::F_EXCL),
        // Without CREATE: if ours has gone meanwhile, the answer is ENOENT and not a route of unknown merit.
        FibOp::Replace(r) => new_route(out, r, protocol, seq, ack | num::F_REPLACE),
        FibOp::Delete(key) => {
            let header = rtmsg(key, protocol, num::SCOPE_NOWHERE, 0, 0);
            out.begin(num::RTM_DELROUTE, num::F_REQUEST | ack, seq, &header);
            put_key(out, key);
            out.end();
        }
    }
}

/// Asks for every link, without counters.
pub(super) fn dump_links(out: &mut Writer, seq: u32) {
    out.begin(num::RTM_GETLINK, num::F_REQUEST | num::F_DUMP, seq, &[0; 16]);
    out.attr(num::IFLA_EXT_MASK, &num::EXT_SKIP_STATS.to_ne_bytes());
    out.end();
}

/// Asks for every address of a family.
pub(super) fn dump_addrs(out: &mut Writer, seq: u32, family: u8) {
    out.begin(num::RTM_GETADDR, num::F_REQUEST | num::F_DUMP, seq, &[family, 0, 0, 0, 0, 0, 0, 0]);
    out.end();
}

/// Asks for the routes of a table and family.
pub(super) fn dump_routes(out: &mut Writer, seq: u32, family: u8, table: u32) {
    out.begin(
        num::RTM_GETROUTE,
        num::F_REQUEST | num::F_DUMP,
        seq,
        &[family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    out.attr(num::RTA_TABLE, &table.to_ne_bytes());
    out.end();
}

fn new_route(out: &mut Writer, route: &FibRoute, protocol: u8, seq: u32, flags: u16) {
    let (kind, hops) = match route.kind.as_ref() {
        RouteKind::Blackhole => (num::RTN_BLACKHOLE, [].as_slice()),
        RouteKind::Unicast(set) => (num::RTN_UNICAST, set.as_slice()),
    };
    let on_link = kind == num::RTN_UNICAST && hops.iter().all(|hop| hop.gateway.is_none());
    let scope = match route.key.prefix {
        IpNet::V4(_) if on_link => SCOPE_LINK,
        _ => SCOPE_UNIVERSE,
    };
    let rtm_flags = match hops {
        [only] if only.onlink => u32::from(num::RTNH_F_ONLINK),
        _ => 0,
    };
    let header = rtmsg(&route.key, protocol, scope, kind, rtm_flags);
    out.begin(num::RTM_NEWROUTE, num::F_REQUEST | flags, seq, &header);
    put_key(out, &route.key);
    match hops {
        [] => {}
        [only] => {
            put_gateway(out, &route.key, only);
            out.attr(num::RTA_OIF, &only.ifindex.to_ne_bytes());
        }
        several => {
            let multipath = out.open(num::RTA_MULTIPATH);
            for hop in several {
                let flags = if hop.onlink { num::RTNH_F_ONLINK } else { 0 };
                let extra = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
                let nest = out.open_hop(flags, extra, hop.ifindex);
                put_gateway(out, &route.key, hop);
                out.close(nest);
            }
            out.close(multipath);
        }
    }
    out.end();
}

fn rtmsg(key: &RouteKey, protocol: u8, scope: u8, kind: u8, flags: u32) -> [u8; 12] {
    let family = match key.prefix {
        IpNet::V4(_) => num::AF_INET,
        IpNet::V6(_) => num::AF_INET6,
    };
    // Tables beyond 255 are named by the attribute alone.
    let table = u8::try_from(key.table).unwrap_or(0);
    let [a, b, c, d] = flags.to_ne_bytes();
    [family, key.prefix.prefix_len(), 0, 0, table, protocol, scope, kind, a, b, c, d]
}

fn put_key(out: &mut Writer, key: &RouteKey) {
    put_addr(out, num::RTA_DST, key.prefix.network());
    out.attr(num::RTA_TABLE, &key.table.to_ne_bytes());
    // IPv4 without a metric means any metric in a removal; our keys carry one unless it is 0.
    if key.metric != 0 {
        out.attr(num::RTA_PRIORITY, &key.metric.to_ne_bytes());
    }
}

fn put_gateway(out: &mut Writer, key: &RouteKey, hop: &NextHop) {
    let Some(gateway) = hop.gateway else { return };
    match (key.prefix, gateway) {
        (IpNet::V4(_), IpAddr::V6(addr)) => {
            let nest = out.open(num::RTA_VIA);
            out.put_raw(&u16::from(num::AF_INET6).to_ne_bytes());
            out.put_raw(&addr.octets());
            out.close(nest);
        }
        _ => put_addr(out, num::RTA_GATEWAY, gateway),
    }
}

fn put_addr(out: &mut Writer, kind: u16, addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => out.attr(kind, &addr.octets()),
        IpAddr::V6(addr) => out.attr(kind, &addr.octets()),
    }
}
