//! The `peregrine` binary.

use std::process::ExitCode;

use bgp_daemon::cli::{self, Exit, Failure};

fn main() -> ExitCode {
    cli::run(|_start| Err(Failure::new(Exit::Failed, "this build has no daemon in it")))
}
