//! GoBGP.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::Command;

use super::{ADDRESS, ASN, PORT, Setup};

pub(super) fn command(program: &Path, setup: &Setup, dir: &Path) -> io::Result<Command> {
    std::fs::write(dir.join("gobgp.toml"), configuration(setup))?;
    let mut command = Command::new(program);
    command.args(["-t", "toml", "-l", "error", "--pprof-disable", "--api-hosts", "127.0.0.1:50051", "-f"]);
    command.arg(dir.join("gobgp.toml"));
    Ok(command)
}

fn configuration(setup: &Setup) -> String {
    let mut out = format!(
        "[global.config]\nas = {ASN}\nrouter-id = \"{ADDRESS}\"\nport = {PORT}\nlocal-address-list = [\"{ADDRESS}\"]\n"
    );
    // Writing to a string cannot fail.
    for peer in &setup.peers {
        let _ = write!(
            out,
            "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{}\"\npeer-as = {}\n\
             [neighbors.transport.config]\npassive-mode = true\n\
             [neighbors.timers.config]\nhold-time = 90\nkeepalive-interval = 30\nidle-hold-time-after-reset = 1\n",
            peer.addr, peer.asn
        );
        if peer.asn == ASN {
            let _ = write!(
                out,
                "[neighbors.route-reflector.config]\nroute-reflector-client = true\n\
                 route-reflector-cluster-id = \"{ADDRESS}\"\n"
            );
        } else {
            out.push_str("[neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 64\n");
        }
        out.push_str(
            "[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv4-unicast\"\n",
        );
    }
    out
}
