//! What is answered to what is wrong (RFC 4271 §6, RFC 6608, RFC 5492, RFC 6286, RFC 7607).

use super::*;

/// A connection in the given state with the session that owns it.
fn in_state(state: State) -> (Bench, ConnId) {
    let mut bench = Bench::started(config());
    let conn = bench.connect(Direction::Outgoing);
    if state >= State::OpenConfirm {
        bench.open(conn, &peer_open());
    }
    if state >= State::Established {
        bench.bytes(conn, &keepalive());
    }
    assert_eq!(bench.session.state(), state);
    (bench, conn)
}

#[test]
fn rfc6608_3_unexpected_messages_are_answered_with_the_subcode_of_the_state_and_their_type() {
    let open = octets(|out| peer_open().encode(out));
    let refresh = raw(5, &[0, 1, 0, 1]);
    let cases = [
        (State::OpenSent, keepalive(), (5, 1), 4),
        (State::OpenSent, announcement(), (5, 1), 2),
        (State::OpenSent, refresh.clone(), (5, 1), 5),
        (State::OpenConfirm, announcement(), (5, 2), 2),
        (State::OpenConfirm, open.clone(), (5, 2), 1),
        (State::OpenConfirm, refresh, (5, 2), 5),
        (State::Established, open, (5, 3), 1),
    ];
    for (state, message, code, kind) in cases {
        let (mut bench, conn) = in_state(state);
        bench.bytes(conn, &message);
        let told = bench.notified(conn).unwrap_or_else(|| panic!("nothing said in {state:?}"));
        assert_eq!(((told.code, told.subcode), told.data.as_ref()), (code, &[kind][..]), "{state:?}");
        assert!(bench.closed(conn));
        assert_eq!(bench.session.state(), State::Idle);
    }
}

#[test]
fn rfc4271_6_1_header_errors_are_answered_in_every_state() {
    for state in [State::OpenSent, State::OpenConfirm, State::Established] {
        for (octets, code) in [
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), (1, 1)),
            (raw(4, &[0]), (1, 2)),
            (raw(1, &[4]), (1, 2)),
            (raw(3, &[]), (1, 2)),
            (raw(6, &[]), (1, 3)),
            (raw(0, &[]), (1, 3)),
        ] {
            let (mut bench, conn) = in_state(state);
            bench.bytes(conn, &octets);
            assert_eq!(bench.notified_code(conn), Some(code), "{state:?} {octets:?}");
        }
    }
}

#[test]
fn rfc4271_6_2_unacceptable_opens_are_answered_with_the_fault() {
    let own = config();
    let internal = PeerConfig { peer_asn: PeerAsn::Internal, ..config() };
    let exactly = PeerConfig { peer_asn: PeerAsn::Exactly(Asn(65003)), ..config() };
    let v6 = PeerConfig { families: PerFamily { ipv4: false, ipv6: true }, ..config() };
    let asn = |asn| Open { my_as: asn, capabilities: Vec::new(), ..peer_open() };
    let id = |id| Open { router_id: RouterId(id), ..peer_open() };
    let cases = [
        ("own AS where external is wanted", &own, asn(65001), (2, 2)),
        ("another AS where internal is wanted", &internal, asn(65002), (2, 2)),
        ("another AS than configured", &exactly, asn(65002), (2, 2)),
        ("AS 0", &own, asn(0), (2, 2)),
        ("identifier 0", &own, id(0), (2, 3)),
        ("own identifier in the own AS", &internal, Open { router_id: own.local_id, ..asn(65001) }, (2, 3)),
        ("hold time 1", &own, Open { hold_time: 1, ..peer_open() }, (2, 6)),
        ("hold time 2", &own, Open { hold_time: 2, ..peer_open() }, (2, 6)),
        ("no common family", &v6, asn(65002), (2, 7)),
    ];
    for (name, config, open, code) in cases {
        let mut bench = Bench::started(config.clone());
        let conn = bench.connect(Direction::Incoming);
        bench.open(conn, &open);
        assert_eq!(bench.notified_code(conn), Some(code), "{name}");
        assert!(bench.closed(conn), "{name}");
        assert!(matches!(bench.session.stats().last_error, Some((Reason::Sent { .. }, _))), "{name}");
    }
}

#[test]
fn rfc6286_2_2_an_external_peer_may_have_our_identifier() {
    let (bench, _) = Bench::established(config(), &Open { router_id: config().local_id, ..peer_open() });
    assert_eq!(bench.session.state(), State::Established);
}

#[test]
fn rfc5492_5_unsupported_capability_lists_what_was_wanted() {
    let mut bench =
        Bench::started(PeerConfig { families: PerFamily { ipv4: false, ipv6: true }, ..config() });
    let conn = bench.connect(Direction::Incoming);
    bench.open(conn, &Open { capabilities: vec![Capability::Multiprotocol(V4)], ..peer_open() });
    assert_eq!(bench.notified(conn).unwrap().data.as_ref(), [1, 4, 0, 2, 0, 1]);
}

#[test]
fn rfc4271_6_2_wrong_version_is_answered_with_ours() {
    let mut bench = Bench::started(config());
    let conn = bench.connect(Direction::Incoming);
    bench.bytes(conn, &raw(1, &[3, 0xfd, 0xea, 0, 90, 10, 0, 0, 2, 0]));
    let told = bench.notified(conn).unwrap();
    assert_eq!((told.code, told.subcode, told.data.as_ref()), (2, 1, &[0, 4][..]));
}

#[test]
fn rfc4271_6_4_a_notification_is_never_answered() {
    for state in [State::OpenSent, State::OpenConfirm, State::Established] {
        for body in [&[6, 2][..], &[255, 255, 1, 2, 3], &[6, 9], &[6, 2, 255, b'x']] {
            let (mut bench, conn) = in_state(state);
            bench.outputs.clear();
            bench.bytes(conn, &raw(3, body));
            assert_eq!(bench.sent(conn).len(), 0);
            assert!(bench.closed(conn));
            assert_eq!(bench.session.state(), State::Idle);
        }
    }
}

#[test]
fn nothing_is_read_after_a_connection_was_closed() {
    let (mut bench, conn) = in_state(State::Established);
    let stream = [raw(6, &[]), announcement(), keepalive()].concat();
    bench.bytes(conn, &stream);
    bench.bytes(conn, &announcement());
    assert_eq!(bench.count(|output| matches!(output, Output::Update(_))), 0);
    assert_eq!(bench.count(|output| matches!(output, Output::Down(_))), 1);
}

#[test]
fn rfc7606_a_faulty_update_that_can_be_handled_does_not_end_the_session() {
    let (mut bench, conn) = in_state(State::Established);
    let mut faulty = announcement();
    // ORIGIN 9.
    faulty[26] = 9;
    bench.bytes(conn, &faulty);
    assert_eq!(bench.session.state(), State::Established);
    assert_eq!(bench.session.stats().faulty_updates, 1);
}

#[test]
fn rfc4271_6_3_an_update_that_cannot_be_read_ends_the_session() {
    let (mut bench, conn) = in_state(State::Established);
    bench.bytes(conn, &raw(2, &[0xff, 0xff, 0, 0]));
    assert_eq!(bench.notified_code(conn), Some((3, 1)));
    assert_eq!(bench.session.stats().flaps, 1);
}

#[test]
fn rfc7313_5_a_refresh_of_wrong_length_is_answered_with_7_1() {
    let (mut bench, conn) = in_state(State::Established);
    bench.bytes(conn, &raw(5, &[0, 1, 0]));
    assert_eq!(bench.notified_code(conn), Some((7, 1)));
}

#[test]
fn counters_tell_what_happened() {
    let (mut bench, conn) = in_state(State::Established);
    bench.bytes(conn, &[announcement(), keepalive(), raw(5, &[0, 1, 0, 1])].concat());
    bench.bytes(conn, &raw(3, &[6, 4]));
    let stats = bench.session.stats();
    let received = stats.received;
    assert_eq!((received.opens, received.updates, received.keepalives), (1, 1, 2));
    assert_eq!((received.refreshes, received.notifications, received.total()), (1, 1, 6));
    assert_eq!((stats.sent.opens, stats.sent.keepalives), (1, 1));
    assert_eq!((stats.established, stats.flaps, stats.up_since), (1, 1, None));
    assert!(matches!(stats.last_error, Some((Reason::Received(_), _))));
}
