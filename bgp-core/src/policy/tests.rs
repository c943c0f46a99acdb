use std::net::Ipv4Addr;
use std::sync::Arc;

use super::*;
use crate::types::attr::Community;
use crate::types::{Asn, AttrBuilder, NextHop, Origin};

fn attrs() -> AttrSet {
    AttrBuilder::new()
        .origin(Origin::Igp)
        .as_sequence(&[Asn(65001), Asn(65002)])
        .next_hop(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)))
        .communities([Community(65000 << 16 | 1)])
        .build()
}

fn list(name: &str, rules: Vec<Rule>) -> Arc<RuleList> {
    Arc::new(RuleList { name: name.into(), rules })
}

fn rule(matches: Vec<Match>, edits: Vec<Edit>, action: Action) -> Rule {
    Rule { matches, edits, action }
}

fn verdict(policy: &Policy, prefix: &str) -> Verdict {
    let attrs = attrs();
    policy.apply(&subject(prefix, &attrs))
}

fn subject<'a>(prefix: &str, attrs: &'a AttrSet) -> Subject<'a> {
    Subject {
        prefix: prefix.parse().unwrap(),
        attrs,
        source: RouteSource::Peers,
        peer_type: Some(PeerType::External),
    }
}

fn prefix(net: &str, test: PrefixTest) -> Match {
    Match::Prefix(vec![PrefixMatch { prefix: net.parse().unwrap(), test }])
}

#[test]
fn prefix_tests_hold_as_named() {
    let cases = [
        (PrefixTest::Equal, "10.0.0.0/8", true),
        (PrefixTest::Equal, "10.1.0.0/16", false),
        (PrefixTest::NotEqual, "10.1.0.0/16", true),
        (PrefixTest::NotEqual, "10.0.0.0/8", false),
        (PrefixTest::In, "10.0.0.0/8", true),
        (PrefixTest::In, "10.1.2.0/24", true),
        (PrefixTest::In, "0.0.0.0/0", false),
        (PrefixTest::In, "11.0.0.0/8", false),
        (PrefixTest::NotIn, "11.0.0.0/8", true),
        (PrefixTest::NotIn, "0.0.0.0/0", true),
        (PrefixTest::NotIn, "10.1.2.0/24", false),
        (PrefixTest::NotIn, "2001:db8::/32", false),
        (PrefixTest::Length { min: 16, max: 24 }, "10.1.0.0/16", true),
        (PrefixTest::Length { min: 16, max: 24 }, "10.1.1.0/24", true),
        (PrefixTest::Length { min: 16, max: 24 }, "10.0.0.0/8", false),
        (PrefixTest::Length { min: 16, max: 24 }, "10.1.1.128/25", false),
        (PrefixTest::Length { min: 16, max: 24 }, "11.1.0.0/16", false),
    ];
    for (test, net, expected) in cases {
        let policy =
            Policy::new([list("p", vec![rule(vec![prefix("10.0.0.0/8", test)], vec![], Action::Accept)])]);
        let accepted = verdict(&policy, net) == Verdict::Accept(None);
        assert_eq!(accepted, expected, "{test:?} {net}");
    }
}

#[test]
fn first_match_decides_across_lists_and_the_end_rejects() {
    let policy = Policy::new([
        list("a", vec![rule(vec![prefix("10.0.0.0/8", PrefixTest::In)], vec![], Action::Reject)]),
        list("b", vec![rule(vec![prefix("10.0.0.0/7", PrefixTest::In)], vec![], Action::Accept)]),
    ]);
    let attrs = attrs();
    let explain = |net| policy.explain(&subject(net, &attrs));
    let by = |name: &str| Some(Decider { list: name.into(), rule: 0 });
    assert_eq!(explain("10.1.0.0/16"), (Verdict::Reject, by("a")));
    assert_eq!(explain("11.1.0.0/16"), (Verdict::Accept(None), by("b")));
    assert_eq!(explain("12.0.0.0/8"), (Verdict::Reject, None));
    assert!(policy.looks_at_prefix());
}

#[test]
fn constants_decide_without_looking() {
    assert_eq!(verdict(&Policy::accept(), "10.0.0.0/8"), Verdict::Accept(None));
    assert_eq!(verdict(&Policy::reject(), "10.0.0.0/8"), Verdict::Reject);
    assert!(Policy::accept().looks_only_at_attributes());
}

#[test]
fn attribute_conditions() {
    let cases = [
        (Match::Source(RouteSource::Peers), true),
        (Match::Source(RouteSource::Local), false),
        (Match::PeerType(PeerType::External), true),
        (Match::PeerType(PeerType::Internal), false),
        (Match::Community(Community(65000 << 16 | 1)), true),
        (Match::Community(Community(65000 << 16 | 2)), false),
        (Match::AsPathPrefix(vec![Asn(65001)]), true),
        (Match::AsPathPrefix(vec![Asn(65002)]), false),
        (Match::AsPathPrefix(vec![Asn(65001), Asn(65002), Asn(1)]), false),
        (Match::AsPathContains(Asn(65002)), true),
        (Match::AsPathContains(Asn(65003)), false),
        (Match::NextHop("192.0.2.0/24".parse().unwrap()), true),
        (Match::NextHop("198.51.100.0/24".parse().unwrap()), false),
        (Match::Origin(Origin::Igp), true),
        (Match::Origin(Origin::Egp), false),
    ];
    for (condition, expected) in cases {
        let policy = Policy::new([list("p", vec![rule(vec![condition.clone()], vec![], Action::Accept)])]);
        assert_eq!(verdict(&policy, "10.0.0.0/8") == Verdict::Accept(None), expected, "{condition:?}");
    }
}

#[test]
fn edits_accumulate_and_later_rules_see_them() {
    let mark = Community(65000 << 16 | 7);
    let policy = Policy::new([list(
        "p",
        vec![
            rule(
                vec![],
                vec![Edit::LocalPref(200), Edit::AddCommunities(vec![mark]), Edit::Prepend(Asn(65000), 2)],
                Action::Next,
            ),
            rule(
                vec![Match::Community(mark)],
                vec![Edit::Med(5), Edit::RemoveCommunities(vec![mark])],
                Action::Accept,
            ),
        ],
    )]);
    let Verdict::Accept(Some(set)) = verdict(&policy, "10.0.0.0/8") else {
        panic!("not accepted with edits")
    };
    assert_eq!(set.local_pref(), Some(200));
    assert_eq!(set.med(), Some(5));
    assert_eq!(set.as_path().to_string(), "65000 65000 65001 65002");
    assert_eq!(set.communities().iter().collect::<Vec<_>>(), [Community(65000 << 16 | 1)]);
}

#[test]
fn edits_that_change_nothing_keep_the_set() {
    let present = Edit::AddCommunities(vec![Community(65000 << 16 | 1)]);
    let policy = Policy::new([list("p", vec![rule(vec![], vec![present], Action::Accept)])]);
    assert_eq!(verdict(&policy, "10.0.0.0/8"), Verdict::Accept(None));
}

#[test]
fn a_policy_passes_only_local_routes_if_every_way_through_asks_for_them() {
    let local = || Match::Source(RouteSource::Local);
    let inside = prefix("10.0.0.0/8", PrefixTest::In);
    let own = rule(vec![inside.clone(), local()], vec![], Action::Accept);
    let all = |rules| Policy::new([list("own", rules)]).passes_only_local();
    assert!(all(vec![rule(vec![inside.clone()], vec![], Action::Next), own.clone()]));
    assert!(all(vec![own.clone(), Rule::always(Action::Reject)]));
    assert!(Policy::reject().passes_only_local());
    assert!(!all(vec![own, rule(vec![inside], vec![], Action::Accept)]));
    assert!(!Policy::accept().passes_only_local());
}
