//! OpenBGPD: three processes, started by root, its configuration readable by nobody else.

use std::fmt::Write as _;
use std::fs::{OpenOptions, create_dir_all};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use super::{ADDRESS, ASN, Export, Setup, TAG, control};

pub(super) fn command(program: &Path, setup: &Setup, dir: &Path) -> io::Result<Command> {
    write(setup, dir)?;
    create_dir_all("/run/openbgpd")?;
    let mut command = Command::new(program);
    command.arg("-d").arg("-f").arg(dir.join("bgpd.conf"));
    Ok(command)
}

pub(super) fn reload(setup: &Setup, dir: &Path) -> io::Result<()> {
    write(setup, dir)?;
    let mut command = Command::new("bgpctl");
    command.arg("-s").arg(dir.join("bgpd.sock")).arg("reload");
    control(command)
}

fn write(setup: &Setup, dir: &Path) -> io::Result<()> {
    let path = dir.join("bgpd.conf");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(configuration(setup, dir).as_bytes())
}

fn configuration(setup: &Setup, dir: &Path) -> String {
    let (high, low) = TAG;
    let socket = dir.join("bgpd.sock");
    let mut out = format!(
        "AS {ASN}\nrouter-id {ADDRESS}\nfib-update no\nlisten on {ADDRESS}\nsocket \"{}\"\n\
         nexthop qualify via default\n",
        socket.display()
    );
    // Writing to a string cannot fail.
    for peer in &setup.peers {
        let role = if peer.asn == ASN { "route-reflector" } else { "multihop 64" };
        let _ = writeln!(
            out,
            "neighbor {} {{\n remote-as {}\n passive\n holdtime 90\n {role}\n announce IPv6 none\n}}",
            peer.addr, peer.asn
        );
    }
    out.push_str("allow from any\nallow to any\nmatch to ebgp set nexthop self\n");
    match setup.export {
        Export::All => {}
        Export::Short => out.push_str("deny to any prefix 0.0.0.0/0 prefixlen >= 24\n"),
        Export::Tagged => {
            let _ = writeln!(out, "match to any set community {high}:{low}");
        }
    }
    out
}
