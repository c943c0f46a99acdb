//! The command line: parses it, runs one command, and ends with the exit code of the contract.

mod act;
mod args;
mod check;
mod config_diff;
mod output;
mod read;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::admin::api::ErrorCode;
use crate::admin::client::{Client, ClientError};
use crate::admin::socket::SocketError;
use crate::config::model::Mode;
use crate::config::reference;
pub use args::{Cli, Command};
pub use check::Start;

/// Runs the command of the process's arguments. `daemon` is called for `agent` and `reflector`, in
/// no runtime, after the configuration was accepted and logging was set up.
pub fn run(daemon: impl FnOnce(Start) -> Result<(), Failure>) -> ExitCode {
    match dispatch(Cli::parse(), daemon) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprint!("{failure}");
            failure.exit.into()
        }
    }
}

fn dispatch(cli: Cli, daemon: impl FnOnce(Start) -> Result<(), Failure>) -> Result<Exit, Failure> {
    match cli.command {
        Command::Agent(args) => check::start(&args, Mode::Agent).and_then(daemon).map(|()| Exit::Done),
        Command::Reflector(args) => {
            check::start(&args, Mode::Reflector).and_then(daemon).map(|()| Exit::Done)
        }
        Command::Check(args) => check::check(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "peregrine", &mut script);
            output::write(&script)
        }
        Command::Man => {
            let page = manual().map_err(|error| Failure::io(&error))?;
            output::write(&page)
        }
        Command::Reference => output::write(reference::page().as_bytes()),
        Command::Remote(remote) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let client = Client::new(&cli.socket);
            runtime.map_err(|error| Failure::io(&error))?.block_on(async {
                match remote {
                    args::Remote::Read(reader) => read::run(&client, &reader).await,
                    args::Remote::Act(action) => act::run(&client, &action).await,
                }
            })
        }
    }
}

/// One page for everything: the program, then each command as a section of its own.
fn manual() -> std::io::Result<Vec<u8>> {
    let mut root = Cli::command();
    // Only a built command knows its full name and the arguments it inherits.
    root.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(root.clone()).render(&mut page)?;
    for command in
        root.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        let name = command.get_name().to_uppercase();
        let man = clap_mangen::Man::new(command.clone());
        let mut part = Vec::new();
        man.render_synopsis_section(&mut part)?;
        man.render_description_section(&mut part)?;
        man.render_options_section(&mut part)?;
        let part = String::from_utf8_lossy(&part).replace("\n.SH ", "\n.SS ");
        let part = part.strip_prefix(".SH ").map_or_else(|| part.clone(), |rest| format!(".SS {rest}"));
        page.extend_from_slice(format!(".SH \"PEREGRINE {name}\"\n{part}").as_bytes());
    }
    Ok(page)
}

/// Exit codes of the contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage, or a configuration that `check` refuses.
    Usage = 2,
    /// The daemon does not answer.
    Unreachable = 3,
    /// No such thing.
    NotFound = 4,
    /// What was compared differs.
    Differs = 5,
    /// The daemon cannot run with its configuration (`EX_CONFIG`): starting again will not help.
    Unusable = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How a command ends that does not succeed.
///
/// Shown as `error:` and `hint:` lines; the text of a configuration report is already in that form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The process's exit code.
    pub exit: Exit,
    /// Lines for standard error.
    text: String,
}

impl Failure {
    /// A failure told in one line.
    pub fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self { exit, text: format!("error: {message}\n") }
    }

    /// A failure told by a report, which has its own `error:` lines.
    pub fn report(exit: Exit, report: &crate::config::Report) -> Self {
        Self { exit, text: report.to_string() }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl std::fmt::Display) -> Self {
        self.text.push_str(&format!("hint: {hint}\n"));
        self
    }

    fn io(error: &std::io::Error) -> Self {
        Self::new(Exit::Failed, error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<SocketError> for Failure {
    fn from(error: SocketError) -> Self {
        Self::new(Exit::Failed, &error).hint(error.hint())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Unreachable { source, .. } => {
                let hint = match source.kind() {
                    std::io::ErrorKind::PermissionDenied => {
                        "the socket is for its owner and group: join the group, or use sudo"
                    }
                    std::io::ErrorKind::ConnectionRefused => "the daemon has died: start it again",
                    std::io::ErrorKind::ConnectionReset => "the daemon ended while it was being asked",
                    _ => "is it running? name its socket with `--socket PATH` or $PEREGRINE_SOCKET",
                };
                Self::new(Exit::Unreachable, &error).hint(hint)
            }
            ClientError::Garbled { .. } => Self::new(Exit::Failed, &error).hint(
                "is this program as old as the daemon? `peregrine --version` and `peregrine status` tell",
            ),
            ClientError::Refused(refusal) => {
                let exit = match refusal.code {
                    ErrorCode::Invalid => Exit::Usage,
                    ErrorCode::NotFound => Exit::NotFound,
                    ErrorCode::Failed | ErrorCode::Unavailable => Exit::Failed,
                };
                refusal.hints.iter().fold(Self::new(exit, refusal), |failure, hint| failure.hint(hint))
            }
        }
    }
}
