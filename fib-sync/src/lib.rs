//! Keeps kernel routes equal to what is desired, tracks next hops, and learns what this host originates.
//!
//! Knows nothing of BGP: prefixes, addresses and kernel objects only. Everything that decides is pure
//! (no socket, no clock, `now` is passed in); sockets live in [`kernel`], and [`service`] ties both together.
//!
//! ```text
//!  daemon ── update, track, converged … ──► service ──► engine ──► reconcile ─ plan
//!         ◄─ next hops, origins, status ──    │            ├────► nexthop
//!                                             │            └────► origin
//!                                             ▼ batches of operations, dumps
//!                                           kernel (netlink) ── events, dump rows, results ──► engine
//! ```

pub mod config;
pub mod desired;
pub mod engine;
pub mod error;
pub mod event;
pub mod kernel;
pub mod nexthop;
pub mod origin;
pub mod plan;
pub mod reconcile;
pub mod route;
pub mod service;
pub mod status;
pub mod view;

pub use config::{FibConfig, OriginRules};
pub use desired::{DesiredRoute, UpdateBatch};
pub use error::FibError;
pub use event::FibEvent;
pub use nexthop::{NextHopRef, Reachability};
pub use origin::{IfPattern, Origin, OriginReason};
pub use service::{FibHandle, FibSync};
pub use status::{Counters, FibSnapshot, RouteStatus, SnapshotQuery};
