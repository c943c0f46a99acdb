//! The errors of this crate.

use std::io;

/// Why route synchronisation could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum FibError {
    /// The process lacks `CAP_NET_ADMIN` in its network namespace.
    #[error(
        "programming routes in table {table}: not permitted by the kernel\n\
         hint: grant CAP_NET_ADMIN, or set `program = false` in [fib]"
    )]
    NotPermitted {
        /// The table that was tried.
        table: u32,
    },
    /// A socket to the kernel could not be made or configured.
    #[error("{doing}")]
    Socket {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A pattern for interface names has no characters, or white space in it.
    #[error("interface pattern {pattern:?}: empty or with white space")]
    Pattern {
        /// The pattern as given.
        pattern: String,
    },
    /// The protocol number is one the kernel gives to its own routes.
    #[error(
        "protocol {protocol}: reserved, routes of protocols 0 to 4 belong to the kernel and the operator"
    )]
    Protocol {
        /// The number as given.
        protocol: u8,
    },
    /// The task has ended; nothing will answer any more.
    #[error("talking to the route task: it has ended")]
    Stopped,
}
