//! An ordered map from prefixes, small for IPv4.
//!
//! One map keyed by `IpNet` would spend IPv6's 17 octets on every IPv4 key; a million routes notice.

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Prefixes of both families in order, IPv4 first.
#[derive(Debug)]
pub(super) struct PrefixMap<V> {
    v4: BTreeMap<Ipv4Net, V>,
    v6: BTreeMap<Ipv6Net, V>,
}

impl<V> Default for PrefixMap<V> {
    fn default() -> Self {
        Self { v4: BTreeMap::new(), v6: BTreeMap::new() }
    }
}

impl<V: Default> PrefixMap<V> {
    pub(super) fn get(&self, prefix: IpNet) -> Option<&V> {
        match prefix {
            IpNet::V4(p) => self.v4.get(&p),
            IpNet::V6(p) => self.v6.get(&p),
        }
    }

    pub(super) fn get_mut(&mut self, prefix: IpNet) -> Option<&mut V> {
        match prefix {
            IpNet::V4(p) => self.v4.get_mut(&p),
            IpNet::V6(p) => self.v6.get_mut(&p),
        }
    }

    pub(super) fn entry(&mut self, prefix: IpNet) -> &mut V {
        match prefix {
            IpNet::V4(p) => self.v4.entry(p).or_default(),
            IpNet::V6(p) => self.v6.entry(p).or_default(),
        }
    }

    pub(super) fn remove(&mut self, prefix: IpNet) {
        match prefix {
            IpNet::V4(p) => drop(self.v4.remove(&p)),
            IpNet::V6(p) => drop(self.v6.remove(&p)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (IpNet, &V)> {
        let v4 = self.v4.iter().map(|(p, v)| (IpNet::V4(*p), v));
        v4.chain(self.v6.iter().map(|(p, v)| (IpNet::V6(*p), v)))
    }

    /// Visits every value and keeps those for which `keep` says so.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(IpNet, &mut V) -> bool) {
        self.v4.retain(|p, v| keep(IpNet::V4(*p), v));
        self.v6.retain(|p, v| keep(IpNet::V6(*p), v));
    }

    /// `prefix` and everything inside it.
    pub(super) fn within(&self, prefix: IpNet) -> Vec<(IpNet, &V)> {
        match prefix {
            IpNet::V4(p) => {
                let p = p.trunc();
                let inside = self.v4.range(p..).take_while(|(q, _)| p.contains(&q.network()));
                inside.filter(|(q, _)| p.contains(*q)).map(|(q, v)| (IpNet::V4(*q), v)).collect()
            }
            IpNet::V6(p) => {
                let p = p.trunc();
                let inside = self.v6.range(p..).take_while(|(q, _)| p.contains(&q.network()));
                inside.filter(|(q, _)| p.contains(*q)).map(|(q, v)| (IpNet::V6(*q), v)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_finds_the_prefix_and_its_more_specifics_only() {
        let mut map = PrefixMap::<u8>::default();
        for p in ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.2.0.0/16", "fd00::/8", "fd00:1::/32"] {
            *map.entry(p.parse().unwrap()) = 1;
        }
        let names = |p: &str| -> Vec<String> {
            map.within(p.parse().unwrap()).iter().map(|(p, _)| p.to_string()).collect()
        };
        assert_eq!(names("10.1.0.0/16"), ["10.1.0.0/16", "10.1.2.0/24"]);
        assert_eq!(names("10.0.0.0/8").len(), 4);
        assert_eq!(names("fd00::/8"), ["fd00::/8", "fd00:1::/32"]);
        assert!(names("10.3.0.0/16").is_empty());
    }
}
