//! The loop of a session task.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bgp_core::rib;
use bgp_core::session::{
    ConnId, Direction, Down, Families, Input, Output, PeerConfig, Reason, ResetReason, Session, StopReason,
};
use bgp_core::types::NlriBlock;
use bgp_core::wire::Update;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tracing::{debug, info};

use super::alarm::Alarm;
use super::commands::CommandQueue;
use super::connection::{Connection, Read};
use super::{Command, Egress, Gone, Ingest, Offer, Report, SessionEvent, Setup, close_gracefully};
use crate::runtime::socket::{self, Link};

/// Octets read at a time.
const READ_BUFFER: usize = 16 << 10;
/// Routes that make a batch full; one read may go beyond.
const FULL_BATCH: usize = 512;
/// Reads before a batch leaves even if it is not full: a peer may send much that is no route.
const READS: usize = 16;
/// Octets of routes written before other tasks of the worker get their turn.
const WRITE_BUDGET: usize = 256 << 10;

thread_local! {
    /// Shared by all sessions of a worker thread: nothing stays in it between two reads.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BUFFER].into_boxed_slice());
}

type Dial = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Everything one peer's task owns.
pub(super) struct Task<I, E> {
    name: String,
    session: Session,
    link: Link,
    seed: u64,
    ingest: I,
    egress: E,
    commands: CommandQueue,
    conns: Vec<Connection>,
    next_conn: u32,
    dial: Option<Dial>,
    /// Events on their way, and how many routes are in them.
    batch: Vec<SessionEvent>,
    routes: usize,
    /// The connection of the established session.
    up: Option<ConnId>,
    /// The egress may have something.
    ready: bool,
    /// UPDATEs to the peer; the session sees none of them.
    updates_sent: u64,
    alarm: Alarm,
    finishing: bool,
    /// Connections that are being closed at the very end.
    closing: Vec<JoinHandle<()>>,
}

impl<I: Ingest, E: Egress> Task<I, E> {
    pub(super) fn new(setup: Setup<I, E>, commands: CommandQueue) -> Self {
        Self {
            name: setup.name,
            session: Session::new(setup.config, setup.seed),
            link: setup.link,
            seed: setup.seed,
            ingest: setup.ingest,
            egress: setup.egress,
            commands,
            conns: Vec::new(),
            next_conn: 0,
            dial: None,
            batch: Vec::new(),
            routes: 0,
            up: None,
            ready: false,
            updates_sent: 0,
            alarm: Alarm::default(),
            finishing: false,
            closing: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Runs until told to finish, or until nobody takes routes any more.
    pub(super) async fn run(&mut self) {
        loop {
            let now = Instant::now();
            self.on_time(now);
            self.obey();
            let more = self.write(now);
            self.obey();
            if self.finishing && self.batch.is_empty() && self.conns.is_empty() {
                // The process may end with us, and the peer should still hear our last words.
                for closing in self.closing.drain(..) {
                    let _ = closing.await;
                }
                return;
            }
            self.alarm.set(self.session.poll_timeout());
            let wants_room = !self.batch.is_empty() || self.conns.iter().any(|conn| conn.readable);
            // Every arm may be dropped at any await: what is half done is in `self`, not in the futures.
            tokio::select! {
                command = self.commands.recv(), if !self.finishing => self.on_command(command),
                room = self.ingest.reserve(), if wants_room => match room {
                    Ok(()) => self.read(),
                    Err(Gone) => return,
                },
                result = wait(&mut self.dial) => self.on_dialled(result),
                () = poll_fn(|cx| poll_all(&mut self.conns, cx)) => {}
                () = self.egress.ready(), if self.up.is_some() && !self.ready => self.ready = true,
                () = self.alarm.ring() => {}
                () = tokio::task::yield_now(), if more => {}
            }
        }
    }

    /// Begins anew with nothing of the present session, after it panicked.
    pub(super) fn start_over(&mut self) {
        let config: PeerConfig = self.session.config().clone();
        let stopped = self.session.is_stopped();
        self.seed = self.seed.wrapping_add(1);
        self.session = Session::new(config, self.seed);
        self.conns = Vec::new();
        self.dial = None;
        self.ingest.release();
        if let Some(conn) = self.up.take() {
            self.egress.down();
            let down = Down { conn, reason: Reason::Lost, retain: Families::default() };
            self.batch.push(SessionEvent::Down(down));
        }
        if !stopped {
            self.session.handle_input(Input::Start, Instant::now());
        }
    }

    fn on_command(&mut self, command: Option<Command>) {
        let now = Instant::now();
        match command {
            Some(Command::Accept(stream, remote)) => self.connected(stream, remote, Direction::Incoming),
            Some(Command::Session(input)) => self.session.handle_input(input, now),
            Some(Command::Link(link)) => self.link = link,
            Some(Command::Rename(name)) => self.name = name,
            Some(Command::SendAgain(family)) => {
                self.egress.refresh(family);
                self.ready = true;
            }
            Some(Command::Report(reply)) => {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(self.report());
            }
            Some(Command::Finish(input)) => self.finish(input, now),
            // The supervisor has forgotten us.
            None => self.finish(Input::Stop(StopReason::Deconfigured), now),
        }
    }

    fn finish(&mut self, input: Input<'static>, now: Instant) {
        self.session.handle_input(input, now);
        self.finishing = true;
    }

    fn report(&self) -> Report {
        let mut stats = self.session.stats().clone();
        stats.sent.updates += self.updates_sent;
        Report {
            state: self.session.state(),
            stopped: self.session.is_stopped(),
            negotiated: self.session.negotiated().cloned(),
            stale: self.session.stale(),
            stats,
        }
    }

    /// Acts on deadlines, sparing peers whose octets have arrived and only wait for us to read them.
    fn on_time(&mut self, now: Instant) {
        if self.session.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        for conn in &self.conns {
            if conn.has_unread() {
                self.session.handle_input(Input::UnreadBytesWaiting(conn.id), now);
            }
        }
        self.session.handle_timeout(now);
    }

    /// Does what the session wants.
    fn obey(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Update(update) => {
                    // Those without routes count too: a peer may send them without end.
                    self.routes += routes(&update).max(1);
                    self.put(update);
                }
                Output::Send(id, octets) => {
                    if let Some(conn) = self.conns.iter_mut().find(|conn| conn.id == id) {
                        conn.queue(&octets);
                    }
                }
                Output::Connect => self.dial(),
                Output::CancelConnect => self.dial = None,
                Output::Close(id) => {
                    if let Some(at) = self.conns.iter().position(|conn| conn.id == id) {
                        let (stream, last) = self.conns.swap_remove(at).into_last();
                        let closing = close_gracefully(stream, last);
                        if self.finishing {
                            self.closing.push(closing);
                        }
                    }
                }
                Output::Up(negotiated) => {
                    info!(peer = self.name, asn = %negotiated.peer_asn, id = %negotiated.peer_id, "session established");
                    self.up = Some(negotiated.conn());
                    self.ready = true;
                    self.egress.up(&negotiated);
                    self.batch.push(SessionEvent::Up(negotiated));
                }
                Output::Down(down) => {
                    info!(peer = self.name, reason = %down.reason, "session lost");
                    self.up = None;
                    self.egress.down();
                    self.batch.push(SessionEvent::Down(down));
                }
                Output::Failed { conn: _, reason } => {
                    info!(peer = self.name, %reason, "connection ended before it was established");
                }
                Output::EndOfRib(family) => {
                    self.routes += 1;
                    self.batch.push(SessionEvent::EndOfRib(family));
                }
                Output::MarkStale(family) => self.batch.push(SessionEvent::MarkStale(family)),
                Output::FlushStale(family) => self.batch.push(SessionEvent::FlushStale(family)),
                Output::RefreshRequested(family) => {
                    self.egress.refresh(family);
                    self.ready = true;
                }
                Output::Transition { from, to } => debug!(peer = self.name, ?from, ?to, "session state"),
            }
        }
    }

    /// Routes read together stay together.
    fn put(&mut self, update: Update) {
        if let Some(SessionEvent::Routes(routes)) = self.batch.last_mut() {
            routes.extend(rib::Ingest::of(update));
        } else {
            self.batch.push(SessionEvent::Routes(rib::Ingest::of(update).collect()));
        }
    }

    fn dial(&mut self) {
        match socket::dial(&self.link) {
            Ok(attempt) => self.dial = Some(Box::pin(attempt)),
            Err(error) => {
                // Wrong options rather than an absent peer: worth an operator's attention.
                tracing::warn!(peer = self.name, %error, "cannot dial");
                self.session.handle_input(Input::ConnectFailed, Instant::now());
            }
        }
    }

    fn on_dialled(&mut self, result: io::Result<TcpStream>) {
        self.dial = None;
        match result {
            Ok(stream) => self.connected(stream, self.link.remote, Direction::Outgoing),
            Err(error) => {
                debug!(peer = self.name, %error, "connection attempt failed");
                self.session.handle_input(Input::ConnectFailed, Instant::now());
            }
        }
    }

    fn connected(&mut self, stream: TcpStream, remote: SocketAddr, direction: Direction) {
        let Ok(local) = stream.local_addr() else {
            if direction == Direction::Outgoing {
                self.session.handle_input(Input::ConnectFailed, Instant::now());
            }
            return;
        };
        self.next_conn = self.next_conn.wrapping_add(1);
        let conn = ConnId(self.next_conn);
        debug!(peer = self.name, ?direction, %local, %remote, "connection");
        self.conns.push(Connection::new(conn, stream));
        self.session.handle_input(Input::Connected { conn, direction, local, remote }, Instant::now());
    }

    /// Reads into the batch until it is full or the sockets are empty, and sends it in the reserved room.
    fn read(&mut self) {
        let now = Instant::now();
        BUFFER.with_borrow_mut(|buffer| {
            let mut at = 0;
            let mut reads = 0;
            while self.routes < FULL_BATCH
                && reads < READS
                && let Some(conn) = self.conns.get_mut(at)
            {
                let id = conn.id;
                if !conn.readable {
                    at += 1;
                    continue;
                }
                reads += 1;
                match conn.read(buffer) {
                    Read::Octets(len) => {
                        let octets = buffer.get(..len).unwrap_or(&[]);
                        self.session.handle_input(Input::bytes(id, octets), now);
                    }
                    Read::WouldBlock => {}
                    Read::End => {
                        drop(self.conns.remove(at));
                        self.session.handle_input(Input::Closed(id), now);
                    }
                }
                self.obey();
            }
        });
        if self.batch.is_empty() {
            self.ingest.release();
        } else {
            self.ingest.send(std::mem::take(&mut self.batch));
            self.routes = 0;
        }
    }

    /// Writes what sockets take. Returns whether there are more routes for a socket that takes them.
    fn write(&mut self, now: Instant) -> bool {
        let mut more = false;
        let mut lost = false;
        for conn in &mut self.conns {
            let mut took = conn.flush();
            if self.ready && self.up == Some(conn.id) {
                let (wrote, offer) =
                    conn.write_routes(&mut self.egress, WRITE_BUDGET, &mut self.updates_sent);
                took |= wrote;
                match offer {
                    Some(Offer::Drained) => self.ready = false,
                    Some(Offer::Budget) => more = true,
                    Some(Offer::Lost) => lost = true,
                    Some(Offer::Blocked) | None => {}
                }
            }
            if took {
                self.session.handle_input(Input::Sent(conn.id), now);
            }
        }
        if lost {
            self.session.handle_input(Input::Reset(ResetReason::OutOfResources), now);
        }
        more
    }
}

async fn wait(dial: &mut Option<Dial>) -> io::Result<TcpStream> {
    match dial {
        Some(attempt) => attempt.await,
        None => pending().await,
    }
}

fn poll_all(conns: &mut [Connection], cx: &mut Context<'_>) -> Poll<()> {
    let mut news = Poll::Pending;
    for conn in conns {
        if conn.poll(cx).is_ready() {
            news = Poll::Ready(());
        }
    }
    news
}

fn routes(update: &Update) -> usize {
    let announced = update.announced.iter().map(|announcement| announcement.nlri.len());
    announced.chain(update.withdrawn.iter().map(NlriBlock::len)).sum()
}
