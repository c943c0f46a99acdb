//! The agent of a host ends and comes back, while its containers go on and change.

use integration::lab::{BGP, Lab, Peregrine, Result, millis, secs};

use crate::{config, established, forgets, knows, learned, prefixes, quiet, segment, start};

/// Nobody has this address.
const NOBODY: u8 = 99;

/// What an agent misses while it is down is made good within seconds, and nothing else changes anywhere.
/// One of its neighbours is never reachable.
fn misses_a_death_and_a_birth(end: impl Fn(&Peregrine) -> Result) -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b, rr]) = segment(lab, ["a", "b", "rr"])?;
        rr.peregrine("reflector", &config(3, &[1, 2], "", ""))?;
        let agent = a.peregrine("agent", &config(1, &[3, NOBODY], "", ""))?;
        b.peregrine("agent", &config(2, &[3], "", ""))?;
        let [c1, c2] = [start(&a, 1, 2)?, start(&a, 1, 3)?];
        let d1 = start(&b, 2, 2)?;
        knows(&b, 1, 2)?;
        knows(&b, 1, 3)?;
        knows(&a, 2, 2)?;
        let kernel = a.routes_of(BGP)?;
        let (at_a, at_b) = (a.watch_routes()?, b.watch_routes()?);
        let interval = millis(20);
        let pingers = [
            d1.pinger("10.60.1.2", interval)?,
            d1.pinger("fd60:0:0:1::2", interval)?,
            c1.pinger("10.60.2.2", interval)?,
            c1.pinger("fd60:0:0:2::2", interval)?,
        ];

        end(&agent)?;
        let stale = |count: u64| {
            rr.poll("stale routes at the reflector", secs(5), || {
                let peer = rr.peregrine_cmd(&["peers", "192.0.2.1"])?;
                let families = peer["families"].as_array().unwrap();
                Ok(families.iter().all(|family| family["stale"] == count).then_some(()))
            })
        };
        stale(2)?;
        let table = rr.peregrine_run(&["routes", "--received", "192.0.2.1"])?.stdout;
        let marked = |line: &&str| line.split_whitespace().next().is_some_and(|code| code.contains('S'));
        assert_eq!(table.lines().filter(marked).count(), 4, "{table}");
        c2.die()?;
        start(&a, 1, 4)?;
        quiet();
        assert_eq!(a.routes_of(BGP)?, kernel);
        assert_eq!(learned(&at_b), Vec::<String>::new());

        agent.restart()?;
        knows(&b, 1, 4)?;
        forgets(&b, 1, 3, secs(5))?;
        stale(0)?;
        established(&a, 1)?;
        quiet();
        assert_eq!(learned(&at_a), Vec::<String>::new());
        let mut only: Vec<String> = prefixes(1, 4).iter().map(|prefix| format!("+ {prefix}")).collect();
        only.extend(prefixes(1, 3).iter().map(|prefix| format!("- {prefix}")));
        only.sort();
        assert_eq!(learned(&at_b), only);
        for pinger in pingers {
            pinger.stop_without_loss()?;
        }
        Ok(())
    })
}

#[test]
fn a_killed_agent_misses_nothing_and_disturbs_nothing() -> Result {
    misses_a_death_and_a_birth(|agent| agent.kill9())
}

#[test]
fn a_stopped_agent_misses_nothing_and_disturbs_nothing() -> Result {
    misses_a_death_and_a_birth(|agent| agent.stop().map(drop))
}

#[test]
fn an_agent_that_shall_not_keep_its_routes_removes_them_and_says_so() -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b]) = segment(lab, ["a", "b"])?;
        let agent = a.peregrine("agent", &config(1, &[2], "", "[fib]\nkeep-on-exit = false"))?;
        b.peregrine("agent", &config(2, &[1], "", ""))?;
        start(&a, 1, 2)?;
        start(&b, 2, 2)?;
        knows(&a, 2, 2)?;
        knows(&b, 1, 2)?;
        let began = std::time::Instant::now();
        let end = agent.stop()?;
        forgets(&b, 1, 2, secs(2))?;
        assert!(began.elapsed() < secs(3), "{:?}", began.elapsed());
        assert_eq!(end, integration::lab::End::Exited(0));
        assert_eq!(a.routes_of(BGP)?, []);
        // What the containers' own plugin made is not the agent's.
        assert_eq!(a.routes_to("10.60.1.2/32")?.len(), 1);
        Ok(())
    })
}
