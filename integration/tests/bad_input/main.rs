//! What operators get wrong, and what strangers send: said clearly, and without harm to anything else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program"
)]

mod api;
mod garbage;
#[path = "../mesh/mod.rs"]
mod mesh;
mod refusals;
mod talk;
