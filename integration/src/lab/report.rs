//! What a failing test prints: topology, kernel tables, log tails.

use std::fmt::Write;
use std::sync::Arc;

use super::host::Host;
use super::topology::Shared;

/// Enough to see what is wrong, few enough to be read.
const ROUTES: usize = 60;
const LINES: usize = 25;
const HOSTS: usize = 40;

/// The report of a whole lab. What cannot be read any more is said instead.
pub(crate) fn whole(shared: &Arc<Shared>) -> String {
    let (hosts, daemons, wires) = {
        let state = shared.state();
        (state.hosts.clone(), state.daemons.clone(), state.wires.clone())
    };
    let mut text = format!("--- lab (init is process {})\n", shared.client.pid());
    for wire in wires {
        text += &format!("    {wire}\n");
    }
    for host in hosts.iter().take(HOSTS) {
        table(host, &mut text);
    }
    if hosts.len() > HOSTS {
        text += &format!("--- and {} more hosts\n", hosts.len() - HOSTS);
    }
    for daemon in daemons {
        let state = match daemon.end() {
            Ok(None) => "running".to_owned(),
            Ok(Some(end)) => end.to_string(),
            Err(error) => error.to_string(),
        };
        text += &format!("--- {daemon:?}: {state}; end of its log:\n");
        for line in daemon.log_tail(LINES).lines() {
            text += &format!("    {line}\n");
        }
    }
    text + "--- end of the lab's report"
}

fn table(host: &Host, text: &mut String) {
    let _ = writeln!(text, "--- {}", host.name());
    match host.addresses() {
        Ok(addresses) => {
            for address in addresses {
                let _ = writeln!(text, "    {}: {}", address.dev, address.net);
            }
        }
        Err(error) => {
            let _ = writeln!(text, "    addresses: {error}");
        }
    }
    match host.routes() {
        Ok(routes) => {
            for route in routes.iter().take(ROUTES) {
                let _ = writeln!(text, "    {route}");
            }
            if routes.len() > ROUTES {
                let _ = writeln!(text, "    and {} more routes", routes.len() - ROUTES);
            }
        }
        Err(error) => {
            let _ = writeln!(text, "    routes: {error}");
        }
    }
}
