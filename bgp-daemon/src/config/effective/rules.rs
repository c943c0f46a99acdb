//! Policies, written as in the file.

use bgp_core::policy::{Action, Edit, Match, PeerType, PrefixMatch, PrefixTest, RouteSource, Rule, RuleList};
use bgp_core::types::{Asn, Origin};
use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::{insert, texts};

pub(super) fn policy(policy: &RuleList) -> Value {
    json!({ "name": &*policy.name, "rules": policy.rules.iter().map(rule).collect::<Vec<_>>() })
}

fn rule(rule: &Rule) -> Value {
    let mut out = Map::new();
    match rule.action {
        Action::Accept => insert(&mut out, "action", "accept"),
        Action::Reject => insert(&mut out, "action", "reject"),
        Action::Next => {}
    }
    let mut written = Map::new();
    rule.matches.iter().for_each(|condition| write_match(&mut written, condition));
    if !written.is_empty() {
        insert(&mut out, "match", written);
    }
    let mut set = Map::new();
    rule.edits.iter().for_each(|edit| write_edit(&mut set, edit));
    if !set.is_empty() {
        insert(&mut out, "set", set);
    }
    Value::Object(out)
}

fn write_match(out: &mut Map<String, Value>, condition: &Match) {
    match condition {
        Match::Prefix(any) => write_prefixes(out, any),
        Match::Source(RouteSource::Local) => insert(out, "source", "local"),
        Match::Source(RouteSource::Peers) => insert(out, "source", "peers"),
        Match::PeerType(PeerType::Internal) => insert(out, "peer-type", "internal"),
        Match::PeerType(PeerType::External) => insert(out, "peer-type", "external"),
        Match::Communities(any) => insert(out, "community", one_or_many(texts(any))),
        Match::AsPathPrefix(asns) => insert(out, "as-path-prefix", numbers(asns)),
        Match::AsPathContains(any) => insert(out, "as-path-contains", one_or_many(numbers(any))),
        Match::NextHop(any) => insert(out, "next-hop", one_or_many(any.iter().map(address).collect())),
        Match::Origin(Origin::Igp) => insert(out, "origin", "igp"),
        Match::Origin(Origin::Egp) => insert(out, "origin", "egp"),
        Match::Origin(Origin::Incomplete) => insert(out, "origin", "incomplete"),
    }
}

fn write_prefixes(out: &mut Map<String, Value>, any: &[PrefixMatch]) {
    insert(out, "prefix", one_or_many(any.iter().map(|one| one.prefix.to_string()).collect()));
    // All prefixes of a rule share one test.
    match any.first().map(|one| one.test) {
        None => {}
        Some(PrefixTest::Equal) => insert(out, "operator", "equal"),
        Some(PrefixTest::NotEqual) => insert(out, "operator", "not-equal"),
        Some(PrefixTest::In) => insert(out, "operator", "in"),
        Some(PrefixTest::NotIn) => insert(out, "operator", "not-in"),
        Some(PrefixTest::Length { min, max }) => insert(out, "length", vec![min, max]),
    }
}

fn write_edit(out: &mut Map<String, Value>, edit: &Edit) {
    match edit {
        Edit::LocalPref(value) => insert(out, "local-preference", *value),
        Edit::Med(value) => insert(out, "med", *value),
        Edit::NextHop(next_hop) => insert(out, "next-hop", next_hop.to_string()),
        Edit::Prepend(asns) => insert(out, "prepend-as", numbers(asns)),
        Edit::AddCommunities(list) => insert(out, "add-communities", texts(list)),
        Edit::RemoveCommunities(list) => insert(out, "remove-communities", texts(list)),
    }
}

fn address(net: &IpNet) -> String {
    let host = net.prefix_len() == net.max_prefix_len();
    if host { net.addr().to_string() } else { net.to_string() }
}

fn numbers(asns: &[Asn]) -> Vec<u32> {
    asns.iter().map(|asn| asn.0).collect()
}

/// A list of one as its item.
fn one_or_many<T: Into<Value>>(mut items: Vec<T>) -> Value {
    match (items.pop(), items.is_empty()) {
        (Some(only), true) => only.into(),
        (Some(last), false) => {
            items.push(last);
            items.into()
        }
        (None, _) => Value::Array(Vec::new()),
    }
}
