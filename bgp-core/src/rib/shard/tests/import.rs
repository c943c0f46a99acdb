//! What may come in.

use super::*;
use crate::policy::{Action, Edit, MADE, Match, PrefixMatch, PrefixTest, Rule, RuleList};
use crate::types::attr::Community;

/// The path replaces an accepted one and must have taken it out of the running for `reason`.
fn refused(peer: u16, mut bad: AttrBuilder, reason: Reason) {
    let mut shard = shard();
    announce(&mut shard, peer, P, &mut attrs());
    resolve(&mut shard, 0);
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(peer)), "the good path");
    announce(&mut shard, peer, P, &mut bad);
    resolve(&mut shard, 0);
    let told = settle(&mut shard);
    assert_eq!(told.changes, [(P.parse().unwrap(), vec![])], "{reason:?}");
    assert_eq!(reasons(&shard, P), [(peer, reason)]);
    let routes = shard.peers().routes(PeerId(peer), V4);
    assert_eq!((routes.received, routes.accepted, routes.best), (1, 0, 0));
    shard.withdraw(PeerId(peer), &block(P));
    settle(&mut shard);
    assert_empty(&mut shard);
}

fn with(edit: impl FnOnce(&mut AttrBuilder) -> &mut AttrBuilder) -> AttrBuilder {
    let mut builder = attrs();
    edit(&mut builder);
    builder
}

#[test]
fn rfc4271_9_1_2_a_looped_replacement_withdraws() {
    refused(1, with(|a| a.as_sequence(&[Asn(65001), OWN_AS])), Reason::AsLoop);
    refused(4, with(|a| a.as_sequence(&[OWN_AS])), Reason::AsLoop);
}

#[test]
fn rfc4456_8_own_originator_and_cluster_are_loops() {
    refused(4, with(|a| a.originator_id(config().router_id)), Reason::OriginatorLoop);
    refused(
        4,
        with(|a| a.prepend_cluster(config().cluster_id).prepend_cluster(ClusterId(9))),
        Reason::ClusterLoop,
    );
}

#[test]
fn rfc4271_6_3_first_as_must_be_the_peers() {
    let mut shard = shard();
    let strict = PeerInfo { enforce_first_as: true, ..external(3, 65002) };
    shard.peer_changed(PeerId(3), strict);
    announce(&mut shard, 3, P, &mut attrs());
    settle(&mut shard);
    assert_eq!(reasons(&shard, P), [(3, Reason::FirstAs)]);
    announce(&mut shard, 3, P, attrs().as_sequence(&[Asn(65002), Asn(65001)]));
    resolve(&mut shard, 0);
    settle(&mut shard);
    assert_eq!(reasons(&shard, P), [(3, Reason::Best)]);
}

#[test]
fn rfc4271_6_3_next_hops_that_are_no_host_are_refused() {
    for addr in ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"] {
        let addr: Ipv4Addr = addr.parse().unwrap();
        refused(1, with(|a| a.next_hop(NextHop::V4(addr))), Reason::NextHopInvalid);
    }
    for addr in ["::", "::1", "ff02::1", "fe80::1"] {
        refused(1, with(|a| a.next_hop(NextHop::V6(addr.parse().unwrap()))), Reason::NextHopInvalid);
    }
}

#[test]
fn a_link_local_next_hop_needs_a_session_on_its_link_and_no_resolution() {
    let mut shard = shard();
    shard.peer_changed(PeerId(1), PeerInfo { scope: 3, ..external(1, 65001) });
    announce(&mut shard, 1, P, attrs().next_hop(NextHop::V6("fe80::1".parse().unwrap())));
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(1)));
    assert_eq!(shard.take_wanted_next_hops(), Default::default());
}

#[test]
fn allowed_occurrences_of_the_own_as_pass() {
    let mut shard = shard();
    shard.peer_changed(PeerId(1), PeerInfo { allow_own_asn: 1, ..external(1, 65001) });
    announce(&mut shard, 1, P, attrs().as_sequence(&[Asn(65001), OWN_AS]));
    resolve(&mut shard, 0);
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(1)));
    announce(&mut shard, 1, P, attrs().as_sequence(&[Asn(65001), OWN_AS, OWN_AS]));
    assert_eq!(settle(&mut shard).best(P), None);
}

#[test]
fn rfc4271_5_1_5_local_pref_of_an_external_peer_is_ignored() {
    let mut shard = shard();
    announce(&mut shard, 3, P, attrs().local_pref(500).originator_id(config().router_id));
    announce(&mut shard, 1, P, &mut attrs());
    resolve(&mut shard, 0);
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(1)));
    assert_eq!(reasons(&shard, P), [(1, Reason::Best), (3, Reason::RouterId)]);
}

fn policy(rules: Vec<Rule>) -> Arc<Policy> {
    Arc::new(Policy::new([Arc::new(RuleList { name: "test".into(), rules })]))
}

fn within(net: &str) -> Match {
    Match::Prefix(vec![PrefixMatch { prefix: net.parse().unwrap(), test: PrefixTest::In }])
}

#[test]
fn a_policy_change_reaches_paths_already_here() {
    let mut shard = shard();
    shard.set_policy(PolicyId(2), Arc::new(Policy::accept()));
    shard.peer_changed(PeerId(1), PeerInfo { import: PolicyId(2), ..external(1, 65001) });
    for prefix in ["10.0.0.0/24", "10.1.0.0/24", "2001:db8::/48"] {
        announce(&mut shard, 1, prefix, &mut attrs());
        announce(&mut shard, 3, prefix, attrs().as_sequence(&[Asn(65002)]));
    }
    resolve(&mut shard, 0);
    assert_eq!(settle(&mut shard).changes.len(), 3);

    let deny = Rule { matches: vec![within("10.0.0.0/16")], edits: vec![], action: Action::Reject };
    let lower = Rule { matches: vec![], edits: vec![Edit::LocalPref(50)], action: Action::Accept };
    shard.set_policy(PolicyId(2), policy(vec![deny, lower]));
    let told = settle(&mut shard);
    assert_eq!(told.changes.len(), 3);
    assert!(told.table.values().all(|paths| paths[0].0.peer == PeerId(3)));
    assert_eq!(reasons(&shard, "10.0.0.0/24"), [(3, Reason::Best), (1, Reason::Policy)]);
    assert_eq!(reasons(&shard, "10.1.0.0/24"), [(3, Reason::Best), (1, Reason::LocalPref)]);
    assert_eq!(reasons(&shard, "2001:db8::/48"), [(3, Reason::Best), (1, Reason::LocalPref)]);
    let rule = |net: &str| {
        let import = shard.explain(net.parse().unwrap()).pop().unwrap().import;
        import.and_then(|(_, by)| Some((by.as_ref()?.list.to_string(), by?.rule)))
    };
    assert_eq!(rule("10.0.0.0/24"), Some(("test".to_owned(), 0)));
    assert_eq!(rule("10.1.0.0/24"), Some(("test".to_owned(), 1)));

    // New routes meet the same policy, and the received attributes are still there for the next one.
    announce(&mut shard, 1, "10.1.1.0/24", &mut attrs());
    settle(&mut shard);
    let view = shard.explain("10.1.1.0/24".parse().unwrap()).remove(0);
    assert_eq!(view.received.local_pref(), None);
    assert_eq!(view.accepted.unwrap().local_pref(), Some(50));
    shard.set_policy(PolicyId(2), Arc::new(Policy::accept()));
    assert_eq!(settle(&mut shard).best("10.0.0.0/24"), Some(PeerId(1)));

    for peer in [1, 3] {
        shard.peer_down(PeerId(peer), &[]);
    }
    settle(&mut shard);
    assert_empty(&mut shard);
}

#[test]
fn attributes_are_made_once_for_all_prefixes_that_meet_the_same_rules() {
    let edits = |n| vec![Edit::AddCommunities(vec![Community(n).into()])];
    let marking = |n| {
        let low = Rule { matches: vec![within("10.0.0.0/16")], edits: edits(n), action: Action::Accept };
        let high = Rule { matches: vec![within("10.0.0.0/15")], edits: edits(n + 1), action: Action::Accept };
        let none = Rule { matches: vec![within("10.4.0.0/16")], edits: vec![], action: Action::Accept };
        policy(vec![low, high, none])
    };
    let mut shard = shard();
    shard.set_policy(PolicyId(2), marking(1));
    shard.peer_changed(PeerId(1), PeerInfo { import: PolicyId(2), ..external(1, 65001) });
    let keys = (0..2048).map(|n| V4Key::new(0x0a00_0000 + (n << 8), 24).unwrap());
    let block = NlriBlock::from_keys(keys);
    MADE.set(0);
    shard.announce(PeerId(1), &block, &attrs().build());
    assert_eq!(MADE.get(), 2);
    assert_eq!(shard.peers().routes(PeerId(1), V4).accepted, 3 * 256);
    assert_eq!(shard.attrs().len(), 3);

    shard.set_policy(PolicyId(2), marking(7));
    while shard.step(usize::MAX) {}
    assert_eq!(MADE.get(), 4);
    settle(&mut shard);
    let marks = |net: &str| {
        let view = shard.explain(net.parse().unwrap()).remove(0);
        view.accepted.map(|set| set.communities().iter().map(|community| community.0).collect::<Vec<_>>())
    };
    assert_eq!(marks("10.0.255.0/24"), Some(vec![7]));
    assert_eq!(marks("10.1.255.0/24"), Some(vec![8]));
    assert_eq!(marks("10.4.255.0/24"), Some(vec![]));
    assert_eq!(marks("10.2.255.0/24"), None);
    shard.withdraw(PeerId(1), &block);
    settle(&mut shard);
    assert_empty(&mut shard);
}

#[test]
fn a_policy_is_forgotten_when_its_last_peer_has_another() {
    let mut shard = shard();
    shard.set_policy(PolicyId(2), Arc::new(Policy::accept()));
    shard.peer_changed(PeerId(1), PeerInfo { import: PolicyId(2), ..external(1, 65001) });
    announce(&mut shard, 1, P, &mut attrs());
    resolve(&mut shard, 0);
    settle(&mut shard);
    shard.forget_policy(PolicyId(2));
    shard.forget_policy(PolicyId(9));
    assert_eq!(settle(&mut shard).changes, []);
    announce(&mut shard, 1, P, attrs().med(7));
    settle(&mut shard);
    assert_eq!(reasons(&shard, P), [(1, Reason::Best)], "it is still its peer's");

    shard.peer_changed(PeerId(1), external(1, 65001));
    shard.forget_policy(PolicyId(2));
    shard.peer_changed(PeerId(1), PeerInfo { import: PolicyId(2), ..external(1, 65001) });
    settle(&mut shard);
    assert_eq!(reasons(&shard, P), [(1, Reason::Policy)], "what a number without a policy stands for");
}

/// Who removes a peer says so, and that its policy has no name, before the routes are gone.
#[test]
fn a_policy_forgotten_too_early_goes_with_its_last_peer() {
    let mut shard = shard();
    let policy = Arc::new(Policy::accept());
    let of = |import| PeerInfo { import, ..external(1, 65001) };
    shard.set_policy(PolicyId(2), Arc::clone(&policy));
    shard.peer_changed(PeerId(1), of(PolicyId(2)));
    announce(&mut shard, 1, P, &mut attrs());
    shard.peer_down(PeerId(1), &[]);
    shard.forget_policy(PolicyId(2));
    assert!(!shard.forget_peer(PeerId(1)));
    assert_eq!(Arc::strong_count(&policy), 2, "still its peer's");
    settle(&mut shard);
    assert!(shard.forget_peer(PeerId(1)));
    assert_eq!(Arc::strong_count(&policy), 1);

    // The same with a peer that is given another.
    shard.set_policy(PolicyId(2), Arc::clone(&policy));
    shard.peer_up(PeerId(1), of(PolicyId(2)));
    shard.forget_policy(PolicyId(2));
    shard.peer_changed(PeerId(1), of(PolicyId::ACCEPT));
    assert_eq!(Arc::strong_count(&policy), 1);

    // Named again, it is nothing to let go of.
    shard.set_policy(PolicyId(2), Arc::clone(&policy));
    shard.peer_changed(PeerId(1), of(PolicyId(2)));
    shard.forget_policy(PolicyId(2));
    shard.set_policy(PolicyId(2), Arc::clone(&policy));
    shard.peer_changed(PeerId(1), of(PolicyId::ACCEPT));
    assert_eq!(Arc::strong_count(&policy), 2);
}

#[test]
fn routes_that_come_before_the_policy_of_their_peer_wait_for_it() {
    let mut shard = shard();
    shard.peer_up(PeerId(9), PeerInfo { import: PolicyId(9), ..external(9, 65001) });
    announce(&mut shard, 9, P, &mut attrs());
    assert_eq!(settle(&mut shard).changes, []);
    assert_eq!(reasons(&shard, P), [(9, Reason::Policy)]);
    shard.set_policy(PolicyId(9), Arc::new(Policy::accept()));
    while shard.step(3) {}
    resolve(&mut shard, 0);
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(9)));
    shard.peer_down(PeerId(9), &[]);
    settle(&mut shard);
    assert_empty(&mut shard);
}

#[test]
fn a_peer_without_policy_is_not_let_in() {
    let mut shard = shard();
    shard.peer_changed(PeerId(1), PeerInfo { import: PolicyId::REJECT, ..external(1, 65001) });
    announce(&mut shard, 1, P, &mut attrs());
    assert_eq!(settle(&mut shard).changes, []);
    assert_eq!(reasons(&shard, P), [(1, Reason::Policy)]);
    shard.withdraw(PeerId(1), &block(P));
    settle(&mut shard);
    assert_empty(&mut shard);
}

#[test]
fn rfc4271_6_3_martian_prefixes_are_left_out_and_counted() {
    let mut shard = shard();
    let both =
        NlriBlock::from_keys(["224.1.0.0/16", P].map(|net| V4Key::from_net(net.parse().unwrap()).unwrap()));
    shard.announce(PeerId(1), &both, &attrs().build());
    resolve(&mut shard, 0);
    settle(&mut shard);
    assert_eq!((shard.destinations().ipv4, shard.refused()), (1, 1));
    shard.withdraw(PeerId(1), &both);
    settle(&mut shard);
    assert_empty(&mut shard);
}
