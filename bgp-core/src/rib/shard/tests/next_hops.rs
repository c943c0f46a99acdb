//! RFC 4271 §9.1.2: a path whose next hop cannot be reached does not take part.

use super::*;

fn addr() -> IpAddr {
    next_hop(1).addr()
}

#[test]
fn a_path_waits_for_the_first_word_and_needs_no_walk_then() {
    let mut shard = shard();
    announce(&mut shard, 4, P, &mut attrs());
    assert_eq!(settle(&mut shard).changes, []);
    assert_eq!(reasons(&shard, P), [(4, Reason::NextHopUnknown)]);
    assert_eq!(shard.take_wanted_next_hops().add, [addr()]);
    assert_eq!(shard.take_wanted_next_hops(), Default::default());
    shard.set_next_hops(&[(addr(), NextHopState::Reachable { metric: 0 })]);
    assert!(!shard.is_walking(V4));
    assert_eq!(settle(&mut shard).best(P), Some(PeerId(4)));
}

#[test]
fn own_and_unreachable_next_hops_are_out() {
    let cases = [
        (NextHopState::Own, Reason::NextHopOwn),
        (NextHopState::Unreachable, Reason::NextHopUnreachable),
        (NextHopState::Unknown, Reason::NextHopUnknown),
    ];
    for (state, reason) in cases {
        let mut shard = shard();
        announce(&mut shard, 4, P, &mut attrs());
        resolve(&mut shard, 0);
        assert_eq!(settle(&mut shard).best(P), Some(PeerId(4)));
        shard.set_next_hops(&[(addr(), state)]);
        assert_eq!(settle(&mut shard).changes, [(P.parse().unwrap(), vec![])]);
        assert_eq!(reasons(&shard, P), [(4, reason)]);
        shard.set_next_hops(&[(addr(), NextHopState::Reachable { metric: 0 })]);
        assert_eq!(settle(&mut shard).best(P), Some(PeerId(4)), "{reason:?} and back");
    }
}

#[test]
fn own_routes_need_no_next_hop() {
    let mut shard = shard();
    let set = AttrBuilder::new().origin(Origin::Igp).as_path(&[]).build();
    shard.announce(PeerId::LOCAL, &block(P), &set);
    assert_eq!(settle(&mut shard).best(P), Some(PeerId::LOCAL));
}

#[test]
fn interest_ends_with_the_last_path() {
    let mut shard = shard();
    announce(&mut shard, 4, P, &mut attrs());
    announce(&mut shard, 5, P, &mut attrs());
    resolve(&mut shard, 0);
    settle(&mut shard);
    shard.withdraw(PeerId(4), &block(P));
    settle(&mut shard);
    assert_eq!(shard.take_wanted_next_hops(), Default::default());
    shard.withdraw(PeerId(5), &block(P));
    settle(&mut shard);
    assert_eq!(shard.take_wanted_next_hops().remove, [addr()]);
    // What was said about it is forgotten: it may no longer be true.
    announce(&mut shard, 4, P, &mut attrs());
    assert_eq!(settle(&mut shard).changes, []);
    assert_eq!(shard.take_wanted_next_hops().add, [addr()]);
}
