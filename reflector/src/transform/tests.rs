use std::net::{Ipv4Addr, Ipv6Addr};

use bgp_core::policy::{Action, Edit, PolicyId, Rule, RuleList};
use bgp_core::rib::TableId;
use bgp_core::types::attr::Community;
use bgp_core::types::{Asn, ClusterId};
use std::sync::Arc;

use super::*;
use crate::group::{Speaker, WireMode};
use PeerRole::{Client, External, Local, NonClient};

const OWN: NextHop = NextHop::V4(Ipv4Addr::new(192, 0, 2, 1));
const THEIRS: NextHop = NextHop::V4(Ipv4Addr::new(198, 51, 100, 9));

/// Of a group of that role, with a next hop of its own.
pub(crate) fn key(role: PeerRole) -> GroupKey {
    GroupKey {
        table: TableId::MAIN,
        family: Family::IPV4_UNICAST,
        role,
        export: PolicyId::ACCEPT,
        next_hop: NextHopRule::Auto,
        local_next_hop: Some(OWN),
        speaker: Speaker { asn: Asn(64512), router_id: RouterId(1), cluster_id: ClusterId(77) },
        loop_asn: None,
        wire: WireMode::default(),
    }
}

fn route() -> AttrBuilder {
    let mut b = AttrBuilder::new();
    b.origin(Origin::Igp).as_sequence(&[Asn(65001)]).next_hop(THEIRS).local_pref(150).med(30);
    b
}

fn send(key: &GroupKey, policy: &Policy, attrs: &AttrSet, from: PeerRole) -> Option<AttrSet> {
    let source = Source { role: from, router_id: RouterId(500) };
    let prefix = "10.0.0.0/24".parse().unwrap();
    let allowed = Allowed::of(key, policy, &subject(key, prefix, attrs, source), source)?;
    Transform::default().write(key, &allowed)
}

fn sent(to: PeerRole, attrs: &AttrSet, from: PeerRole) -> AttrSet {
    send(&key(to), &Policy::accept(), attrs, from).unwrap()
}

fn edits(edits: Vec<Edit>) -> Policy {
    let rules = vec![Rule { edits, ..Rule::always(Action::Accept) }];
    Policy::new([Arc::new(RuleList { name: "edits".into(), rules })])
}

#[test]
fn gobgp_class_every_reflection_carries_originator_and_cluster() {
    // RFC 4456 §8: also from client to non-client, where one daemon forgot both.
    for (from, to) in [(Client, Client), (Client, NonClient), (NonClient, Client)] {
        let out = sent(to, &route().build(), from);
        assert_eq!(out.originator_id(), Some(RouterId(500)), "{from:?} to {to:?}");
        assert_eq!(out.cluster_list().collect::<Vec<_>>(), [ClusterId(77)]);
        assert_eq!((out.local_pref(), out.med(), out.next_hop()), (Some(150), Some(30), Some(THEIRS)));
        assert_eq!(out.as_path().to_string(), "65001");
    }
}

#[test]
fn rfc4456_8_the_originator_stays_and_the_cluster_list_grows_in_front() {
    let attrs = route().originator_id(RouterId(9)).prepend_cluster(ClusterId(3)).build();
    let out = sent(Client, &attrs, NonClient);
    assert_eq!(out.originator_id(), Some(RouterId(9)));
    assert_eq!(out.cluster_list().collect::<Vec<_>>(), [ClusterId(77), ClusterId(3)]);
}

#[test]
fn gobgp_class_routes_that_are_not_reflected_carry_neither() {
    // RFC 4456 §8: eBGP-learned and own routes are not reflected, whoever hears them.
    let attrs = route().originator_id(RouterId(9)).prepend_cluster(ClusterId(3)).build();
    for (from, to) in
        [(External, Client), (External, NonClient), (Local, Client), (Client, External), (External, External)]
    {
        let out = sent(to, &attrs, from);
        assert_eq!((out.originator_id(), out.cluster_list().len()), (None, 0), "{from:?} to {to:?}");
    }
}

#[test]
fn external_peers_hear_what_may_leave_the_as() {
    // RFC 4271 §5.1.2 to 5.1.5, RFC 4360 §6
    let ext = [0x00, 2, 0, 1, 0, 0, 0, 1, 0x40, 2, 0, 1, 0, 0, 0, 2];
    let attrs = route().set_raw(AttrCode::EXT_COMMUNITIES, 0, &ext).build();
    let out = sent(External, &attrs, Client);
    assert_eq!(out.as_path().to_string(), "64512 65001");
    assert_eq!((out.local_pref(), out.med(), out.next_hop()), (None, None, Some(OWN)));
    assert_eq!(out.ext_communities().map(|c| c.0[7]).collect::<Vec<_>>(), [1]);
    let inside = sent(Client, &attrs, NonClient);
    assert_eq!(inside.ext_communities().len(), 2);
}

#[test]
fn own_routes_get_what_is_mandatory() {
    // RFC 4271 §5: ORIGIN, AS_PATH, NEXT_HOP, and LOCAL_PREF inside.
    let bare = AttrBuilder::new().med(7).build();
    let inside = sent(Client, &bare, Local);
    assert_eq!((inside.local_pref(), inside.next_hop(), inside.med()), (Some(100), Some(OWN), Some(7)));
    assert!(inside.raw(AttrCode::AS_PATH).is_some() && inside.raw(AttrCode::ORIGIN).is_some());
    let outside = sent(External, &bare, Local);
    assert_eq!((outside.as_path().to_string().as_str(), outside.med()), ("64512", Some(7)));
}

#[test]
fn rfc4271_5_unknown_attributes_end_here_or_go_on_marked() {
    let attrs = route().set_raw(AttrCode(99), 0xc0, &[1]).set_raw(AttrCode(98), 0x80, &[2]).build();
    for to in [External, Client] {
        let out = sent(to, &attrs, External);
        assert_eq!(out.raw(AttrCode(99)).map(|attr| attr.flags), Some(0xe0));
        assert_eq!(out.raw(AttrCode(98)), None);
    }
}

#[test]
fn what_the_policy_sets_is_not_taken_away() {
    let chosen = NextHop::V4(Ipv4Addr::new(203, 0, 113, 5));
    let policy = edits(vec![Edit::Med(9), Edit::NextHop(chosen), Edit::Prepend(vec![Asn(64512); 2])]);
    let out = send(&key(External), &policy, &route().build(), Client).unwrap();
    assert_eq!((out.med(), out.next_hop()), (Some(9), Some(chosen)));
    assert_eq!(out.as_path().to_string(), "64512 64512 64512 65001");
    let policy = edits(vec![Edit::AddCommunities(vec![Community::NO_ADVERTISE.into()])]);
    assert_eq!(send(&key(Client), &policy, &route().build(), External), None);
}

#[test]
fn what_the_policy_sets_is_sent_although_the_route_had_it_already() {
    let policy = edits(vec![Edit::Med(30), Edit::NextHop(THEIRS)]);
    let attrs = route().med(30).next_hop(THEIRS).build();
    let key = GroupKey { next_hop: NextHopRule::Own, ..key(External) };
    let out = send(&key, &policy, &attrs, External).unwrap();
    assert_eq!((out.med(), out.next_hop()), (Some(30), Some(THEIRS)));
}

#[test]
fn next_hop_follows_the_rule_of_the_group() {
    // RFC 4271 §5.1.3, RFC 4456 §10
    let cases = [
        (NextHopRule::Auto, External, External, OWN),
        (NextHopRule::Auto, Client, External, THEIRS),
        (NextHopRule::Own, Client, External, OWN),
        (NextHopRule::Own, Client, Client, THEIRS),
        (NextHopRule::Keep, External, Client, THEIRS),
    ];
    for (rule, to, from, expected) in cases {
        let key = GroupKey { next_hop: rule, ..key(to) };
        let out = send(&key, &Policy::accept(), &route().build(), from).unwrap();
        assert_eq!(out.next_hop(), Some(expected), "{rule:?} {from:?} to {to:?}");
    }
}

#[test]
fn routes_no_member_could_use_are_not_told() {
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let attrs = route().next_hop(NextHop::V6(v6)).build();
    assert_eq!(send(&key(Client), &Policy::accept(), &attrs, Client), None);
    let mut capable = key(Client);
    capable.wire.extended_next_hop = true;
    let out = send(&capable, &Policy::accept(), &attrs, Client).unwrap();
    assert_eq!(out.next_hop(), Some(NextHop::V6(v6)));
    let nameless = GroupKey { local_next_hop: None, ..key(External) };
    assert_eq!(send(&nameless, &Policy::accept(), &route().build(), Client), None);
}

#[test]
fn rfc2545_3_link_local_addresses_stay_on_their_link() {
    let global = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let own = NextHop::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
    let key = GroupKey { family: Family::IPV6_UNICAST, local_next_hop: Some(own), ..key(Client) };
    let through = |next_hop| {
        let attrs = route().next_hop(next_hop).build();
        send(&key, &Policy::accept(), &attrs, External).unwrap().next_hop()
    };
    assert_eq!(through(NextHop::V6WithLinkLocal { global, link_local }), Some(NextHop::V6(global)));
    assert_eq!(through(NextHop::V6(link_local)), Some(own));
}

#[test]
fn routes_through_the_members_as_are_held_back_where_asked() {
    let key = GroupKey { loop_asn: Some(Asn(65001)), ..key(External) };
    assert_eq!(send(&key, &Policy::accept(), &route().build(), Client), None);
}

#[test]
fn whatever_holds_a_route_back_is_named() {
    let source = |role| Source { role, router_id: RouterId(500) };
    let plain = route().build();
    let kept = route().communities([Community::NO_EXPORT]).build();
    let marking = edits(vec![Edit::AddCommunities(vec![Community::NO_EXPORT.into()])]);
    let nowhere = GroupKey { local_next_hop: None, ..key(External) };
    let looped = GroupKey { loop_asn: Some(Asn(65001)), ..key(External) };
    let by = |list: &str| Some(Decider { list: list.into(), rule: 0 });
    let (accept, reject) = (Policy::accept(), Policy::reject());
    let cases = [
        (key(External), &accept, &plain, Client, Ok(by("accept"))),
        (key(External), &edits(Vec::new()), &plain, Client, Ok(by("edits"))),
        (key(NonClient), &accept, &plain, NonClient, Err(HeldBack::NotReflected)),
        (key(External), &accept, &kept, Client, Err(HeldBack::Community)),
        (key(External), &marking, &plain, Client, Err(HeldBack::Community)),
        (looped, &accept, &plain, Client, Err(HeldBack::OwnAs)),
        (key(External), &reject, &plain, Client, Err(HeldBack::Policy(by("reject")))),
        (key(External), &Policy::new([]), &plain, Client, Err(HeldBack::Policy(None))),
        (nowhere, &accept, &plain, Client, Err(HeldBack::NextHop)),
    ];
    for (key, policy, attrs, from, expected) in cases {
        let route = subject(&key, "10.0.0.0/24".parse().unwrap(), attrs, source(from));
        let explained = Allowed::explain(&key, policy, &route, source(from));
        assert_eq!(explained.is_ok(), send(&key, policy, attrs, from).is_some());
        assert_eq!(explained, expected);
    }
}
