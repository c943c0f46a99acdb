//! `[[policy]]` as written.

use std::net::IpAddr;

use toml::Spanned;

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
        /// What happens to a route that matches.
        "action" action: RawAction = "none: required",
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
        /// The route has this community.
        "community" community: OneOrMany<String> = "any",
        /// The AS path begins with these.
        "as-path-prefix" as_path_prefix: Vec<Spanned<u32>> = "any",
        /// The AS path contains this.
        "as-path-contains" as_path_contains: u32 = "any",
        /// Originated here, or learned from a peer.
        "source" source: RawRouteSource = "any",
        /// Kind of the peer that the route comes from, or goes to.
        "peer-type" peer_type: RawPeerType = "any",
        /// Interface of the next hop.
        "interface" interface: String = "any",
        /// The next hop.
        "next-hop" next_hop: IpAddr = "any",
        /// ORIGIN.
        "origin" origin: RawOrigin = "any",
        /// Outcome of origin validation.
        "rpki" rpki: RawRpki = "any",
    }
}

section! {
    /// Changes to a route.
    RawSet "`set`" "policy.rules.set" {
        /// LOCAL_PREF.
        "local-preference" local_preference: u32 = "unchanged",
        /// MED.
        "med" med: u32 = "unchanged",
        /// Next hop.
        "next-hop" next_hop: IpAddr = "unchanged",
        /// AS numbers to put in front of the path.
        "prepend-as" prepend_as: Vec<Spanned<u32>> = "none",
        /// Communities to add.
        "add-communities" add_communities: Vec<Spanned<String>> = "none",
        /// Communities to remove.
        "remove-communities" remove_communities: Vec<Spanned<String>> = "none",
        /// Metric of the route in the kernel.
        "priority" priority: u32 = "unchanged",
    }
}
