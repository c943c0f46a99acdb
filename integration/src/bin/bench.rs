//! `make bench`: see [`integration::bench`].

fn main() -> std::process::ExitCode {
    integration::bench::cli::main()
}
