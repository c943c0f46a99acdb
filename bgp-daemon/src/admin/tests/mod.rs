//! The server and its client, against a backend made of constants.

pub(crate) mod fake;
mod openapi;
mod server;
mod show;
