use std::net::Ipv4Addr;
use std::sync::Arc;

use super::*;
use crate::rib::DecisionKey;
use crate::types::attr::{AnyCommunity, AttrCode, Community, LargeCommunity, flags};
use crate::types::{Asn, AttrBuilder, NextHop, Origin};

fn attrs() -> AttrSet {
    AttrBuilder::new()
        .origin(Origin::Igp)
        .as_sequence(&[Asn(65001), Asn(65002)])
        .next_hop(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)))
        .communities([Community(65000 << 16 | 1)])
        .large_communities([LARGE])
        .build()
}

const LARGE: LargeCommunity = LargeCommunity { global: 65000, local1: 1, local2: 2 };

fn community(text: &str) -> AnyCommunity {
    text.parse().unwrap()
}

/// A policy of one rule that accepts every route with these edits.
fn editing(edits: Vec<Edit>) -> Policy {
    Policy::new([list("p", vec![rule(vec![], edits, Action::Accept)])])
}

fn edited(edits: Vec<Edit>) -> AttrSet {
    match verdict(&editing(edits), "10.0.0.0/8") {
        Verdict::Accept(Some(set)) => set,
        other => panic!("{other:?}"),
    }
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
}

#[test]
fn attribute_conditions() {
    let cases = [
        (Match::Source(RouteSource::Peers), true),
        (Match::Source(RouteSource::Local), false),
        (Match::PeerType(PeerType::External), true),
        (Match::PeerType(PeerType::Internal), false),
        (Match::Communities(vec![community("65000:1")]), true),
        (Match::Communities(vec![community("65000:2"), community("65000:1")]), true),
        (Match::Communities(vec![community("65000:2")]), false),
        (Match::Communities(vec![community("65000:1:2")]), true),
        (Match::Communities(vec![community("65000:1:3"), community("65000:2")]), false),
        (Match::AsPathPrefix(vec![Asn(65001)]), true),
        (Match::AsPathPrefix(vec![Asn(65002)]), false),
        (Match::AsPathPrefix(vec![Asn(65001), Asn(65002), Asn(1)]), false),
        (Match::AsPathPrefix(vec![Asn(65001), Asn(65002)]), true),
        (Match::AsPathContains(vec![Asn(65002)]), true),
        (Match::AsPathContains(vec![Asn(65003), Asn(65001)]), true),
        (Match::AsPathContains(vec![Asn(65003)]), false),
        (Match::NextHop(nets(&["192.0.2.0/24"])), true),
        (Match::NextHop(nets(&["198.51.100.0/24", "192.0.2.1/32"])), true),
        (Match::NextHop(nets(&["198.51.100.0/24", "::/0"])), false),
        (Match::Origin(Origin::Igp), true),
        (Match::Origin(Origin::Egp), false),
    ];
    for (condition, expected) in cases {
        let policy = Policy::new([list("p", vec![rule(vec![condition.clone()], vec![], Action::Accept)])]);
        assert_eq!(verdict(&policy, "10.0.0.0/8") == Verdict::Accept(None), expected, "{condition:?}");
    }
}

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn a_route_without_next_hop_is_inside_none() {
    let policy = Policy::new([list(
        "p",
        vec![rule(vec![Match::NextHop(nets(&["0.0.0.0/0", "::/0"]))], vec![], Action::Accept)],
    )]);
    let attrs = AttrBuilder::new().origin(Origin::Igp).build();
    assert_eq!(policy.apply(&subject("10.0.0.0/8", &attrs)), Verdict::Reject);
}

#[test]
fn communities_of_both_lengths_come_and_go_in_the_order_of_the_edits() {
    let texts = |list: &[&str]| list.iter().map(|text| community(text)).collect::<Vec<_>>();
    let replace = vec![
        Edit::RemoveCommunities(texts(&["65000:1", "65000:1:2", "1:1"])),
        Edit::AddCommunities(texts(&["65000:9", "65000:1:2", "no-export", "65000:9", "7:7:7"])),
    ];
    let set = edited(replace);
    let standard: Vec<_> = set.communities().iter().collect();
    assert_eq!(standard, [Community(65000 << 16 | 9), Community::NO_EXPORT]);
    let seven = LargeCommunity { global: 7, local1: 7, local2: 7 };
    assert_eq!(set.large_communities().collect::<Vec<_>>(), [LARGE, seven]);
    let set = edited(vec![Edit::RemoveCommunities(texts(&["65000:1", "65000:1:2"]))]);
    assert!(set.raw(AttrCode::COMMUNITIES).is_none() && set.raw(AttrCode::LARGE_COMMUNITIES).is_none());
}

/// RFC 4271 §5: once set, the Partial bit of an attribute stays.
#[test]
fn editing_communities_keeps_the_partial_bit() {
    let partial = AttrBuilder::edit(&attrs())
        .set_raw(AttrCode::COMMUNITIES, flags::PARTIAL, &[0, 1, 0, 1])
        .set_raw(AttrCode::LARGE_COMMUNITIES, flags::PARTIAL, &[0; 12])
        .build();
    let policy = editing(vec![Edit::AddCommunities(vec![community("2:2"), community("2:2:2")])]);
    let Verdict::Accept(Some(set)) = policy.apply(&subject("10.0.0.0/8", &partial)) else { panic!() };
    for code in [AttrCode::COMMUNITIES, AttrCode::LARGE_COMMUNITIES] {
        assert_ne!(set.raw(code).unwrap().flags & flags::PARTIAL, 0, "{code:?}");
    }
}

#[test]
fn prepended_numbers_stand_as_written() {
    let set = edited(vec![Edit::Prepend(vec![Asn(1), Asn(2)]), Edit::Prepend(vec![Asn(3)])]);
    assert_eq!(set.as_path().to_string(), "3 1 2 65001 65002");
}

/// An attribute has room for 65,535 octets (RFC 4271 §4.3).
#[test]
fn a_path_without_room_for_more_is_not_shortened() {
    let mut octets = [2, 31].to_vec();
    octets.extend([0, 0, 0, 9].repeat(31));
    for _ in 0..64 {
        octets.extend([2, 255]);
        octets.extend([0, 0, 0, 9].repeat(255));
    }
    let longest = AttrBuilder::edit(&attrs()).as_path(&octets).build();
    assert_eq!(longest.as_path().hops(), 64 * 255 + 31);
    let policy = editing(vec![Edit::Prepend(vec![Asn(1)]), Edit::Med(7)]);
    let Verdict::Accept(Some(set)) = policy.apply(&subject("10.0.0.0/8", &longest)) else { panic!() };
    assert_eq!((set.as_path().hops(), set.med()), (64 * 255 + 31, Some(7)));
    assert!(DecisionKey::of(&set) <= DecisionKey::of(&longest));
}

#[test]
fn a_next_hop_is_set_on_routes_of_its_family_alone() {
    let v4 = NextHop::V4(Ipv4Addr::new(203, 0, 113, 5));
    let v6 = NextHop::V6("2001:db8::5".parse().unwrap());
    let policy = editing(vec![Edit::NextHop(v6), Edit::NextHop(v4)]);
    let attrs = attrs();
    for (prefix, expected) in [("10.0.0.0/8", v4), ("2001:db8::/32", v6)] {
        let Verdict::Accept(Some(set)) = policy.apply(&subject(prefix, &attrs)) else { panic!() };
        assert_eq!(set.next_hop(), Some(expected), "{prefix}");
    }
    let other = editing(vec![Edit::NextHop(v6)]);
    let outcome = other.run(&subject("10.0.0.0/8", &attrs));
    assert_eq!((outcome.verdict, outcome.chosen), (Verdict::Accept(None), Chosen::default()));
}

#[test]
fn what_was_set_on_purpose_is_told_although_nothing_changed() {
    let same = NextHop::V4(Ipv4Addr::new(192, 0, 2, 1));
    let attrs = attrs();
    let run = |policy: &Policy| policy.run(&subject("10.0.0.0/8", &attrs));
    let outcome = run(&editing(vec![Edit::NextHop(same)]));
    assert_eq!(outcome.verdict, Verdict::Accept(None));
    assert_eq!(outcome.chosen, Chosen { med: false, next_hop: true });
    assert!(run(&editing(vec![Edit::Med(3)])).chosen.med);
    assert_eq!(run(&Policy::accept()).chosen, Chosen::default());
}

#[test]
fn edits_accumulate_and_later_rules_see_them() {
    let mark = Community(65000 << 16 | 7);
    let policy = Policy::new([list(
        "p",
        vec![
            rule(
                vec![],
                vec![
                    Edit::LocalPref(200),
                    Edit::AddCommunities(vec![mark.into()]),
                    Edit::Prepend(vec![Asn(65000); 2]),
                ],
                Action::Next,
            ),
            rule(
                vec![Match::Communities(vec![mark.into()])],
                vec![Edit::Med(5), Edit::RemoveCommunities(vec![mark.into()])],
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
    let present = Edit::AddCommunities(vec![community("65000:1")]);
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

/// Prefixes that meet different rules in every combination, and attributes that rules look at and change.
fn winding(rules: usize) -> Policy {
    let mark = community("65000:7");
    let mut all = vec![
        rule(
            vec![prefix("10.0.0.0/9", PrefixTest::In)],
            vec![Edit::AddCommunities(vec![mark])],
            Action::Next,
        ),
        rule(vec![prefix("10.64.0.0/10", PrefixTest::In)], vec![Edit::Med(7)], Action::Next),
        rule(vec![prefix("10.96.0.0/11", PrefixTest::In)], vec![], Action::Reject),
        rule(vec![Match::Communities(vec![mark])], vec![Edit::LocalPref(7)], Action::Accept),
        rule(vec![prefix("10.192.0.0/10", PrefixTest::In)], vec![], Action::Accept),
    ];
    all.resize(rules, rule(vec![prefix("11.0.0.0/8", PrefixTest::In)], vec![], Action::Accept));
    Policy::new([list("winding", all)])
}

#[test]
fn equal_traces_mean_equal_verdicts() {
    let policy = winding(64);
    let attrs = attrs();
    let mut by_trace = std::collections::HashMap::new();
    for second in 0..=255 {
        let prefix = format!("10.{second}.0.0/16");
        let subject = subject(&prefix, &attrs);
        let outcome = policy.run(&subject);
        let first = by_trace.entry(policy.trace(&subject).unwrap()).or_insert_with(|| outcome.clone());
        assert_eq!(*first, outcome, "{prefix}");
    }
    assert_eq!(by_trace.len(), 5);
    let subject = subject("10.0.0.0/16", &attrs);
    // The last bit counts like the others, and what has no bit is not traced.
    assert!(policy.trace(&subject).is_some());
    let net = "11.0.0.0/16".parse().unwrap();
    assert_eq!(winding(65).trace(&Subject { prefix: "12.0.0.0/8".parse().unwrap(), ..subject }), None);
    assert!(winding(65).trace(&Subject { prefix: net, ..subject }).is_some());
}
