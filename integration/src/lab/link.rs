//! Links between namespaces and what can happen to them.

use std::fmt;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope,
};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::error::{LabError, Result};
use super::host::Host;
use super::route_wire::family;
use super::topology::Bridge;

/// A network interface of a host, by name; it need not exist at the moment.
#[derive(Clone)]
pub struct Link {
    host: Host,
    dev: String,
}

/// An address of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Link, by name.
    pub dev: String,
    /// Address and prefix length.
    pub net: IpNet,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host.name(), self.dev)
    }
}

/// Interface and host names share the kernel's limit of 15 octets, less a prefix of ours.
pub(crate) fn check_name(name: &str, longest: usize) -> Result {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    if name.is_empty() || name.len() > longest || !name.chars().all(plain) {
        return Err(LabError::Topology(format!(
            "name {name:?}: 1 to {longest} of the characters A-Z a-z 0-9 . - _ are possible"
        )));
    }
    Ok(())
}

/// Connects two links that do not exist yet. Both start down.
pub(crate) fn create_veth(a: &Link, b: &Link) -> Result {
    let target = b.host.open_namespace()?;
    let mut peer = LinkMessage::default();
    peer.attributes.push(LinkAttribute::IfName(b.dev.clone()));
    peer.attributes.push(LinkAttribute::NetNsFd(target.as_raw_fd()));
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(a.dev.clone()));
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    a.host.new_link(message, &format!("creating link {} to {b:?}", a.dev))
}

impl Host {
    /// The link of that name, whether or not it exists now.
    #[must_use]
    pub fn link(&self, dev: &str) -> Link {
        Link { host: self.clone(), dev: dev.to_owned() }
    }

    /// Attaches to a bridge by a link called like the bridge.
    ///
    /// # Errors
    /// When already attached, an address is malformed, or the system refuses.
    pub fn attach(&self, bridge: &Bridge, addresses: &[&str]) -> Result<Link> {
        self.attach_as(&bridge.name, bridge, addresses)
    }

    /// Attaches to a bridge by a link of another name.
    ///
    /// # Errors
    /// As [`Host::attach`].
    pub fn attach_as(&self, dev: &str, bridge: &Bridge, addresses: &[&str]) -> Result<Link> {
        check_name(dev, 15)?;
        let link = self.link(dev);
        let port = bridge.switch.link(&format!("port{}", self.shared().unique()));
        create_veth(&link, &port)?;
        port.set(|message| {
            let master = bridge.switch.link_index(&bridge.name)?;
            message.attributes.push(LinkAttribute::Controller(master));
            Ok(())
        })?;
        port.up()?;
        link.add_addresses(addresses)?;
        link.up()?;
        port.wait_running()?;
        link.settle()?;
        let wire = format!("{} {dev} -- bridge {}: {}", self.name(), bridge.name, addresses.join(" "));
        self.shared().state().wires.push(wire);
        Ok(link)
    }

    pub(crate) fn new_link(&self, message: LinkMessage, what: &str) -> Result {
        self.netlink(what, |netlink| {
            netlink.change(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
        })
    }
}

impl Link {
    /// Name of the link.
    #[must_use]
    pub fn dev(&self) -> &str {
        &self.dev
    }

    /// The host it belongs to.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Sets it up.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn up(&self) -> Result {
        self.set(|message| {
            message.header.flags |= LinkFlags::Up;
            message.header.change_mask |= LinkFlags::Up;
            Ok(())
        })
    }

    /// Waits until the kernel uses it. Both ends must have been set up; until some moment later packets
    /// are dropped, and then address resolution takes a second to try again.
    ///
    /// # Errors
    /// When it does not exist, or is not in use within five seconds.
    pub fn wait_running(&self) -> Result {
        let what = format!("link {} to be in use", self.dev);
        let running = || {
            let header = self.host.link_header(&self.dev)?;
            Ok(header.flags.contains(LinkFlags::Running).then_some(()))
        };
        self.host.poll(&what, Duration::from_secs(5), running).map(drop)
    }

    /// Waits until it runs and IPv6 has joined the groups that neighbours ask in. It joins them in the
    /// background, the group of the link-local address last.
    pub(crate) fn settle(&self) -> Result {
        self.wait_running()?;
        let what = format!("IPv6 on link {}", self.dev);
        let index = self.host.link_index(&self.dev)?;
        let usable = || {
            let addresses = self.host.address_messages()?;
            let found = addresses.iter().any(|address| {
                address.header.index == index
                    && address.header.scope == AddressScope::Link
                    && address.header.family == AddressFamily::Inet6
                    && !address.header.flags.contains(AddressHeaderFlags::Tentative)
            });
            Ok(found.then_some(()))
        };
        self.host.poll(&what, Duration::from_secs(5), usable).map(drop)
    }

    /// Sets it down, as `ip link set down` does.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn down(&self) -> Result {
        self.set(|message| {
            message.header.change_mask |= LinkFlags::Up;
            Ok(())
        })
    }

    /// Deletes it, and with it the other end of the cable.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn delete(&self) -> Result {
        let mut message = LinkMessage::default();
        message.header.index = self.host.link_index(&self.dev)?;
        let what = format!("deleting link {}", self.dev);
        self.host.netlink(&what, |netlink| netlink.change(RouteNetlinkMessage::DelLink(message), 0))
    }

    /// Moves it into another host, where it starts down and without addresses.
    ///
    /// # Errors
    /// When it does not exist or the name is taken there.
    pub fn move_to(&self, host: &Host) -> Result<Self> {
        let target: OwnedFd = host.open_namespace()?;
        self.set(|message| {
            message.attributes.push(LinkAttribute::NetNsFd(target.as_raw_fd()));
            Ok(())
        })?;
        Ok(host.link(&self.dev))
    }

    /// Whether it exists.
    ///
    /// # Errors
    /// When the host is gone.
    pub fn exists(&self) -> Result<bool> {
        Ok(self.host.links()?.values().any(|name| *name == self.dev))
    }

    /// Adds addresses such as `192.0.2.1/24`, usable at once.
    ///
    /// # Errors
    /// When one is malformed or there already.
    pub fn add_addresses(&self, addresses: &[&str]) -> Result {
        addresses.iter().try_for_each(|address| self.add_address(address))
    }

    /// Adds one address.
    ///
    /// # Errors
    /// When it is malformed or there already.
    pub fn add_address(&self, address: &str) -> Result {
        let message = self.address(address)?;
        let what = format!("adding address {address} to {}", self.dev);
        self.host.netlink(&what, |netlink| {
            netlink.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
        })
    }

    /// Removes one address.
    ///
    /// # Errors
    /// When it is malformed or not there.
    pub fn remove_address(&self, address: &str) -> Result {
        let message = self.address(address)?;
        let what = format!("removing address {address} from {}", self.dev);
        self.host.netlink(&what, |netlink| netlink.change(RouteNetlinkMessage::DelAddress(message), 0))
    }

    fn address(&self, address: &str) -> Result<AddressMessage> {
        let net = parse_net(address)?;
        let mut message = AddressMessage::default();
        message.header.family = family(net.addr());
        message.header.prefix_len = net.prefix_len();
        message.header.index = self.host.link_index(&self.dev)?;
        message.attributes.push(AddressAttribute::Local(net.addr()));
        message.attributes.push(AddressAttribute::Address(net.addr()));
        if let IpNet::V4(v4) = net
            && v4.prefix_len() < 31
        {
            message.attributes.push(AddressAttribute::Broadcast(v4.broadcast()));
        } else if net.addr().is_ipv6() {
            message.header.flags |= AddressHeaderFlags::Nodad;
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        Ok(message)
    }

    pub(crate) fn set(&self, fill: impl FnOnce(&mut LinkMessage) -> Result) -> Result {
        let mut message = LinkMessage::default();
        message.header.index = self.host.link_index(&self.dev)?;
        fill(&mut message)?;
        let what = format!("changing link {}", self.dev);
        self.host.netlink(&what, |netlink| netlink.change(RouteNetlinkMessage::SetLink(message), 0))
    }
}

/// Parses `address/length`; a bare address gets the full length.
pub(crate) fn parse_net(text: &str) -> Result<IpNet> {
    let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    parsed.ok_or_else(|| LabError::Topology(format!("{text:?} is not an address with a prefix length")))
}

/// Parses an address.
pub(crate) fn parse_address(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| LabError::Topology(format!("{text:?} is not an address")))
}
