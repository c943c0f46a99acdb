//! The routing tables of a host: read and changed.

use std::collections::HashMap;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::error::Result;
use super::host::Host;
use super::link::parse_net;
use super::route::KernelRoute;

/// The kernel's table of its own addresses, which is never what a test is about.
const LOCAL: u32 = 255;

impl Host {
    /// Its routes of both families and every table, except the kernel's table of own addresses.
    ///
    /// # Errors
    /// When the host is gone.
    pub fn routes(&self) -> Result<Vec<KernelRoute>> {
        self.routes_through(&self.links()?)
    }

    /// Its routes, with links named by `links`.
    pub(crate) fn routes_through(&self, links: &HashMap<u32, String>) -> Result<Vec<KernelRoute>> {
        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut query = RouteMessage::default();
            query.header.address_family = family;
            let query = RouteNetlinkMessage::GetRoute(query);
            let answers = self.netlink("listing routes", |netlink| netlink.dump(query))?;
            routes.extend(answers.iter().filter_map(|answer| match answer {
                RouteNetlinkMessage::NewRoute(message) => KernelRoute::from_message(message, links),
                _ => None,
            }));
        }
        routes.retain(|route| route.table != LOCAL);
        routes.sort();
        Ok(routes)
    }

    /// Its routes made by one routing protocol, such as [`super::BGP`].
    ///
    /// # Errors
    /// When the host is gone.
    pub fn routes_of(&self, protocol: u8) -> Result<Vec<KernelRoute>> {
        let mut routes = self.routes()?;
        routes.retain(|route| route.protocol == protocol);
        Ok(routes)
    }

    /// Its routes to exactly this prefix.
    ///
    /// # Errors
    /// When the prefix is malformed or the host is gone.
    pub fn routes_to(&self, prefix: &str) -> Result<Vec<KernelRoute>> {
        let prefix = parse_net(prefix)?.trunc();
        let mut routes = self.routes()?;
        routes.retain(|route| route.prefix == prefix);
        Ok(routes)
    }

    /// Adds a route; one with the same prefix, table and metric is an error.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn add_route(&self, route: &KernelRoute) -> Result {
        self.change_route(route, "adding", |message| {
            (RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
        })
    }

    /// Adds a route or takes the place of one with the same prefix, table and metric.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn replace_route(&self, route: &KernelRoute) -> Result {
        self.change_route(route, "replacing", |message| {
            (RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE)
        })
    }

    /// Deletes a route.
    ///
    /// # Errors
    /// When there is none like it.
    pub fn delete_route(&self, route: &KernelRoute) -> Result {
        self.change_route(route, "deleting", |message| (RouteNetlinkMessage::DelRoute(message), 0))
    }

    /// Deletes every route of one routing protocol and says how many.
    ///
    /// # Errors
    /// When the kernel refuses, or somebody else deleted one meanwhile.
    pub fn flush_routes(&self, protocol: u8) -> Result<usize> {
        let routes = self.routes_of(protocol)?;
        routes.iter().try_for_each(|route| self.delete_route(route))?;
        Ok(routes.len())
    }

    fn change_route(
        &self,
        route: &KernelRoute,
        doing: &str,
        message: impl FnOnce(RouteMessage) -> (RouteNetlinkMessage, u16),
    ) -> Result {
        let what = format!("{doing} route {route}");
        let body = route.to_message(|dev| self.link_index(dev))?;
        let (message, flags) = message(body);
        self.netlink(&what, |netlink| netlink.change(message, flags))
    }
}
