//! Commands, arguments and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

use crate::admin::api::ApiError;
use crate::admin::params;
use crate::config::DEFAULT_SOCKET;

/// BGP agent and route reflector for container networks.
#[derive(Clone, Debug, Parser)]
#[command(name = "peregrine", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Socket of the daemon.
    #[arg(long, global = true, value_name = "PATH", env = "PEREGRINE_SOCKET", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run on a container host: announce its containers, learn the others, program the kernel.
    Agent(DaemonArgs),
    /// Run as a route reflector: internal neighbours are clients, the kernel is left alone.
    Reflector(DaemonArgs),
    /// Check a configuration and print it with every default spelled out.
    Check(CheckArgs),
    /// Commands for the running daemon.
    #[command(flatten)]
    Remote(Remote),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
    /// Print the configuration reference.
    #[command(hide = true)]
    Reference,
}

/// Commands for the running daemon.
#[derive(Clone, Debug, Subcommand)]
pub enum Remote {
    #[command(flatten)]
    /// Commands that read.
    Read(Read),
    #[command(flatten)]
    /// Commands that change something.
    Act(Act),
}

/// Arguments of the daemons.
#[derive(Args, Clone, Debug)]
pub struct DaemonArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Which daemon it is for: a few defaults depend on it.
    #[arg(long, default_value = "agent")]
    pub mode: ModeArg,
    /// Print JSON instead of a configuration file.
    #[arg(short, long, value_name = "FORMAT", default_value = "toml")]
    pub output: CheckFormat,
}

/// The two daemons.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ModeArg {
    /// `peregrine agent`.
    Agent,
    /// `peregrine reflector`.
    Reflector,
}

/// Forms of the effective configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum CheckFormat {
    /// As a configuration file.
    Toml,
    /// As JSON.
    Json,
}

/// Forms of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// A table.
    Table,
    /// A table with more columns.
    Wide,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// How to show an answer.
#[derive(Args, Clone, Copy, Debug)]
pub struct Show {
    /// Form of the answer.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
    /// Show it again every so many seconds.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", require_equals = true,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub watch: Option<u64>,
}

/// Commands that read.
#[derive(Clone, Debug, Subcommand)]
pub enum Read {
    /// Show the daemon as a whole.
    Status {
        #[command(flatten)]
        /// How.
        show: Show,
    },
    /// Show every peer, or everything about one.
    Peers {
        /// Name or address of a peer.
        peer: Option<String>,
        #[command(flatten)]
        /// How.
        show: Show,
    },
    /// Show routes; codes: `*` valid, `>` best, `=` multipath, `i` internal, `S` stale, `r` not in the kernel.
    Routes(RoutesArgs),
    /// Tell everything about one prefix: where it comes from, why it won or lost, who is told.
    Explain {
        /// The prefix.
        #[arg(value_parser = prefix)]
        prefix: IpNet,
        #[command(flatten)]
        /// How.
        show: Show,
    },
    /// Show how the kernel differs from what it should have; `diff` ends 5 when it does, `repair` puts it right.
    Fib {
        /// What to do.
        #[arg(default_value = "show")]
        what: FibArg,
        #[command(flatten)]
        /// How.
        show: Show,
    },
    /// Show update groups: peers that are sent equal bytes.
    Groups {
        #[command(flatten)]
        /// How.
        show: Show,
    },
    /// Show the configuration in force; `diff` compares it with its file and ends 5 when a reload would change it.
    Config {
        /// What to do.
        #[arg(default_value = "show")]
        what: ConfigArg,
        #[command(flatten)]
        /// How.
        show: Show,
    },
}

/// What `fib` does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum FibArg {
    /// Show numbers and differences.
    Show,
    /// The same, ending 5 when there are differences.
    Diff,
    /// Compare and put right now.
    Repair,
}

/// What `config` does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ConfigArg {
    /// Show it, every default spelled out.
    Show,
    /// Show what a reload would change.
    Diff,
}

/// Arguments of `routes`.
#[derive(Args, Clone, Debug)]
pub struct RoutesArgs {
    /// One prefix, or the one of a single address.
    #[arg(value_parser = prefix)]
    pub prefix: Option<IpNet>,
    /// What this peer sent, before import policy.
    #[arg(long, value_name = "PEER", conflicts_with_all = ["advertised", "fib"])]
    pub received: Option<String>,
    /// What this peer is told.
    #[arg(long, value_name = "PEER", conflicts_with = "fib")]
    pub advertised: Option<String>,
    /// What should be in the kernel.
    #[arg(long)]
    pub fib: bool,
    /// Everything inside the prefix too.
    #[arg(long, requires = "prefix")]
    pub longer: bool,
    /// One family only: ipv4-unicast or ipv6-unicast.
    #[arg(long, value_parser = family)]
    pub family: Option<bgp_core::types::Family>,
    /// How to show them.
    #[command(flatten)]
    pub show: Show,
}

/// Commands that change something.
#[derive(Clone, Debug, Subcommand)]
pub enum Act {
    /// Announce prefixes until they are withdrawn or the daemon ends.
    Announce {
        /// The prefixes.
        #[arg(required = true, value_parser = prefix)]
        prefixes: Vec<IpNet>,
    },
    /// Withdraw prefixes that were announced by command.
    Withdraw {
        /// The prefixes.
        #[arg(required = true, value_parser = prefix)]
        prefixes: Vec<IpNet>,
    },
    /// Read the configuration again: all of it is put in force, or nothing.
    Reload,
    /// Exchange routes with a peer again, without losing the session.
    Refresh {
        /// Name or address.
        peer: String,
        /// Which way; both unless given.
        direction: Option<DirectionArg>,
    },
    /// End the session with a peer and start another.
    Clear {
        /// Name or address.
        peer: String,
    },
    /// Keep the session with a peer down.
    Disable {
        /// Name or address.
        peer: String,
        /// Tell the peer's operator why (RFC 9003).
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
    },
    /// Let the session with a peer come up again.
    Enable {
        /// Name or address.
        peer: String,
    },
}

/// Direction of a refresh.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum DirectionArg {
    /// Ask the peer for its routes.
    In,
    /// Send ours.
    Out,
}

fn prefix(text: &str) -> Result<IpNet, String> {
    params::prefix(text).map_err(told)
}

fn family(text: &str) -> Result<bgp_core::types::Family, String> {
    params::family(text).map_err(told)
}

fn told(error: ApiError) -> String {
    error.hints.iter().fold(error.message, |text, hint| format!("{text}; {hint}"))
}
