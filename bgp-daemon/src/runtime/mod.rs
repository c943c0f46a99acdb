//! The runtime: tasks and threads that move bytes and time between sockets, the kernel and the pure
//! crates.

pub mod addresses;
pub mod local;
pub mod policies;
