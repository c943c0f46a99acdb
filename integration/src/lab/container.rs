//! Containers: a namespace behind a veth, with the routes the `ptp` CNI plugin makes.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;

use ipnet::IpNet;

use super::error::Result;
use super::host::Host;
use super::link::{self, Link, parse_net};
use super::route::KernelRoute;
use super::wire::Kind;

/// Kernel scope of routes to the host's own containers.
const SCOPE_HOST: u8 = 254;
/// Kernel scope of destinations on the link.
const SCOPE_LINK: u8 = 253;
/// Kernel default for IPv6, which `ptp` leaves alone.
const IPV6_METRIC: u32 = 1024;

/// A container of a host. Inside it is a [`Host`] that does not forward.
#[derive(Clone)]
pub struct Container {
    inside: Host,
    veth: Link,
}

impl Deref for Container {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.inside
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container {} behind {:?}", self.inside.name(), self.veth)
    }
}

impl Host {
    /// Starts a container with these addresses. The host's end of its veth is called `veth` and
    /// the container's name; the gateway is the first address of the /24 or /64 around the address.
    ///
    /// The order of events is that of the plugin: link, link up, gateway address, container route.
    ///
    /// # Errors
    /// When the name is taken on this host or longer than 11 octets, an address is malformed, or
    /// the system refuses.
    pub fn container(&self, name: &str, addresses: &[&str]) -> Result<Container> {
        let container = self.unconnected(name)?;
        let eth0 = container.inside.link("eth0");
        link::create_veth(&container.veth, &eth0)?;
        eth0.up()?;
        container.veth.up()?;
        eth0.settle()?;
        container.veth.settle()?;
        for address in addresses {
            container.connect(&eth0, parse_net(address)?)?;
        }
        Ok(container)
    }

    /// Makes the namespace of a container and nothing else, for a CNI plugin to connect.
    ///
    /// # Errors
    /// When the name is taken on this host or longer than 11 octets.
    pub fn unconnected(&self, name: &str) -> Result<Container> {
        link::check_name(name, 11)?;
        let kind = Kind::Container { of: self.name().to_owned() };
        let inside = Host::create(self.shared(), &format!("{}.{name}", self.name()), kind)?;
        self.shared().state().hosts.push(inside.clone());
        Ok(Container { inside, veth: self.link(&format!("veth{name}")) })
    }
}

impl Container {
    fn connect(&self, eth0: &Link, net: IpNet) -> Result {
        let gateway = gateway(net);
        let alone = IpNet::from(gateway);
        eth0.add_address(&net.to_string())?;
        self.inside.add_route(&KernelRoute::to(alone).dev(eth0.dev()).scope(scope(net, SCOPE_LINK)))?;
        let everywhere = if net.addr().is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        let default = KernelRoute::to(parse_net(everywhere)?);
        self.inside.add_route(&default.via(gateway))?;
        // Before the route: a container that is announced must answer.
        self.veth.add_address(&alone.to_string())?;
        self.veth.host().add_route(&self.host_route(net.addr()))
    }

    /// The route of the host to one address of the container.
    #[must_use]
    pub fn host_route(&self, address: IpAddr) -> KernelRoute {
        let net = IpNet::from(address);
        let route = KernelRoute::to(net).dev(self.veth.dev()).scope(scope(net, SCOPE_HOST));
        if address.is_ipv4() { route } else { route.metric(IPV6_METRIC) }
    }

    /// The host's end of its cable.
    #[must_use]
    pub fn veth(&self) -> &Link {
        &self.veth
    }

    /// The same container behind another veth, when somebody else connected it.
    pub(crate) fn behind(self, veth: &str) -> Self {
        Self { veth: self.veth.host().link(veth), inside: self.inside }
    }

    /// Deletes the cable from the host's side, as a CNI DEL does.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn delete_veth(&self) -> Result {
        self.veth.delete()
    }

    /// Ends every process in it and lets its namespace vanish, as when a container is killed and
    /// nobody runs CNI DEL. The kernel removes the veth a moment later. End pingers and watches of
    /// the container before: they hold its namespace.
    ///
    /// # Errors
    /// When its processes cannot be ended.
    pub fn die(&self) -> Result {
        let shared = self.inside.shared();
        shared.state().hosts.retain(|host| host.name() != self.inside.name());
        shared.client.destroy(self.inside.name())
    }
}

// IPv6 routes have no scope.
fn scope(net: IpNet, scope: u8) -> u8 {
    if net.addr().is_ipv4() { scope } else { 0 }
}

fn gateway(net: IpNet) -> IpAddr {
    match net.addr() {
        IpAddr::V4(address) => IpAddr::V4((u32::from(address) & !0xff | 1).into()),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64 | 1).into()),
    }
}
