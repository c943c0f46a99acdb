//! The routing table: Adj-RIB-In and Loc-RIB in one compact structure.
//!
//! A [`Shard`] owns every path of a slice of the prefixes. Paths come in by `announce` and `withdraw`,
//! destinations they touch become dirty, and `flush` runs the decision process once for each of them and
//! tells a [`ChangeSink`] what changed. Nothing here knows a clock, a thread or a socket.

mod age;
mod attr_index;
mod attr_table;
mod classes;
mod decision;
mod facts;
mod index;
mod next_hop;
mod path;
mod paths;
mod peer;
mod peer_table;
mod select;
mod shard;
mod sink;
mod slab;
mod spans;
mod table;

pub use attr_table::{AttrId, AttrTable};
pub use decision::{DecisionConfig, DecisionKey, Reason};
pub use next_hop::{NextHopId, NextHopState, WantedNextHops};
pub use peer::{PeerInfo, PeerKind};
pub use peer_table::{PeerRoutes, PeerTable};
pub use shard::{Ingest, Memory, PathRef, PathView, RouteRef, Shard, ShardConfig};
pub use sink::{Best, Change, ChangeContext, ChangeSink, DestId, Hold, TableId};
