//! Policies: from rules as written to conditions that can be tested.

use std::collections::BTreeSet;
use std::sync::Arc;

use bgp_core::policy::{Action, Edit, Match, PeerType, PrefixMatch, PrefixTest, RouteSource, Rule, RuleList};
use bgp_core::types::{Asn, Origin};
use toml::Spanned;

use super::super::raw::{
    Network, OneOrMany, RawAction, RawMatch, RawOperator, RawOrigin, RawPeerType, RawPolicy, RawRouteSource,
    RawRule,
};
use super::super::report::Sink;
use super::edit::{checked, edits};

pub(super) fn policies(
    raw: Option<&Spanned<Vec<Spanned<RawPolicy>>>>,
    sink: &mut Sink,
) -> Vec<Arc<RuleList>> {
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
        policies.push(Arc::new(RuleList { name: text.as_str().into(), rules }));
    }
    policies
}

fn rule(raw: &RawRule, sink: &mut Sink) -> Option<Rule> {
    let matches = match &raw.matches {
        Some(written) => matches(written.get_ref(), sink),
        None => Some(Vec::new()),
    };
    let edits = match &raw.set {
        Some(set) => edits(set.get_ref(), sink),
        None => Some(Vec::new()),
    };
    let action = action(raw, edits.as_deref(), sink);
    let rule = Rule { matches: matches?, edits: edits?, action: action? };
    if let (Action::Reject, Some(set)) = (rule.action, &raw.set) {
        sink.warning(set.span(), "`set` does nothing to a route that is rejected")
            .hint("remove it, or remove `action` to go on with the next rule");
    }
    Some(rule)
}

/// A rule without a verdict must at least have edits; those are `None` where they have a fault.
fn action(raw: &RawRule, edits: Option<&[Edit]>, sink: &mut Sink) -> Option<Action> {
    match raw.action.as_ref().map(|action| *action.get_ref()) {
        Some(RawAction::Accept) => Some(Action::Accept),
        Some(RawAction::Reject) => Some(Action::Reject),
        None if raw.has("action") => None,
        None if !edits.is_some_and(<[Edit]>::is_empty) => Some(Action::Next),
        None if raw.set.as_ref().is_some_and(|set| sink.has_error_within(&set.span())) => None,
        None => {
            sink.error(raw.at.clone(), "the rule has no `action`")
                .hint("add `action = \"accept\"` or `action = \"reject\"`");
            None
        }
    }
}

/// The conditions in the order of the reference page.
fn matches(raw: &RawMatch, sink: &mut Sink) -> Option<Vec<Match>> {
    let prefixes = prefixes(raw, sink);
    let communities = any_of("community", raw.community.as_ref(), sink, |community| *community);
    let path_prefix = raw.as_path_prefix.as_ref().map(|asns| as_path_prefix(asns, sink));
    let contains = any_of("as-path-contains", raw.as_path_contains.as_ref(), sink, |asn| Asn(*asn));
    let next_hops = any_of("next-hop", raw.next_hop.as_ref(), sink, |net| net.0);
    let source = raw.source.as_ref().map(|source| match source.get_ref() {
        RawRouteSource::Local => RouteSource::Local,
        RawRouteSource::Peers => RouteSource::Peers,
    });
    let peer_type = raw.peer_type.as_ref().map(|peer_type| match peer_type.get_ref() {
        RawPeerType::Internal => PeerType::Internal,
        RawPeerType::External => PeerType::External,
    });
    let origin = raw.origin.as_ref().map(|origin| match origin.get_ref() {
        RawOrigin::Igp => Origin::Igp,
        RawOrigin::Egp => Origin::Egp,
        RawOrigin::Incomplete => Origin::Incomplete,
    });
    // Only now: every fault is told.
    let prefixes = prefixes?;
    let all = [
        (!prefixes.is_empty()).then_some(Match::Prefix(prefixes)),
        communities?.map(Match::Communities),
        checked(path_prefix)?.map(Match::AsPathPrefix),
        contains?.map(Match::AsPathContains),
        source.map(Match::Source),
        peer_type.map(Match::PeerType),
        next_hops?.map(Match::NextHop),
        origin.map(Match::Origin),
    ];
    Some(all.into_iter().flatten().collect())
}

/// The items of a list of which one must hold: `Some(None)` where the key is not used, `None` after a fault.
fn any_of<T, U>(
    key: &str,
    raw: Option<&Spanned<OneOrMany<T>>>,
    sink: &mut Sink,
    meant: impl Fn(&T) -> U,
) -> Option<Option<Vec<U>>> {
    let Some(written) = raw else { return Some(None) };
    let listed = &written.get_ref().0;
    if listed.is_empty() {
        // Items with a fault of their own were left out.
        if !sink.has_error_within(&written.span()) {
            sink.error(written.span(), format!("`{key}` is an empty list, of which no route has any"))
                .hint("remove the rule");
        }
        return None;
    }
    Some(Some(listed.iter().map(|item| meant(item.get_ref())).collect()))
}

fn as_path_prefix(asns: &Spanned<Vec<Spanned<u32>>>, sink: &mut Sink) -> Option<Vec<Asn>> {
    if asns.get_ref().is_empty() {
        if !sink.has_error_within(&asns.span()) {
            sink.error(asns.span(), "`as-path-prefix` is an empty list, which every path begins with")
                .hint("remove it");
        }
        return None;
    }
    Some(asns.get_ref().iter().map(|asn| Asn(*asn.get_ref())).collect())
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
        if !sink.has_error_within(&prefix.span()) {
            sink.error(prefix.span(), "`prefix` is an empty list, which no route is in")
                .hint("remove the rule");
        }
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
