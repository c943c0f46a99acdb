//! Accepting connections and giving each to the session of the peer it comes from.
//!
//! Whoever is not configured is told so (Cease 5) and closed, at a bounded rate. A peer whose session is
//! stopped is known, and its session itself says no.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_core::wire::Notification;
use bgp_core::wire::notification::cease;
use bytes::BytesMut;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

use super::session_task::{Command, CommandSender, close_gracefully};
use super::socket;
use crate::config::model::{Password, Reach};

/// What a connection is recognised by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PeerKey {
    /// Address of the peer.
    pub addr: IpAddr,
    /// Index of the link of a link-local address, else 0; 0 stands for any link too.
    pub scope: u32,
}

impl PeerKey {
    /// Of the other end of a connection.
    pub fn of(remote: SocketAddr) -> Self {
        let scope = match remote {
            SocketAddr::V6(remote) if remote.ip().is_unicast_link_local() => remote.scope_id(),
            _ => 0,
        };
        Self { addr: remote.ip().to_canonical(), scope }
    }
}

/// A peer as the listener knows it.
#[derive(Clone, Debug)]
pub struct Known {
    /// To its session's task.
    pub commands: CommandSender,
    /// How far away it may be.
    pub reach: Reach,
    /// TCP MD5 key.
    pub key: Option<Password>,
}

/// Every configured peer.
pub type Directory = HashMap<PeerKey, Known>;

/// Connections of unknown peers that are answered in a second; the others are closed without a word.
const ANSWERS_PER_SECOND: u32 = 10;
/// Pause when the process has no descriptors left.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Opens every listening socket, or none.
///
/// # Errors
/// The first address that cannot be listened on, with the system's error.
pub fn open(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    addresses.iter().map(|addr| socket::listen(*addr).map_err(|error| (*addr, error))).collect()
}

/// Accepts on one socket until the directory's sender is gone.
pub fn spawn(listener: TcpListener, directory: watch::Receiver<Arc<Directory>>) -> JoinHandle<()> {
    let mut task = Listener { listener, directory, keys: HashMap::new(), limit: Limit::default() };
    task.follow_directory();
    tokio::spawn(task.run())
}

struct Listener {
    listener: TcpListener,
    directory: watch::Receiver<Arc<Directory>>,
    /// MD5 keys the socket has.
    keys: HashMap<IpAddr, Password>,
    limit: Limit,
}

impl Listener {
    async fn run(mut self) {
        loop {
            tokio::select! {
                changed = self.directory.changed() => match changed {
                    Ok(()) => self.follow_directory(),
                    Err(_) => return,
                },
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, remote)) => self.on_accepted(stream, remote),
                    Err(error) => {
                        // A connection that ended in the queue, or no descriptors: never a reason to end.
                        warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(EXHAUSTED).await;
                    }
                },
            }
        }
    }

    fn on_accepted(&mut self, stream: TcpStream, remote: SocketAddr) {
        let key = PeerKey::of(remote);
        let directory = self.directory.borrow();
        let known = directory.get(&key).or_else(|| directory.get(&PeerKey { scope: 0, ..key }));
        let Some(known) = known else {
            drop(directory);
            self.reject(stream, remote);
            return;
        };
        if let Err(error) = socket::accepted(&stream, key.addr.is_ipv6(), known.reach) {
            warn!(%remote, %error, "cannot set up a connection");
            return;
        }
        if known.commands.try_send(Command::Accept(stream, remote)).is_err() {
            debug!(%remote, "session does not take connections, dropped");
        }
    }

    fn reject(&mut self, stream: TcpStream, remote: SocketAddr) {
        if !self.limit.allows(Instant::now()) {
            return;
        }
        info!(%remote, "connection from an unknown peer rejected");
        let mut last = BytesMut::new();
        Notification::cease(cease::REJECTED).encode(&mut last);
        close_gracefully(stream, last.to_vec());
    }

    /// Brings the keys of the socket in line with the directory.
    /// Gives the socket the options that have to be there before a connection is.
    fn follow_directory(&mut self) {
        let ipv6 = self.listener.local_addr().is_ok_and(|addr| addr.is_ipv6());
        let directory = Arc::clone(&self.directory.borrow_and_update());
        self.set_least_ttl(&directory, ipv6);
        self.set_keys(&directory, ipv6);
    }

    /// Connections inherit it, so that nothing gets in between the handshake and the options of the
    /// accepted socket. A socket that peers without TTL security use too must let everyone's SYN in.
    fn set_least_ttl(&self, directory: &Directory, ipv6: bool) {
        let ours = directory.iter().filter(|(peer, _)| peer.addr.is_ipv6() == ipv6);
        let least = ours.map(|(_, known)| socket::least_ttl(known.reach)).min().unwrap_or(0);
        if let Err(error) = socket::set_least_ttl(&self.listener, ipv6, least) {
            warn!(%error, "cannot set the least TTL");
        }
    }

    fn set_keys(&mut self, directory: &Directory, ipv6: bool) {
        let wanted: HashMap<IpAddr, Password> = directory
            .iter()
            .filter(|(peer, _)| peer.addr.is_ipv6() == ipv6)
            .filter_map(|(peer, known)| Some((peer.addr, known.key.clone()?)))
            .collect();
        let gone: Vec<IpAddr> = self.keys.keys().filter(|addr| !wanted.contains_key(addr)).copied().collect();
        for addr in gone {
            self.keys.remove(&addr);
            if let Err(error) = socket::set_md5_key(&self.listener, addr, None) {
                warn!(peer = %addr, %error, "cannot remove the MD5 key");
            }
        }
        for (addr, key) in wanted {
            if self.keys.get(&addr) == Some(&key) {
                continue;
            }
            match socket::set_md5_key(&self.listener, addr, Some(&key)) {
                Ok(()) => drop(self.keys.insert(addr, key)),
                Err(error) => warn!(peer = %addr, %error, "cannot set the MD5 key"),
            }
        }
    }
}

/// So many a second.
#[derive(Default)]
struct Limit {
    second: Option<Instant>,
    used: u32,
}

impl Limit {
    fn allows(&mut self, now: Instant) -> bool {
        let fresh = self.second.is_none_or(|begun| now.duration_since(begun) >= Duration::from_secs(1));
        if fresh {
            *self = Self { second: Some(now), used: 0 };
        }
        self.used = self.used.saturating_add(1);
        self.used <= ANSWERS_PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_bounded_in_every_second() {
        let start = Instant::now();
        let mut limit = Limit::default();
        let allowed = |limit: &mut Limit, at| (0..1000).filter(|_| limit.allows(at)).count();
        assert_eq!(allowed(&mut limit, start), 10);
        assert_eq!(allowed(&mut limit, start + Duration::from_millis(999)), 0);
        assert_eq!(allowed(&mut limit, start + Duration::from_secs(1)), 10);
    }

    #[test]
    fn a_peer_is_known_by_its_plain_address_and_the_link_of_a_link_local_one() {
        let key = |text: &str| PeerKey::of(text.parse().unwrap());
        assert_eq!(key("[::ffff:192.0.2.1]:5000"), key("192.0.2.1:6000"));
        assert_eq!(key("[fe80::1%3]:5000").scope, 3);
        assert_eq!(key("[2001:db8::1]:5000").scope, 0);
    }
}
