//! The session state machine without I/O (RFC 4271 §8): octets and events in, octets and events out.
//!
//! One [`Session`] serves one configured peer and holds at most two connections to it, of which at most
//! one survives (RFC 4271 §6.8). The driver owns sockets and clock: it passes what happened to
//! [`Session::handle_input`], calls [`Session::handle_timeout`] when [`Session::poll_timeout`] has come,
//! and after each of the two does what [`Session::poll_output`] says until it says no more.
//!
//! ```text
//!            Start                dial              stands             OPEN             KEEPALIVE
//!   Idle ─────────────► Active ─────────► Connect ────────► OpenSent ───────► OpenConfirm ───────► Established
//!    ▲  pause is over     ▲                  │ fails           │                  │                     │
//!    │                    └──────────────────┘                 │                  │                     │
//!    └────────────────── a fault, or the peer's NOTIFICATION ──┴──────────────────┴─────────────────────┘
//! ```
//!
//! Choices where RFC 4271 leaves room:
//! - The pause after a failure (IdleHoldTimer) stops us from dialling. Connections from the peer are
//!   refused meanwhile only if we found the fault, so that a peer that merely restarted is back at once.
//! - OPEN is sent as soon as a connection stands; DelayOpen is not used.
//! - A family mismatch down to nothing is answered with 2/7 and the capabilities we wanted.
//! - The hold timer counts what has *arrived*: while octets wait unread because our tables are busy
//!   ([`Input::UnreadBytesWaiting`]) it starts anew.
//! - End-of-RIB is not sent here but by the fan-out, which knows when everything was sent.
//!
//! Peer input never panics and never makes a session hold more than one incomplete message.

mod collision;
mod config;
mod connection;
mod dialling;
mod io;
mod lifecycle;
mod machine;
mod negotiated;
mod receive;
#[cfg(feature = "serde")]
pub mod record;
mod restart;
mod sending;
mod stats;
#[cfg(test)]
mod tests;
mod timers;
mod wishes;

pub use config::{Families, GracefulRestart, PeerAsn, PeerConfig, RestartFlags, Timers};
pub use io::{ConnId, Direction, Down, Input, Output, Reason, ResetReason, State, StopReason};
pub use machine::Session;
pub use negotiated::{Negotiated, PeerRestart, PeerType, Transport};
pub use stats::{MessageCounts, Stats};
