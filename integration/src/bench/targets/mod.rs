//! The speakers a run can drive: how each is configured, started and told of a change.

mod bird;
mod frr;
mod gobgp;
mod openbgpd;
mod peregrine;
pub mod relay;

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::daemon::Daemon;
use super::player::{Failure, PeerSpec};

/// The address of the speaker under test.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Its port.
pub const PORT: u16 = 179;
/// Its AS number.
pub const ASN: u32 = 64500;
/// The community added by [`Export::Tagged`].
pub const TAG: (u16, u16) = (64500, 77);

/// Where the speaker listens.
pub const ENDPOINT: SocketAddrV4 = SocketAddrV4::new(ADDRESS, PORT);

/// What the speaker is to be.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its peers; those of its own AS are route reflector clients.
    pub peers: Vec<PeerSpec>,
    /// What it does to what it exports.
    pub export: Export,
}

/// An export policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Export {
    /// Everything as it is.
    All,
    /// Nothing longer than /23.
    Short,
    /// Everything, with [`TAG`] added.
    Tagged,
}

/// A program that speaks BGP.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// This project, one shard.
    Peregrine,
    /// This project, two shards.
    Peregrine2,
    /// BIRD 2.
    Bird,
    /// FRR's bgpd.
    Frr,
    /// GoBGP.
    Gobgp,
    /// OpenBGPD.
    Openbgpd,
    /// The floor: forwards UPDATEs unread.
    Relay,
}

/// All kinds, in the order they are run.
pub const ALL: [Kind; 7] =
    [Kind::Peregrine, Kind::Peregrine2, Kind::Bird, Kind::Frr, Kind::Gobgp, Kind::Openbgpd, Kind::Relay];

impl Kind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Peregrine => "peregrine",
            Self::Peregrine2 => "peregrine-2",
            Self::Bird => "bird",
            Self::Frr => "frr",
            Self::Gobgp => "gobgp",
            Self::Openbgpd => "openbgpd",
            Self::Relay => "relay",
        }
    }

    /// Its name in a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Peregrine => "Peregrine",
            Self::Peregrine2 => "Peregrine, 2 shards",
            Self::Bird => "BIRD 2",
            Self::Frr => "FRR",
            Self::Gobgp => "GoBGP",
            Self::Openbgpd => "OpenBGPD",
            Self::Relay => "relay, unread",
        }
    }

    /// Whether others are measured against it.
    pub fn is_rival(self) -> bool {
        !matches!(self, Self::Peregrine | Self::Peregrine2 | Self::Relay)
    }

    /// The target of that kind on this machine, if it is there.
    pub fn find(self) -> Option<Target> {
        let program = match self {
            Self::Peregrine | Self::Peregrine2 => peregrine::program(),
            Self::Bird => installed(&["/usr/sbin/bird"]),
            Self::Frr => installed(&["/usr/lib/frr/bgpd"]),
            Self::Gobgp => installed(&["/usr/bin/gobgpd"]),
            Self::Openbgpd => installed(&["/usr/sbin/bgpd"]),
            Self::Relay => std::env::current_exe().ok(),
        }?;
        Some(Target { kind: self, version: version(self, &program), program })
    }
}

/// A program found on this machine.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which.
    pub kind: Kind,
    /// The file to run.
    pub program: PathBuf,
    /// What it says it is.
    pub version: String,
}

impl Target {
    /// Starts it with a fresh configuration in `dir`.
    ///
    /// # Errors
    /// [`Failure::Io`] when a file or the process cannot be made.
    pub fn start(&self, setup: &Setup, dir: &Path) -> Result<Daemon, Failure> {
        let command = match self.kind {
            Kind::Peregrine => peregrine::command(&self.program, (setup, peregrine::ONE_SHARD), dir),
            Kind::Peregrine2 => peregrine::command(&self.program, (setup, peregrine::TWO_SHARDS), dir),
            Kind::Bird => bird::command(&self.program, setup, dir),
            Kind::Frr => frr::command(&self.program, setup, dir),
            Kind::Gobgp => gobgp::command(&self.program, setup, dir),
            Kind::Openbgpd => openbgpd::command(&self.program, setup, dir),
            Kind::Relay => Ok(relay::command(&self.program)),
        };
        let failed = |source| Failure::Io { what: format!("starting {}", self.kind.title()), source };
        Daemon::start(command.map_err(failed)?, &dir.join("log")).map_err(failed)
    }

    /// How many members of update groups joined late or fell off the log so far; Peregrine only.
    pub fn resyncs(&self, dir: &Path) -> Option<f64> {
        matches!(self.kind, Kind::Peregrine | Kind::Peregrine2)
            .then(|| peregrine::resyncs(&self.program, dir))
            .flatten()
    }

    /// Applies `setup` to the running daemon.
    ///
    /// # Errors
    /// [`Failure::NotApplicable`] where the target has no such thing, [`Failure::Io`] when it refuses.
    pub fn reload(&self, daemon: &Daemon, setup: &Setup, dir: &Path) -> Result<(), Failure> {
        let outcome = match self.kind {
            Kind::Peregrine => peregrine::reload(daemon, (setup, peregrine::ONE_SHARD), dir),
            Kind::Peregrine2 => peregrine::reload(daemon, (setup, peregrine::TWO_SHARDS), dir),
            Kind::Bird => bird::reload(setup, dir),
            Kind::Frr => frr::reload(setup, dir),
            Kind::Openbgpd => openbgpd::reload(setup, dir),
            Kind::Gobgp | Kind::Relay => {
                return Err(Failure::NotApplicable("no reload of an export policy".to_owned()));
            }
        };
        outcome.map_err(|source| Failure::Io { what: format!("reloading {}", self.kind.title()), source })
    }
}

fn installed(places: &[&str]) -> Option<PathBuf> {
    places.iter().map(PathBuf::from).find(|path| path.exists())
}

fn version(kind: Kind, program: &Path) -> String {
    let said = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        let line = String::from_utf8_lossy(&text).lines().next()?.to_owned();
        line.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned)
    };
    let packaged = || said(Path::new("dpkg-query"), &["-W", "-f", "${Version}", "openbgpd"]);
    match kind {
        Kind::Openbgpd => packaged(),
        Kind::Relay => Some(env!("CARGO_PKG_VERSION").to_owned()),
        _ => said(program, &["--version"]),
    }
    .unwrap_or_else(|| "unknown".to_owned())
}

/// Runs a control program to its end.
fn control(mut command: Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(io::Error::other(String::from_utf8_lossy(&text).trim().to_owned()))
}
