//! First process of a lab; started by the lab library only.

use std::process::ExitCode;

fn main() -> ExitCode {
    integration::lab::init::main()
}
