//! The configured peers with their session tasks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, SocketAddr};

use bgp_core::session::{Families, Input, Negotiated, PeerConfig};
use bgp_core::types::PeerId;
use tokio::sync::watch;

use crate::config::model::Neighbor;
use crate::runtime::egress::GroupEgress;
use crate::runtime::ingest::ShardIngest;
use crate::runtime::mail::Mail;
use crate::runtime::peering::PeerSettings;
use crate::runtime::session_task::{self, Command, SessionHandle};
use crate::runtime::shard::Shards;
use crate::runtime::socket::Link;

/// Every configured peer, by address and by number.
#[derive(Debug, Default)]
pub(super) struct Peers {
    by_address: BTreeMap<IpAddr, Peering>,
    last: u16,
}

/// One configured peer.
#[derive(Debug)]
pub(super) struct Peering {
    /// Its number.
    pub(super) id: PeerId,
    /// Configuration and policies; the session's way to the shards reads it too.
    pub(super) settings: watch::Sender<PeerSettings>,
    /// Its session task.
    pub(super) session: SessionHandle,
    /// The established session, as far as the supervisor has heard.
    pub(super) up: Option<Up>,
    /// The last session heard of.
    pub(super) generation: u64,
    /// Kept down by an operator, beside what the configuration says.
    pub(super) disabled: bool,
}

/// An established session.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) negotiated: Box<Negotiated>,
    /// Families the peer has sent all of.
    pub(super) done: Families,
}

impl Peering {
    /// The neighbour as configured.
    pub(super) fn neighbor(&self) -> Neighbor {
        self.settings.borrow().neighbor.clone()
    }

    /// Kept down by configuration or operator.
    pub(super) fn is_shut(&self) -> bool {
        self.disabled || self.settings.borrow().neighbor.shutdown
    }

    /// Tells the session something.
    pub(super) async fn tell(&self, input: Input<'static>) {
        self.command(Command::Session(input)).await;
    }

    /// Tells the session task something.
    pub(super) async fn command(&self, command: Command) {
        // A task only ends when it was told to.
        let _ = self.session.commands.send(command).await;
    }
}

/// What a new peer's task is made of.
pub(super) struct NewPeer {
    pub(super) settings: PeerSettings,
    pub(super) config: PeerConfig,
    pub(super) link: Link,
    pub(super) shards: Shards,
    pub(super) mail: Mail,
}

impl Peers {
    /// Adds a peer with its session task, stopped.
    pub(super) fn add(&mut self, new: NewPeer) -> &Peering {
        let id = self.unused();
        let address = new.settings.neighbor.address;
        let name = new.settings.neighbor.name.clone();
        let (settings, reader) = watch::channel(new.settings);
        let setup = session_task::Setup {
            name,
            config: new.config,
            link: new.link,
            seed: seed(address),
            ingest: ShardIngest::new(id, new.shards, reader, new.mail.clone()),
            egress: GroupEgress::new(id, new.mail),
        };
        let session = session_task::spawn(setup);
        let peering = Peering { id, settings, session, up: None, generation: 0, disabled: false };
        match self.by_address.entry(address) {
            Entry::Vacant(entry) => entry.insert(peering),
            Entry::Occupied(entry) => {
                let old = entry.into_mut();
                *old = peering;
                old
            }
        }
    }

    pub(super) fn remove(&mut self, address: IpAddr) -> Option<Peering> {
        self.by_address.remove(&address)
    }

    pub(super) fn get(&self, address: IpAddr) -> Option<&Peering> {
        self.by_address.get(&address)
    }

    pub(super) fn get_mut(&mut self, address: IpAddr) -> Option<&mut Peering> {
        self.by_address.get_mut(&address)
    }

    pub(super) fn by_id(&mut self, id: PeerId) -> Option<&mut Peering> {
        self.by_address.values_mut().find(|peering| peering.id == id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (IpAddr, &Peering)> {
        self.by_address.iter().map(|(address, peering)| (*address, peering))
    }

    /// Every peer; none is left.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (IpAddr, Peering)> + use<> {
        std::mem::take(&mut self.by_address).into_iter()
    }

    pub(super) fn len(&self) -> usize {
        self.by_address.len()
    }

    /// The number after the last one given that nobody has: the longest time passes before one is used
    /// again. 0 is this speaker itself.
    fn unused(&mut self) -> PeerId {
        loop {
            self.last = self.last.checked_add(1).unwrap_or(1);
            if self.by_address.values().all(|peering| peering.id.0 != self.last) {
                return PeerId(self.last);
            }
        }
    }
}

/// Differs between peers and between starts, so that timers of a storm spread out.
fn seed(address: IpAddr) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(address)
}

/// The address that the peer is dialled at.
pub(super) fn remote(neighbor: &Neighbor) -> SocketAddr {
    SocketAddr::new(neighbor.address, neighbor.session.port)
}
