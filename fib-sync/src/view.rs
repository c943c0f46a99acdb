//! Links, addresses and everybody else's routes, as last told by the kernel.
//!
//! Some changes are never announced (routes that die with a link or with its last IPv4 address); those
//! whose effect is certain are applied here at once, the rest is left to the dump that follows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::kernel::{Link, SeenAddr, SeenHop, SeenRoute};
use crate::route::{TABLE_LOCAL, TABLE_MAIN, host_prefix};

/// Protocol numbers whose routes the kernel makes by itself.
pub const PROTO_REDIRECT: u8 = 1;
/// Connected routes and own addresses.
pub const PROTO_KERNEL: u8 = 2;
/// Widest scope; the only one IPv6 has.
pub const SCOPE_UNIVERSE: u8 = 0;
/// Destinations on the link.
pub const SCOPE_LINK: u8 = 253;
/// Destinations the kernel takes for itself; what the `ptp` CNI plugin gives container routes.
pub const SCOPE_HOST: u8 = 254;

/// The kernel's state without own routes.
#[derive(Debug, Default)]
pub struct KernelView {
    links: BTreeMap<u32, Link>,
    addrs: BTreeSet<SeenAddr>,
    /// How many links have the address.
    own: BTreeMap<IpAddr, u32>,
    tables: BTreeMap<u32, RouteTable>,
}

/// What a change may have touched.
#[derive(Debug, Default)]
pub struct Touched {
    /// Prefixes whose routes or whose links changed.
    pub prefixes: BTreeSet<IpNet>,
    /// The usability of a link, or an own address, changed.
    pub links: bool,
    /// An address of this host came or went; then `links` is set too.
    pub addrs: bool,
}

impl Touched {
    /// Whether anything at all changed.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty() && !self.links
    }
}

impl KernelView {
    /// The link with this index.
    pub fn link(&self, ifindex: u32) -> Option<&Link> {
        self.links.get(&ifindex)
    }

    /// Whether packets can leave through the link.
    pub fn usable(&self, ifindex: u32) -> bool {
        self.link(ifindex).is_some_and(Link::usable)
    }

    /// Whether the address is on one of this host's interfaces.
    pub fn is_own(&self, addr: IpAddr) -> bool {
        self.own.contains_key(&addr)
    }

    /// Whether `addr` is in the prefix of an address of the link.
    pub fn on_link(&self, ifindex: u32, addr: IpAddr) -> bool {
        let low = SeenAddr { ifindex, addr: IpAddr::from([0, 0, 0, 0]), len: 0 };
        self.addrs
            .range(low..)
            .take_while(|a| a.ifindex == ifindex)
            .any(|a| IpNet::new(a.addr, a.len).is_ok_and(|net| net.contains(&addr)))
    }

    /// The routes of one key's prefix, lowest metric first.
    pub fn routes_at(&self, table: u32, prefix: IpNet) -> &[SeenRoute] {
        self.tables.get(&table).and_then(|t| t.routes.get(&prefix)).map_or(&[], Vec::as_slice)
    }

    /// Every route of a table.
    pub fn routes(&self, table: u32) -> impl Iterator<Item = &SeenRoute> {
        self.tables.get(&table).into_iter().flat_map(|t| t.routes.values().flatten())
    }

    /// The routes the kernel would use for `addr`: the local table first, then main, longest prefix
    /// first; the slice holds one prefix's routes by metric.
    pub fn matches(&self, addr: IpAddr) -> impl Iterator<Item = &[SeenRoute]> {
        [TABLE_LOCAL, TABLE_MAIN]
            .into_iter()
            .filter_map(|table| self.tables.get(&table))
            .flat_map(move |table| table.matches(addr))
    }

    /// Takes in a link's state.
    pub fn set_link(&mut self, link: Link, touched: &mut Touched) {
        let index = link.ifindex;
        let went_down = self.links.get(&index).is_some_and(|old| old.up) && !link.up;
        let changed =
            self.links.get(&index).is_none_or(|old| old.usable() != link.usable() || old.name != link.name);
        self.links.insert(index, link);
        if changed {
            self.touch_link(index, touched);
        }
        if went_down {
            // docs/src/kernel-routes.md, fact 2: gone without a word, except host scope. IPv6 is announced.
            self.drop_through(index, touched, |route| {
                matches!(route.key.prefix, IpNet::V4(_)) && route.scope != SCOPE_HOST
            });
        }
    }

    /// Forgets a link and every route through it (docs/src/kernel-routes.md, fact 1).
    pub fn remove_link(&mut self, ifindex: u32, touched: &mut Touched) {
        if self.links.remove(&ifindex).is_some() {
            self.touch_link(ifindex, touched);
        }
        self.drop_through(ifindex, touched, |_| true);
        let gone: Vec<SeenAddr> = self.addrs.iter().filter(|a| a.ifindex == ifindex).copied().collect();
        for addr in gone {
            self.forget_addr(addr, touched);
        }
    }

    /// Takes in an address.
    pub fn set_addr(&mut self, addr: SeenAddr, touched: &mut Touched) {
        if self.addrs.insert(addr) {
            *self.own.entry(addr.addr).or_default() += 1;
            touched.prefixes.insert(host_prefix(addr.addr));
            touched.links = true;
            touched.addrs = true;
        }
    }

    /// Forgets an address, and with a link's last IPv4 address its IPv4 routes (docs/src/kernel-routes.md, fact 4).
    pub fn remove_addr(&mut self, addr: SeenAddr, touched: &mut Touched) {
        self.forget_addr(addr, touched);
        let v4_left = self.addrs.iter().any(|a| a.ifindex == addr.ifindex && a.addr.is_ipv4());
        if addr.addr.is_ipv4() && !v4_left {
            self.drop_through(addr.ifindex, touched, |route| matches!(route.key.prefix, IpNet::V4(_)));
        }
    }

    /// Takes in a route; with `replace` nothing else keeps its key.
    pub fn set_route(&mut self, route: SeenRoute, replace: bool, touched: &mut Touched) {
        touched.prefixes.insert(route.key.prefix);
        self.tables.entry(route.key.table).or_default().insert(route, replace);
    }

    /// Forgets a route. False when it was not known, so that something was missed before.
    pub fn remove_route(&mut self, route: &SeenRoute, touched: &mut Touched) -> bool {
        touched.prefixes.insert(route.key.prefix);
        self.tables.get_mut(&route.key.table).is_some_and(|table| table.remove(route))
    }

    /// Removes whatever has the key, because an own route replaced it.
    pub fn clear_key(&mut self, key: crate::route::RouteKey, touched: &mut Touched) {
        if let Some(table) = self.tables.get_mut(&key.table)
            && table.retain_at(key.prefix, |route| route.key.metric != key.metric)
        {
            touched.prefixes.insert(key.prefix);
        }
    }

    /// Marks everything as touched that has another value in `newer`, which takes this view's place.
    pub fn replace_with(&mut self, newer: Self, touched: &mut Touched) {
        let old = std::mem::replace(self, newer);
        touched.addrs |= old.addrs != self.addrs;
        touched.links |= old.addrs != self.addrs || old.links != self.links;
        for addr in old.addrs.symmetric_difference(&self.addrs) {
            touched.prefixes.insert(host_prefix(addr.addr));
        }
        let indexes: BTreeSet<u32> = old.links.keys().chain(self.links.keys()).copied().collect();
        for index in indexes {
            if old.links.get(&index) != self.links.get(&index) {
                self.touch_link(index, touched);
            }
        }
        let ids: BTreeSet<u32> = old.tables.keys().chain(self.tables.keys()).copied().collect();
        let empty = RouteTable::default();
        for id in ids {
            let before = old.tables.get(&id).unwrap_or(&empty);
            before.differences(self.tables.get(&id).unwrap_or(&empty), &mut touched.prefixes);
        }
    }

    fn forget_addr(&mut self, addr: SeenAddr, touched: &mut Touched) {
        if !self.addrs.remove(&addr) {
            return;
        }
        if let Some(count) = self.own.get_mut(&addr.addr) {
            *count -= 1;
            if *count == 0 {
                self.own.remove(&addr.addr);
            }
        }
        touched.prefixes.insert(host_prefix(addr.addr));
        touched.links = true;
        touched.addrs = true;
    }

    fn touch_link(&self, ifindex: u32, touched: &mut Touched) {
        touched.links = true;
        if let Some(main) = self.tables.get(&TABLE_MAIN) {
            let first = (ifindex, MIN_PREFIX);
            let through = main.on_link.range(first..).take_while(|(index, _)| *index == ifindex);
            touched.prefixes.extend(through.map(|(_, prefix)| *prefix));
        }
    }

    fn drop_through(&mut self, ifindex: u32, touched: &mut Touched, which: impl Fn(&SeenRoute) -> bool) {
        for table in self.tables.values_mut() {
            table.drop_through(ifindex, &mut touched.prefixes, &which);
        }
    }
}

#[derive(Debug, Default)]
struct RouteTable {
    routes: BTreeMap<IpNet, Vec<SeenRoute>>,
    /// How many prefixes have each length, IPv4 and IPv6, so that a lookup probes only lengths in use.
    lengths: [BTreeMap<u8, u32>; 2],
    /// Routes without a gateway by link: the few that a link's change can turn on and off.
    on_link: BTreeSet<(u32, IpNet)>,
}

impl RouteTable {
    fn matches(&self, addr: IpAddr) -> impl Iterator<Item = &[SeenRoute]> {
        let [v4, v6] = &self.lengths;
        let lengths = if addr.is_ipv4() { v4 } else { v6 };
        lengths.keys().rev().filter_map(move |&len| {
            let prefix = IpNet::new(addr, len).ok()?.trunc();
            self.routes.get(&prefix).map(Vec::as_slice)
        })
    }

    fn insert(&mut self, route: SeenRoute, replace: bool) {
        let prefix = route.key.prefix;
        if replace {
            self.retain_at(prefix, |old| old.key.metric != route.key.metric);
        } else {
            self.retain_at(prefix, |old| !same_place(old, &route));
        }
        for hop in &route.hops {
            if hop.hop.gateway.is_none() {
                self.on_link.insert((hop.hop.ifindex, prefix));
            }
        }
        let routes = self.routes.entry(prefix).or_default();
        if routes.is_empty() {
            let [v4, v6] = &mut self.lengths;
            let lengths = if matches!(prefix, IpNet::V4(_)) { v4 } else { v6 };
            *lengths.entry(prefix.prefix_len()).or_default() += 1;
        }
        let at = routes.partition_point(|old| old.key.metric <= route.key.metric);
        routes.insert(at, route);
    }

    fn remove(&mut self, route: &SeenRoute) -> bool {
        self.retain_at(route.key.prefix, |old| !same_place(old, route))
    }

    /// Keeps the routes at `prefix` that `keep` likes; true when one went.
    fn retain_at(&mut self, prefix: IpNet, keep: impl Fn(&SeenRoute) -> bool) -> bool {
        let Some(routes) = self.routes.get_mut(&prefix) else { return false };
        let before = routes.len();
        let mut indexes: Vec<u32> = Vec::new();
        routes.retain(|route| {
            let stays = keep(route);
            if !stays {
                indexes.extend(route.hops.iter().map(|h| h.hop.ifindex));
            }
            stays
        });
        let removed = routes.len() != before;
        for index in indexes {
            if !routes.iter().any(|r| r.hops.iter().any(|h| h.hop.ifindex == index)) {
                self.on_link.remove(&(index, prefix));
            }
        }
        if routes.is_empty() {
            self.routes.remove(&prefix);
            let [v4, v6] = &mut self.lengths;
            let lengths = if matches!(prefix, IpNet::V4(_)) { v4 } else { v6 };
            if let Some(count) = lengths.get_mut(&prefix.prefix_len()) {
                *count -= 1;
                if *count == 0 {
                    lengths.remove(&prefix.prefix_len());
                }
            }
        }
        removed
    }

    fn drop_through(
        &mut self,
        ifindex: u32,
        touched: &mut BTreeSet<IpNet>,
        which: &impl Fn(&SeenRoute) -> bool,
    ) {
        let uses = |hops: &[SeenHop]| hops.iter().any(|h| h.hop.ifindex == ifindex);
        let hit: Vec<IpNet> = self
            .routes
            .iter()
            .filter(|(_, routes)| routes.iter().any(|r| uses(&r.hops) && which(r)))
            .map(|(prefix, _)| *prefix)
            .collect();
        for prefix in hit {
            touched.insert(prefix);
            let Some(routes) = self.routes.get_mut(&prefix) else { continue };
            for route in routes.iter_mut().filter(|r| r.hops.len() > 1 && which(r)) {
                for hop in route.hops.iter_mut().filter(|h| h.hop.ifindex == ifindex) {
                    hop.dead = true;
                }
            }
            self.retain_at(prefix, |r| {
                let all_dead = r.hops.iter().all(|h| h.dead || h.hop.ifindex == ifindex);
                !(which(r) && uses(&r.hops) && all_dead)
            });
        }
    }

    fn differences(&self, other: &Self, out: &mut BTreeSet<IpNet>) {
        for (prefix, routes) in &self.routes {
            if other.routes.get(prefix) != Some(routes) {
                out.insert(*prefix);
            }
        }
        out.extend(other.routes.keys().filter(|prefix| !self.routes.contains_key(prefix)));
    }
}

/// Whether the kernel would call these one route. IPv4 may hold several per key when they were appended,
/// IPv6 one per link for prefixes such as `fe80::/64`.
fn same_place(a: &SeenRoute, b: &SeenRoute) -> bool {
    let first = |r: &SeenRoute| r.hops.first().map(|h| (h.hop.gateway, h.hop.ifindex));
    a.key == b.key && a.protocol == b.protocol && a.kind == b.kind && first(a) == first(b)
}

/// Sorts before every other prefix.
const MIN_PREFIX: IpNet = IpNet::V4(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 0));
