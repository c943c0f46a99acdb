//! Graceful restart in both roles, and refreshes with a beginning and an end.

use super::*;

/// The peer comes back on a new connection with `open`.
fn back(bench: &mut Bench, open: &Open) -> ConnId {
    bench.outputs.clear();
    let conn = bench.connect(Direction::Incoming);
    bench.open(conn, open);
    bench.bytes(conn, &keepalive());
    assert_eq!(bench.session.state(), State::Established);
    conn
}

#[test]
fn rfc4724_4_2_routes_stay_when_the_connection_breaks_and_go_with_end_of_rib() {
    let (mut bench, conn) = Bench::established(config(), &restart_open(true, false));
    bench.input(Input::Closed(conn));
    assert_eq!(bench.down().unwrap().retain, BOTH);
    assert_eq!(bench.session.stale(), BOTH);
    bench.advance(secs(59));
    assert_eq!(bench.flushed(), []);
    let conn = back(&mut bench, &restart_open(true, false));
    bench.bytes(conn, &announcement());
    bench.bytes(conn, &end_of_rib_v6());
    assert_eq!(bench.flushed(), [V6]);
    bench.bytes(conn, &end_of_rib_v4());
    assert_eq!((bench.flushed(), bench.session.stale()), (vec![V6, V4], NO_FAMILY));
    // The stale-path timer has nothing left to do.
    bench.advance_alive(conn, secs(400));
    assert_eq!(bench.flushed(), [V6, V4]);
}

#[test]
fn rfc4724_4_2_routes_go_when_the_peer_is_not_back_in_time() {
    let (mut bench, conn) = Bench::established(config(), &restart_open(true, false));
    bench.input(Input::Closed(conn));
    bench.advance(secs(60));
    assert_eq!(bench.flushed(), [V4, V6]);
    let conn = back(&mut bench, &restart_open(true, false));
    bench.bytes(conn, &end_of_rib_v4());
    assert_eq!(bench.flushed(), []);
}

#[test]
fn rfc4724_4_2_routes_go_when_end_of_rib_does_not_come() {
    let (mut bench, conn) = Bench::established(config(), &restart_open(true, false));
    bench.input(Input::Closed(conn));
    let conn = back(&mut bench, &restart_open(true, false));
    bench.bytes(conn, &end_of_rib_v4());
    bench.advance_alive(conn, secs(340));
    assert_eq!(bench.flushed(), [V4]);
    bench.advance_alive(conn, secs(20));
    assert_eq!(bench.flushed(), [V4, V6]);
}

#[test]
fn rfc4724_4_2_families_without_the_forwarding_bit_go_at_once() {
    let mut one = restart_open(true, false);
    for capability in &mut one.capabilities {
        if let Capability::GracefulRestart { families, .. } = capability {
            families.iter_mut().filter(|entry| entry.family == V6).for_each(|entry| entry.forwarding = false);
        }
    }
    let mut v4_listed = restart_open(true, false);
    for capability in &mut v4_listed.capabilities {
        if let Capability::GracefulRestart { families, .. } = capability {
            families.retain(|entry| entry.family == V4);
        }
    }
    let cases = [
        (one, vec![V6]),
        (v4_listed, vec![V6]),
        (restart_open(false, false), vec![V4, V6]),
        (peer_open(), vec![V4, V6]),
    ];
    for (open, flushed) in cases {
        let (mut bench, conn) = Bench::established(config(), &restart_open(true, false));
        bench.input(Input::Closed(conn));
        back(&mut bench, &open);
        assert_eq!(bench.flushed(), flushed);
        let up = bench.outputs.iter().position(|output| matches!(output, Output::Up(_))).unwrap();
        let flush = bench.outputs.iter().position(|output| matches!(output, Output::FlushStale(_))).unwrap();
        assert!(up < flush);
    }
}

#[test]
fn rfc4724_4_2_what_is_stale_at_a_second_loss_goes() {
    let (mut bench, conn) = Bench::established(config(), &restart_open(true, false));
    bench.input(Input::Closed(conn));
    let conn = back(&mut bench, &restart_open(true, false));
    bench.bytes(conn, &end_of_rib_v4());
    bench.outputs.clear();
    bench.input(Input::Closed(conn));
    assert_eq!(bench.flushed(), [V6]);
    assert_eq!(bench.down().unwrap().retain, BOTH);
    let down = bench.outputs.iter().position(|output| matches!(output, Output::Down(_))).unwrap();
    let flush = bench.outputs.iter().position(|output| matches!(output, Output::FlushStale(_))).unwrap();
    assert!(flush < down);
}

#[test]
fn rfc8538_4_after_which_endings_routes_stay() {
    // Ending, retained without and with the N bit.
    type Ending = fn(&mut Bench, ConnId);
    let cases: [(&str, Ending, Families, Families); 9] = [
        ("connection lost", |b, c| b.input(Input::Closed(c)), BOTH, BOTH),
        ("hold timer", |b, _| b.advance(secs(90)), NO_FAMILY, BOTH),
        ("cease received", |b, c| b.bytes(c, &raw(3, &[6, 4])), NO_FAMILY, BOTH),
        ("hard reset received", |b, c| b.bytes(c, &raw(3, &[6, 9, 6, 2])), NO_FAMILY, NO_FAMILY),
        ("bad message", |b, c| b.bytes(c, &raw(6, &[])), NO_FAMILY, BOTH),
        ("cleared", |b, _| b.input(Input::Reset(ResetReason::Administrative)), NO_FAMILY, BOTH),
        (
            "shut down",
            |b, _| b.input(Input::Stop(StopReason::Shutdown { message: String::new() })),
            NO_FAMILY,
            NO_FAMILY,
        ),
        ("removed", |b, _| b.input(Input::Stop(StopReason::Deconfigured)), NO_FAMILY, NO_FAMILY),
        ("we restart", |b, _| b.input(Input::Stop(StopReason::GracefulRestart)), BOTH, BOTH),
    ];
    for (name, end, without, with) in cases {
        for (bit, retain) in [(false, without), (true, with)] {
            let (mut bench, conn) = Bench::established(config(), &restart_open(true, bit));
            end(&mut bench, conn);
            assert_eq!(bench.down().unwrap().retain, retain, "{name}, N bit {bit}");
        }
    }
}

#[test]
fn nothing_stays_without_graceful_restart_on_both_sides() {
    let off = PeerConfig { graceful_restart: GracefulRestart::Off, ..config() };
    for (config, open) in [(off, restart_open(true, true)), (config(), peer_open())] {
        let (mut bench, conn) = Bench::established(config, &open);
        bench.input(Input::Closed(conn));
        assert_eq!((bench.down().unwrap().retain, bench.session.stale()), (NO_FAMILY, NO_FAMILY));
    }
}

#[test]
fn rfc8538_3_a_shutdown_is_a_hard_reset_where_the_peer_would_keep_routes() {
    let (mut bench, conn) = Bench::established(config(), &restart_open(true, true));
    bench.input(Input::Stop(StopReason::Shutdown { message: "bye".into() }));
    let told = bench.notified(conn).unwrap();
    assert!(told.is_hard_reset());
    assert_eq!(told.inner().unwrap().subcode, cease::SHUTDOWN);
    assert_eq!(told.shutdown_text().as_deref(), Some("bye"));
}

#[test]
fn a_graceful_stop_says_nothing_to_those_who_wait_for_us_and_farewell_to_others() {
    let (mut bench, conn) = Bench::established(config(), &restart_open(true, false));
    bench.input(Input::Stop(StopReason::GracefulRestart));
    assert!(bench.closed(conn) && bench.notified(conn).is_none());
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.input(Input::Stop(StopReason::GracefulRestart));
    assert_eq!(bench.notified_code(conn), Some((6, cease::SHUTDOWN)));
}

#[test]
fn routes_kept_on_leaving_are_swept_when_we_stay_after_all() {
    let (mut bench, _) = Bench::established(config(), &restart_open(true, false));
    bench.input(Input::Stop(StopReason::GracefulRestart));
    bench.input(Input::Start);
    let conn = back(&mut bench, &restart_open(true, false));
    bench.bytes(conn, &[end_of_rib_v4(), end_of_rib_v6()].concat());
    assert_eq!(bench.flushed(), [V4, V6]);

    let (mut bench, _) = Bench::established(config(), &peer_open());
    bench.input(Input::Stop(StopReason::GracefulRestart));
    bench.advance(secs(120));
    assert_eq!(bench.flushed(), [V4, V6]);
}

#[test]
fn stopping_drops_what_was_kept_for_a_peer_that_is_away() {
    let (mut bench, conn) = Bench::established(config(), &restart_open(true, false));
    bench.input(Input::Closed(conn));
    bench.input(Input::Stop(StopReason::Deconfigured));
    assert_eq!(bench.flushed(), [V4, V6]);
}

fn restart_capability(open: &Open) -> (bool, bool, u16, Vec<RestartFamily>) {
    let found = open.capabilities.iter().find_map(|capability| match capability {
        Capability::GracefulRestart { restart_state, notification, time, families } => {
            Some((*restart_state, *notification, *time, families.clone()))
        }
        _ => None,
    });
    found.expect("a graceful restart capability")
}

#[test]
fn rfc4724_4_1_the_restarting_speaker_sets_its_bits_until_told_otherwise() {
    let restart = RestartFlags { restarting: true, forwarding: V4_ONLY };
    let mut bench = Bench::started(PeerConfig { restart, ..config() });
    let conn = bench.connect(Direction::Outgoing);
    let (r, n, time, families) = restart_capability(&bench.sent_open(conn));
    assert_eq!((r, n, time), (true, true, 120));
    let family = |family, forwarding| RestartFamily { family, forwarding };
    assert_eq!(families, [family(V4, true), family(V6, false)]);

    bench.input(Input::Restart(RestartFlags { restarting: false, forwarding: BOTH }));
    bench.input(Input::Reset(ResetReason::Administrative));
    let conn = bench.connect(Direction::Outgoing);
    let (r, _, _, families) = restart_capability(&bench.sent_open(conn));
    assert_eq!((r, families), (false, vec![family(V4, true), family(V6, true)]));
}

#[test]
fn rfc4724_3_a_mere_helper_lists_no_families() {
    let mut bench = Bench::started(PeerConfig { graceful_restart: GracefulRestart::HelperOnly, ..config() });
    let conn = bench.connect(Direction::Incoming);
    assert_eq!(restart_capability(&bench.sent_open(conn)), (false, true, 0, vec![]));
    bench.open(conn, &restart_open(true, false));
    bench.bytes(conn, &keepalive());
    bench.input(Input::Closed(conn));
    assert_eq!(bench.down().unwrap().retain, BOTH);
}

fn mark(kind: RefreshKind) -> Vec<u8> {
    octets(|out| RouteRefresh { family: V4, kind }.encode(out))
}

#[test]
fn rfc7313_4_a_refresh_marks_at_its_beginning_and_sweeps_at_its_end() {
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.bytes(conn, &mark(RefreshKind::Begin));
    assert_eq!(bench.count(|output| matches!(output, Output::MarkStale(V4))), 1);
    bench.bytes(conn, &end_of_rib_v4());
    assert_eq!(bench.flushed(), []);
    bench.bytes(conn, &mark(RefreshKind::End));
    assert_eq!(bench.flushed(), [V4]);
    bench.bytes(conn, &mark(RefreshKind::End));
    assert_eq!(bench.flushed(), [V4]);
}

#[test]
fn rfc7313_4_a_refresh_that_never_ends_is_swept_in_time() {
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.bytes(conn, &mark(RefreshKind::Begin));
    bench.advance_alive(conn, secs(360));
    assert_eq!(bench.flushed(), [V4]);
}

#[test]
fn rfc7313_3_marks_mean_nothing_unless_negotiated() {
    let mut open = peer_open();
    open.capabilities.retain(|capability| capability.code() != 70);
    let (mut bench, conn) = Bench::established(config(), &open);
    bench.bytes(conn, &mark(RefreshKind::Begin));
    bench.input(Input::RefreshMark { family: V4, end: false });
    assert_eq!(bench.count(|output| matches!(output, Output::MarkStale(_))), 0);
    assert_eq!(bench.sent(conn).len(), 0);

    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.input(Input::RefreshMark { family: V4, end: false });
    bench.input(Input::RefreshMark { family: V4, end: true });
    assert_eq!(bench.sent(conn).len(), 2);
}

#[test]
fn end_of_rib_is_told_even_when_nothing_was_stale() {
    let (mut bench, conn) = Bench::established(config(), &peer_open());
    bench.bytes(conn, &[end_of_rib_v4(), end_of_rib_v6()].concat());
    assert_eq!(bench.count(|output| matches!(output, Output::EndOfRib(_))), 2);
    assert_eq!(bench.flushed(), []);
}
