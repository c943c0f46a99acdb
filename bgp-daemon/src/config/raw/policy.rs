//! `[[policy]]` as written.

use std::net::IpAddr;

use toml::Spanned;

use bgp_core::types::attr::AnyCommunity;

use super::attribute::NextHops;
use super::section::section;
use super::value::{Network, OneOrMany, Range, words};

section! {
    /// Rules for routes: the first that matches decides. What no rule of a policy decides goes to
    /// the next policy of the neighbour, and after the last it is rejected.
    RawPolicy "[[policy]]" "policy" {
        /// Unique name.
        "name" name: String = "none: required",
        /// The rules, in order.
        "rules" rules: Vec<Spanned<RawRule>> = "`[]`",
    }
}

words! {
    /// Verdict.
    RawAction { Accept = "accept", Reject = "reject", }
}

section! {
    /// One rule.
    RawRule "a rule" "policy.rules" {
        /// Conditions, all of which must hold; none means every route.
        "match" matches: RawMatch = "every route",
        /// Changes to the route.
        "set" set: RawSet = "none",
        /// What happens to a route that matches; without it the next rule is tried.
        "action" action: RawAction = "none: required without `set`",
    }
}

words! {
    /// Relation of a route's prefix to the rule's.
    RawOperator { In = "in", Equal = "equal", NotIn = "not-in", NotEqual = "not-equal", }
}

words! {
    /// Where a route comes from.
    RawRouteSource { Local = "local", Peers = "peers", }
}

words! {
    /// Kind of peer.
    RawPeerType { Internal = "internal", External = "external", }
}

words! {
    /// ORIGIN.
    RawOrigin { Igp = "igp", Egp = "egp", Incomplete = "incomplete", }
}

words! {
    /// Outcome of origin validation.
    RawRpki { Valid = "valid", Invalid = "invalid", NotFound = "not-found", }
}

section! {
    /// Conditions of a rule.
    RawMatch "`match`" "policy.rules.match" {
        /// The route's prefix is one of these, or as `length` or `operator` says.
        "prefix" prefix: OneOrMany<Network> = "any",
        /// The route's prefix is inside `prefix`, with a length within these bounds.
        "length" length: Range = "none",
        /// Relation of the route's prefix to `prefix`.
        "operator" operator: RawOperator = "`\"equal\"`",
        /// The route has one of these communities, standard or large, or named if well-known.
        "community" community: OneOrMany<AnyCommunity> = "any",
        /// The AS path begins with these, the neighbouring AS first.
        "as-path-prefix" as_path_prefix: Vec<Spanned<u32>> = "any",
        /// The AS path contains one of these, anywhere.
        "as-path-contains" as_path_contains: OneOrMany<u32> = "any",
        /// Originated here, or learned from a peer.
        "source" source: RawRouteSource = "any",
        /// Kind of the peer that the route comes from, or goes to.
        "peer-type" peer_type: RawPeerType = "any",
        /// Interface of the next hop.
        "interface" interface: String = "any",
        /// The next hop is one of these, or inside one of them.
        "next-hop" next_hop: OneOrMany<NextHops> = "any",
        /// ORIGIN.
        "origin" origin: RawOrigin = "any",
        /// Outcome of origin validation.
        "rpki" rpki: RawRpki = "any",
    }
}

section! {
    /// Changes to a route, made when the rule accepts it or has no `action`.
    RawSet "`set`" "policy.rules.set" {
        /// LOCAL_PREF.
        "local-preference" local_preference: u32 = "unchanged",
        /// MED. Set on export it is sent, also to an external neighbour.
        "med" med: u32 = "unchanged",
        /// Next hop of routes of the address's family. Set on export it goes before the neighbour's `next-hop`.
        "next-hop" next_hop: IpAddr = "unchanged",
        /// AS numbers to put in front of the path, the first one foremost. Our own, which an external neighbour is sent anyway, comes before them.
        "prepend-as" prepend_as: Vec<Spanned<u32>> = "none",
        /// Communities to add, after those to remove are gone; one that is there already stays once.
        "add-communities" add_communities: Vec<Spanned<AnyCommunity>> = "none",
        /// Communities to remove.
        "remove-communities" remove_communities: Vec<Spanned<AnyCommunity>> = "none",
        /// Metric of the route in the kernel.
        "priority" priority: u32 = "unchanged",
    }
}
