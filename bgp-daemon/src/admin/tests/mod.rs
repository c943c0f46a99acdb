//! The server and its client, against a backend made of constants.

pub(crate) mod fake;
mod hostile;
mod metrics;
mod openapi;
mod server;
mod show;
