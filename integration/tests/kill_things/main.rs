//! Somebody meddles with the kernel of a running agent, or everything happens at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program"
)]

#[path = "../mesh/mod.rs"]
mod mesh;
mod storm;
mod uplink;

use std::time::Instant;

use integration::lab::Result;
use integration::lab::{BGP, Host, KernelRoute, Lab, Peregrine, RouteKind, STATIC, millis, secs, via};
use mesh::{config, knows, prefixes, segment, start};

/// Two agents that know each other; the second one has a container.
fn pair(lab: &Lab) -> Result<([Host; 2], [Peregrine; 2])> {
    let (_lan, [a, b]) = segment(lab, ["a", "b"])?;
    let agents =
        [a.peregrine("agent", &config(1, &[2], "", ""))?, b.peregrine("agent", &config(2, &[1], "", ""))?];
    start(&b, 2, 2)?;
    knows(&a, 2, 2)?;
    Ok(([a, b], agents))
}

/// What `peregrine fib` says about a prefix: its state and detail.
fn difference(host: &Host, prefix: &str) -> Result<Option<(String, String)>> {
    let report = host.peregrine_cmd(&["fib"])?;
    let all = report["differences"].as_array().unwrap();
    let found = all.iter().find(|difference| difference["prefix"] == prefix);
    let text = |field: &serde_json::Value| field.as_str().unwrap().to_owned();
    Ok(found.map(|difference| (text(&difference["state"]), text(&difference["detail"]))))
}

#[test]
fn flushed_routes_are_back_at_once() -> Result {
    Lab::run(|lab| {
        let ([a, b], _agents) = pair(lab)?;
        for n in 3..23 {
            start(&b, 2, n)?;
        }
        a.wait_until("all routes", secs(10), |routes| {
            routes.iter().filter(|route| route.protocol == BGP).count() == 42
        })?;
        let before = a.routes_of(BGP)?;
        let watch = a.watch_routes()?;
        a.run(&["ip", "route", "flush", "proto", "186"])?;
        a.run(&["ip", "-6", "route", "flush", "proto", "186"])?;
        let took = a.wait_until("all routes again", secs(2), |routes| {
            routes.iter().filter(|route| route.protocol == BGP).count() == 42
        })?;
        println!("all 42 routes back {took:?} after the flush");
        assert_eq!(a.routes_of(BGP)?, before);
        // `ip` deletes until it finds nothing left: a route may go more than once. None is away for long.
        for prefix in prefixes(2, 2) {
            let changes = watch.changes_to(&prefix)?;
            assert!(changes.len() >= 2 && changes.len() <= 16, "{changes:?}");
            for pair in changes.chunks(2) {
                let [gone, back] = pair else { panic!("{changes:?}") };
                assert!(!gone.added && back.added && back.at - gone.at < millis(500), "{changes:?}");
            }
        }
        let status = a.peregrine_cmd(&["status"])?;
        assert!(status["fib"]["repairs"].as_u64().unwrap() >= 42, "{}", status["fib"]);
        Ok(())
    })
}

#[test]
fn a_changed_next_hop_is_put_right() -> Result {
    Lab::run(|lab| {
        let ([a, _b], _agents) = pair(lab)?;
        for (prefix, wrong, right) in [
            ("10.60.2.2/32", "192.0.2.77", "192.0.2.2"),
            ("fd60:0:0:2::2/128", "2001:db8::77", "2001:db8::2"),
        ] {
            let began = Instant::now();
            let route = KernelRoute::to(prefix.parse().unwrap()).via(wrong.parse().unwrap());
            a.replace_route(&route.protocol(BGP).metric(20))?;
            a.wait_until("the right next hop alone", secs(2), |routes| {
                let mut to = routes.iter().filter(|route| route.prefix == prefix.parse().unwrap());
                to.next().is_some_and(|route| route.protocol == BGP && via(right)(route))
                    && to.next().is_none()
            })?;
            println!("{prefix} right again after {:?}", began.elapsed());
        }
        Ok(())
    })
}

#[test]
fn a_foreign_route_stays_is_told_and_its_place_is_taken_when_it_goes() -> Result {
    Lab::run(|lab| {
        let ([a, b], _agents) = pair(lab)?;
        for (first, prefix, right) in [
            // It is there before we learn the route.
            (true, "10.60.2.3/32", "192.0.2.2"),
            (true, "fd60:0:0:2::3/128", "2001:db8::2"),
            // It takes the place of ours, which the kernel allows (fact 6).
            (false, "10.60.2.2/32", "192.0.2.2"),
            (false, "fd60:0:0:2::2/128", "2001:db8::2"),
        ] {
            let foreign = KernelRoute::to(prefix.parse().unwrap()).protocol(STATIC).metric(20);
            let foreign = foreign.kind(RouteKind::Blackhole);
            a.replace_route(&foreign)?;
            if first {
                let scope = if prefix.contains(':') { 0 } else { 254 };
                let own = KernelRoute::to(prefix.parse().unwrap()).dev("vethc2").scope(scope);
                b.add_route(&own)?;
            }
            let (detail, _) = a.poll("the conflict in `peregrine fib`", secs(5), || {
                Ok(difference(&a, prefix)?.filter(|(state, _)| state == "conflict").map(|(_, detail)| detail))
            })?;
            assert!(!detail.is_empty());
            assert_eq!(a.peregrine_run(&["fib", "diff"])?.end, integration::lab::End::Exited(5));
            // A repair by hand does not take it either.
            a.peregrine_run(&["fib", "repair"])?;
            std::thread::sleep(millis(300));
            let routes = a.routes_to(prefix)?;
            assert!(routes.len() == 1 && routes[0].protocol == STATIC, "{routes:?}");
            a.delete_route(&foreign)?;
            a.wait_route(prefix, |route| route.protocol == BGP && via(right)(route), secs(2))?;
            a.poll("no conflict", secs(5), || Ok(difference(&a, prefix)?.is_none().then_some(())))?;
        }
        assert_eq!(a.peregrine_cmd(&["status"])?["fib"]["conflicts"], 0);
        Ok(())
    })
}
