//! What a peer shall do, and what it says it has, in one vocabulary for all implementations.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::lab::{LabError, Result};

/// A BGP speaker to be configured.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// Own AS number.
    pub asn: u32,
    /// Own identifier.
    pub router_id: Ipv4Addr,
    /// Cluster id, for reflectors.
    pub cluster_id: Option<Ipv4Addr>,
    /// Peers.
    pub neighbors: Vec<Neighbor>,
    /// Own networks announced from the start.
    pub networks: Vec<Announcement>,
    /// Programs learned routes into the kernel.
    pub kernel: bool,
    /// Lines put at the end of the main configuration file as they are.
    pub extra: String,
}

/// A peer of a [`Speaker`].
#[derive(Clone, Debug)]
pub struct Neighbor {
    /// Its address.
    pub address: IpAddr,
    /// Its AS number.
    pub asn: u32,
    /// Own address towards it.
    pub local: Option<IpAddr>,
    /// Families carried; by default that of the address.
    pub ipv4: bool,
    /// See `ipv4`.
    pub ipv6: bool,
    /// It is a client of this route reflector.
    pub client: bool,
    /// Never dials.
    pub passive: bool,
    /// Announces itself as next hop.
    pub next_hop_self: bool,
    /// TCP MD5 password.
    pub password: Option<String>,
    /// Restart time in seconds of graceful restart; 0 turns it off, also as a helper; `None` leaves
    /// what the implementation does by itself.
    pub graceful_restart: Option<u16>,
}

/// A network to announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Destination.
    pub prefix: IpNet,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// Standard communities.
    pub communities: Vec<(u16, u16)>,
}

/// A route as a peer reports it. What an implementation does not tell is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRoute {
    /// Destination.
    pub prefix: IpNet,
    /// Global next hop; absent for own routes.
    pub next_hop: Option<IpAddr>,
    /// The neighbour it came from; absent for own routes.
    pub from: Option<IpAddr>,
    /// AS numbers of the path in order, sets flattened.
    pub as_path: Vec<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// Standard communities.
    pub communities: Vec<(u16, u16)>,
    /// ORIGINATOR_ID.
    pub originator: Option<Ipv4Addr>,
    /// CLUSTER_LIST.
    pub clusters: Vec<Ipv4Addr>,
    /// Selected.
    pub best: bool,
}

impl Speaker {
    /// A speaker without peers and networks that leaves the kernel alone.
    #[must_use]
    pub fn new(asn: u32, router_id: [u8; 4]) -> Self {
        Self {
            asn,
            router_id: router_id.into(),
            cluster_id: None,
            neighbors: Vec::new(),
            networks: Vec::new(),
            kernel: false,
            extra: String::new(),
        }
    }

    /// Adds a peer.
    #[must_use]
    pub fn neighbor(mut self, neighbor: Neighbor) -> Self {
        self.neighbors.push(neighbor);
        self
    }

    /// Adds a network.
    #[must_use]
    pub fn network(mut self, network: Announcement) -> Self {
        self.networks.push(network);
        self
    }

    /// Programs learned routes into the kernel.
    #[must_use]
    pub fn kernel(mut self) -> Self {
        self.kernel = true;
        self
    }

    /// Sets the cluster id.
    #[must_use]
    pub fn cluster_id(mut self, id: [u8; 4]) -> Self {
        self.cluster_id = Some(id.into());
        self
    }

    /// Adds configuration in the implementation's own language.
    #[must_use]
    pub fn extra(mut self, text: &str) -> Self {
        self.extra.push_str(text);
        self
    }

    /// Puts an announcement in the place of one for the same prefix, or at the end.
    pub(crate) fn set_network(&mut self, network: &Announcement) {
        self.networks.retain(|own| own.prefix != network.prefix);
        self.networks.push(network.clone());
    }
}

impl Neighbor {
    /// A peer by address and AS number, carrying the family of its address.
    ///
    /// # Errors
    /// When the address is malformed.
    pub fn new(address: &str, asn: u32) -> Result<Self> {
        let address: IpAddr =
            address.parse().map_err(|_| LabError::Topology(format!("neighbour address {address:?}")))?;
        Ok(Self {
            address,
            asn,
            local: None,
            ipv4: address.is_ipv4(),
            ipv6: address.is_ipv6(),
            client: false,
            passive: false,
            next_hop_self: false,
            password: None,
            graceful_restart: None,
        })
    }

    /// Carries both families in one session.
    #[must_use]
    pub fn both_families(mut self) -> Self {
        (self.ipv4, self.ipv6) = (true, true);
        self
    }

    /// Sets the own address.
    #[must_use]
    pub fn local(mut self, address: IpAddr) -> Self {
        self.local = Some(address);
        self
    }

    /// Makes it a client of this reflector.
    #[must_use]
    pub fn client(mut self) -> Self {
        self.client = true;
        self
    }

    /// Waits for it to dial.
    #[must_use]
    pub fn passive(mut self) -> Self {
        self.passive = true;
        self
    }

    /// Announces itself as next hop.
    #[must_use]
    pub fn next_hop_self(mut self) -> Self {
        self.next_hop_self = true;
        self
    }

    /// Protects the session with TCP MD5.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Turns graceful restart off, also as a helper.
    #[must_use]
    pub fn no_graceful_restart(mut self) -> Self {
        self.graceful_restart = Some(0);
        self
    }

    /// Turns graceful restart on, with this restart time.
    #[must_use]
    pub fn graceful_restart(mut self, seconds: u16) -> Self {
        self.graceful_restart = Some(seconds);
        self
    }
}

impl Announcement {
    /// A network without further attributes.
    ///
    /// # Errors
    /// When the prefix is malformed.
    pub fn new(prefix: &str) -> Result<Self> {
        let net: IpNet = prefix.parse().map_err(|_| LabError::Topology(format!("prefix {prefix:?}")))?;
        Ok(Self { prefix: net.trunc(), med: None, communities: Vec::new() })
    }

    /// Sets MULTI_EXIT_DISC.
    #[must_use]
    pub fn med(mut self, med: u32) -> Self {
        self.med = Some(med);
        self
    }

    /// Adds a standard community.
    #[must_use]
    pub fn community(mut self, high: u16, low: u16) -> Self {
        self.communities.push((high, low));
        self
    }

    /// Communities as `65000:1 65000:2`.
    pub(crate) fn communities_text(&self) -> String {
        let all: Vec<_> = self.communities.iter().map(|(high, low)| format!("{high}:{low}")).collect();
        all.join(" ")
    }
}

impl PeerRoute {
    /// A route about which only the destination is known yet.
    pub(crate) fn bare(prefix: IpNet) -> Self {
        Self {
            prefix,
            next_hop: None,
            from: None,
            as_path: Vec::new(),
            local_pref: None,
            med: None,
            communities: Vec::new(),
            originator: None,
            clusters: Vec::new(),
            best: false,
        }
    }
}

/// Numbers in a text such as `65001 {65002 65003}` or `(65000,1) (65000,2)`.
pub(crate) fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// Communities in a text such as `65000:1 65000:2` or `(65000,1) (65000,2)`.
pub(crate) fn communities(text: &str) -> Vec<(u16, u16)> {
    let numbers = numbers(text);
    let halves = numbers.chunks_exact(2).filter_map(|pair| match pair {
        [high, low] => Some((u16::try_from(*high).ok()?, u16::try_from(*low).ok()?)),
        _ => None,
    });
    halves.collect()
}
