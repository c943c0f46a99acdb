//! The task of one peer: sockets and clock around a [`Session`](bgp_core::session::Session), both directions in one task.
//!
//! ```text
//!              Command                      SessionEvent batches
//!  supervisor ────────►┌──────────────────┐────────────────────► Ingest (shards)
//!              Accept  │   session task   │
//!  listener   ────────►│  Session, ≤2 TCP │◄──────────────────── Egress (member of the frame log)
//!                      └──────────────────┘
//! ```
//!
//! Reading waits for room at [`Ingest`] first, so a busy table stops the peer by its TCP window and nothing
//! else. All that one run of reads gives leaves as one batch. Writing follows [`Egress`]; messages of the
//! session itself go before routes, never inside a message that is half written. An idle task owns no
//! buffer: reads go to a buffer of the worker thread.
//!
//! A panic within the task ends its session and nothing else.

mod alarm;
mod closing;
mod commands;
mod connection;
mod guard;
mod task;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use bgp_core::rib;
use bgp_core::session::{Down, Families, Input, Negotiated, PeerConfig, State, Stats};
use bgp_core::types::Family;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::socket::Link;
pub use closing::close_gracefully;
pub use commands::CommandSender;

/// What the tables are told of a peer, in order.
#[derive(Clone, Debug)]
pub enum SessionEvent {
    /// The session is established; what was kept as stale stays until it is swept.
    Up(Box<Negotiated>),
    /// What the peer said of routes, in order.
    Routes(Vec<rib::Ingest>),
    /// The peer has sent all it had of a family.
    EndOfRib(Family),
    /// Mark what there is of a family as stale.
    MarkStale(Family),
    /// Drop what is stale of a family.
    FlushStale(Family),
    /// The session is lost; [`Down::retain`] says whose routes stay, as stale ones.
    Down(Down),
}

/// The way to the tables.
pub trait Ingest: Send + 'static {
    /// Waits until a batch can be sent without waiting, and keeps that room until [`Ingest::send`] or
    /// [`Ingest::release`]. Returns at once while room is kept. May be dropped and called again.
    ///
    /// # Errors
    /// [`Gone`] when nobody takes batches any more: the task ends.
    fn reserve(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Sends a batch in the room that was reserved.
    fn send(&mut self, batch: Vec<SessionEvent>);

    /// Gives up the room: there was nothing to send after all.
    fn release(&mut self);
}

/// Nobody is at the other end any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the receiver is gone")]
pub struct Gone;

/// Where the routes for the peer come from.
pub trait Egress: Send + 'static {
    /// The session is established: join the groups that fit.
    fn up(&mut self, negotiated: &Negotiated);

    /// The session is lost: leave them.
    fn down(&mut self);

    /// The peer wants a family again (RFC 2918).
    fn refresh(&mut self, family: Family);

    /// Waits until there may be something to write; never returns while the session is down. May be
    /// dropped and called again.
    fn ready(&mut self) -> impl Future<Output = ()> + Send;

    /// Offers whole messages to `write` until it takes no more, `budget` octets are gone, or there are none.
    ///
    /// `write` is a vectored write on a socket that does not block. What it leaves of a message it took in
    /// part is appended to `rest`, and is written before anything else.
    ///
    /// # Errors
    /// Those of `write`, except that it would block.
    fn write_with(
        &mut self,
        budget: usize,
        rest: &mut Vec<u8>,
        write: &mut dyn FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Offer>;
}

/// Why [`Egress::write_with`] returned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Offer {
    /// There is nothing more for now: wait for [`Egress::ready`].
    Drained,
    /// The budget is used up; there may be more.
    Budget,
    /// The socket took less than it was offered.
    Blocked,
    /// The peer cannot be brought up to date: the session must be reset.
    Lost,
}

/// What a task is told.
#[derive(Debug)]
pub enum Command {
    /// The peer has opened a connection.
    Accept(TcpStream, SocketAddr),
    /// For the session itself, such as [`Input::Start`] and [`Input::Reset`]; not about connections.
    Session(Input<'static>),
    /// Other options for connections made from now on.
    Link(Link),
    /// Another name for logs.
    Rename(String),
    /// Send the peer a family again, without being asked.
    SendAgain(Family),
    /// How the session stands.
    Report(oneshot::Sender<Report>),
    /// Say farewell with this input, which is an [`Input::Stop`], and end the task.
    Finish(Input<'static>),
}

/// How a session stands.
#[derive(Clone, Debug)]
pub struct Report {
    /// State of its most advanced connection.
    pub state: State,
    /// Kept down on purpose.
    pub stopped: bool,
    /// What was agreed on, while established.
    pub negotiated: Option<Negotiated>,
    /// Families whose stale routes are kept.
    pub stale: Families,
    /// Counters, with UPDATEs sent.
    pub stats: Stats,
}

/// The supervisor's end of a task.
#[derive(Debug)]
pub struct SessionHandle {
    /// To the task.
    pub commands: CommandSender,
    /// Ends with the task, after its last batch was sent.
    pub task: JoinHandle<()>,
}

/// What a task is made of.
#[derive(Debug)]
pub struct Setup<I, E> {
    /// For logs.
    pub name: String,
    /// Of the session.
    pub config: PeerConfig,
    /// Of its connections.
    pub link: Link,
    /// Jitter seed.
    pub seed: u64,
    /// To the tables.
    pub ingest: I,
    /// From the groups.
    pub egress: E,
}

/// Starts the task of a peer. Its session is stopped until it is sent [`Input::Start`].
pub fn spawn<I: Ingest, E: Egress>(setup: Setup<I, E>) -> SessionHandle {
    let (commands, queue) = commands::queue();
    let task = tokio::spawn(guard::run(setup, queue));
    SessionHandle { commands, task }
}
