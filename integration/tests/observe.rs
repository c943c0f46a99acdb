//! What operators and their monitoring see of running daemons.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program"
)]

mod mesh;

use std::io::{Read, Write};

use integration::lab::{Host, Lab, Result, secs, via};
use mesh::{config, established, knows, prefixes, segment, start};
use serde_json::Value;

const HTTP: &str = "[api]\nhttp = \"127.0.0.1:9179\"\n";

fn get(host: &Host, path: &str) -> Result<String> {
    let mut stream = host.tcp_connect("127.0.0.1:9179".parse().unwrap(), secs(5))?;
    stream.set_read_timeout(Some(secs(8))).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    Ok(answer)
}

/// The value of the series that begins so.
fn series(page: &str, start: &str) -> f64 {
    let line = page.lines().find(|line| line.starts_with(start));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.unwrap_or_else(|| panic!("{start} is not in {page}")).parse().unwrap()
}

#[test]
fn metrics_say_what_happened_and_health_does_not_depend_on_others() -> Result {
    Lab::run(|lab| {
        let (_lan, [host, other]) = segment(lab, ["a", "b"])?;
        let agent = host.peregrine("agent", &config(1, &[2], "", HTTP))?;
        let far = other.peregrine("agent", &config(2, &[1], "", ""))?;
        established(&host, 1)?;
        let _near = start(&host, 1, 2)?;
        let _there = start(&other, 2, 2)?;
        knows(&host, 2, 2)?;
        knows(&other, 1, 2)?;
        host.poll("readiness", secs(5), || {
            Ok(get(&host, "/readyz")?.starts_with("HTTP/1.1 200").then_some(()))
        })?;
        let page = get(&host, "/metrics")?;
        let peer = "peer=\"192.0.2.2\",address=\"192.0.2.2\"";
        for (name, value) in [
            (format!("peregrine_bgp_peer_up{{{peer}}}"), 1.0),
            (format!("peregrine_bgp_peer_state{{{peer}}}"), 6.0),
            (
                format!(
                    "peregrine_bgp_prefixes{{{peer},family=\"ipv4-unicast\",direction=\"in\",stage=\"accepted\"}}"
                ),
                1.0,
            ),
            (
                format!(
                    "peregrine_bgp_prefixes{{{peer},family=\"ipv6-unicast\",direction=\"out\",stage=\"advertised\"}}"
                ),
                1.0,
            ),
            ("peregrine_fib_routes{state=\"programmed\"}".to_owned(), 2.0),
            ("peregrine_state{state=\"ready\"}".to_owned(), 1.0),
        ] {
            assert_eq!(series(&page, &name), value, "{name}");
        }
        let told = |of: &Host, prefix: &str| -> Result<(bool, String)> {
            let sent = of.peregrine_cmd(&["explain", prefix])?["sent"][0].clone();
            Ok((sent["sent"] == true, sent["why"].as_str().unwrap().to_owned()))
        };
        for prefix in prefixes(1, 2) {
            assert_eq!(told(&host, &prefix)?, (true, "accepted by policy accept".to_owned()));
            assert_eq!(told(&other, &prefix)?, (false, "the best path came from it".to_owned()));
        }
        // Nothing is under way: what one side has sent, End-of-RIB among it, the other has received.
        let counts = |of: &Host, peer: &str| -> Result<Value> {
            Ok(of.peregrine_cmd(&["peers", peer])?["messages"].clone())
        };
        let (here, there) = (counts(&host, "192.0.2.2")?, counts(&other, "192.0.2.1")?);
        assert_eq!(here["sent"]["updates"], there["received"]["updates"]);
        assert_eq!(here["received"]["updates"], there["sent"]["updates"]);
        assert!(here["sent"]["updates"].as_u64() >= Some(4), "two routes and two End-of-RIB: {here}");

        far.kill9()?;
        let gone = || Ok((series(&get(&host, "/metrics")?, "peregrine_bgp_peer_up{") == 0.0).then_some(()));
        host.poll("the session to be lost", secs(10), gone)?;
        assert!(get(&host, "/readyz")?.ends_with("\r\n\r\nok\n"));
        assert!(get(&host, "/livez")?.ends_with("\r\n\r\nok\n"));
        assert_eq!(series(&get(&host, "/metrics")?, "peregrine_bgp_peer_flaps_total{"), 1.0);
        agent.stop().map(drop)
    })
}

/// Policies of a host, with a rule for everything that can become of a route; both of its own and of others'.
const POLICIES: &str = r#"networks = ["10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24"]
[[policy]]
name = "odd"
rules = [{ match = { prefix = "10.9.0.0/24" }, action = "reject" }]
[[policy]]
name = "from-b"
rules = [{ set = { local-preference = 120 } }, { match = { prefix = "10.8.0.0/24" }, action = "accept" }]
[[policy]]
name = "to-b"
rules = [
  { match = { prefix = ["10.1.0.0/24", "10.8.0.0/24"] }, action = "accept" },
  { match = { prefix = "10.2.0.0/24" }, action = "reject" },
]
"#;

#[test]
fn explain_names_the_rule_that_decided() -> Result {
    Lab::run(|lab| {
        let (_lan, [host, other, third]) = segment(lab, ["a", "b", "c"])?;
        let chains = "import = [\"odd\", \"from-b\"]\nexport = [\"to-b\"]";
        let _agent = host.peregrine("agent", &config(1, &[2, 3], chains, POLICIES))?;
        let networks = "networks = [\"10.7.0.0/24\", \"10.8.0.0/24\", \"10.9.0.0/24\"]";
        let _far = other.peregrine("agent", &config(2, &[1], "", networks))?;
        let _third = third.peregrine("agent", &config(3, &[1], "", ""))?;
        other.wait_route("10.1.0.0/24", via("192.0.2.1"), secs(20))?;
        third.wait_route("10.1.0.0/24", via("192.0.2.1"), secs(20))?;
        host.wait_route("10.8.0.0/24", via("192.0.2.2"), secs(20))?;
        let unaccepted = "rejected: no rule of its policies accepts it";
        let unreflected = "learned from an internal peer, and neither of the two is a client (RFC 4456)";
        for (prefix, import, sent, why) in [
            ("10.7.0.0/24", unaccepted, false, "there is no best path"),
            ("10.8.0.0/24", "accepted by policy from-b, rule 2", false, unreflected),
            ("10.9.0.0/24", "rejected by policy odd, rule 1", false, "there is no best path"),
            ("10.1.0.0/24", "originated here", true, "accepted by policy to-b, rule 1"),
            ("10.2.0.0/24", "originated here", false, "rejected by policy to-b, rule 2"),
            ("10.3.0.0/24", "originated here", false, unaccepted),
        ] {
            let explained = host.peregrine_cmd(&["explain", prefix])?;
            assert_eq!(explained["paths"][0]["import"], import, "{explained}");
            let told = explained["sent"].as_array().unwrap().iter();
            let told: Vec<_> = told.filter(|peer| peer["address"] == "192.0.2.3").collect();
            assert_eq!((&told[0]["sent"], &told[0]["why"]), (&sent.into(), &why.into()), "{explained}");
        }
        let said = host.peregrine_run(&["explain", "10.2.0.0/24"])?.stdout;
        assert!(said.contains("not sent to 192.0.2.2: rejected by policy to-b, rule 2\n"), "{said}");
        Ok(())
    })
}

#[test]
fn a_problem_that_is_cured_is_a_problem_no_more() -> Result {
    Lab::run(|lab| {
        let lan = lab.bridge("lan")?;
        let [host, other] = lab.hosts(["a", "b"])?;
        let link = host.attach(&lan, &["192.0.2.1/24"])?;
        other.attach(&lan, &["192.0.2.2/24", "2001:db8::2/64"])?;
        // Not even a link-local one.
        host.set_sysctl(&format!("net.ipv6.conf.{}.disable_ipv6", link.dev()), "1")?;
        let _agent = host.peregrine("agent", &config(1, &[2], "", ""))?;
        let _far = other.peregrine("agent", &config(2, &[1], "", ""))?;
        established(&host, 1)?;
        let problems = || Ok(host.peregrine_cmd(&["status"])?["problems"].as_array().unwrap().len());
        host.poll("the problem", secs(5), || Ok((problems()? == 1).then_some(())))?;
        host.set_sysctl(&format!("net.ipv6.conf.{}.disable_ipv6", link.dev()), "0")?;
        link.add_address("2001:db8::1/64")?;
        host.poll("the cure", secs(5), || Ok((problems()? == 0).then_some(()))).map(drop)
    })
}
