//! When adopted kernel routes go: after everybody has spoken, or when the time is over.

use std::time::Instant;

use integration::lab::{BGP, Lab, Result, secs};
use nix::sys::signal::Signal;

use crate::{config, forgets, heard, knows, learned, prefixes, quiet, segment, since, start};

#[test]
fn a_route_lost_meanwhile_stays_until_every_peer_has_spoken() -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b, c]) = segment(lab, ["a", "b", "c"])?;
        let agent = a.peregrine("agent", &config(1, &[2, 3], "", ""))?;
        b.peregrine("agent", &config(2, &[1], "", ""))?;
        let slow = c.peregrine("agent", &config(3, &[1], "", ""))?;
        let lost = start(&b, 2, 2)?;
        start(&b, 2, 3)?;
        start(&c, 3, 2)?;
        for (h, n) in [(2, 2), (2, 3), (3, 2)] {
            knows(&a, h, n)?;
        }
        agent.kill9()?;
        lost.die()?;
        // What it still announced when we come back would be withdrawn at once, and rightly so.
        b.poll("its host to have noticed", secs(5), || {
            let status = b.peregrine_cmd(&["status"])?;
            let tables = status["tables"].as_array().unwrap().clone();
            Ok(tables.iter().all(|table| table["originated"] == 1).then_some(()))
        })?;
        // It takes connections, and says nothing on them.
        slow.signal(Signal::SIGSTOP)?;
        let watch = a.watch_routes()?;
        agent.restart()?;
        // The one that speaks is heard to its end.
        a.poll("everything from the peer that speaks", secs(10), || {
            let peer = a.peregrine_cmd(&["peers", "192.0.2.2"])?;
            let families = peer["families"].as_array().unwrap().clone();
            Ok(families.iter().all(|family| family["end_of_rib"] == true).then_some(()))
        })?;
        quiet();
        assert_eq!(learned(&watch), Vec::<String>::new());
        let status = a.peregrine_cmd(&["status"])?;
        assert_eq!((&status["state"], &status["fib"]["deferring"]), (&"converging".into(), &true.into()));

        slow.signal(Signal::SIGCONT)?;
        forgets(&a, 2, 2, secs(10))?;
        quiet();
        let only: Vec<String> = prefixes(2, 2).iter().map(|prefix| format!("- {prefix}")).collect();
        assert_eq!(learned(&watch), only);
        assert_eq!(a.peregrine_cmd(&["status"])?["state"], "ready");
        Ok(())
    })
}

#[test]
fn a_host_that_reaches_nobody_deletes_what_it_adopted_when_the_time_is_over() -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b]) = segment(lab, ["a", "b"])?;
        let agent = a.peregrine("agent", &config(1, &[2], "", "[restart]\ndeferral-time = 2"))?;
        let other = b.peregrine("agent", &config(2, &[1], "", ""))?;
        start(&b, 2, 2)?;
        knows(&a, 2, 2)?;
        agent.kill9()?;
        other.kill9()?;
        let watch = a.watch_routes()?;
        let began = Instant::now();
        agent.restart()?;
        forgets(&a, 2, 2, secs(5))?;
        for prefix in prefixes(2, 2) {
            let changes = heard(&watch, &prefix);
            assert!(changes.len() == 1 && !changes[0].added, "{changes:?}");
            assert!(since(began, &changes[0]) >= secs(2), "too early: {:?}", since(began, &changes[0]));
        }
        assert_eq!(a.routes_of(BGP)?, []);
        Ok(())
    })
}
