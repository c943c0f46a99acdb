//! Reflectors end, clients go on.

use std::time::Instant;

use integration::lab::{Host, Lab, Result, RouteWatch, secs};

use crate::{config, heard, knows, learned, prefixes, quiet, segment, since, start};

const CLIENTS: [u8; 3] = [1, 2, 3];

/// Clients 1 to 3 of the reflectors, each with a container that all others know.
fn clients(hosts: &[Host], reflectors: &[u8]) -> Result<Vec<RouteWatch>> {
    for (host, own) in hosts.iter().zip(CLIENTS) {
        host.peregrine("agent", &config(own, reflectors, "", ""))?;
        start(host, own, 2)?;
    }
    for (host, own) in hosts.iter().zip(CLIENTS) {
        for other in CLIENTS.into_iter().filter(|other| *other != own) {
            knows(host, other, 2)?;
        }
    }
    hosts.iter().map(Host::watch_routes).collect()
}

#[test]
fn the_only_reflector_is_killed_and_comes_back_and_no_client_loses_a_route() -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b, c, rr]) = segment(lab, ["a", "b", "c", "rr"])?;
        let reflector = rr.peregrine("reflector", &config(4, &CLIENTS, "", ""))?;
        let hosts = [a, b, c];
        let watches = clients(&hosts, &[4])?;
        reflector.kill9()?;
        quiet();
        reflector.restart()?;
        // It serves again: what starts now is known everywhere.
        start(&hosts[0], 1, 3)?;
        knows(&hosts[1], 1, 3)?;
        knows(&hosts[2], 1, 3)?;
        for host in &hosts {
            crate::established(host, 1)?;
        }
        quiet();
        let new: Vec<String> = prefixes(1, 3).iter().map(|prefix| format!("+ {prefix}")).collect();
        assert_eq!(watches.iter().map(learned).collect::<Vec<_>>(), [vec![], new.clone(), new]);
        Ok(())
    })
}

#[test]
fn without_any_reflector_routes_stay_for_the_restart_time() -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b, c, rr1, rr2]) = segment(lab, ["a", "b", "c", "rr1", "rr2"])?;
        let short = "graceful-restart = { restart-time = 3 }";
        let reflectors = [(rr1, 4), (rr2, 5)];
        let reflectors: Vec<_> = reflectors
            .iter()
            .map(|(host, own)| host.peregrine("reflector", &config(*own, &CLIENTS, short, "")))
            .collect::<Result<_>>()?;
        let hosts = [a, b, c];
        let watches = clients(&hosts, &[4, 5])?;
        for host in &hosts {
            crate::established(host, 2)?;
        }
        reflectors[0].kill9()?;
        let began = Instant::now();
        reflectors[1].kill9()?;
        for (host, own) in hosts.iter().zip(CLIENTS) {
            for other in CLIENTS.into_iter().filter(|other| *other != own) {
                crate::forgets(host, other, 2, secs(6))?;
            }
        }
        for (watch, own) in watches.iter().zip(CLIENTS) {
            for prefix in CLIENTS.into_iter().filter(|other| *other != own).flat_map(|o| prefixes(o, 2)) {
                let changes = heard(watch, &prefix);
                assert!(changes.len() == 1 && !changes[0].added, "{changes:?}");
                let after = since(began, &changes[0]);
                assert!(after >= secs(3) && after < secs(5), "{prefix} went after {after:?}");
            }
        }
        Ok(())
    })
}
