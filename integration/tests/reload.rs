//! The configuration changed under real sessions: exactly the difference reaches exactly the peers it
//! concerns, and nobody's session is lost who was not to lose it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program"
)]

use std::collections::BTreeSet;

use integration::lab::{Host, Lab, LabError, Peregrine, Result, millis, secs, via};
use integration::peers::{Announcement, Bird, Neighbor, Peer, PeerRoute, Speaker};
use serde_json::{Value, json};

/// A reflector with two clients in one update group for IPv4: one of ours, and BIRD.
struct Site {
    rr: Peregrine,
    ours: Peregrine,
    bird: Bird,
    third: Host,
}

const ALL: &str = "networks = [\"10.1.0.0/24\", \"10.2.0.0/24\", \"fd01::/64\", \"fd02::/64\"]";

/// What the reflector is told: keys of our client, keys of BIRD, and what it originates.
fn config(ours: &str, bird: &str, originate: &str) -> String {
    format!(
        "[node]\nasn = 64512\nrouter-id = \"192.0.2.1\"\nshards = 2\n\
         [[neighbor]]\nname = \"ours\"\naddress = \"192.0.2.2\"\nasn = \"internal\"\n\
         extended-messages = false\nconnect-retry-time = 1\nidle-hold-time = 1\n{ours}\n\
         [[neighbor]]\nname = \"bird\"\naddress = \"192.0.2.3\"\nasn = \"internal\"\n\
         families = [\"ipv4-unicast\"]\nconnect-retry-time = 1\nidle-hold-time = 1\n{bird}\n\
         [[policy]]\nname = \"part\"\nrules = [\n\
         {{ match = {{ prefix = [\"10.2.0.0/16\", \"fd02::/32\"], operator = \"in\" }}, action = \"reject\" }},\n\
         {{ action = \"accept\" }},\n]\n\
         [originate]\n{originate}\n"
    )
}

fn client(last: u8, networks: &str) -> String {
    format!(
        "[node]\nasn = 64512\nrouter-id = \"192.0.2.{last}\"\n[[neighbor]]\naddress = \"192.0.2.1\"\n\
         asn = \"internal\"\nconnect-retry-time = 1\nidle-hold-time = 1\n[originate]\nnetworks = [{networks}]\n"
    )
}

fn site(lab: &Lab) -> Result<Site> {
    site_with(lab, &config("", "", ALL), 64512)
}

/// The same with BIRD as an external peer, by this configuration.
fn external(ours: &str) -> String {
    let open = "asn = 65001\nimport = [\"accept\"]\nexport = [\"accept\"]";
    config(ours, "", ALL).replace("3\"\nasn = \"internal\"", &format!("3\"\n{open}"))
}

fn site_with(lab: &Lab, config: &str, asn: u32) -> Result<Site> {
    let [rr, ours, bird, third] = lab.hosts(["rr", "ours", "bird", "third"])?;
    let lan = lab.bridge("lan")?;
    for (host, last) in [(&rr, 1), (&ours, 2), (&bird, 3), (&third, 4)] {
        host.attach(&lan, &[&format!("192.0.2.{last}/24"), &format!("2001:db8::{last}/64")])?;
    }
    let rr = rr.peregrine("reflector", config)?;
    let ours = ours.peregrine("agent", &client(2, "\"10.4.0.0/24\""))?;
    let neighbor = Neighbor::new("192.0.2.1", 64512)?.local("192.0.2.3".parse().unwrap());
    let speaker = Speaker::new(asn, [192, 0, 2, 3]).neighbor(neighbor).kernel();
    let mut bird = bird.bird2(speaker)?;
    bird.announce(&Announcement::new("10.3.0.0/24")?)?;
    let site = Site { rr, ours, bird, third };
    for (prefix, hop) in
        [("10.1.0.0/24", "192.0.2.1"), ("10.2.0.0/24", "192.0.2.1"), ("10.3.0.0/24", "192.0.2.3")]
    {
        site.ours.host().wait_route(prefix, via(hop), secs(30))?;
    }
    for prefix in ["fd01::/64", "fd02::/64"] {
        site.ours.host().wait_route(prefix, via("2001:db8::1"), secs(10))?;
    }
    for (prefix, hop) in [
        ("10.1.0.0/24", "192.0.2.1"),
        ("10.2.0.0/24", "192.0.2.1"),
        ("10.4.0.0/24", if asn == 64512 { "192.0.2.2" } else { "192.0.2.1" }),
    ] {
        site.bird.host().wait_route(prefix, via(hop), secs(10))?;
    }
    Ok(site)
}

/// Reloads and waits until the new configuration is in force.
fn reload(rr: &Peregrine, config: &str) -> Result {
    let revision = || Ok(rr.cmd(&["status"])?["config"]["revision"].as_u64().unwrap());
    let before = revision()?;
    rr.reload(config)?;
    rr.host().poll("the new configuration", secs(5), || Ok((revision()? > before).then_some(()))).map(drop)
}

fn peer(of: &Peregrine, address: &str) -> Result<Value> {
    let peers = of.cmd(&["peers"])?;
    let mut peers = peers["peers"].as_array().or(peers.as_array()).unwrap().iter();
    Ok(peers.find(|peer| peer["address"] == address).cloned().unwrap_or_default())
}

/// The session of a peer, by its state, when that began, and how often it was lost.
fn session(of: &Peregrine, address: &str) -> Result<(String, u64, u64)> {
    let peer = peer(of, address)?;
    let state = peer["state"].as_str().unwrap_or("none").to_owned();
    // To the second: the daemon turns a monotonic clock into the time of day.
    Ok((state, peer["since"].as_u64().unwrap_or(0) / 1000, peer["flaps"].as_u64().unwrap_or(0)))
}

/// The sessions as all three ends see them, neither lost nor begun anew.
struct Kept(Vec<(String, u64, u64)>);

impl Kept {
    fn note(site: &Site) -> Result<Self> {
        let ends = [
            session(&site.rr, "192.0.2.2")?,
            session(&site.rr, "192.0.2.3")?,
            session(&site.ours, "192.0.2.1")?,
        ];
        assert!(ends.iter().all(|(state, _, flaps)| state == "Established" && *flaps == 0), "{ends:?}");
        Ok(Self(ends.into()))
    }

    fn check(&self, site: &Site) -> Result {
        let now = Self::note(site)?;
        let same = self.0.iter().zip(&now.0).all(|(was, is)| was.1.abs_diff(is.1) <= 1);
        assert!(same, "{:?}, now {:?}", self.0, now.0);
        Ok(())
    }
}

/// Prefixes a daemon lists.
fn prefixes(of: &Peregrine, args: &[&str]) -> Result<BTreeSet<String>> {
    let routes = of.cmd(&[&["routes"], args].concat())?;
    let routes = routes["routes"].as_array().unwrap().iter();
    Ok(routes.map(|route| route["prefix"].as_str().unwrap().to_owned()).collect())
}

fn heard(site: &Site) -> Result<BTreeSet<String>> {
    prefixes(&site.ours, &["--received", "192.0.2.1"])
}

fn heard_by_bird(site: &Site) -> Result<BTreeSet<String>> {
    let routes = site.bird.routes()?.into_iter().filter(|route| route.from.is_some());
    Ok(routes.map(|route| route.prefix.to_string()).collect())
}

/// Waits until both clients hold exactly this.
fn holds(site: &Site, ours: &BTreeSet<String>, bird: &BTreeSet<String>) -> Result {
    let host = site.rr.host();
    let differ = |what: &str, is: &BTreeSet<String>, should: &BTreeSet<String>| {
        let missing: Vec<_> = should.difference(is).take(5).collect();
        let stale: Vec<_> = is.difference(should).take(5).collect();
        LabError::Topology(format!("{what}: missing {missing:?}, stale {stale:?}"))
    };
    let looked = host.poll("exactly the right routes at both clients", secs(20), || {
        let (a, b) = (heard(site)?, heard_by_bird(site)?);
        match (a == *ours, b == *bird) {
            (true, true) => Ok(Some(())),
            (false, _) => Err(differ("our client", &a, ours)),
            (true, false) => Err(differ("BIRD", &b, bird)),
        }
    });
    looked.map(drop)
}

fn set<const N: usize>(prefixes: [&str; N]) -> BTreeSet<String> {
    prefixes.map(str::to_owned).into()
}

#[test]
fn an_export_policy_changes_what_one_peer_of_a_group_has_and_no_session() -> Result {
    Lab::run(|lab| {
        let site = site(lab)?;
        let kept = Kept::note(&site)?;
        assert_eq!(groups(&site)?, 2, "one for each family");
        let (ours, bird) = (site.ours.host().watch_routes()?, site.bird.host().watch_routes()?);
        let all = set(["10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24", "fd01::/64", "fd02::/64"]);
        let part = set(["10.1.0.0/24", "10.3.0.0/24", "fd01::/64"]);
        let at_bird = set(["10.1.0.0/24", "10.2.0.0/24", "10.4.0.0/24"]);
        let partly = config("export = [\"part\"]", "", ALL);
        for _ in 0..2 {
            reload(&site.rr, &partly)?;
            holds(&site, &part, &at_bird)?;
            site.ours.host().wait_no_route("10.2.0.0/24", secs(5))?;
            site.ours.host().wait_no_route("fd02::/64", secs(5))?;
            reload(&site.rr, &config("", "", ALL))?;
            holds(&site, &all, &at_bird)?;
            site.ours.host().wait_route("10.2.0.0/24", via("192.0.2.1"), secs(5))?;
            site.ours.host().wait_route("fd02::/64", via("2001:db8::1"), secs(5))?;
        }
        // Nothing else moved, and BIRD did not notice at all.
        for prefix in ["10.1.0.0/24", "10.3.0.0/24", "fd01::/64"] {
            assert!(ours.changes_to(prefix)?.is_empty(), "{prefix}");
        }
        assert_eq!(bird.changes().len(), 0);

        // Another policy that lets the same pass: the clients part, and are told an End-of-RIB a family.
        reload(&site.rr, &partly)?;
        holds(&site, &part, &at_bird)?;
        let updates =
            || Ok(peer(&site.ours, "192.0.2.1")?["messages"]["received"]["updates"].as_u64().unwrap());
        site.rr.host().poll("the end of the move", secs(5), || Ok((groups(&site)? == 3).then_some(())))?;
        let before = updates()?;
        reload(&site.rr, &partly.replace("\"part\"", "\"piece\""))?;
        let arrived = || Ok((updates()? >= before + 2 && groups(&site)? == 3).then_some(()));
        site.rr.host().poll("both ends of table", secs(5), arrived)?;
        assert_eq!((updates()?, heard(&site)?), (before + 2, part));
        kept.check(&site)
    })
}

fn groups(site: &Site) -> Result<usize> {
    let groups = site.rr.cmd(&["groups"])?;
    Ok(groups["groups"].as_array().or(groups.as_array()).unwrap().len())
}

#[test]
fn policies_that_change_while_routes_do_leave_nothing_stale_and_lose_nothing() -> Result {
    Lab::run(|lab| {
        let site = site(lab)?;
        let kept = Kept::note(&site)?;
        let own = |second: u32, round: u32| -> Vec<String> {
            (0..150).map(|n| format!("10.{second}.{}.0/24", 1 + (n + round * 40) % 250)).collect()
        };
        let host = site.rr.host();
        let run = |what: &str, prefixes: &[String]| -> Result {
            let args: Vec<&str> = std::iter::once(what).chain(prefixes.iter().map(String::as_str)).collect();
            assert_eq!(host.peregrine_run(&args)?.stderr, "");
            Ok(())
        };
        let (open, partly) = (config("", "", ALL), config("export = [\"part\"]", "", ALL));
        let both = config("export = [\"part\"]", "export = [\"part\"]", ALL);
        let bird_only = config("", "export = [\"part\"]", ALL);
        let mut announced = BTreeSet::new();
        for round in 0..12 {
            for second in [1, 2] {
                let more = own(second, round);
                run("announce", &more)?;
                announced.extend(more);
            }
            // Not waited for: later changes meet moves under way.
            site.rr.reload([&partly, &both, &bird_only, &open][round as usize % 4])?;
            if round % 3 == 0 {
                reload(&site.rr, &open)?;
            }
            let gone: Vec<String> = announced.iter().step_by(3).cloned().collect();
            run("withdraw", &gone)?;
            announced.retain(|prefix| !gone.contains(prefix));
        }
        let (mut ours, mut bird) = (announced.clone(), announced);
        ours.extend(set(["10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24", "fd01::/64", "fd02::/64"]));
        bird.extend(set(["10.1.0.0/24", "10.2.0.0/24", "10.4.0.0/24"]));
        let hidden = |prefix: &String| !prefix.starts_with("10.2.") && !prefix.starts_with("fd02:");
        reload(&site.rr, &bird_only)?;
        bird.retain(hidden);
        holds(&site, &ours, &bird)?;
        reload(&site.rr, &both)?;
        ours.retain(hidden);
        holds(&site, &ours, &bird)?;
        // Whoever left a group has left it for good: one for each family.
        let two = || match groups(&site)? {
            2 => Ok(Some(())),
            _ => Err(LabError::Topology(site.rr.cmd(&["groups"])?.to_string())),
        };
        host.poll("a group for each family", secs(5), two)?;
        kept.check(&site)
    })
}

#[test]
fn an_import_policy_changes_without_a_route_refresh() -> Result {
    Lab::run(|lab| {
        let site = site(lab)?;
        let kept = Kept::note(&site)?;
        let ours = site.ours.host();
        let counts = || -> Result<(Value, Value)> {
            let family = peer(&site.rr, "192.0.2.3")?["families"][0].clone();
            Ok((family["received"].clone(), family["accepted"].clone()))
        };
        for _ in 0..2 {
            reload(&site.rr, &config("", "import = \"reject\"", ALL))?;
            ours.wait_no_route("10.3.0.0/24", secs(5))?;
            assert_eq!(counts()?, (1.into(), 0.into()));
            reload(&site.rr, &config("", "", ALL))?;
            ours.wait_route("10.3.0.0/24", via("192.0.2.3"), secs(5))?;
            assert_eq!(counts()?, (1.into(), 1.into()));
        }
        // A chain that was an export policy first.
        reload(&site.rr, &config("export = [\"part\"]", "", ALL))?;
        ours.wait_no_route("10.2.0.0/24", secs(5))?;
        reload(&site.rr, &config("export = [\"part\"]", "import = [\"part\"]", ALL))?;
        ours.wait_route("10.3.0.0/24", via("192.0.2.3"), secs(5))?;
        reload(&site.rr, &config("", "import = [\"part\"]", ALL))?;
        ours.wait_route("10.2.0.0/24", via("192.0.2.1"), secs(5))?;
        assert_eq!(counts()?, (1.into(), 1.into()));
        for address in ["192.0.2.2", "192.0.2.3"] {
            assert_eq!(peer(&site.rr, address)?["messages"]["sent"]["refreshes"], 0);
        }
        kept.check(&site)
    })
}

#[test]
fn a_next_hop_rule_changes_the_next_hops_of_one_peer() -> Result {
    Lab::run(|lab| {
        let site = site_with(lab, &external(""), 65001)?;
        let kept = Kept::note(&site)?;
        let bird = site.bird.host().watch_routes()?;
        for _ in 0..2 {
            reload(&site.rr, &external("next-hop = \"self\""))?;
            site.ours.host().wait_route("10.3.0.0/24", via("192.0.2.1"), secs(5))?;
            reload(&site.rr, &external(""))?;
            site.ours.host().wait_route("10.3.0.0/24", via("192.0.2.3"), secs(5))?;
        }
        assert_eq!(bird.changes().len(), 0);
        kept.check(&site)
    })
}

/// Both peers, one internal and one external, run this policy on what they are told.
fn edited(rules: &str) -> String {
    let chain = "export = [\"edit\"]";
    external(chain).replace("export = [\"accept\"]", chain)
        + &format!("\n[[policy]]\nname = \"edit\"\nrules = [\n{rules},\n{{ action = \"accept\" }}\n]\n")
}

/// Waits until our client has these attributes of `10.1.0.0/24`.
fn ours_has(site: &Site, expected: &Value) -> Result {
    let host = site.ours.host();
    let looked = host.poll("the edited attributes", secs(10), || {
        let routes = site.ours.cmd(&["routes", "10.1.0.0/24"])?;
        let attributes = routes["routes"][0]["attributes"].clone();
        let differs = expected.as_object().unwrap().iter().find(|(name, value)| attributes[*name] != **value);
        match differs {
            None => Ok(Some(())),
            Some((name, _)) => Err(LabError::Topology(format!("{name} of {attributes}"))),
        }
    });
    looked.map(drop)
}

#[test]
fn edits_of_a_policy_reach_peers_of_both_kinds_and_change_under_them() -> Result {
    Lab::run(|lab| {
        let site = site_with(lab, &external(""), 65001)?;
        let kept = Kept::note(&site)?;
        let first = edited(
            "{ match = { prefix = \"10.1.0.0/24\", origin = \"igp\" }, set = { med = 5, prepend-as = [64513, 64514], \
             add-communities = [\"64512:1\", \"64512:1:2\"] }, action = \"accept\" }",
        );
        let second = edited(
            "{ match = { prefix = \"10.1.0.0/24\" }, set = { add-communities = [\"64512:1\", \"64512:9\"] } },\n\
             { match = { community = \"64512:9\" }, set = { remove-communities = [\"64512:1\"], prepend-as = [64515], \
             next-hop = \"192.0.2.4\" }, action = \"accept\" }",
        );
        for _ in 0..2 {
            reload(&site.rr, &first)?;
            let at_bird = |route: &PeerRoute| {
                route.communities == [(64512, 1)]
                    && route.as_path == [64512, 64513, 64514]
                    && route.med == Some(5)
                    && route.next_hop == Some([192, 0, 2, 1].into())
            };
            site.bird.wait_route("10.1.0.0/24", &at_bird, secs(10))?;
            let expected = json!({ "communities": ["64512:1"], "large_communities": ["64512:1:2"],
                                   "as_path": "64513 64514", "med": 5 });
            ours_has(&site, &expected)?;
            reload(&site.rr, &second)?;
            let at_bird = |route: &PeerRoute| {
                route.communities == [(64512, 9)]
                    && route.as_path == [64512, 64515]
                    && route.med.is_none()
                    && route.next_hop == Some([192, 0, 2, 4].into())
            };
            site.bird.wait_route("10.1.0.0/24", &at_bird, secs(10))?;
            ours_has(&site, &json!({ "communities": ["64512:9"], "as_path": "64515", "med": null }))?;
            site.ours.host().wait_route("10.1.0.0/24", via("192.0.2.4"), secs(5))?;
        }
        // A route that no rule names went through all of it as it was.
        let plain = |route: &PeerRoute| route.communities.is_empty() && route.as_path == [64512];
        site.bird.wait_route("10.2.0.0/24", &plain, secs(5))?;
        kept.check(&site)
    })
}

#[test]
fn conditions_on_attributes_tell_a_peers_routes_apart() -> Result {
    Lab::run(|lab| {
        let mut site = site_with(lab, &external(""), 65001)?;
        let kept = Kept::note(&site)?;
        let marked = Announcement::new("10.3.0.0/24")?.community(65001, 8);
        site.bird.announce(&marked)?;
        for condition in [
            "community = [\"65001:7\", \"65001:8\"]",
            "as-path-prefix = [65001]",
            "as-path-contains = [7, 65001]",
            "next-hop = [\"192.0.2.3\"]",
            "origin = \"igp\"",
        ] {
            let rules = format!("rules = [\n{{ match = {{ {condition} }}, action = \"reject\" }},");
            let picky = external("").replace("import = [\"accept\"]", "import = [\"part\"]");
            reload(&site.rr, &picky.replace("rules = [", &rules))?;
            site.ours.host().wait_no_route("10.3.0.0/24", secs(5))?;
            reload(&site.rr, &external(""))?;
            site.ours.host().wait_route("10.3.0.0/24", via("192.0.2.3"), secs(5))?;
        }
        let rules = "rules = [\n{ match = { community = \"65001:8\" }, action = \"reject\" },";
        let picky = external("").replace("import = [\"accept\"]", "import = [\"part\"]");
        reload(&site.rr, &picky.replace("rules = [", rules))?;
        site.ours.host().wait_no_route("10.3.0.0/24", secs(5))?;
        site.bird.announce(&Announcement::new("10.3.0.0/24")?.community(65001, 9))?;
        site.ours.host().wait_route("10.3.0.0/24", via("192.0.2.3"), secs(5))?;
        kept.check(&site)
    })
}

#[test]
fn peers_come_go_and_begin_anew_and_the_others_stay() -> Result {
    Lab::run(|lab| {
        let site = site(lab)?;
        let kept = session(&site.rr, "192.0.2.3")?;
        let established = |address: &'static str, flaps: u64| {
            let look = || {
                let (state, _, lost) = session(&site.rr, address)?;
                Ok((state == "Established" && lost == flaps).then_some(()))
            };
            site.rr.host().poll(&format!("{address} established, lost {flaps} times"), secs(20), look)
        };
        // What needs no new session: a name, timers, a loop allowed, choices of the decision.
        let quiet = "hold-time = 30\nallow-own-asn = 1";
        let renamed = config(quiet, "", ALL).replace("\"ours\"", "\"mine\"") + "[decision]\nmultipath = 1\n";
        reload(&site.rr, &renamed)?;
        assert_eq!(peer(&site.rr, "192.0.2.2")?["name"], "mine");
        established("192.0.2.2", 0)?;

        // A new peer, which learns and teaches, and goes.
        let third = site.third.peregrine("agent", &client(4, "\"10.5.0.0/24\""))?;
        let more = "[[neighbor]]\naddress = \"192.0.2.4\"\nasn = \"internal\"\n";
        reload(&site.rr, &(config("", "", ALL) + more))?;
        established("192.0.2.4", 0)?;
        site.third.wait_route("10.3.0.0/24", via("192.0.2.3"), secs(5))?;
        site.ours.host().wait_route("10.5.0.0/24", via("192.0.2.4"), secs(5))?;
        reload(&site.rr, &config("", "", ALL))?;
        site.ours.host().wait_no_route("10.5.0.0/24", secs(5))?;
        third.host().wait_no_route("10.3.0.0/24", secs(5))?;
        assert_eq!(peer(&site.rr, "192.0.2.4")?, Value::Null);
        established("192.0.2.2", 0)?;

        // What was offered to a peer changes: its session, and no other, begins anew.
        reload(&site.rr, &config("graceful-restart = false", "", ALL))?;
        established("192.0.2.2", 1)?;
        site.ours.host().wait_route("10.3.0.0/24", via("192.0.2.3"), secs(5))?;
        // Kept down, and up again.
        reload(&site.rr, &config("graceful-restart = false\nshutdown = true", "", ALL))?;
        let down = || Ok((session(&site.rr, "192.0.2.2")?.0 != "Established").then_some(()));
        site.rr.host().poll("a session kept down", secs(5), down)?;
        site.bird.host().wait_no_route("10.4.0.0/24", secs(5))?;
        reload(&site.rr, &config("graceful-restart = false", "", ALL))?;
        established("192.0.2.2", 2)?;
        site.bird.host().wait_route("10.4.0.0/24", via("192.0.2.2"), secs(5))?;

        // Networks of its own.
        reload(
            &site.rr,
            &config("graceful-restart = false", "", "networks = [\"10.1.0.0/24\", \"10.9.0.0/24\"]"),
        )?;
        for host in [site.ours.host(), site.bird.host()] {
            host.wait_route("10.9.0.0/24", via("192.0.2.1"), secs(5))?;
            host.wait_no_route("10.2.0.0/24", secs(5))?;
        }
        let now = session(&site.rr, "192.0.2.3")?;
        assert_eq!((&now.0, now.2), (&kept.0, 0));
        assert!(now.1.abs_diff(kept.1) <= 1, "{kept:?}, now {now:?}");
        Ok(())
    })
}

#[test]
fn a_configuration_that_cannot_be_had_changes_nothing() -> Result {
    Lab::run(|lab| {
        let site = site(lab)?;
        let kept = Kept::note(&site)?;
        let in_force = || site.rr.cmd(&["config"]);
        let revision = || Ok::<_, LabError>(site.rr.cmd(&["status"])?["config"]["revision"].clone());
        let (before, first) = (in_force()?, revision()?);
        let routes = heard(&site)?;
        let good = config("export = [\"part\"]", "shutdown = true", "networks = [\"10.9.0.0/24\"]");
        for (bad, why) in [
            (good.replace("\"part\"]", "\"apart\"]"), "apart"),
            (good.clone() + "[fib]\ntable = \"main", "invalid basic string"),
            (good.replace("64512\nrouter-id", "64513\nrouter-id"), "node.asn"),
            (good.clone() + "[fib]\ntable = 100\n", "fib.table"),
        ] {
            site.rr.reload(&bad)?;
            let refused = || {
                let error = site.rr.cmd(&["status"])?["config"]["last_error"].clone();
                let found = error.as_str().is_some_and(|error| error.contains(why));
                if found { Ok(Some(())) } else { Err(LabError::Topology(format!("said: {error}"))) }
            };
            site.rr.host().poll(&format!("a refusal that names {why}"), secs(5), refused)?;
            // Whatever would come of it had time to come.
            std::thread::sleep(millis(300));
            assert_eq!(in_force()?["config"], before["config"], "{why}");
            assert_eq!(heard(&site)?, routes, "{why}");
            kept.check(&site)?;
        }
        assert_eq!(revision()?, first);
        let fine = config("", "", ALL);
        reload(&site.rr, &fine)?;
        assert_eq!(site.rr.cmd(&["status"])?["config"]["last_error"], Value::Null);
        kept.check(&site)
    })
}
