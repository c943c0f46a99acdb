//! Transitions, timers and negotiation (RFC 4271 §8, §10).

use super::*;

#[test]
fn rfc4271_8_2_2_the_active_side_goes_through_every_state() {
    let mut bench = Bench::started(config());
    assert_eq!((bench.session.state(), bench.dials()), (State::Connect, 1));
    let conn = bench.connect(Direction::Outgoing);
    assert_eq!(bench.session.state(), State::OpenSent);
    assert_eq!(bench.sent_kinds(conn), [MessageKind::Open]);
    bench.open(conn, &peer_open());
    assert_eq!(bench.session.state(), State::OpenConfirm);
    assert_eq!(bench.sent_kinds(conn), [MessageKind::Open, MessageKind::Keepalive]);
    bench.bytes(conn, &keepalive());
    assert_eq!(bench.session.state(), State::Established);
    let states = bench.outputs.iter().filter_map(|output| match output {
        Output::Transition { to, .. } => Some(*to),
        _ => None,
    });
    assert_eq!(
        states.collect::<Vec<_>>(),
        [State::Connect, State::OpenSent, State::OpenConfirm, State::Established]
    );
}

#[test]
fn rfc4271_8_1_1_a_passive_session_never_dials() {
    let mut bench = Bench::started(PeerConfig { passive: true, ..config() });
    bench.advance(secs(600));
    assert_eq!((bench.session.state(), bench.dials()), (State::Active, 0));
    let conn = bench.connect(Direction::Incoming);
    assert_eq!(bench.sent_kinds(conn), [MessageKind::Open]);
    bench.input(Input::Closed(conn));
    bench.advance(secs(600));
    assert_eq!((bench.session.state(), bench.dials()), (State::Active, 0));
}

#[test]
fn rfc4271_8_2_2_open_and_keepalive_in_one_read_establish() {
    let mut bench = Bench::started(config());
    let conn = bench.connect(Direction::Outgoing);
    let stream = [octets(|out| peer_open().encode(out)), keepalive(), announcement()].concat();
    bench.bytes(conn, &stream);
    assert_eq!(bench.session.state(), State::Established);
    assert_eq!(bench.count(|output| matches!(output, Output::Update(_))), 1);
}

#[test]
fn messages_survive_any_cut_of_the_stream() {
    let mut bench = Bench::started(config());
    let conn = bench.connect(Direction::Outgoing);
    let stream =
        [octets(|out| peer_open().encode(out)), keepalive(), announcement(), announcement()].concat();
    for octet in stream {
        bench.bytes(conn, &[octet]);
    }
    assert_eq!(bench.count(|output| matches!(output, Output::Update(_))), 2);
}

#[test]
fn rfc4271_8_2_2_a_failed_attempt_is_repeated_after_connect_retry_time() {
    let mut bench = Bench::started(config());
    bench.input(Input::ConnectFailed);
    assert_eq!(bench.session.state(), State::Active);
    bench.advance(Duration::from_millis(3700));
    assert_eq!(bench.dials(), 1);
    bench.advance(Duration::from_millis(1300));
    assert_eq!((bench.session.state(), bench.dials()), (State::Connect, 2));
    // An attempt that neither succeeds nor fails is begun anew.
    bench.advance(secs(5));
    assert_eq!(bench.dials(), 3);
}

#[test]
fn rfc4271_8_the_pause_after_failures_doubles_up_to_its_limit_and_shrinks_after_a_good_session() {
    let mut bench = Bench::started(config());
    for limit in [5, 10, 20, 30, 30] {
        let conn = bench.connect(Direction::Outgoing);
        bench.bytes(conn, &raw(4, &[]));
        assert_eq!((bench.notified_code(conn), bench.session.state()), (Some((5, 1)), State::Idle));
        let dials = bench.dials();
        bench.advance(secs(limit) * 3 / 4 - Duration::from_millis(1));
        assert_eq!(bench.dials(), dials);
        bench.advance(secs(limit) / 4 + Duration::from_millis(1));
        assert_eq!(bench.dials(), dials + 1);
    }
    let conn = bench.connect(Direction::Outgoing);
    bench.open(conn, &peer_open());
    bench.bytes(conn, &keepalive());
    bench.advance_alive(conn, secs(40));
    bench.input(Input::Closed(conn));
    let dials = bench.dials();
    bench.advance(secs(5));
    assert_eq!(bench.dials(), dials + 1);
}

#[test]
fn a_peer_at_fault_is_refused_during_the_pause_and_one_that_went_away_is_not() {
    let mut bench = Bench::started(config());
    let conn = bench.connect(Direction::Incoming);
    bench.bytes(conn, &[0; 19]);
    let refused = bench.connect(Direction::Incoming);
    assert_eq!(bench.notified_code(refused), Some((6, cease::REJECTED)));

    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.input(Input::Closed(conn));
    assert_eq!(bench.session.state(), State::Idle);
    let back = bench.connect(Direction::Incoming);
    assert_eq!(bench.sent_kinds(back), [MessageKind::Open]);
}

#[test]
fn rfc4271_8_2_2_start_ends_a_pause() {
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.input(Input::Closed(conn));
    assert_eq!(bench.dials(), 0);
    bench.input(Input::Start);
    assert_eq!((bench.session.state(), bench.dials()), (State::Connect, 1));
}

#[test]
fn rfc4271_6_5_hold_timer_expiry_is_told_with_code_4() {
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.advance(secs(89));
    assert_eq!(bench.session.state(), State::Established);
    bench.advance(secs(1));
    assert_eq!(bench.notified_code(conn), Some((4, 0)));
    assert!(bench.closed(conn) && bench.down().is_some());
}

#[test]
fn rfc4271_8_2_2_updates_and_keepalives_restart_the_hold_timer() {
    for message in [keepalive(), announcement(), end_of_rib_v4()] {
        let (mut bench, conn) = Bench::established(config(), &peer_open());
        bench.advance(secs(80));
        bench.bytes(conn, &message);
        bench.advance(secs(80));
        assert_eq!(bench.session.state(), State::Established);
    }
}

#[test]
fn hold_timer_waits_for_unread_input() {
    // A peer must not be killed because we are slow.
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    for _ in 0..10 {
        bench.advance(secs(80));
        bench.input(Input::UnreadBytesWaiting(conn));
        bench.input(Input::Sent(conn));
    }
    assert_eq!(bench.session.state(), State::Established);
    bench.advance(secs(90));
    assert_eq!(bench.notified_code(conn), Some((4, 0)));
}

#[test]
fn rfc4271_8_2_2_a_silent_connection_is_given_up_after_four_minutes() {
    let mut bench = Bench::started(PeerConfig { passive: true, ..config() });
    let conn = bench.connect(Direction::Incoming);
    bench.advance(secs(239));
    assert_eq!(bench.session.state(), State::OpenSent);
    bench.advance(secs(1));
    assert_eq!(bench.notified_code(conn), Some((4, 0)));
}

#[test]
fn rfc4271_4_4_keepalives_are_sent_in_time_with_jitter() {
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.advance_alive(conn, secs(300));
    let count = bench.sent_kinds(conn).len();
    // Every 22.5 to 30 s.
    assert!((10..=13).contains(&count), "{count}");
}

#[test]
fn rfc4271_4_2_the_smaller_hold_time_counts_and_zero_turns_timers_off() {
    for (ours, theirs, hold, keepalive) in [(90, 30, 30, 10), (9, 90, 9, 3), (3, 3, 3, 1), (90, 0, 0, 0)] {
        let timers = Timers { hold: HoldTime::new(ours).unwrap(), ..Timers::default() };
        let open = Open { hold_time: theirs, ..peer_open() };
        let (bench, _) = Bench::established(PeerConfig { timers, ..config() }, &open);
        let negotiated = bench.session.negotiated().unwrap();
        assert_eq!((negotiated.hold_time.secs(), negotiated.keepalive), (hold, secs(keepalive)));
    }
    let (mut bench, conn) = Bench::established(config(), &Open { hold_time: 0, ..peer_open() });
    bench.advance(secs(100_000));
    assert_eq!((bench.session.state(), bench.sent_kinds(conn).len()), (State::Established, 0));
}

#[test]
fn rfc9687_a_peer_that_takes_nothing_is_dropped() {
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.advance_alive(conn, secs(400));
    bench.input(Input::Sent(conn));
    bench.advance_alive(conn, secs(460));
    assert_eq!(bench.session.state(), State::Established);
    bench.advance_alive(conn, secs(40));
    assert_eq!(bench.down().unwrap().reason, Reason::SendHold);
    assert_eq!(bench.notified(conn), None);
}

#[test]
fn rfc6793_4_as_numbers_of_four_octets_go_in_the_capability() {
    let mut bench = Bench::started(PeerConfig { local_asn: Asn(4_200_000_000), ..config() });
    let conn = bench.connect(Direction::Outgoing);
    let open = bench.sent_open(conn);
    assert_eq!((open.my_as, open.four_octet_as()), (23456, Some(Asn(4_200_000_000))));

    let big =
        Open { my_as: 23456, capabilities: vec![Capability::FourOctetAs(Asn(4_200_000_001))], ..peer_open() };
    bench.open(conn, &big);
    bench.bytes(conn, &keepalive());
    let negotiated = bench.up().unwrap();
    assert_eq!((negotiated.peer_asn, negotiated.four_octet_asn), (Asn(4_200_000_001), true));
}

#[test]
fn rfc4760_8_a_peer_without_capabilities_speaks_ipv4_unicast() {
    let (bench, _) = Bench::established(config(), &Open { capabilities: Vec::new(), ..peer_open() });
    let negotiated = bench.session.negotiated().unwrap();
    assert_eq!(negotiated.families, V4_ONLY);
    assert_eq!(
        (negotiated.four_octet_asn, negotiated.route_refresh, negotiated.max_send),
        (false, false, 4096)
    );
    assert_eq!(negotiated.graceful_restart, None);
}

#[test]
fn capabilities_offered_follow_the_configuration() {
    let codes = |config| {
        let mut bench = Bench::started(config);
        let conn = bench.connect(Direction::Outgoing);
        bench.sent_open(conn).capabilities.iter().map(Capability::code).collect::<Vec<_>>()
    };
    assert_eq!(codes(config()), [1, 1, 2, 6, 64, 65, 70]);
    let plain = PeerConfig {
        families: V4_ONLY,
        extended_messages: false,
        graceful_restart: GracefulRestart::Off,
        ..config()
    };
    assert_eq!(codes(plain), [1, 2, 65, 70]);
}

#[test]
fn rfc8654_extended_messages_are_sent_only_to_those_who_take_them() {
    let (bench, _) = Bench::established(config(), &peer_open());
    let negotiated = bench.session.negotiated().unwrap();
    assert_eq!((negotiated.max_send, negotiated.max_receive), (4096, 65535));
    let mut open = peer_open();
    open.capabilities.push(Capability::ExtendedMessage);
    let (bench, _) = Bench::established(config(), &open);
    assert_eq!(bench.session.negotiated().unwrap().max_send, 65535);
    let off = PeerConfig { extended_messages: false, ..config() };
    let (mut bench, conn) = Bench::established(off, &open);
    let negotiated = bench.session.negotiated().unwrap();
    assert_eq!((negotiated.max_send, negotiated.max_receive), (4096, 4096));
    bench.bytes(conn, &raw(2, &[0; 5000]));
    assert_eq!(bench.notified_code(conn), Some((1, 2)));
}

#[test]
fn rfc2918_refresh_in_both_directions_for_negotiated_families_only() {
    let (mut bench, conn) = Bench::established(PeerConfig { families: V4_ONLY, ..config() }, &peer_open());
    for family in [V4, V6] {
        let refresh = RouteRefresh { family, kind: RefreshKind::Request };
        bench.bytes(conn, &octets(|out| refresh.encode(out)));
        bench.input(Input::RefreshRequest(family));
    }
    assert_eq!(bench.count(|output| matches!(output, Output::RefreshRequested(V4))), 1);
    assert_eq!(bench.count(|output| matches!(output, Output::RefreshRequested(V6))), 0);
    assert_eq!(bench.sent_kinds(conn), [MessageKind::RouteRefresh]);

    let mut without = peer_open();
    without.capabilities.retain(|capability| capability.code() != 2);
    let (mut bench, conn) = Bench::established(config(), &without);
    bench.input(Input::RefreshRequest(V4));
    assert_eq!(bench.sent_kinds(conn), []);
}

#[test]
fn rfc9003_a_stop_carries_its_message_and_lasts() {
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.input(Input::Stop(StopReason::Shutdown { message: "maintenance".into() }));
    let told = bench.notified(conn).unwrap();
    assert_eq!((told.code, told.subcode), (6, cease::SHUTDOWN));
    assert_eq!(told.shutdown_text().as_deref(), Some("maintenance"));
    assert_eq!(bench.session.state(), State::Idle);
    bench.advance(secs(1000));
    assert_eq!(bench.dials(), 0);
    let refused = bench.connect(Direction::Incoming);
    assert_eq!(bench.notified_code(refused), Some((6, cease::REJECTED)));
    bench.input(Input::Start);
    assert_eq!(bench.dials(), 1);
}

#[test]
fn rfc4486_resets_say_why_and_begin_again_at_once() {
    for (reason, subcode) in [
        (ResetReason::Administrative, cease::RESET),
        (ResetReason::ConfigurationChange, cease::CONFIG_CHANGE),
        (ResetReason::OutOfResources, cease::OUT_OF_RESOURCES),
    ] {
        let (mut bench, conn) = Bench::established(config(), &peer_open());
        bench.input(Input::Reset(reason));
        assert_eq!(bench.notified_code(conn), Some((6, subcode)));
        assert_eq!((bench.session.state(), bench.dials()), (State::Connect, 1));
    }
}

#[test]
fn rfc4486_too_many_prefixes_pause_the_session_or_stop_it() {
    let reason = |restart_after| ResetReason::MaxPrefixes { family: V6, limit: 1000, restart_after };
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.input(Input::Reset(reason(Some(secs(300)))));
    let told = bench.notified(conn).unwrap();
    assert_eq!((told.code, told.subcode), (6, cease::MAX_PREFIXES));
    assert_eq!(told.data.as_ref(), [0, 2, 1, 0, 0, 3, 0xe8]);
    bench.advance(secs(299));
    assert_eq!(bench.dials(), 0);
    bench.advance(secs(1));
    assert_eq!(bench.dials(), 1);

    let (mut bench, _) = Bench::established(config(), &peer_open());
    bench.input(Input::Reset(reason(None)));
    assert!(bench.session.is_stopped());
}

#[test]
fn stopping_while_dialling_cancels_the_attempt_and_a_late_success_is_closed() {
    let mut bench = Bench::started(config());
    bench.input(Input::Stop(StopReason::Deconfigured));
    assert_eq!(bench.count(|output| matches!(output, Output::CancelConnect)), 1);
    let late = bench.connect(Direction::Outgoing);
    assert!(bench.closed(late) && bench.sent(late).is_empty());
}

#[test]
fn an_idle_session_keeps_no_buffer() {
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    let many = announcement().repeat(1000);
    bench.bytes(conn, &many[..many.len() - 7]);
    let kept = bench.session.conns.iter().map(|conn| conn.partial.capacity()).max().unwrap();
    assert!(kept < 100, "{kept}");
    bench.bytes(conn, &many[many.len() - 7..]);
    assert_eq!(bench.count(|output| matches!(output, Output::Update(_))), 1000);
    let kept = bench.session.conns.iter().map(|conn| conn.partial.capacity()).max().unwrap();
    assert_eq!(kept, 0);
}

#[test]
fn inputs_about_unknown_connections_are_ignored() {
    let mut bench = Bench::started(config());
    for input in [
        Input::bytes(ConnId(9), &[0; 40]),
        Input::Closed(ConnId(9)),
        Input::Sent(ConnId(9)),
        Input::UnreadBytesWaiting(ConnId(9)),
    ] {
        bench.input(input);
    }
    assert_eq!(bench.session.state(), State::Connect);
}
