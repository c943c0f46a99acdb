//! The one owner of configuration and peers: starts, changes and stops everything else.
//!
//! ```text
//!  signals ──►┐                          ┌──► session tasks (one a peer)
//!  operator ─►│ supervisor ── commands ──┤
//!  sessions ─►│                          ├──► shards, encoders
//!  kernel  ──►┘                          └──► route task
//! ```
//!
//! It may wait for shards and encoders, and sessions may wait for it; none of those waits for it in turn
//! while holding something it needs, so no circle can form.

mod act;
mod events;
mod peers;
mod regroup;
mod reload;
mod report;
mod restart;
mod serve;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bgp_core::policy::PolicyId;
use bgp_core::session::{Negotiated, RestartFlags, StopReason};
use bgp_core::types::{Family, PeerId};
use fib_sync::{FibEvent, FibHandle};
use reflector::{Moved, PeerRole};
use tokio::sync::{mpsc, oneshot, watch};

use super::addresses::RecentAddresses;
use super::deferral::Deferral;
use super::encoder::Subscription;
use super::groups::Groups;
use super::listener::Directory;
use super::local::LocalRoutes;
use super::mail::Mail;
use super::policies::Policies;
use super::shard::Shards;
use crate::admin::api::{ApiError, ConfigStatus, Done, Explanation, FibReport, Group, Peer, Status};
use crate::admin::backend::{Action, RouteQuery, RouteStream};
use crate::config::model::Config;
use crate::log::LogControl;

pub use start::run;

use peers::Peers;

/// What sessions tell the supervisor, beside the routes they tell the shards.
#[derive(Debug)]
pub enum SessionNews {
    /// The session is established.
    Up {
        /// Which of the sessions of this peer, ascending.
        generation: u64,
        /// What was agreed on.
        negotiated: Box<Negotiated>,
        /// The groups the session writes from now on.
        reply: oneshot::Sender<Vec<Subscription>>,
    },
    /// The peer has sent everything of a family.
    EndOfRib(Family),
    /// The peer has stopped reading from its group of a family, as it was told, and needs another.
    Departed {
        /// Which of the sessions.
        generation: u64,
        /// The family.
        family: Family,
        /// What it was told so far.
        moved: Moved,
        /// The group the session writes from now on.
        reply: oneshot::Sender<Subscription>,
    },
    /// The peer has everything of the group it has moved to.
    Arrived {
        /// Which of the sessions.
        generation: u64,
        /// The family.
        family: Family,
    },
    /// The session is lost.
    Down {
        /// Which.
        generation: u64,
    },
}

/// Who may be told that a restart is complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Settled {
    /// Peers of a role: nobody is waited for whose routes go to them.
    For(PeerRole),
    /// Everyone, and the kernel's side.
    All,
}

/// Something for the supervisor to do.
#[derive(Debug)]
pub enum Event {
    /// From the session of a peer.
    Session(PeerId, SessionNews),
    /// Addresses of this host have changed, and with them what serves as next hop.
    Regroup,
    /// What was learned after a restart has been decided and passed on.
    Settled(Settled),
    /// From the operator.
    Request(Request),
}

type Reply<T> = oneshot::Sender<Result<T, ApiError>>;

/// What the operator's interface asks.
#[derive(Debug)]
pub enum Request {
    /// The whole in one page.
    Status(Reply<Status>),
    /// Every peer.
    Peers(Reply<Vec<Peer>>),
    /// Routes, in pages.
    Routes(RouteQuery, Reply<RouteStream>),
    /// The reasons for one prefix.
    Explain(ipnet::IpNet, Reply<Explanation>),
    /// The kernel's side.
    Fib(Reply<FibReport>),
    /// Every update group.
    Groups(Reply<Vec<Group>>),
    /// The configuration in force.
    Config(Reply<crate::admin::api::ConfigReport>),
    /// A round: answered when every shard has looked at its queue.
    Turn(Reply<()>),
    /// Something to do.
    Act(Action, Reply<Done>),
}

/// Events on their way to the supervisor. Senders are sessions and the operator, who both wait.
const EVENT_QUEUE: usize = 256;

struct Supervisor {
    path: PathBuf,
    config: Config,
    config_status: ConfigStatus,
    started: (Instant, SystemTime),
    policies: Policies,
    peers: Peers,
    groups: Groups,
    shards: Shards,
    fib: FibHandle,
    fib_events: mpsc::Receiver<FibEvent>,
    /// Own routes found in the kernel at the start.
    adopted: usize,
    /// What was withheld for a restart.
    withheld: Withheld,
    /// Roles that are about to be sent the End-of-RIB withheld from them.
    settling: BTreeSet<PeerRole>,
    /// [`Event::Regroup`] is on its way.
    regrouping: bool,
    /// This host's addresses.
    addresses: RecentAddresses,
    /// To ourselves, from tasks that wait for others.
    event_sender: mpsc::Sender<Event>,
    local: LocalRoutes,
    deferral: Deferral,
    restart_flags: RestartFlags,
    events: mpsc::Receiver<Event>,
    directory: watch::Sender<Arc<Directory>>,
    mail: Mail,
    log: LogControl,
    /// How long it took after the start until nothing was withheld any more.
    converged_after: Option<Duration>,
    problems: Vec<String>,
    /// Sessions without an own address of one of their families, by the number of that: in words.
    without_next_hop: BTreeMap<(PeerId, u16), String>,
}

/// Where the withheld consequences of a restart stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Withheld {
    /// Peers are still waited for.
    Yes,
    /// Everything is known; what the tables make of it is on its way.
    Settling,
    /// Nothing is withheld.
    No,
}

/// Policies of an established session, by number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct InUse {
    import: PolicyId,
    export: PolicyId,
}

impl Supervisor {
    /// How sessions end when the process does: silently where routes stay, else with a word.
    fn stop_reason(&self) -> StopReason {
        let routes_stay = self.config.fib.keep_on_exit || !self.config.fib.program;
        if self.config.restart.enabled && routes_stay {
            StopReason::GracefulRestart
        } else {
            StopReason::Shutdown { message: String::new() }
        }
    }

    /// What an operator should look at now.
    fn problems(&self) -> Vec<String> {
        self.problems.iter().chain(self.without_next_hop.values()).take(MAX_PROBLEMS).cloned().collect()
    }
}

/// More than this nobody reads; the log has them all.
const MAX_PROBLEMS: usize = 64;
