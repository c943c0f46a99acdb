//! The asynchronous task that owns the kernel's routes.

mod handle;

pub use handle::{FibEvent, FibHandle};
