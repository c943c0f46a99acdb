//! RFC 4271 §9.1.2.2 and RFC 4456 §9, one step at a time.

use super::*;

/// Two paths for one prefix; the first peer must win for `reason`, whatever the order of arrival.
fn duel(winner: (u16, AttrBuilder), loser: (u16, AttrBuilder), reason: Reason) {
    let sides = [winner, loser];
    for order in [[0, 1], [1, 0]] {
        let mut shard = shard();
        for side in order {
            let (peer, mut attrs) = sides[side].clone();
            announce(&mut shard, peer, P, &mut attrs);
        }
        resolve(&mut shard, 10);
        let told = settle(&mut shard);
        assert_eq!(told.best(P), Some(PeerId(sides[0].0)), "{reason:?} in order {order:?}");
        assert_eq!(reasons(&shard, P), [(sides[0].0, Reason::Best), (sides[1].0, reason)]);
    }
}

fn with(edit: impl FnOnce(&mut AttrBuilder) -> &mut AttrBuilder) -> AttrBuilder {
    let mut builder = attrs();
    edit(&mut builder);
    builder
}

#[test]
fn rfc4271_9_1_1_higher_local_pref_wins_and_its_default_is_100() {
    duel((5, with(|a| a.local_pref(200))), (4, with(|a| a.local_pref(100))), Reason::LocalPref);
    duel((5, attrs()), (4, with(|a| a.local_pref(99))), Reason::LocalPref);
    duel((5, with(|a| a.local_pref(101))), (4, attrs()), Reason::LocalPref);
    duel((5, with(|a| a.local_pref(u32::MAX))), (4, with(|a| a.local_pref(1 << 31))), Reason::LocalPref);
}

#[test]
fn own_routes_win_over_learned_ones_of_equal_local_pref() {
    let own = with(|a| a.as_path(&[]).origin(Origin::Incomplete));
    duel((0, own.clone()), (4, with(|a| a.as_path(&[]))), Reason::LocalOrigin);
    duel((4, with(|a| a.local_pref(101))), (0, own), Reason::LocalPref);
}

#[test]
fn rfc4271_9_1_2_2_a_shorter_as_path_wins() {
    let long = with(|a| a.as_sequence(&[Asn(65001), Asn(65009)]));
    duel((3, attrs()), (1, long), Reason::AsPathLength);
    // A set counts one, however many are in it.
    let mut segments = vec![2, 1];
    segments.extend(65001u32.to_be_bytes());
    segments.extend([1, 2]);
    segments.extend([65007u32, 65008].iter().flat_map(|asn| asn.to_be_bytes()));
    let longer = with(|a| a.as_sequence(&[Asn(65001), Asn(65009), Asn(65010)]));
    duel((3, with(|a| a.as_path(&segments))), (1, longer), Reason::AsPathLength);
}

#[test]
fn rfc4271_9_1_2_2_b_lower_origin_wins() {
    duel((3, attrs()), (1, with(|a| a.origin(Origin::Egp))), Reason::Origin);
    duel((3, with(|a| a.origin(Origin::Egp))), (1, with(|a| a.origin(Origin::Incomplete))), Reason::Origin);
}

#[test]
fn rfc4271_9_1_2_2_c_lower_med_wins_within_a_neighbouring_as() {
    duel((2, with(|a| a.med(10))), (1, with(|a| a.med(20))), Reason::Med);
    // Missing means 0.
    duel((2, attrs()), (1, with(|a| a.med(1))), Reason::Med);
    // Another neighbouring AS: not compared, the router id decides.
    let other = with(|a| a.as_sequence(&[Asn(65002)]).med(5));
    duel((1, with(|a| a.med(20))), (3, other), Reason::RouterId);
}

#[test]
fn med_is_compared_across_neighbours_when_told_so() {
    let mut shard = shard();
    announce(&mut shard, 1, P, attrs().med(20));
    announce(&mut shard, 3, P, attrs().as_sequence(&[Asn(65002)]).med(5));
    resolve(&mut shard, 0);
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(1)));
    shard.set_decision(DecisionConfig { always_compare_med: true, multipath: 1 });
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(3)));
    assert_eq!(reasons(&shard, P), [(3, Reason::Best), (1, Reason::Med)]);
}

#[test]
fn med_eliminates_whole_groups_independent_of_arrival() {
    // Pairwise comparison would cycle: a beats b by MED, b beats c by router id, c beats a by router id.
    let a = (5, with(|x| x.med(10)));
    let b = (1, with(|x| x.med(20)));
    let c = (3, with(|x| x.as_sequence(&[Asn(65002)]).med(5)));
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let mut shard = shard();
        // Peer 5 as external so that only MED and router id are in play.
        shard.peer_changed(PeerId(5), external(9, 65001));
        for side in order {
            let (peer, mut attrs) = [&a, &b, &c][side].clone();
            announce(&mut shard, peer, P, &mut attrs);
            resolve(&mut shard, 0);
            settle(&mut shard);
        }
        assert_eq!(reasons(&shard, P), [(3, Reason::Best), (1, Reason::Med), (5, Reason::RouterId)]);
    }
}

#[test]
fn rfc4271_9_1_2_2_d_external_wins_over_internal() {
    // Although the router id of the internal one is lower.
    duel((3, attrs()), (4, with(|a| a.originator_id(RouterId(1)))), Reason::Internal);
}

#[test]
fn rfc4271_9_1_2_2_e_cheaper_next_hop_wins() {
    let mut shard = shard();
    announce(&mut shard, 4, P, &mut attrs());
    announce(&mut shard, 5, P, attrs().next_hop(next_hop(2)));
    shard.take_wanted_next_hops();
    let cost = |n, metric| (next_hop(n).addr(), NextHopState::Reachable { metric });
    shard.set_next_hops(&[cost(1, 20), cost(2, 10)]);
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(5)));
    assert_eq!(reasons(&shard, P), [(5, Reason::Best), (4, Reason::NextHopCost)]);
    shard.set_next_hops(&[cost(1, 5)]);
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(4)));
}

#[test]
fn rfc4456_9_originator_id_stands_for_the_router_id() {
    duel((4, attrs()), (5, attrs()), Reason::RouterId);
    duel((5, with(|a| a.originator_id(RouterId(1)))), (4, attrs()), Reason::RouterId);
    duel((4, attrs()), (5, with(|a| a.originator_id(RouterId(u32::MAX)))), Reason::RouterId);
}

#[test]
fn rfc4456_9_shorter_cluster_list_wins() {
    let reflected = |clusters: &[u32]| {
        let mut attrs = attrs();
        attrs.originator_id(RouterId(7));
        for id in clusters {
            attrs.prepend_cluster(ClusterId(*id));
        }
        attrs
    };
    duel((5, reflected(&[1])), (4, reflected(&[1, 2])), Reason::ClusterListLength);
    duel((4, reflected(&[1])), (5, reflected(&[2])), Reason::PeerAddress);
}

#[test]
fn rfc4271_9_1_2_2_g_lowest_peer_address_wins_last() {
    let mut shard = shard();
    let twin = PeerInfo { router_id: internal(4).router_id, ..internal(5) };
    shard.peer_changed(PeerId(5), twin);
    announce(&mut shard, 5, P, &mut attrs());
    announce(&mut shard, 4, P, &mut attrs());
    resolve(&mut shard, 0);
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(4)));
    assert_eq!(reasons(&shard, P), [(4, Reason::Best), (5, Reason::PeerAddress)]);
}

#[test]
fn paths_of_one_peer_are_told_apart_by_path_id() {
    let mut shard = shard();
    for id in [7, 3, 5] {
        shard.announce(PeerId(4), &block_with_id(P, id), &attrs().build());
    }
    resolve(&mut shard, 0);
    let told = settle(&mut shard);
    assert_eq!(told.changes[0].1[0].path_id, PathId(3));
    assert_eq!(shard.peers().routes(PeerId(4), V4).received, 3);
    shard.withdraw(PeerId(4), &block_with_id(P, 3));
    assert_eq!(settle(&mut shard).changes[0].1[0].path_id, PathId(5));
}

#[test]
fn equal_paths_are_kept_for_forwarding_up_to_the_limit() {
    let mut shard = shard_with(ShardConfig {
        decision: DecisionConfig { multipath: 2, ..config().decision },
        ..config()
    });
    announce(&mut shard, 1, P, &mut attrs());
    announce(&mut shard, 2, P, attrs().next_hop(next_hop(2)));
    announce(&mut shard, 3, P, attrs().as_sequence(&[Asn(65002)]).next_hop(next_hop(3)));
    announce(&mut shard, 4, P, attrs().next_hop(next_hop(4)));
    resolve(&mut shard, 0);
    settle(&mut shard);
    let expected = [(1, Reason::Best), (2, Reason::Multipath), (3, Reason::RouterId), (4, Reason::Internal)];
    assert_eq!(reasons(&shard, P), expected);
    shard.set_decision(DecisionConfig { multipath: 16, ..config().decision });
    let told = settle(&mut shard);
    assert_eq!(told.changes[0].1.iter().map(|b| b.peer.0).collect::<Vec<_>>(), [1, 2, 3]);
    // A change of the set alone is told, too.
    shard.withdraw(PeerId(2), &block(P));
    let told = settle(&mut shard);
    assert_eq!(told.changes[0].1.iter().map(|b| b.peer.0).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn two_paths_through_one_next_hop_count_once_for_forwarding() {
    let mut shard = shard_with(ShardConfig {
        decision: DecisionConfig { multipath: 16, ..config().decision },
        ..config()
    });
    announce(&mut shard, 4, P, &mut attrs());
    announce(&mut shard, 5, P, &mut attrs());
    resolve(&mut shard, 0);
    assert_eq!(settle(&mut shard).changes[0].1.len(), 1);
    assert_eq!(reasons(&shard, P), [(4, Reason::Best), (5, Reason::RouterId)]);
}
