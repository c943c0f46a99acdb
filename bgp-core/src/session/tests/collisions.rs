//! Two connections at once, through whole sessions (RFC 4271 §6.8, RFC 4724 §5).

use super::*;

/// The peer has the higher identifier, so connections it opened are preferred; else ours are.
fn peer_with(higher: bool) -> Open {
    Open { router_id: RouterId(if higher { 0x0a00_00ff } else { 1 }), ..peer_open() }
}

/// Both connections stand, no OPEN has come.
fn two() -> (Bench, ConnId, ConnId) {
    let mut bench = Bench::started(config());
    let incoming = bench.connect(Direction::Incoming);
    let outgoing = bench.connect(Direction::Outgoing);
    assert_eq!(bench.sent_kinds(incoming), [MessageKind::Open]);
    assert_eq!(bench.sent_kinds(outgoing), [MessageKind::Open]);
    (bench, incoming, outgoing)
}

fn survivor(bench: &mut Bench, winner: ConnId, loser: ConnId) {
    assert_eq!(bench.notified_code(loser), Some((6, cease::COLLISION)));
    assert!(bench.closed(loser) && !bench.closed(winner));
    bench.bytes(winner, &keepalive());
    assert_eq!(bench.up().unwrap().conn(), winner);
    assert_eq!(bench.session.state(), State::Established);
}

#[test]
fn rfc4271_6_8_the_connection_of_the_higher_identifier_survives_whichever_open_comes_first() {
    for higher in [false, true] {
        for loser_first in [false, true] {
            let (mut bench, incoming, outgoing) = two();
            let (winner, loser) = if higher { (incoming, outgoing) } else { (outgoing, incoming) };
            if loser_first {
                bench.open(loser, &peer_with(higher));
                assert!(!bench.closed(loser) && !bench.closed(winner));
                // The loser is not confirmed while the winner may still speak.
                assert_eq!(bench.sent_kinds(loser), [MessageKind::Open]);
            }
            bench.open(winner, &peer_with(higher));
            survivor(&mut bench, winner, loser);
        }
    }
}

#[test]
fn a_preferred_connection_that_stays_silent_does_not_block_the_other() {
    for confirmed in [false, true] {
        let (mut bench, incoming, outgoing) = two();
        bench.open(incoming, &peer_with(false));
        if confirmed {
            bench.bytes(incoming, &keepalive());
            assert_eq!(bench.session.state(), State::OpenConfirm);
        }
        bench.advance(secs(1));
        assert_eq!(bench.notified_code(outgoing), Some((6, cease::COLLISION)));
        assert_eq!(bench.sent_kinds(incoming), [MessageKind::Open, MessageKind::Keepalive]);
        if !confirmed {
            bench.bytes(incoming, &keepalive());
        }
        assert_eq!(bench.up().unwrap().conn(), incoming);
    }
}

#[test]
fn a_preferred_connection_that_breaks_frees_the_other_at_once() {
    let (mut bench, incoming, outgoing) = two();
    bench.open(incoming, &peer_with(false));
    bench.bytes(incoming, &keepalive());
    bench.input(Input::Closed(outgoing));
    assert_eq!(bench.up().unwrap().conn(), incoming);
}

#[test]
fn a_peer_that_never_sends_open_does_not_block_its_next_connection() {
    // BIRD holds the slot of such a peer for 240 s.
    let mut bench = Bench::started(PeerConfig { passive: true, ..config() });
    let first = bench.connect(Direction::Incoming);
    let second = bench.connect(Direction::Incoming);
    assert_eq!(bench.notified_code(first), Some((6, cease::COLLISION)));
    bench.open(second, &peer_open());
    bench.bytes(second, &keepalive());
    assert_eq!(bench.up().unwrap().conn(), second);
}

#[test]
fn a_silent_incoming_connection_does_not_keep_us_from_dialling() {
    let mut bench = Bench::started(config());
    bench.input(Input::ConnectFailed);
    bench.connect(Direction::Incoming);
    bench.advance(secs(5));
    assert_eq!(bench.dials(), 2);
    let outgoing = bench.connect(Direction::Outgoing);
    bench.open(outgoing, &peer_with(false));
    bench.bytes(outgoing, &keepalive());
    assert_eq!(bench.up().unwrap().conn(), outgoing);
}

#[test]
fn the_newer_of_two_connections_of_the_peer_survives_before_established() {
    let mut bench = Bench::started(PeerConfig { passive: true, ..config() });
    let old = bench.connect(Direction::Incoming);
    bench.open(old, &peer_open());
    let new = bench.connect(Direction::Incoming);
    assert!(!bench.closed(old));
    bench.open(new, &peer_open());
    survivor(&mut bench, new, old);
}

#[test]
fn a_third_connection_takes_the_place_of_a_silent_one_or_none() {
    let (mut bench, incoming, outgoing) = two();
    let third = bench.connect(Direction::Incoming);
    assert!(bench.closed(incoming) && !bench.closed(outgoing));
    bench.open(third, &peer_with(false));
    let fourth = bench.connect(Direction::Incoming);
    assert_eq!(bench.notified_code(fourth), Some((6, cease::COLLISION)));
    assert!(!bench.closed(third));
}

#[test]
fn rfc4271_6_8_an_established_session_outlives_a_collision() {
    for higher in [false, true] {
        let (mut bench, conn) = Bench::established(config(), &peer_with(higher));
        let new = bench.connect(Direction::Incoming);
        assert_eq!(bench.sent_kinds(new), [MessageKind::Open]);
        bench.open(new, &peer_with(higher));
        assert_eq!(bench.notified_code(new), Some((6, cease::COLLISION)));
        assert!(!bench.closed(conn));
        assert_eq!(bench.session.state(), State::Established);
    }
}

#[test]
fn confirming_stops_dialling_and_closes_what_comes_late() {
    let mut bench = Bench::started(config());
    let incoming = bench.connect(Direction::Incoming);
    bench.open(incoming, &peer_with(false));
    // Ours would be preferred, but our KEEPALIVE may have established the peer already.
    assert_eq!(bench.count(|output| matches!(output, Output::CancelConnect)), 1);
    let late = bench.connect(Direction::Outgoing);
    assert!(bench.closed(late));

    let (mut bench, incoming, outgoing) = two();
    bench.open(incoming, &peer_with(true));
    assert!(bench.closed(outgoing));
    bench.bytes(incoming, &keepalive());
    bench.advance_alive(incoming, secs(100));
    assert_eq!(bench.dials(), 1);
}

#[test]
fn rfc4724_5_a_restarted_peer_takes_over_with_its_new_connection() {
    let (mut bench, old) = Bench::established(config(), &restart_open(true, false));
    let new = bench.connect(Direction::Incoming);
    assert!(bench.down().is_none(), "an unproven connection changes nothing");
    bench.open(new, &restart_open(true, false));
    assert!(bench.down().is_none(), "it may be a leftover that the peer closes in a moment");
    bench.advance(secs(1));
    let down = bench.down().unwrap();
    assert_eq!((down.conn, &down.reason, down.retain), (old, &Reason::PeerRestarted, BOTH));
    assert!(bench.closed(old) && bench.notified(old).is_none());
    bench.bytes(new, &keepalive());
    assert_eq!(bench.up().unwrap().conn(), new);
    assert_eq!((bench.flushed(), bench.session.stale()), (vec![], BOTH));
}

#[test]
fn a_leftover_of_a_collision_is_no_restart() {
    // Ours was established while the peer's connection was still on its way.
    let (mut bench, _) = Bench::established(config(), &restart_open(true, false));
    let late = bench.connect(Direction::Incoming);
    bench.open(late, &restart_open(true, false));
    bench.bytes(late, &raw(3, &[6, 7]));
    bench.advance(secs(2));
    assert_eq!((bench.session.state(), bench.down()), (State::Established, None));
}

#[test]
fn a_lost_collision_is_no_failure() {
    let (mut bench, incoming, outgoing) = two();
    bench.bytes(outgoing, &raw(3, &[6, 7]));
    bench.input(Input::Closed(incoming));
    assert_eq!(bench.session.state(), State::Active);
    bench.advance(secs(5));
    assert_eq!(bench.dials(), 2);
}
