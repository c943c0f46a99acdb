//! Against the real kernel: each test runs in a user and network namespace of its own, without root.
//!
//! `ip` plays everybody else on the host. The facts are those that `view`, `engine` and `reconcile` react
//! to: routes that vanish without a word, and routes that are not ours.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod forms;
mod lab;
mod ownership;
mod repair;
mod silent;
mod speed;
