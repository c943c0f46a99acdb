//! Resolution over a [`KernelView`].
//!
//! A kernel route names its gateway *and* its link, and the kernel has checked one against the other. So
//! a next hop behind a gateway takes that gateway's next hops as they are: recursion ends after one step.

use std::net::IpAddr;

use super::{NextHopRef, Resolution};
use crate::desired::DesiredRoute;
use crate::kernel::{SeenHop, SeenKind, SeenRoute};
use crate::route::{NextHop, NextHopSet, RouteKind, is_link_local};
use crate::view::{KernelView, PROTO_KERNEL, SCOPE_LINK};

/// Resolves one next hop. `protocol` is our own, whose routes take no part.
pub fn resolve(view: &KernelView, protocol: u8, next_hop: NextHopRef) -> Resolution {
    let addr = next_hop.addr.to_canonical();
    if addr.is_unspecified() || addr.is_multicast() {
        return Resolution::Unreachable;
    }
    match next_hop.ifindex {
        Some(ifindex) => on_named_link(view, addr, ifindex),
        // The same address may be on every link.
        None if is_link_local(addr) => Resolution::Unreachable,
        None => by_routes(view, protocol, addr),
    }
}

/// What a desired route becomes: the union of the next hops that can be reached, `None` without any.
pub fn resolve_route(view: &KernelView, protocol: u8, desired: &DesiredRoute) -> Option<RouteKind> {
    let DesiredRoute::Via { next_hops, onlink } = desired else { return Some(RouteKind::Blackhole) };
    let mut all = Vec::with_capacity(next_hops.len());
    for next_hop in next_hops {
        if let Resolution::Via { mut hops, direct, .. } = resolve(view, protocol, *next_hop) {
            if *onlink && direct {
                hops.iter_mut().filter(|hop| hop.gateway.is_some()).for_each(|hop| hop.onlink = true);
            }
            all.append(&mut hops);
        }
    }
    NextHopSet::new(all).map(RouteKind::Unicast)
}

fn on_named_link(view: &KernelView, addr: IpAddr, ifindex: u32) -> Resolution {
    // A link-local address of another link may equal one of ours; every other own address is ours anywhere.
    if !is_link_local(addr) && view.is_own(addr) {
        return Resolution::Own;
    }
    if !view.usable(ifindex) {
        return Resolution::Unreachable;
    }
    let known = (addr.is_ipv6() && is_link_local(addr)) || view.on_link(ifindex, addr);
    let hop = NextHop { onlink: !known, ..NextHop::via(addr, ifindex) };
    Resolution::Via { hops: vec![hop], metric: 0, direct: true }
}

fn by_routes(view: &KernelView, protocol: u8, addr: IpAddr) -> Resolution {
    if view.is_own(addr) {
        return Resolution::Own;
    }
    for routes in view.matches(addr) {
        for route in routes.iter().filter(|route| route.protocol != protocol) {
            match judge(view, route, addr) {
                Verdict::Resolved(resolution) => return resolution,
                Verdict::Vanishing => {}
            }
        }
    }
    Resolution::Unreachable
}

enum Verdict {
    /// The kernel would use this route, for better or worse.
    Resolved(Resolution),
    /// The kernel drops the route together with its links, so a less specific one takes over.
    Vanishing,
}

fn judge(view: &KernelView, route: &SeenRoute, addr: IpAddr) -> Verdict {
    match route.kind {
        SeenKind::Local if addr.is_loopback() => Verdict::Resolved(looped(route)),
        SeenKind::Local => Verdict::Resolved(Resolution::Own),
        SeenKind::Blackhole | SeenKind::Other(_) => Verdict::Resolved(Resolution::Unreachable),
        SeenKind::Unicast => {
            let usable: Vec<&SeenHop> =
                route.hops.iter().filter(|h| !h.dead && view.usable(h.hop.ifindex)).collect();
            if usable.is_empty() {
                let vanishing =
                    route.hops.iter().all(|h| h.dead || view.link(h.hop.ifindex).is_none_or(|l| !l.up));
                // Without carrier the kernel keeps sending into the dead link; a wider route is not used.
                return if vanishing {
                    Verdict::Vanishing
                } else {
                    Verdict::Resolved(Resolution::Unreachable)
                };
            }
            Verdict::Resolved(through(route, &usable, addr))
        }
    }
}

/// A neighbour in 127/8 lives in this host but is not this program: packets go to the loopback link.
fn looped(route: &SeenRoute) -> Resolution {
    match route.hops.first() {
        Some(hop) => Resolution::Via { hops: vec![NextHop::dev(hop.hop.ifindex)], metric: 0, direct: true },
        None => Resolution::Unreachable,
    }
}

fn through(route: &SeenRoute, usable: &[&SeenHop], addr: IpAddr) -> Resolution {
    let direct = usable.iter().all(|h| h.hop.gateway.is_none());
    // The kernel takes an IPv4 gateway only if a route of link scope or narrower leads to it.
    let wide = addr.is_ipv4() && route.scope < SCOPE_LINK;
    let mut hops: Vec<NextHop> = usable
        .iter()
        .map(|h| match h.hop.gateway {
            Some(_) => h.hop,
            None => {
                NextHop { gateway: Some(addr), onlink: wide || h.hop.onlink || usable.len() > 1, ..h.hop }
            }
        })
        .collect();
    hops.sort_unstable();
    let metric = if direct && route.protocol == PROTO_KERNEL { 0 } else { route.key.metric };
    Resolution::Via { hops, metric, direct }
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::*;
    use crate::kernel::{Link, SeenAddr};
    use crate::nexthop::Reachability;
    use crate::route::{RouteKey, TABLE_LOCAL, TABLE_MAIN};
    use crate::view::{SCOPE_HOST, Touched};

    const OURS: u8 = 186;

    struct Lab(KernelView);

    impl Lab {
        /// lo (1) and eth0 (2) with 192.0.2.1/24 and fd00::1/64, a default route via 192.0.2.254.
        fn new() -> Self {
            let mut lab = Self(KernelView::default());
            lab.link(1, "lo", true, true);
            lab.link(2, "eth0", true, true);
            for (ifindex, addr, len) in [(1, "127.0.0.1", 8), (2, "192.0.2.1", 24), (2, "fd00::1", 64)] {
                let addr = SeenAddr { ifindex, addr: addr.parse().unwrap(), len };
                lab.0.set_addr(addr, &mut Touched::default());
            }
            lab.route(TABLE_LOCAL, "127.0.0.0/8", |r| {
                (r.kind, r.scope, r.hops) = (SeenKind::Local, SCOPE_HOST, dev(1));
            });
            lab.route(TABLE_MAIN, "192.0.2.0/24", |r| (r.scope, r.hops) = (SCOPE_LINK, dev(2)));
            lab.route(TABLE_MAIN, "fd00::/64", |r| (r.key.metric, r.hops) = (256, dev(2)));
            lab.route(TABLE_MAIN, "0.0.0.0/0", |r| {
                (r.protocol, r.key.metric, r.hops) = (16, 100, via("192.0.2.254", 2));
            });
            lab
        }

        fn link(&mut self, ifindex: u32, name: &str, up: bool, carrier: bool) {
            let link = Link { ifindex, name: name.into(), up, carrier };
            self.0.set_link(link, &mut Touched::default());
        }

        fn route(&mut self, table: u32, prefix: &str, edit: impl FnOnce(&mut SeenRoute)) {
            let key = RouteKey { table, prefix: prefix.parse().unwrap(), metric: 0 };
            let mut route = SeenRoute {
                key,
                protocol: PROTO_KERNEL,
                scope: 0,
                kind: SeenKind::Unicast,
                hops: vec![],
                object: false,
            };
            edit(&mut route);
            self.0.set_route(route, false, &mut Touched::default());
        }

        fn resolve(&self, addr: &str) -> Resolution {
            resolve(&self.0, OURS, addr.parse::<IpAddr>().unwrap().into())
        }

        fn reach(&self, addr: &str) -> Reachability {
            self.resolve(addr).reachability()
        }
    }

    fn dev(ifindex: u32) -> Vec<SeenHop> {
        vec![SeenHop { hop: NextHop::dev(ifindex), dead: false }]
    }

    fn via(gateway: &str, ifindex: u32) -> Vec<SeenHop> {
        vec![SeenHop { hop: NextHop::via(gateway.parse().unwrap(), ifindex), dead: false }]
    }

    fn hops(resolution: Resolution) -> Vec<NextHop> {
        match resolution {
            Resolution::Via { hops, .. } => hops,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn neighbour_on_a_connected_prefix_is_direct() {
        let lab = Lab::new();
        for addr in ["192.0.2.9", "fd00::9"] {
            let reach = lab.reach(addr);
            assert_eq!((reach.reachable, reach.direct, reach.metric), (true, true, 0), "{addr}");
            assert_eq!(hops(lab.resolve(addr)), [NextHop::via(addr.parse().unwrap(), 2)]);
        }
    }

    #[test]
    fn far_next_hop_takes_the_gateway_and_metric_of_its_route() {
        let lab = Lab::new();
        let reach = lab.reach("203.0.113.1");
        assert_eq!((reach.reachable, reach.direct, reach.metric, reach.ifindex), (true, false, 100, Some(2)));
        assert_eq!(hops(lab.resolve("203.0.113.1")), [NextHop::via("192.0.2.254".parse().unwrap(), 2)]);
    }

    #[test]
    fn own_routes_take_no_part() {
        let mut lab = Lab::new();
        lab.route(TABLE_MAIN, "203.0.113.0/24", |r| {
            (r.protocol, r.hops) = (OURS, via("192.0.2.77", 2));
        });
        assert_eq!(hops(lab.resolve("203.0.113.1")), [NextHop::via("192.0.2.254".parse().unwrap(), 2)]);
        lab.route(TABLE_MAIN, "fd77::/32", |r| (r.protocol, r.hops) = (OURS, via("fd00::2", 2)));
        assert_eq!(lab.resolve("fd77::1"), Resolution::Unreachable);
    }

    #[test]
    fn own_addresses_are_own_and_loopback_neighbours_are_direct() {
        let lab = Lab::new();
        for own in ["192.0.2.1", "fd00::1", "127.0.0.1", "::ffff:192.0.2.1"] {
            assert_eq!(lab.resolve(own), Resolution::Own, "{own}");
        }
        assert_eq!(hops(lab.resolve("127.0.0.2")), [NextHop::dev(1)]);
    }

    #[test]
    fn a_dropping_route_hides_wider_ones() {
        let mut lab = Lab::new();
        lab.route(TABLE_MAIN, "203.0.113.0/24", |r| r.kind = SeenKind::Blackhole);
        assert_eq!(lab.resolve("203.0.113.1"), Resolution::Unreachable);
    }

    #[test]
    fn lost_carrier_makes_unreachable_and_a_downed_link_falls_back() {
        let mut lab = Lab::new();
        lab.link(3, "eth1", true, true);
        lab.route(TABLE_MAIN, "198.51.100.0/24", |r| (r.scope, r.hops) = (SCOPE_HOST, dev(3)));
        assert!(lab.reach("198.51.100.7").direct);
        lab.link(3, "eth1", true, false);
        assert_eq!(lab.resolve("198.51.100.7"), Resolution::Unreachable);
        lab.link(3, "eth1", false, false);
        assert!(!lab.reach("198.51.100.7").direct, "the default route is used");
    }

    #[test]
    fn link_local_needs_a_link() {
        let lab = Lab::new();
        assert_eq!(lab.resolve("fe80::1"), Resolution::Unreachable);
        let scoped = NextHopRef { addr: "fe80::1".parse().unwrap(), ifindex: Some(2) };
        assert_eq!(hops(resolve(&lab.0, OURS, scoped)), [NextHop::via(scoped.addr, 2)]);
        let nowhere = NextHopRef { ifindex: Some(9), ..scoped };
        assert_eq!(resolve(&lab.0, OURS, nowhere), Resolution::Unreachable);
    }

    #[test]
    fn named_link_without_a_connected_prefix_means_onlink() {
        let lab = Lab::new();
        let far = NextHopRef { addr: "203.0.113.1".parse().unwrap(), ifindex: Some(2) };
        assert!(hops(resolve(&lab.0, OURS, far)).iter().all(|h| h.onlink));
        let near = NextHopRef { addr: "192.0.2.9".parse().unwrap(), ifindex: Some(2) };
        assert!(hops(resolve(&lab.0, OURS, near)).iter().all(|h| !h.onlink));
    }

    #[test]
    fn reachable_next_hops_unite() {
        let lab = Lab::new();
        let refs = ["192.0.2.9", "192.0.2.8", "192.0.2.9", "192.0.2.1"];
        let desired = DesiredRoute::Via {
            next_hops: refs.iter().map(|a| a.parse::<IpAddr>().unwrap().into()).collect(),
            onlink: false,
        };
        let Some(RouteKind::Unicast(set)) = resolve_route(&lab.0, OURS, &desired) else { panic!() };
        let gateways: Vec<_> = set.as_slice().iter().filter_map(|h| h.gateway).collect();
        assert_eq!(gateways, ["192.0.2.8".parse::<IpAddr>().unwrap(), "192.0.2.9".parse().unwrap()]);
        let none = DesiredRoute::Via { next_hops: vec![], onlink: false };
        assert_eq!(resolve_route(&lab.0, OURS, &none), None);
    }

    #[test]
    fn a_removed_link_takes_its_routes() {
        let mut lab = Lab::new();
        lab.0.remove_link(2, &mut Touched::default());
        for addr in ["192.0.2.9", "fd00::9", "203.0.113.1"] {
            assert_eq!(lab.resolve(addr), Resolution::Unreachable, "{addr}");
        }
        let main: Vec<IpNet> = lab.0.routes(TABLE_MAIN).map(|r| r.key.prefix).collect();
        assert!(main.is_empty());
    }
}
