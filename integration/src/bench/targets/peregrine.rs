//! This project: a reflector for clients, an agent without kernel programming otherwise.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use super::{ADDRESS, ASN, Export, PORT, Setup, TAG};
use crate::bench::daemon::Daemon;

/// The binary built beside this one, or the one `PEREGRINE` names.
pub(super) fn program() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("PEREGRINE") {
        return Some(PathBuf::from(path)).filter(|path| path.exists());
    }
    let path = std::env::current_exe().ok()?.with_file_name("peregrine");
    path.exists().then_some(path)
}

/// The `[node]` line of each target.
pub(super) const ONE_SHARD: &str = "shards = 1\n";
pub(super) const TWO_SHARDS: &str = "shards = 2\n";

pub(super) fn command(program: &Path, (setup, shards): (&Setup, &str), dir: &Path) -> io::Result<Command> {
    std::fs::write(dir.join("peregrine.toml"), configuration(setup, shards, dir))?;
    let reflects = setup.peers.iter().any(|peer| peer.asn == ASN);
    let mut command = Command::new(program);
    command.arg(if reflects { "reflector" } else { "agent" }).arg("--config").arg(dir.join("peregrine.toml"));
    Ok(command)
}

pub(super) fn reload(daemon: &Daemon, (setup, shards): (&Setup, &str), dir: &Path) -> io::Result<()> {
    std::fs::write(dir.join("peregrine.toml"), configuration(setup, shards, dir))?;
    daemon.signal(Signal::SIGHUP)
}

/// What the daemon says of its groups.
pub(super) fn resyncs(program: &Path, dir: &Path) -> Option<f64> {
    let mut command = Command::new(program);
    command.args(["groups", "--output", "json", "--socket"]).arg(dir.join("peregrine.sock"));
    let said: serde_json::Value = serde_json::from_slice(&command.output().ok()?.stdout).ok()?;
    let groups = said.get("groups")?.as_array()?;
    Some(groups.iter().filter_map(|group| group.get("resyncs")?.as_f64()).sum())
}

fn configuration(setup: &Setup, shards: &str, dir: &Path) -> String {
    let mut out = format!(
        "[node]\nname = \"bench\"\nasn = {ASN}\nrouter-id = \"{ADDRESS}\"\nlisten = [\"{ADDRESS}:{PORT}\"]\n{shards}\n\
         [api]\nsocket = \"{}\"\n\n[fib]\nprogram = false\n\n[log]\nlevel = \"warn\"\n",
        dir.join("peregrine.sock").display()
    );
    let (high, low) = TAG;
    let rules = match setup.export {
        Export::All => "{ action = \"accept\" }".to_owned(),
        Export::Short => "{ match = { prefix = \"0.0.0.0/0\", length = [24, 32] }, action = \"reject\" }, \
                          { action = \"accept\" }"
            .to_owned(),
        Export::Tagged => {
            format!("{{ set = {{ add-communities = [\"{high}:{low}\"] }}, action = \"accept\" }}")
        }
    };
    // Writing to a string cannot fail.
    let _ = write!(out, "\n[[policy]]\nname = \"out\"\nrules = [{rules}]\n");
    for (number, peer) in setup.peers.iter().enumerate() {
        let _ = write!(
            out,
            "\n[[neighbor]]\nname = \"p{number}\"\naddress = \"{}\"\nasn = {}\nfamilies = [\"ipv4-unicast\"]\n\
             passive = true\nimport = [\"accept\"]\nexport = [\"out\"]\n",
            peer.addr, peer.asn
        );
        if peer.asn == ASN {
            out.push_str("route-reflector-client = true\nnext-hop = \"keep\"\n");
        } else {
            out.push_str("next-hop = \"self\"\n");
        }
    }
    out
}
