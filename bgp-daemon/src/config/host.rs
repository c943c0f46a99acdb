//! What a configuration takes from the machine it runs on.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use nix::ifaddrs::getifaddrs;

/// One address of this host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostAddress {
    /// The interface it is on.
    pub interface: String,
    /// The address.
    pub addr: IpAddr,
}

/// Every IP address of this host: a dump of all interfaces.
///
/// # Errors
/// When the system does not tell.
pub(crate) fn host_addresses() -> io::Result<Vec<HostAddress>> {
    let entries = getifaddrs()?.filter_map(|entry| {
        let storage = entry.address?;
        let v4 = storage.as_sockaddr_in().map(|sock| IpAddr::V4(sock.ip()));
        let v6 = || storage.as_sockaddr_in6().map(|sock| IpAddr::V6(sock.ip()));
        Some(HostAddress { interface: entry.interface_name, addr: v4.or_else(v6)? })
    });
    Ok(entries.collect())
}

/// The machine, as far as a configuration depends on it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Host {
    /// `$NODENAME`, else the host name.
    pub name: String,
    /// Every address of every interface.
    pub addresses: Vec<IpAddr>,
}

impl Host {
    /// Asks the machine this runs on.
    ///
    /// # Errors
    /// When the interfaces cannot be listed.
    pub fn here() -> io::Result<Self> {
        let name = match std::env::var("NODENAME") {
            Ok(name) if !name.trim().is_empty() => name.trim().to_owned(),
            _ => nix::unistd::gethostname()?.to_string_lossy().into_owned(),
        };
        Ok(Self { name, addresses: host_addresses()?.into_iter().map(|address| address.addr).collect() })
    }

    /// The first IPv4 address that others can know this host by.
    pub(crate) fn first_ipv4(&self) -> Option<Ipv4Addr> {
        let outward = |ip: &Ipv4Addr| !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified();
        let v4 = |ip: &IpAddr| match ip {
            IpAddr::V4(ip) => Some(*ip),
            IpAddr::V6(_) => None,
        };
        self.addresses.iter().filter_map(v4).find(outward)
    }

    /// Whether an address can be bound here: its own, any of the loopback network, or the wildcard.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        address.is_unspecified() || address.is_loopback() || self.addresses.contains(&address)
    }

    /// A hint that lists the host's addresses of one family.
    pub(crate) fn addresses_hint(&self, like: IpAddr) -> String {
        let same = |ip: &&IpAddr| ip.is_ipv4() == like.is_ipv4() && !ip.is_loopback();
        let shown: Vec<String> = self.addresses.iter().filter(same).take(8).map(IpAddr::to_string).collect();
        let family = if like.is_ipv4() { "IPv4" } else { "IPv6" };
        match shown.as_slice() {
            [] => format!("this host has no {family} address"),
            some => format!("this host has {}", some.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_among_the_addresses_of_this_host() {
        let addresses = host_addresses().unwrap();
        assert!(addresses.iter().any(|a| (a.addr, &*a.interface) == (IpAddr::from([127, 0, 0, 1]), "lo")));
        assert!(Host::here().unwrap().has(addresses[0].addr));
    }
}
