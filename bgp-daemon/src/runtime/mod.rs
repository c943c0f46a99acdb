//! The runtime: tasks and threads that move bytes and time between sockets, the kernel and the pure
//! crates.

pub mod addresses;
pub mod deferral;
pub mod encoder;
pub mod groups;
pub mod listener;
pub mod local;
pub mod peering;
pub mod policies;
pub mod read;
pub mod session_task;
pub mod shard;
pub mod socket;
