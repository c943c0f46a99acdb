//! The `peregrine` binary.

mod allocator;

use std::process::ExitCode;

use bgp_daemon::{cli, runtime};

fn main() -> ExitCode {
    cli::run(runtime::supervisor::run)
}
