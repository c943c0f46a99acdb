//! A recorded session, written down and read back, gives the same outputs.

use super::super::record::{Record, replay};
use super::*;

#[test]
fn a_recorded_session_is_replayed_octet_for_octet() {
    let start = some_instant();
    let conn = ConnId(7);
    let connected = Input::Connected {
        conn,
        direction: Direction::Incoming,
        local: "[2001:db8::1]:179".parse().unwrap(),
        remote: "[2001:db8::2]:50000".parse().unwrap(),
    };
    let stream = [octets(|out| restart_open(true, true).encode(out)), keepalive(), announcement()].concat();
    let inputs = [
        (0, Some(Input::Start)),
        (1, Some(Input::Restart(RestartFlags { restarting: true, forwarding: BOTH }))),
        (2, Some(connected)),
        (3, Some(Input::bytes(conn, &stream))),
        (33, None),
        (34, Some(Input::RefreshRequest(V6))),
        (35, Some(Input::Closed(conn))),
        (95, None),
        (96, Some(Input::Stop(StopReason::Shutdown { message: "bye".into() }))),
    ];
    let records: Vec<_> = inputs.into_iter().map(|(at, input)| Record { at: secs(at), input }).collect();
    let lines: Vec<_> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    assert!(lines[3].contains("ffffffffffffffffffffffffffffffff"), "octets are written in hexadecimal");
    let read: Vec<Record<'_>> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();

    let first = replay(config(), 42, start, records);
    let again = replay(config(), 42, start, read);
    let written = |outputs: &[Output]| serde_json::to_string(outputs).unwrap();
    assert_eq!(written(&first), written(&again));
    for wanted in [r#"{"Up":"#, r#"{"Update":"#, r#"{"FlushStale":"#, r#"{"Down":"#] {
        assert!(written(&first).contains(wanted), "{wanted} is missing");
    }
}

#[test]
fn malformed_hexadecimal_is_refused() {
    for text in ["f", "zz", "0é"] {
        let line = format!(r#"{{"at":{{"secs":0,"nanos":0}},"input":{{"Bytes":[1,"{text}"]}}}}"#);
        assert!(serde_json::from_str::<Record<'_>>(&line).is_err(), "{text}");
    }
}
