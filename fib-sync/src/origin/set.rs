//! The set of originated prefixes, kept equal to rules and kernel, prefix by prefix.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::{IfPattern, Origin, OriginReason};
use crate::config::OriginRules;
use crate::kernel::{SeenKind, SeenRoute};
use crate::route::{TABLE_MAIN, is_link_local};
use crate::view::{KernelView, PROTO_KERNEL, PROTO_REDIRECT, SCOPE_HOST, SCOPE_LINK};

/// What this host originates.
#[derive(Debug, Default)]
pub struct OriginSet {
    rules: OriginRules,
    current: BTreeMap<IpNet, OriginReason>,
}

impl OriginSet {
    /// Replaces the rules; follow with [`Self::refresh_all`].
    pub fn set_rules(&mut self, mut rules: OriginRules) {
        for network in &mut rules.networks {
            *network = network.trunc();
        }
        self.rules = rules;
    }

    /// Prefixes of the rules, host bits clear.
    pub fn networks(&self) -> &[IpNet] {
        &self.rules.networks
    }

    /// What is originated now, in order of prefix.
    pub fn iter(&self) -> impl Iterator<Item = Origin> {
        self.current.iter().map(|(prefix, reason)| Origin { prefix: *prefix, reason: *reason })
    }

    /// Looks at the given prefixes again and calls `tell` for each that changed, with `None` for gone.
    pub fn refresh(
        &mut self,
        view: &KernelView,
        protocol: u8,
        prefixes: &BTreeSet<IpNet>,
        mut tell: impl FnMut(IpNet, Option<OriginReason>),
    ) {
        for prefix in prefixes {
            let now = self.judge(view, protocol, *prefix);
            let before = match now {
                Some(reason) => self.current.insert(*prefix, reason),
                None => self.current.remove(prefix),
            };
            if before != now {
                tell(*prefix, now);
            }
        }
    }

    /// [`Self::refresh`] for everything the rules or the kernel name.
    pub fn refresh_all(
        &mut self,
        view: &KernelView,
        protocol: u8,
        tell: impl FnMut(IpNet, Option<OriginReason>),
    ) {
        let mut prefixes: BTreeSet<IpNet> = self.current.keys().copied().collect();
        prefixes.extend(&self.rules.networks);
        prefixes.extend(view.routes(TABLE_MAIN).map(|route| route.key.prefix));
        self.refresh(view, protocol, &prefixes, tell);
    }

    fn judge(&self, view: &KernelView, protocol: u8, prefix: IpNet) -> Option<OriginReason> {
        if self.rules.networks.contains(&prefix) {
            return Some(OriginReason::Network);
        }
        let routes = view.routes_at(TABLE_MAIN, prefix).iter();
        routes
            .filter(|route| route.kind == SeenKind::Unicast && route.protocol != protocol)
            .filter_map(|route| self.judge_route(view, route))
            .min()
    }

    fn judge_route(&self, view: &KernelView, route: &SeenRoute) -> Option<OriginReason> {
        let hop = route.lone_hop().filter(|hop| hop.hop.gateway.is_none() && !hop.dead)?;
        let ifindex = hop.hop.ifindex;
        let link = view.link(ifindex).filter(|link| link.usable())?;
        let prefix = route.key.prefix;
        let addr = prefix.addr();
        if is_link_local(addr) || addr.is_multicast() || addr.is_loopback() || addr.is_unspecified() {
            return None;
        }
        let full = prefix.prefix_len() == prefix.max_prefix_len();
        if full && view.is_own(addr) {
            return None;
        }
        let narrow = matches!(prefix, IpNet::V6(_)) || matches!(route.scope, SCOPE_LINK | SCOPE_HOST);
        let named = |patterns: &[IfPattern]| patterns.iter().any(|pattern| pattern.matches(&link.name));
        match route.protocol {
            PROTO_REDIRECT => None,
            PROTO_KERNEL => {
                (narrow && named(&self.rules.connected)).then_some(OriginReason::Connected { ifindex })
            }
            _ => (full && narrow && named(&self.rules.container_routes))
                .then_some(OriginReason::Container { ifindex }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Link, SeenAddr, SeenHop};
    use crate::route::{NextHop, RouteKey};
    use crate::view::Touched;

    const OURS: u8 = 186;

    /// docs/src/kernel-routes.md: a ptp container on veth1 (5), a bridge cni0 (6).
    struct Host {
        view: KernelView,
        set: OriginSet,
        touched: Touched,
    }

    impl Host {
        fn new() -> Self {
            let mut host =
                Self { view: KernelView::default(), set: OriginSet::default(), touched: Touched::default() };
            host.set.set_rules(OriginRules {
                container_routes: vec!["veth*".parse().unwrap()],
                connected: vec!["cni0".parse().unwrap()],
                networks: vec!["10.60.3.77/26".parse().unwrap()],
            });
            host.link(5, "veth1", true);
            host.link(6, "cni0", true);
            host.addr(5, "10.65.1.1", 32);
            host.addr(5, "fd65:1::1", 128);
            host.addr(6, "10.66.1.1", 26);
            host.route("10.65.1.2/32", 3, SCOPE_HOST, 5);
            host.route("fd65:1::2/128", 3, 0, 5);
            host.route("fd65:1::1/128", PROTO_KERNEL, 0, 5);
            host.route("fe80::/64", PROTO_KERNEL, 0, 5);
            host.route("10.66.1.0/26", PROTO_KERNEL, SCOPE_LINK, 6);
            host.route("fe80::/64", PROTO_KERNEL, 0, 6);
            host
        }

        fn link(&mut self, ifindex: u32, name: &str, carrier: bool) {
            let link = Link { ifindex, name: name.into(), up: true, carrier };
            self.view.set_link(link, &mut self.touched);
        }

        fn addr(&mut self, ifindex: u32, addr: &str, len: u8) {
            let addr = SeenAddr { ifindex, addr: addr.parse().unwrap(), len };
            self.view.set_addr(addr, &mut self.touched);
        }

        fn seen(prefix: &str, protocol: u8, scope: u8, ifindex: u32) -> SeenRoute {
            let key = RouteKey::new(TABLE_MAIN, prefix.parse().unwrap(), 0);
            let hops = vec![SeenHop { hop: NextHop::dev(ifindex), dead: false }];
            SeenRoute { key, protocol, scope, kind: SeenKind::Unicast, hops, object: false }
        }

        fn route(&mut self, prefix: &str, protocol: u8, scope: u8, ifindex: u32) {
            let route = Self::seen(prefix, protocol, scope, ifindex);
            self.view.set_route(route, false, &mut self.touched);
        }

        /// Only what was touched is looked at, as in operation; the networks come from `refresh_all`.
        fn origins(&mut self) -> Vec<String> {
            let touched = std::mem::take(&mut self.touched);
            self.set.refresh(&self.view, OURS, &touched.prefixes, |_, _| {});
            self.set.iter().map(|o| o.prefix.to_string()).collect()
        }
    }

    #[test]
    fn containers_bridges_and_networks_are_found_and_gateways_are_not() {
        let mut host = Host::new();
        host.set.refresh_all(&host.view, OURS, |_, _| {});
        let got: Vec<String> = host.set.iter().map(|o| o.prefix.to_string()).collect();
        assert_eq!(got, ["10.60.3.64/26", "10.65.1.2/32", "10.66.1.0/26", "fd65:1::2/128"]);
    }

    #[test]
    fn an_address_of_the_host_is_never_a_container() {
        let mut host = Host::new();
        host.route("10.65.1.9/32", 3, SCOPE_LINK, 5);
        assert!(host.origins().contains(&"10.65.1.9/32".to_owned()));
        host.addr(6, "10.65.1.9", 32);
        assert!(!host.origins().contains(&"10.65.1.9/32".to_owned()));
    }

    #[test]
    fn own_foreign_device_wide_and_gateway_routes_are_no_containers() {
        let mut host = Host::new();
        host.link(7, "eth0", true);
        host.route("10.65.1.20/32", OURS, SCOPE_LINK, 5);
        host.route("10.65.1.21/32", 3, SCOPE_LINK, 7);
        host.route("10.65.1.22/32", 3, 0, 5);
        host.route("10.65.1.24/31", 3, SCOPE_LINK, 5);
        let mut gateway = Host::seen("10.65.1.23/32", 3, SCOPE_LINK, 5);
        gateway.hops[0].hop.gateway = Some("10.65.1.2".parse().unwrap());
        host.view.set_route(gateway, false, &mut host.touched);
        assert_eq!(host.origins(), ["10.65.1.2/32", "10.66.1.0/26", "fd65:1::2/128"]);
    }

    /// docs/src/kernel-routes.md, fact 1: no event names the IPv4 route.
    #[test]
    fn removing_the_link_withdraws_both_families_at_once() {
        let mut host = Host::new();
        host.origins();
        host.view.remove_link(5, &mut host.touched);
        assert_eq!(host.origins(), ["10.66.1.0/26"]);
    }

    /// docs/src/kernel-routes.md, fact 2: host-scope routes stay in the kernel when the link goes down.
    #[test]
    fn losing_carrier_withdraws_and_its_return_announces_again() {
        let mut host = Host::new();
        host.origins();
        host.link(5, "veth1", false);
        host.link(6, "cni0", false);
        assert!(host.origins().is_empty());
        host.link(5, "veth1", true);
        assert_eq!(host.origins(), ["10.65.1.2/32", "fd65:1::2/128"]);
    }

    #[test]
    fn renaming_the_link_counts() {
        let mut host = Host::new();
        host.origins();
        host.link(5, "eth9", true);
        assert_eq!(host.origins(), ["10.66.1.0/26"]);
    }

    /// docs/src/kernel-routes.md, fact 4: the last IPv4 address takes IPv4 routes along, IPv6 ones stay.
    #[test]
    fn removing_the_last_ipv4_address_withdraws_ipv4() {
        let mut host = Host::new();
        host.origins();
        let addr = SeenAddr { ifindex: 5, addr: "10.65.1.1".parse().unwrap(), len: 32 };
        host.view.remove_addr(addr, &mut host.touched);
        assert_eq!(host.origins(), ["10.66.1.0/26", "fd65:1::2/128"]);
    }
}
