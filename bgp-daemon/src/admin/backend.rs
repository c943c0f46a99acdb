//! What the admin server asks of the running daemon.
//!
//! Implemented by the runtime over channels to the owners of the state. Replies are bounded by the
//! configuration (peers, groups) or by a constant, except routes, which come in pages through a
//! bounded channel: a reader that stops reading stops the pages, never the writer of the table.

use std::future::Future;
use std::net::IpAddr;

use bgp_core::types::Family;
use ipnet::IpNet;
use tokio::sync::mpsc;

use super::api::{
    ApiError, ConfigReport, Direction, Done, Explanation, FibReport, Group, Peer, Route, Status,
};

/// Pages of routes; dropped by the server when the reader has gone. An error ends the stream.
///
/// Create it with a small capacity: each page waits for the reader.
pub type RouteStream = mpsc::Receiver<Result<Vec<Route>, ApiError>>;

/// Most routes a page should hold: about 200 KiB of JSON.
pub const ROUTES_PER_PAGE: usize = 512;

/// Which routes are asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteQuery {
    /// Whose table.
    pub view: View,
    /// One prefix only.
    pub prefix: Option<IpNet>,
    /// With `prefix`: everything inside it too.
    pub longer: bool,
    /// One family only.
    pub family: Option<Family>,
}

/// A table to read routes from. Addresses name configured peers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum View {
    /// Every valid path with its standing.
    LocRib,
    /// What a peer sent, before import policy.
    Received(IpAddr),
    /// What a peer is told.
    Advertised(IpAddr),
    /// What should be in the kernel.
    Fib,
}

/// Something to do. Addresses name configured peers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Originate these, until withdrawn or the process ends.
    Announce(Vec<IpNet>),
    /// Take back announced ones; [`super::api::ErrorCode::NotFound`] when one was not announced this way.
    Withdraw(Vec<IpNet>),
    /// Read the configuration again.
    Reload,
    /// Exchange routes again without losing the session; both ways when `direction` is `None`.
    Refresh {
        /// The peer.
        peer: IpAddr,
        /// Which way.
        direction: Option<Direction>,
    },
    /// End the session and start another.
    Clear {
        /// The peer.
        peer: IpAddr,
    },
    /// Keep the session down.
    Disable {
        /// The peer.
        peer: IpAddr,
        /// For its operator, at most 255 octets.
        message: Option<String>,
    },
    /// Let the session come up again.
    Enable {
        /// The peer.
        peer: IpAddr,
    },
    /// Compare the kernel with what is desired now, and put it right.
    RepairFib,
}

/// The daemon as the admin server sees it.
///
/// Every method may fail with [`super::api::ErrorCode::Unavailable`] while the daemon starts or stops.
pub trait Backend: Send + Sync + 'static {
    /// The whole in one page.
    fn status(&self) -> impl Future<Output = Result<Status, ApiError>> + Send;
    /// Every peer, sorted by address.
    fn peers(&self) -> impl Future<Output = Result<Vec<Peer>, ApiError>> + Send;
    /// Routes in pages of at most [`ROUTES_PER_PAGE`].
    fn routes(&self, query: RouteQuery) -> impl Future<Output = Result<RouteStream, ApiError>> + Send;
    /// The chain of reasons for one prefix; not found when nothing is known of it.
    fn explain(&self, prefix: IpNet) -> impl Future<Output = Result<Explanation, ApiError>> + Send;
    /// The kernel's side.
    fn fib(&self) -> impl Future<Output = Result<FibReport, ApiError>> + Send;
    /// Every update group.
    fn groups(&self) -> impl Future<Output = Result<Vec<Group>, ApiError>> + Send;
    /// The configuration in force.
    fn config(&self) -> impl Future<Output = Result<ConfigReport, ApiError>> + Send;
    /// Returns when the supervisor and every shard have looked at their queues.
    fn turn(&self) -> impl Future<Output = Result<(), ApiError>> + Send;
    /// Does something; the reply comes when it is done, or when it is refused.
    fn act(&self, action: Action) -> impl Future<Output = Result<Done, ApiError>> + Send;
}
