//! This host's addresses, as next hops of what it announces.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_core::types::{NextHop, PerFamily};

use crate::config::{HostAddress, host_addresses};

/// This host's addresses as last read.
///
/// Reading them is a dump of every interface, and a thousand sessions that come up together need the same
/// answer. What changes meanwhile is told by the kernel, and then [forgotten](Self::forget) here.
#[derive(Debug, Default)]
pub struct RecentAddresses {
    last: Option<(Instant, Arc<[HostAddress]>)>,
}

impl RecentAddresses {
    /// What was read a moment ago, or else what is read now.
    pub fn at(&mut self, now: Instant) -> Arc<[HostAddress]> {
        // Should the system not tell, a session still has the next hop of its own family.
        self.at_with(now, || host_addresses().unwrap_or_default())
    }

    /// The next answer is read.
    pub fn forget(&mut self) {
        self.last = None;
    }

    fn at_with(&mut self, now: Instant, read: impl FnOnce() -> Vec<HostAddress>) -> Arc<[HostAddress]> {
        if let Some((then, addresses)) = &self.last
            && now.saturating_duration_since(*then) < RECENT
        {
            return Arc::clone(addresses);
        }
        let addresses: Arc<[HostAddress]> = read().into();
        self.last = Some((now, Arc::clone(&addresses)));
        addresses
    }
}

/// How long an answer serves where the kernel tells nobody of changes.
const RECENT: Duration = Duration::from_millis(100);

/// The next hop we are, for each family, on a session with this local address.
///
/// The session's own address serves its family. For the other family it is an address of the same
/// interface, global before unique local; where there is none, routes that would need it are not told.
pub fn own_next_hops(local: IpAddr, addresses: &[HostAddress]) -> PerFamily<Option<NextHop>> {
    let interface = addresses.iter().find(|a| a.addr == local).map(|a| a.interface.as_str());
    let beside = || addresses.iter().filter(|a| Some(a.interface.as_str()) == interface).map(|a| a.addr);
    let ipv4 = match local {
        IpAddr::V4(_) => Some(local),
        IpAddr::V6(_) => beside().find(|addr| matches!(addr, IpAddr::V4(v4) if !v4.is_link_local())),
    };
    let ipv6 = match local {
        IpAddr::V6(_) => Some(local),
        IpAddr::V4(_) => beside().filter_map(usable_v6).min_by_key(Ipv6Addr::is_unique_local).map(IpAddr::V6),
    };
    PerFamily { ipv4: ipv4.map(NextHop::from), ipv6: ipv6.map(NextHop::from) }
}

fn usable_v6(addr: IpAddr) -> Option<Ipv6Addr> {
    match addr {
        IpAddr::V6(v6) if !v6.is_unicast_link_local() => Some(v6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(interface: &str, addr: &str) -> HostAddress {
        HostAddress { interface: interface.into(), addr: addr.parse().unwrap() }
    }

    #[test]
    fn the_other_family_takes_an_address_of_the_same_interface() {
        let addresses = [
            address("lo", "127.0.0.1"),
            address("eth1", "2001:db8:1::9"),
            address("eth0", "192.0.2.1"),
            address("eth0", "fe80::1"),
            address("eth0", "fd00::1"),
            address("eth0", "2001:db8::1"),
        ];
        let own = own_next_hops("192.0.2.1".parse().unwrap(), &addresses);
        assert_eq!(own.ipv4, Some(NextHop::V4("192.0.2.1".parse().unwrap())));
        assert_eq!(own.ipv6, Some(NextHop::V6("2001:db8::1".parse().unwrap())));
        let own = own_next_hops("2001:db8:1::9".parse().unwrap(), &addresses);
        assert_eq!((own.ipv4, own.ipv6.is_some()), (None, true));
    }

    #[test]
    fn sessions_that_come_up_together_share_a_reading() {
        let mut addresses = RecentAddresses::default();
        let start = Instant::now();
        let mut reads = 0;
        let mut at = |addresses: &mut RecentAddresses, ms| {
            addresses.at_with(start + Duration::from_millis(ms), || {
                reads += 1;
                Vec::new()
            });
            reads
        };
        assert_eq!([0, 50, 99, 100, 150, 250].map(|ms| at(&mut addresses, ms)), [1, 1, 1, 2, 2, 3]);
        addresses.forget();
        assert_eq!(at(&mut addresses, 251), 4, "something has changed");
    }
}
