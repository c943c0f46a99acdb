//! FRR's bgpd alone, without zebra, its delays for batching set to nothing.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::Command;

use super::{ADDRESS, ASN, PORT, Setup, TAG, control};

pub(super) fn command(program: &Path, setup: &Setup, dir: &Path) -> io::Result<Command> {
    std::fs::write(dir.join("frr.conf"), configuration(setup))?;
    let mut command = Command::new(program);
    command.args(["-S", "-Z", "-n", "-P", "0", "-l", &ADDRESS.to_string(), "-p", &PORT.to_string()]);
    command
        .arg("-f")
        .arg(dir.join("frr.conf"))
        .arg("-i")
        .arg(dir.join("frr.pid"))
        .arg("--vty_socket")
        .arg(dir);
    Ok(command)
}

pub(super) fn reload(setup: &Setup, dir: &Path) -> io::Result<()> {
    let (high, low) = TAG;
    let change = if setup.tagged { "set community" } else { "no set community" };
    let mut command = Command::new("vtysh");
    command.arg("--vty_socket").arg(dir).args(["-d", "bgpd", "-c", "configure terminal"]);
    command.args(["-c", "route-map OUT permit 10", "-c", &format!("{change} {high}:{low} additive")]);
    control(command)
}

fn configuration(setup: &Setup) -> String {
    let (high, low) = TAG;
    let edit = if setup.tagged { format!(" set community {high}:{low} additive\n") } else { String::new() };
    let mut out = format!(
        "bgp route-map delay-timer 0\nrouter bgp {ASN}\n bgp router-id {ADDRESS}\n bgp cluster-id {ADDRESS}\n \
         no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n coalesce-time 0\n timers bgp 30 90\n"
    );
    // Writing to a string cannot fail.
    for peer in &setup.peers {
        let _ = writeln!(out, " neighbor {} remote-as {}", peer.addr, peer.asn);
        let _ = writeln!(out, " neighbor {} passive", peer.addr);
        let _ = writeln!(out, " neighbor {} advertisement-interval 0", peer.addr);
        if peer.asn != ASN {
            let _ = writeln!(out, " neighbor {} ebgp-multihop 255", peer.addr);
        }
    }
    out.push_str(" address-family ipv4 unicast\n");
    for peer in &setup.peers {
        let _ = writeln!(out, "  neighbor {} activate", peer.addr);
        let role = if peer.asn == ASN { "route-reflector-client" } else { "next-hop-self" };
        let _ = writeln!(out, "  neighbor {} {role}", peer.addr);
        let _ = writeln!(out, "  neighbor {} route-map OUT out", peer.addr);
    }
    let _ = write!(out, " exit-address-family\nroute-map OUT permit 10\n{edit}");
    out
}
