//! Sessions that end, graceful restart, slots and flushes.

use super::*;

fn loaded() -> Shard {
    let mut shard = shard();
    for prefix in ["10.0.0.0/24", "10.0.1.0/24", "2001:db8::/48"] {
        announce(&mut shard, 4, prefix, &mut attrs());
    }
    announce(&mut shard, 5, "10.0.0.0/24", &mut attrs());
    resolve(&mut shard, 0);
    assert_eq!(settle(&mut shard).changes.len(), 3);
    shard
}

#[test]
fn a_lost_session_takes_its_paths_along_and_every_destination_is_told() {
    let mut shard = loaded();
    shard.peer_down(PeerId(4), &[]);
    let told = settle(&mut shard);
    assert_eq!(told.changes.len(), 3);
    assert_eq!(told.best("10.0.0.0/24"), Some(PeerId(5)));
    assert_eq!(shard.peers().routes(PeerId(4), V4), Default::default());
    shard.peer_down(PeerId(5), &[]);
    settle(&mut shard);
    assert_empty(&mut shard);
    assert!(shard.forget_peer(PeerId(4)));
}

#[test]
fn dead_paths_are_out_before_they_are_swept() {
    let mut shard = loaded();
    shard.peer_down(PeerId(4), &[]);
    announce(&mut shard, 5, "10.0.1.0/24", &mut attrs());
    let mut told = Told::default();
    shard.flush(&mut told);
    assert_eq!(told.best("10.0.1.0/24"), Some(PeerId(5)));
    assert!(!shard.forget_peer(PeerId(4)));
}

#[test]
fn rfc4724_4_2_stale_paths_stay_until_end_of_rib() {
    let mut shard = loaded();
    shard.peer_down(PeerId(4), &[V4]);
    let told = settle(&mut shard);
    assert_eq!(told.changes.iter().map(|(net, _)| net.to_string()).collect::<Vec<_>>(), ["2001:db8::/48"]);
    assert_eq!(shard.peers().routes(PeerId(4), V4).stale, 2);
    assert!(shard.explain(P.parse().unwrap())[0].stale);

    shard.peer_up(PeerId(4), internal(4));
    announce(&mut shard, 4, "10.0.0.0/24", &mut attrs());
    assert_eq!(settle(&mut shard).changes, [], "the same path again is no change");
    shard.end_of_rib(PeerId(4), V4);
    let told = settle(&mut shard);
    assert_eq!(told.changes, [("10.0.1.0/24".parse().unwrap(), vec![])]);
    assert_eq!(shard.peers().routes(PeerId(4), V4).received, 1);
}

#[test]
fn rfc4724_4_2_a_second_loss_does_not_keep_stale_paths() {
    let mut shard = loaded();
    shard.peer_down(PeerId(4), &[V4]);
    shard.peer_up(PeerId(4), internal(4));
    announce(&mut shard, 4, "10.0.0.0/24", &mut attrs());
    shard.peer_down(PeerId(4), &[V4]);
    let told = settle(&mut shard);
    assert!(told.changes.contains(&("10.0.1.0/24".parse().unwrap(), vec![])));
    let routes = shard.peers().routes(PeerId(4), V4);
    assert_eq!((routes.received, routes.stale), (1, 1));
}

#[test]
fn rfc7313_refresh_sweeps_what_was_not_repeated() {
    let mut shard = loaded();
    shard.mark_stale(PeerId(4), V4);
    announce(&mut shard, 4, "10.0.1.0/24", &mut attrs());
    shard.end_of_rib(PeerId(4), V4);
    assert_eq!(settle(&mut shard).best("10.0.0.0/24"), Some(PeerId(5)));
    assert_eq!(shard.peers().routes(PeerId(4), V4).received, 1);
}

#[test]
fn epochs_come_around_without_reviving_the_dead() {
    let mut shard = loaded();
    for _ in 0..1000 {
        shard.peer_down(PeerId(4), &[]);
        shard.peer_up(PeerId(4), internal(4));
    }
    let told = settle(&mut shard);
    assert_eq!(told.best("10.0.0.0/24"), Some(PeerId(5)));
    assert_eq!(shard.peers().routes(PeerId(4), V4).received, 0);
}

#[test]
fn an_unchanged_outcome_is_not_told() {
    let mut shard = loaded();
    announce(&mut shard, 4, "10.0.0.0/24", attrs().med(9));
    announce(&mut shard, 4, "10.0.0.0/24", &mut attrs());
    shard.withdraw(PeerId(4), &block("10.0.1.0/24"));
    announce(&mut shard, 4, "10.0.1.0/24", &mut attrs());
    announce(&mut shard, 5, "10.0.1.0/24", &mut attrs());
    assert_eq!(settle(&mut shard).changes, []);
}

#[test]
fn a_remembered_destination_keeps_its_slot() {
    let mut shard = loaded();
    let mut told = Told { hold: true, ..Told::default() };
    shard.withdraw(PeerId(4), &block("10.0.1.0/24"));
    shard.flush(&mut told);
    assert_eq!(told.held.len(), 1);
    assert_eq!(shard.destinations().ipv4, 2);
    announce(&mut shard, 4, "10.9.0.0/24", &mut attrs());
    shard.flush(&mut told);
    assert_eq!(shard.destinations().ipv4, 3, "the slot was not given to another prefix");
    told.release(&mut shard);
    assert_eq!(shard.destinations().ipv4, 2);
    // Given back twice is given back once.
    shard.free_dests(V4, &[DestId(1), DestId(1), DestId(7)]);
    assert_eq!(shard.destinations().ipv4, 2);
}

#[test]
fn replay_tells_every_choice_once() {
    let mut shard = loaded();
    // One destination is waiting for a flush: told by that one although nothing changes.
    announce(&mut shard, 4, "10.0.1.0/24", attrs().med(9));
    announce(&mut shard, 4, "10.0.1.0/24", &mut attrs());
    let mut told = Told::default();
    let mut from = Some(DestId(0));
    while let Some(at) = from {
        from = shard.replay(V4, at, 1, &mut told);
    }
    assert_eq!(told.changes.len(), 1);
    shard.flush(&mut told);
    assert_eq!(told.changes.len(), 2);
    assert_eq!(told.table.len(), 2);
}

#[test]
fn reads_show_routes_and_candidates_in_pieces() {
    let mut shard = loaded();
    let mut seen = Vec::new();
    let mut from = Some(DestId(0));
    while let Some(at) = from {
        from = shard.scan(V4, at, 1, &mut |route| {
            seen.push((route.prefix.to_string(), route.multipath.len(), route.paths().count()));
        });
    }
    assert_eq!(seen, [("10.0.0.0/24".into(), 1, 2), ("10.0.1.0/24".into(), 1, 1)]);
    let matched = |shard: &Shard, net: &str| shard.longest_match(net.parse().unwrap()).map(|n| n.to_string());
    assert_eq!(matched(&shard, "10.0.1.7/32"), Some("10.0.1.0/24".into()));
    assert_eq!(matched(&shard, "10.0.2.7/32"), None);
    announce(&mut shard, 4, "10.0.0.0/8", &mut attrs());
    settle(&mut shard);
    assert_eq!(matched(&shard, "10.0.2.7/32"), Some("10.0.0.0/8".into()));
}

#[test]
fn nobody_flushing_does_not_pile_up_attributes() {
    let mut shard = loaded();
    for med in 0..200_000 {
        announce(&mut shard, 4, "10.0.1.0/24", attrs().med(med));
    }
    assert!(shard.attrs().len() < 70_000, "{}", shard.attrs().len());
    let told = settle(&mut shard);
    assert_eq!(told.changes.len(), 1);
    assert_eq!(told.table.values().next().unwrap()[0].1.med(), Some(199_999));
    assert_eq!(shard.attrs().len(), 2);
}

#[test]
fn one_peer_cannot_fill_a_destination_without_bound() {
    let mut shard = shard();
    for id in 0..5000 {
        shard.announce(PeerId(4), &block_with_id(P, id), &attrs().build());
    }
    assert_eq!(shard.peers().routes(PeerId(4), V4).received, 4096);
    assert_eq!(shard.refused(), 5000 - 4096);
    shard.peer_down(PeerId(4), &[]);
    settle(&mut shard);
    assert_empty(&mut shard);
}

#[test]
fn updates_of_any_size_and_mixture_are_taken_in_order() {
    let keys = |range: std::ops::Range<u32>| range.map(|n| V4Key::new(0x0a00_0000 + (n << 8), 24).unwrap());
    let many = NlriBlock::from_keys(keys(1..1001));
    let few = NlriBlock::from_keys(keys(1..101));
    let set = attrs().build();
    let mut shard = shard();
    announce(&mut shard, 4, P, &mut attrs());
    resolve(&mut shard, 0);
    let mut updates = vec![
        Ingest::Announce(many.clone(), set.clone()),
        Ingest::Withdraw(few.clone()),
        Ingest::Announce(block("2001:db8::/48"), set),
        Ingest::Withdraw(block(P)),
        Ingest::Announce(few, attrs().med(5).build()),
    ];
    shard.ingest(PeerId(4), &mut updates);
    assert!(updates.is_empty());
    let told = settle(&mut shard);
    assert_eq!(told.changes.len(), 1001);
    let with_med = told.table.values().filter(|paths| paths[0].1.med() == Some(5)).count();
    assert_eq!(with_med, 100);
    shard.ingest(PeerId(4), &mut vec![Ingest::Withdraw(many), Ingest::Withdraw(block("2001:db8::/48"))]);
    settle(&mut shard);
    assert_empty(&mut shard);
}

#[test]
fn a_path_announced_again_before_it_was_swept_takes_part_again() {
    let mut shard = loaded();
    shard.peer_down(PeerId(4), &[]);
    // The destination is decided without the dead path, for another reason than the sweep.
    announce(&mut shard, 5, "10.0.0.0/24", attrs().med(1));
    let mut told = Told::default();
    shard.flush(&mut told);
    assert_eq!(told.best("10.0.0.0/24"), Some(PeerId(5)));
    announce(&mut shard, 4, "10.0.0.0/24", &mut attrs());
    shard.flush(&mut told);
    assert_eq!(told.best("10.0.0.0/24"), Some(PeerId(4)));
    assert_eq!(shard.peers().routes(PeerId(4), V4).received, 1);
}
