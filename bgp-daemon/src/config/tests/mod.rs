//! What the loader accepts, and what it says about what it does not.

mod errors;
mod reload;
mod rule_errors;

use std::path::Path;
use std::time::Duration;

use bgp_core::policy::{Action, Edit, Match, PrefixMatch, PrefixTest, RouteSource, Rule};
use bgp_core::types::attr::AnyCommunity;
use bgp_core::types::{Asn, ClusterId, Family, HoldTime, Origin, RouterId};

use super::model::*;
use super::*;

pub(super) fn host() -> Host {
    let addresses = ["127.0.0.1", "192.0.2.1", "198.51.100.1", "2001:db8::1"];
    Host { name: "host-a".to_owned(), addresses: addresses.map(|ip| ip.parse().unwrap()).to_vec() }
}

fn secrets(path: &Path) -> std::io::Result<String> {
    match path.to_str() {
        Some("/keys/tor") => Ok("s3cret\n".to_owned()),
        Some("/keys/empty") => Ok("\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    }
}

pub(super) fn parse_as(mode: Mode, text: &str) -> Result<Loaded, Report> {
    parse(Source::new("p.toml", text), mode, &host(), &secrets)
}

pub(super) fn config(text: &str) -> Config {
    parse_as(Mode::Agent, text).unwrap_or_else(|report| panic!("{report}")).config
}

const PEER: &str = "[node]\nasn = 64512\n[[neighbor]]\naddress = \"192.0.2.9\"\nasn = 64512\n";

#[test]
fn the_least_configuration_takes_everything_else_from_defaults_and_host() {
    let config = config("[node]\nasn = 64512");
    assert_eq!(config.node.name, "host-a");
    assert_eq!(config.node.router_id, RouterId::from(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(config.node.listen.len(), 2);
    assert_eq!(config.api.socket, Path::new(DEFAULT_SOCKET));
    assert_eq!(config.reflector.cluster_id, ClusterId(config.node.router_id.0));
    let fib = Fib { program: true, table: 254, protocol: 186, metric: 20, keep_on_exit: true };
    assert_eq!(config.fib, fib);
    assert_eq!(config.decision, Decision { always_compare_med: false, multipath: 16 });
    assert_eq!(config.restart.deferral_time, Duration::from_secs(120));
    assert_eq!(config.log, Log { level: LogLevel::Info, format: LogFormat::Auto });
}

#[test]
fn an_internal_neighbour_has_the_documented_defaults() {
    let config = config(PEER);
    let peer = &config.neighbors[0];
    assert_eq!(peer.name, "192.0.2.9");
    assert_eq!(peer.session.peer_type(), PeerType::Internal);
    assert_eq!(peer.session.families, [Family::IPV4_UNICAST, Family::IPV6_UNICAST]);
    assert_eq!(peer.session.port, 179);
    assert_eq!(peer.session.local_asn, Asn(64512));
    assert_eq!(peer.session.reach, Reach::Multihop(255));
    assert!(!peer.session.route_reflector_client && peer.session.extended_messages);
    assert_eq!(peer.timers.hold, HoldTime::new(90).unwrap());
    assert_eq!(peer.timers.keepalive, Duration::from_secs(30));
    assert_eq!(peer.import, Chain(vec![PolicyRef::Accept]));
    assert_eq!(peer.export, Chain(vec![PolicyRef::Accept]));
    let full = GracefulRestart::Full { restart_time: Duration::from_secs(120) };
    assert_eq!(peer.session.graceful_restart, full);
}

/// RFC 8212 §2: without policy nothing is accepted and nothing is sent.
#[test]
fn an_external_neighbour_without_policy_carries_nothing_and_is_warned_about() {
    let text = PEER.replace("asn = 64512\n[[", "asn = 65000\n[[");
    let loaded = parse_as(Mode::Agent, &text).unwrap();
    let peer = &loaded.config.neighbors[0];
    assert_eq!(peer.import, Chain(vec![PolicyRef::Reject]));
    assert_eq!(peer.export, Chain(vec![PolicyRef::Reject]));
    assert_eq!(peer.session.reach, Reach::Connected);
    assert_eq!(
        loaded.warnings.to_string(),
        "\
warning: p.toml:5:7: external neighbour `192.0.2.9` has no `import`: nothing is accepted from it (RFC 8212)
  |
5 | asn = 64512
  |       ^^^^^
hint: add `import = [\"POLICY\"]`, or `import = \"accept\"` or \"reject\"
warning: p.toml:5:7: external neighbour `192.0.2.9` has no `export`: nothing is sent to it (RFC 8212)
  |
5 | asn = 64512
  |       ^^^^^
hint: add `export = [\"POLICY\"]`, or `export = \"accept\"` or \"reject\"
"
    );
}

#[test]
fn a_reflector_takes_internal_neighbours_for_clients_and_leaves_the_kernel_alone() {
    let reflector = parse_as(Mode::Reflector, PEER).unwrap().config;
    assert!(reflector.neighbors[0].session.route_reflector_client);
    assert!(!reflector.fib.program);
    let opted_out = format!("{PEER}route-reflector-client = false");
    assert!(
        !parse_as(Mode::Reflector, &opted_out).unwrap().config.neighbors[0].session.route_reflector_client
    );
    let external = PEER.replace("asn = 64512\n[[", "asn = 65000\n[[");
    assert!(
        !parse_as(Mode::Reflector, &external).unwrap().config.neighbors[0].session.route_reflector_client
    );
}

#[test]
fn prefix_rules_become_tests() {
    let config = config(
        r#"
        node.asn = 64512
        [[policy]]
        name = "p"
        rules = [
          { match = { prefix = "10.60.0.0/16", length = [16, 26] }, action = "accept" },
          { match = { prefix = ["10.0.0.0/8", "fd00::/8"], operator = "in" }, action = "reject" },
          { match = { prefix = "10.61.0.0/16", length = 32, source = "local" }, action = "accept" },
          { match = { peer-type = "external" }, action = "reject" },
          { action = "accept" },
        ]"#,
    );
    let rules = &config.policies[0].rules;
    let prefix = |net: &str, test| PrefixMatch { prefix: net.parse().unwrap(), test };
    let length = |min, max| PrefixTest::Length { min, max };
    assert_eq!(rules[0].matches, [Match::Prefix(vec![prefix("10.60.0.0/16", length(16, 26))])]);
    let both = vec![prefix("10.0.0.0/8", PrefixTest::In), prefix("fd00::/8", PrefixTest::In)];
    assert_eq!(rules[1].matches, [Match::Prefix(both)]);
    let host = Match::Prefix(vec![prefix("10.61.0.0/16", length(32, 32))]);
    assert_eq!(rules[2].matches, [host, Match::Source(RouteSource::Local)]);
    assert_eq!(rules[3].matches, [Match::PeerType(PeerType::External)]);
    assert_eq!(rules[4], Rule::always(Action::Accept));
}

#[test]
fn conditions_on_attributes_and_edits_are_read_as_written() {
    let config = config(
        r#"
        node.asn = 64512
        [[policy]]
        name = "p"
        rules = [
          { match = { community = "no-export", as-path-prefix = [65001, 65002], as-path-contains = 23456 }, action = "reject" },
          { match = { community = ["65000:1", "65000:1:2"], next-hop = ["192.0.2.1", "2001:db8::/32"], origin = "egp" }, set = { med = 0 } },
          { set = { local-preference = 1, med = 2, next-hop = "2001:db8::1", prepend-as = [64512, 64513],
                    add-communities = ["65000:1:2"], remove-communities = ["65000:1"] }, action = "accept" },
          { set = { prepend-as = [], add-communities = [] }, action = "accept" },
        ]"#,
    );
    let rules = &config.policies[0].rules;
    let community = |text: &str| text.parse::<AnyCommunity>().unwrap();
    let path = Match::AsPathPrefix(vec![Asn(65001), Asn(65002)]);
    let no_export = Match::Communities(vec![community("65535:65281")]);
    assert_eq!(rules[0].matches, [no_export, path, Match::AsPathContains(vec![Asn(23456)])]);
    let communities = Match::Communities(vec![community("65000:1"), community("65000:1:2")]);
    let next_hops = ["192.0.2.1/32", "2001:db8::/32"].map(|net| net.parse().unwrap());
    let expected = [communities, Match::NextHop(next_hops.to_vec()), Match::Origin(Origin::Egp)];
    assert_eq!(rules[1].matches, expected);
    assert_eq!((&rules[1].edits, rules[1].action), (&vec![Edit::Med(0)], Action::Next));
    // Removed before added, so that a route can be told apart by having just the one.
    let edits = [
        Edit::LocalPref(1),
        Edit::Med(2),
        Edit::NextHop(bgp_core::types::NextHop::V6("2001:db8::1".parse().unwrap())),
        Edit::Prepend(vec![Asn(64512), Asn(64513)]),
        Edit::RemoveCommunities(vec![community("65000:1")]),
        Edit::AddCommunities(vec![community("65000:1:2")]),
    ];
    assert_eq!(rules[2].edits, edits);
    assert_eq!(rules[3], Rule::always(Action::Accept));
}

#[test]
fn a_password_comes_from_the_file_without_its_newline_and_is_never_shown() {
    let text = format!("{PEER}password-file = \"/keys/tor\"");
    let config = config(&text);
    let password = config.neighbors[0].session.password.as_ref().unwrap();
    assert_eq!(password.as_bytes(), b"s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
    assert!(!effective::to_toml(&config).contains("s3cret"));
    assert!(!effective::to_json(&config).to_string().contains("s3cret"));
}

#[test]
fn values_that_ask_for_nothing_new_are_accepted_for_keys_of_later_releases() {
    config(&format!(
        "{PEER}add-path = \"off\"\nbfd = false\nhonor-blackhole = false\nextended-next-hop = false\n\
         graceful-restart = {{ restart-time = 60, long-lived-stale-time = 0 }}\n"
    ));
}

#[test]
fn the_example_of_the_reference_page_is_accepted_without_a_warning() {
    let loaded = parse_as(Mode::Agent, reference::EXAMPLE).unwrap_or_else(|report| panic!("{report}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
}

#[test]
fn the_example_of_the_page_about_policies_is_accepted_and_says_what_the_page_says() {
    let page = include_str!("../../../../docs/src/policies.md");
    let example = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let loaded = parse_as(Mode::Agent, example).unwrap_or_else(|report| panic!("{report}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    for (name, _) in AnyCommunity::NAMES {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_effective_configuration_reads_back_as_itself() {
    let extra = format!(
        "{}\n[log]\nformat = \"json\"\nlevel = \"debug\"\n[reflector]\ncluster-id = \"192.0.2.7\"\n\
         [[neighbor]]\naddress = \"2001:db8::9\"\nasn = \"external\"\nlocal-asn = 65010\nttl-security = 2\n\
         import = [\"from-tor\", \"accept\"]\nexport = \"reject\"\ngraceful-restart = {{ helper-only = true }}\n\
         local-address = \"2001:db8::1\"\nhold-time = 0\nfamilies = [\"ipv6-unicast\"]\n\
         [[neighbor]]\naddress = \"192.0.2.10\"\nasn = \"internal\"\ngraceful-restart = false\nshutdown = true\n\
         [[policy]]\nname = \"all\"\nrules = [\n\
         {{ match = {{ community = [\"65000:1\", \"1:2:3\"], as-path-prefix = [65001] }}, action = \"reject\" }},\n\
         {{ match = {{ community = \"blackhole\", as-path-contains = [1, 2] }}, set = {{ med = 3 }} }},\n\
         {{ match = {{ as-path-contains = 7, next-hop = [\"192.0.2.1\", \"2001:db8::/32\"] }}, action = \"reject\" }},\n\
         {{ match = {{ next-hop = \"192.0.2.0/24\", origin = \"incomplete\" }}, set = {{ next-hop = \"192.0.2.3\",\n\
         prepend-as = [64512, 64512], add-communities = [\"no-peer\", \"7:8:9\"], remove-communities = [\"1:1\"],\n\
         local-preference = 5 }}, action = \"accept\" }},\n]\n",
        reference::EXAMPLE.replacen("[node]", "[node]\nshards = 4", 1)
    );
    let first = config(&extra);
    assert_eq!(first.node.shards, Some(4));
    let text = effective::to_toml(&first);
    let second = parse_as(Mode::Agent, &text).unwrap_or_else(|report| panic!("{text}\n{report}")).config;
    assert_eq!(first, second);
}

/// `docs/src/configuration.md` is made by `peregrine reference`.
#[test]
fn the_committed_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/configuration.md");
    if std::env::var_os("PEREGRINE_BLESS").is_some() {
        std::fs::write(&path, reference::page()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == reference::page(), "run `peregrine reference > docs/src/configuration.md`");
}
