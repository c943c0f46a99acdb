//! The operator's interface: HTTP with JSON over a Unix socket, its client, and tables for people; the readers
//! among it, metrics and health also on a TCP port.
//!
//! ```text
//! cli ──client──► Unix socket ──server, router──► Backend (the runtime's owners of state)
//!  └──table──► terminal  TCP port ──┘ (reads only)
//! ```

pub mod api;
pub mod backend;
pub mod client;
mod endpoint;
mod health;
pub mod http;
mod metrics;
pub(crate) mod params;
mod router;
pub mod server;
pub mod show;
pub mod socket;
mod stream;
pub mod table;

#[cfg(test)]
pub(crate) mod tests;
