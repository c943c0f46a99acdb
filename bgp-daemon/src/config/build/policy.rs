//! Policies: from rules as written to conditions that can be tested.

use std::collections::BTreeSet;

use toml::Spanned;

use super::super::model::{
    Action, Edit, Match, PeerType, PolicyModel, PrefixMatch, PrefixTest, RouteSource, Rule,
};
use super::super::raw::{
    Network, RawAction, RawMatch, RawOperator, RawPeerType, RawPolicy, RawRouteSource, RawRule, RawSet,
};
use super::super::report::Sink;

pub(super) fn policies(raw: Option<&Spanned<Vec<Spanned<RawPolicy>>>>, sink: &mut Sink) -> Vec<PolicyModel> {
    let mut names = BTreeSet::new();
    let mut policies = Vec::new();
    for entry in raw.into_iter().flat_map(Spanned::get_ref) {
        let raw = entry.get_ref();
        let rules = raw.rules.iter().flat_map(Spanned::get_ref);
        let rules: Vec<Rule> = rules.filter_map(|entry| rule(entry.get_ref(), sink)).collect();
        let Some(name) = &raw.name else {
            if !raw.has("name") {
                sink.error(raw.at.clone(), "[[policy]] has no `name`").hint("add `name = \"…\"`");
            }
            continue;
        };
        let text = name.get_ref();
        if matches!(text.as_str(), "accept" | "reject") {
            sink.error(
                name.span(),
                format!("a policy cannot be called `{text}`: the word has a meaning of its own"),
            );
        } else if text.trim().is_empty() {
            sink.error(name.span(), "`name` is empty");
        } else if !names.insert(text.clone()) {
            sink.error(name.span(), format!("two policies are called `{text}`"))
                .hint("names must be unique: change one of them");
        }
        policies.push(PolicyModel { name: text.clone(), rules });
    }
    policies
}

fn rule(raw: &RawRule, sink: &mut Sink) -> Option<Rule> {
    let matches = match &raw.matches {
        Some(written) => matches(written.get_ref(), sink)?,
        None => Match::default(),
    };
    let set = raw.set.as_ref().map(|set| edits(set.get_ref())).unwrap_or_default();
    let action = match raw.action.as_ref().map(|action| *action.get_ref()) {
        Some(RawAction::Accept) => Action::Accept,
        Some(RawAction::Reject) => Action::Reject,
        None if raw.has("action") => return None,
        None if set.is_empty() => {
            sink.error(raw.at.clone(), "the rule has no `action`")
                .hint("add `action = \"accept\"` or `action = \"reject\"`");
            return None;
        }
        None => Action::Next,
    };
    Some(Rule { matches, set, action })
}

fn matches(raw: &RawMatch, sink: &mut Sink) -> Option<Match> {
    let source = raw.source.as_ref().map(|source| match source.get_ref() {
        RawRouteSource::Local => RouteSource::Local,
        RawRouteSource::Peers => RouteSource::Peers,
    });
    let peer_type = raw.peer_type.as_ref().map(|peer_type| match peer_type.get_ref() {
        RawPeerType::Internal => PeerType::Internal,
        RawPeerType::External => PeerType::External,
    });
    Some(Match { prefixes: prefixes(raw, sink)?, source, peer_type })
}

fn prefixes(raw: &RawMatch, sink: &mut Sink) -> Option<Vec<PrefixMatch>> {
    if let (Some(length), Some(_)) = (&raw.length, &raw.operator) {
        sink.error(length.span(), "`length` and `operator` exclude each other")
            .hint("`length` means: inside the prefix, with a length within these bounds");
        return None;
    }
    let Some(prefix) = &raw.prefix else {
        let lonely = raw.length.as_ref().map(|l| ("length", l.span()));
        let lonely = lonely.or_else(|| raw.operator.as_ref().map(|o| ("operator", o.span())));
        let Some((key, span)) = lonely else { return Some(Vec::new()) };
        sink.error(span, format!("`{key}` needs a `prefix`"))
            .hint("any IPv4 prefix is `prefix = \"0.0.0.0/0\"`, any IPv6 prefix `prefix = \"::/0\"`");
        return None;
    };
    let listed = &prefix.get_ref().0;
    if listed.is_empty() {
        sink.error(prefix.span(), "`prefix` is an empty list, which no route is in").hint("remove the rule");
        return None;
    }
    let operator = raw.operator.as_ref().map(|operator| *operator.get_ref());
    if let (Some(RawOperator::NotIn | RawOperator::NotEqual), true) = (operator, listed.len() > 1) {
        // "Not in A, or not in B" holds for nearly everything and is never what was meant.
        sink.error(prefix.span(), "`prefix` must be a single one with this `operator`")
            .hint("reject each prefix by a rule of its own, then accept the rest");
        return None;
    }
    let test = match operator {
        Some(RawOperator::In) => PrefixTest::In,
        Some(RawOperator::NotIn) => PrefixTest::NotIn,
        Some(RawOperator::NotEqual) => PrefixTest::NotEqual,
        Some(RawOperator::Equal) | None => PrefixTest::Equal,
    };
    let mut found = Vec::new();
    for item in listed {
        let Network(net) = *item.get_ref();
        let Some(length) = &raw.length else {
            found.push(PrefixMatch { prefix: net, test });
            continue;
        };
        let (min, max) = (length.get_ref().min, length.get_ref().max);
        if min > max || min < net.prefix_len() || max > net.max_prefix_len() {
            let bounds = format!("{} to {}", net.prefix_len(), net.max_prefix_len());
            sink.error(
                length.span(),
                format!("`length`: no prefix inside {net} has a length from {min} to {max}"),
            )
            .hint(format!("shortest first, both within {bounds}"));
            return None;
        }
        found.push(PrefixMatch { prefix: net, test: PrefixTest::Length { min, max } });
    }
    Some(found)
}

fn edits(raw: &RawSet) -> Vec<Edit> {
    let local_pref = raw.local_preference.as_ref().map(|value| Edit::LocalPref(*value.get_ref()));
    let med = raw.med.as_ref().map(|value| Edit::Med(*value.get_ref()));
    local_pref.into_iter().chain(med).collect()
}
