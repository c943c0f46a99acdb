//! The operator's interface: HTTP with JSON over a Unix socket, its client, and tables for people.

pub mod api;
pub mod backend;
