//! The daemon behind the `peregrine` binary: configuration, the operator's interface, and the
//! runtime that moves bytes and time between sockets, the kernel and the pure crates.

pub mod admin;
pub mod cli;
pub mod config;
pub mod log;
pub mod runtime;
pub mod systemd;

// Test doubles are shared with tests outside of the library, and name it as those do.
#[cfg(test)]
extern crate self as bgp_daemon;
