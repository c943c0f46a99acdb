//! Session tasks over loopback TCP, with tables and groups played by hand.

mod faults;
mod flow;
mod memory;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bgp_core::session::{
    GracefulRestart, Input, Negotiated, PeerAsn, PeerConfig, RestartFlags, State, Timers,
};
use bgp_core::types::{Asn, Family, HoldTime, PerFamily, RouterId};
use bytes::{Buf as _, Bytes};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::*;
use crate::config::model::{Password, Reach};
use crate::runtime::listener::{self, Directory, Known, PeerKey};

/// Batches are kept until the test looks at them; there is room for as many as the test allows.
pub(super) struct FakeIngest {
    pub(super) room: Arc<Semaphore>,
    kept: Option<OwnedSemaphorePermit>,
    batches: mpsc::UnboundedSender<Vec<SessionEvent>>,
    pub(super) panics_on_update: bool,
}

impl Ingest for FakeIngest {
    async fn reserve(&mut self) -> Result<(), Gone> {
        if self.kept.is_none() {
            self.kept = Some(Arc::clone(&self.room).acquire_owned().await.map_err(|_| Gone)?);
        }
        Ok(())
    }

    fn send(&mut self, batch: Vec<SessionEvent>) {
        let update = batch.iter().any(|event| matches!(event, SessionEvent::Routes(_)));
        assert!(!(update && self.panics_on_update), "told to panic");
        self.kept.take().expect("room was reserved").forget();
        let _ = self.batches.send(batch);
    }

    fn release(&mut self) {
        self.kept = None;
    }
}

/// Frames a test has queued; they are lost when the session is.
#[derive(Default)]
pub(super) struct Frames {
    queue: Mutex<VecDeque<Bytes>>,
    news: Notify,
}

impl Frames {
    pub(super) fn push(&self, frame: Bytes) {
        self.queue.lock().unwrap().push_back(frame);
        self.news.notify_one();
    }

    pub(super) fn len(&self) -> usize {
        self.queue.lock().unwrap().len()
    }
}

pub(super) struct FakeEgress {
    frames: Arc<Frames>,
    refreshed: mpsc::UnboundedSender<Family>,
}

impl Egress for FakeEgress {
    fn up(&mut self, _: &Negotiated) {}

    fn down(&mut self) {
        self.frames.queue.lock().unwrap().clear();
    }

    fn refresh(&mut self, family: Family) {
        let _ = self.refreshed.send(family);
    }

    async fn ready(&mut self) {
        self.frames.news.notified().await;
    }

    fn write_with(
        &mut self,
        budget: usize,
        rest: &mut Vec<u8>,
        write: &mut dyn FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Offer> {
        let mut queue = self.frames.queue.lock().unwrap();
        let mut written = 0;
        while written < budget {
            let slices: Vec<_> = queue.iter().take(64).map(|frame| IoSlice::new(frame)).collect();
            let offered: usize = slices.iter().map(|slice| slice.len()).sum();
            if offered == 0 {
                return Ok(Offer::Drained);
            }
            let taken = match write(&slices) {
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Offer::Blocked),
                Err(error) => return Err(error),
            };
            written += taken;
            let mut left = taken;
            while left > 0 {
                let mut frame = queue.pop_front().unwrap();
                if left < frame.len() {
                    frame.advance(left);
                    rest.extend_from_slice(&frame);
                    break;
                }
                left -= frame.len();
            }
            if taken < offered {
                return Ok(Offer::Blocked);
            }
        }
        Ok(Offer::Budget)
    }
}

pub(super) fn config(id: u32) -> PeerConfig {
    PeerConfig {
        local_asn: Asn(65000 + id),
        local_id: RouterId(0x0a00_0000 + id),
        peer_asn: PeerAsn::External,
        passive: false,
        families: PerFamily { ipv4: true, ipv6: true },
        timers: Timers {
            hold: HoldTime::new(90).unwrap(),
            connect_retry: Duration::from_millis(200),
            idle_hold: Duration::from_millis(100),
            idle_hold_max: Duration::from_millis(400),
            ..Timers::default()
        },
        graceful_restart: GracefulRestart::Full { restart_time: 120 },
        restart: RestartFlags::default(),
        extended_messages: false,
    }
}

/// A router on a loopback address of its own, with one peer.
pub(super) struct Router {
    pub(super) addr: SocketAddr,
    pub(super) handle: SessionHandle,
    pub(super) batches: mpsc::UnboundedReceiver<Vec<SessionEvent>>,
    pub(super) room: Arc<Semaphore>,
    pub(super) frames: Arc<Frames>,
    pub(super) refreshed: mpsc::UnboundedReceiver<Family>,
    pub(super) directory: watch::Sender<Arc<Directory>>,
}

/// Addresses of 127.0.0.0/8, each test its own.
pub(super) fn address() -> IpAddr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    IpAddr::from([127, 77, high, low])
}

pub(super) struct Plan {
    pub(super) config: PeerConfig,
    pub(super) listener: tokio::net::TcpListener,
    pub(super) peer: SocketAddr,
    pub(super) key: Option<Password>,
    pub(super) reach: Reach,
    pub(super) room: usize,
    pub(super) panics_on_update: bool,
}

/// Two listening sockets that do not know of each other yet.
pub(super) fn plans() -> [Plan; 2] {
    plans_at([address(), address()])
}

pub(super) fn plans_at(addresses: [IpAddr; 2]) -> [Plan; 2] {
    let open = |addr: IpAddr| listener::open(&[SocketAddr::new(addr, 0)]).unwrap().remove(0);
    let sockets = addresses.map(open);
    let ends = [sockets[0].local_addr().unwrap(), sockets[1].local_addr().unwrap()];
    let [a, b] = sockets;
    let plan = |id, listener, peer| Plan {
        config: config(id),
        listener,
        peer,
        key: None,
        reach: Reach::Connected,
        room: 1_000_000,
        panics_on_update: false,
    };
    [plan(1, a, ends[1]), plan(2, b, ends[0])]
}

impl Plan {
    pub(super) fn run(self) -> Router {
        let addr = self.listener.local_addr().unwrap();
        let (batches, batch_queue) = mpsc::unbounded_channel();
        let (refreshed, refresh_queue) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(self.room));
        let frames = Arc::new(Frames::default());
        let setup = Setup {
            name: self.peer.to_string(),
            seed: u64::from(self.config.local_asn.0),
            config: self.config,
            link: Link {
                remote: self.peer,
                local: Some(addr.ip()),
                reach: self.reach,
                key: self.key.clone(),
            },
            ingest: FakeIngest {
                room: Arc::clone(&room),
                kept: None,
                batches,
                panics_on_update: self.panics_on_update,
            },
            egress: FakeEgress { frames: Arc::clone(&frames), refreshed },
        };
        let handle = spawn(setup);
        let known = Known { commands: handle.commands.clone(), reach: self.reach, key: self.key };
        let peers = Directory::from([(PeerKey::of(self.peer), known)]);
        let (directory, watched) = watch::channel(Arc::new(peers));
        listener::spawn(self.listener, watched);
        Router { addr, handle, batches: batch_queue, room, frames, refreshed: refresh_queue, directory }
    }
}

impl Router {
    pub(super) async fn tell(&self, input: Input<'static>) {
        self.handle.commands.send(Command::Session(input)).await.unwrap();
    }

    pub(super) async fn report(&self) -> Report {
        let (reply, report) = oneshot::channel();
        self.handle.commands.send(Command::Report(reply)).await.unwrap();
        soon(report).await.unwrap()
    }

    /// The next event that `wanted` maps to something; others are dropped.
    pub(super) async fn wait<T>(&mut self, wanted: impl Fn(SessionEvent) -> Option<T>) -> T {
        soon(async {
            loop {
                let batch = self.batches.recv().await.expect("the task runs");
                if let Some(found) = batch.into_iter().find_map(&wanted) {
                    return found;
                }
            }
        })
        .await
    }

    pub(super) async fn up(&mut self) -> Box<Negotiated> {
        self.wait(|event| match event {
            SessionEvent::Up(negotiated) => Some(negotiated),
            _ => None,
        })
        .await
    }

    pub(super) async fn down(&mut self) -> Down {
        self.wait(|event| match event {
            SessionEvent::Down(down) => Some(down),
            _ => None,
        })
        .await
    }
}

/// Waits, but not for ever.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what).await.expect("it happens in time")
}

/// Both routers, established.
pub(super) async fn established(plans: [Plan; 2]) -> [Router; 2] {
    let mut routers = plans.map(Plan::run);
    for router in &routers {
        router.tell(Input::Start).await;
    }
    for router in &mut routers {
        router.up().await;
    }
    routers
}

/// An UPDATE that announces `count` IPv4 prefixes of 24 bits, beginning with the `first`-th.
pub(super) fn update(first: u32, count: u32) -> Bytes {
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 6, 2, 1];
    attributes.extend(65001u32.to_be_bytes());
    attributes.extend([0x40, 3, 4, 192, 0, 2, 1]);
    let mut body = vec![0, 0, 0, attributes.len() as u8];
    body.extend(attributes);
    for n in first..first + count {
        let [_, a, b, c] = n.to_be_bytes();
        body.extend([24, a, b, c]);
    }
    let mut message = vec![0xff; 16];
    message.extend((19 + body.len() as u16).to_be_bytes());
    message.push(2);
    message.extend(body);
    message.into()
}
