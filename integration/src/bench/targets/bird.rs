//! BIRD 2, without kernel protocols; next hops of clients resolve through the connected network.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::Command;

use super::{ADDRESS, ASN, Export, Setup, TAG, control};

pub(super) fn command(program: &Path, setup: &Setup, dir: &Path) -> io::Result<Command> {
    std::fs::write(dir.join("bird.conf"), configuration(setup))?;
    let mut command = Command::new(program);
    command.arg("-f").arg("-c").arg(dir.join("bird.conf"));
    command.arg("-s").arg(dir.join("bird.ctl")).arg("-P").arg(dir.join("bird.pid"));
    Ok(command)
}

pub(super) fn reload(setup: &Setup, dir: &Path) -> io::Result<()> {
    std::fs::write(dir.join("bird.conf"), configuration(setup))?;
    let mut command = Command::new("birdc");
    command.arg("-s").arg(dir.join("bird.ctl")).arg("configure");
    control(command)
}

fn configuration(setup: &Setup) -> String {
    let (high, low) = TAG;
    let edit = match setup.export {
        Export::All => String::new(),
        Export::Short => "if net.len > 23 then reject; ".to_owned(),
        Export::Tagged => format!("bgp_community.add(({high},{low})); "),
    };
    let mut out = format!(
        "router id {ADDRESS};\nlog stderr {{ warning, error, fatal, bug }};\nipv4 table connected;\n\
         protocol device {{ scan time 600; }}\nprotocol direct {{ ipv4 {{ table connected; }}; interface \"*\"; }}\n\
         filter told {{ {edit}accept; }}\n\
         template bgp inside {{ local {ADDRESS} as {ASN}; passive; hold time 90; rr client; rr cluster id {ADDRESS};\n\
         error wait time 1, 1; error forget time 1; connect delay time 1;\n\
         ipv4 {{ import all; export filter told; next hop keep; igp table connected; }}; }}\n\
         template bgp outside {{ local {ADDRESS} as {ASN}; passive; hold time 90;\n\
         error wait time 1, 1; error forget time 1; connect delay time 1;\n\
         ipv4 {{ import all; export filter told; next hop self; igp table connected; }}; }}\n"
    );
    for (number, peer) in setup.peers.iter().enumerate() {
        let template = if peer.asn == ASN { "inside" } else { "outside" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "protocol bgp p{number} from {template} {{ neighbor {} as {}; }}",
            peer.addr, peer.asn
        );
    }
    out
}
