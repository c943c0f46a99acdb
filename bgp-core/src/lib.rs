//! BGP without I/O: field vocabulary, wire format, session state machine, policy and routing table.
//!
//! Nothing here names a socket, a clock, a file or a runtime: callers pass bytes and `now`.
//! Inside the crate `types ← wire ← session` and `types ← policy ← rib`; `session` and `rib` do not
//! see each other, and `wire` knows neither sessions nor tables.

#![forbid(unsafe_code)]

pub mod policy;
pub mod rib;
pub mod session;
pub mod types;
pub mod wire;
