//! The `peregrine` binary.

use std::process::ExitCode;

use bgp_daemon::{cli, runtime};

fn main() -> ExitCode {
    cli::run(runtime::supervisor::run)
}
