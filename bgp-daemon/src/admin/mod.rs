//! The operator's interface: HTTP with JSON over a Unix socket, its client, and tables for people.
//!
//! ```text
//! cli ──client──► Unix socket ──server──► Backend (the runtime's owners of state)
//!  └──table──► terminal
//! ```

pub mod api;
pub mod backend;
pub mod client;
mod endpoint;
pub(crate) mod params;
pub mod server;
pub mod show;
pub mod socket;
mod stream;
pub mod table;

#[cfg(test)]
pub(crate) mod tests;
