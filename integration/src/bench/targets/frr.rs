//! FRR's bgpd alone, without zebra, its delays for batching set to nothing.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::Command;

use super::{ADDRESS, ASN, Export, PORT, Setup, TAG, control};

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
    let mut command = Command::new("vtysh");
    command.arg("--vty_socket").arg(dir).args(["-d", "bgpd", "-c", "configure terminal"]);
    match setup.export {
        Export::All => command.args(["-c", "no route-map OUT deny 5"]),
        Export::Short => {
            command.args(["-c", "route-map OUT deny 5", "-c", "match ip address prefix-list LONG"])
        }
        Export::Tagged => {
            let set = format!("set community {high}:{low} additive");
            command.args(["-c", "no route-map OUT deny 5", "-c", "route-map OUT permit 10", "-c", &set])
        }
    };
    // What the change of a route map starts by itself at times stops half way.
    command.args(["-c", "end", "-c", "clear bgp ipv4 unicast * soft out"]);
    control(command)
}

fn configuration(setup: &Setup) -> String {
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
    let _ = write!(
        out,
        " exit-address-family\n\
                           ip prefix-list LONG permit 0.0.0.0/0 ge 24\nroute-map OUT permit 10\n"
    );
    out
}
