use bytes::{Bytes, BytesMut};

use super::*;
use crate::wire::{MAX_EXTENDED_LEN, next_message};

/// An OPEN body of AS 65001 with `params` after the fixed part; the caller gives their length octet too.
fn body(params: &[u8]) -> Bytes {
    [&[4, 0xfd, 0xe9, 0, 90, 192, 0, 2, 1], params].concat().into()
}

fn capabilities(octets: &[u8]) -> Result<Vec<Capability>, MessageError> {
    let len = octets.len() as u8;
    Open::decode(&body(&[&[len + 2, 2, len], octets].concat())).map(|open| open.capabilities)
}

fn round_trip(open: &Open) -> Open {
    let mut out = BytesMut::new();
    open.encode(&mut out);
    let raw = next_message(&mut out, MAX_EXTENDED_LEN).unwrap().unwrap();
    assert!(out.is_empty());
    Open::decode(&raw.body).unwrap()
}

#[test]
fn rfc4271_6_2_fixed_fields_have_errors_of_their_own() {
    // Position and octet changed in a good message, expected subcode and data.
    let cases: [(usize, &[u8], u8, &[u8]); 5] = [
        (0, &[3], 1, &[0, 4]),
        (1, &[0, 0], 2, &[]),
        (3, &[0, 1], 6, &[]),
        (3, &[0, 2], 6, &[]),
        (5, &[0, 0, 0, 0], 3, &[]),
    ];
    for (at, octets, subcode, data) in cases {
        let mut changed = body(&[0]).to_vec();
        changed[at..at + octets.len()].copy_from_slice(octets);
        let error = Open::decode(&changed.into()).unwrap_err();
        assert_eq!((error.code, error.subcode, error.data.as_ref()), (2, subcode, data));
        assert_eq!(error.offset, HEADER_LEN + if subcode == 1 { 0 } else { at });
    }
}

#[test]
fn rfc4271_4_2_open_without_parameters_is_legal() {
    let open = Open::decode(&body(&[0])).unwrap();
    assert_eq!((open.asn(), open.hold_time, open.capabilities.len()), (Asn(65001), 90, 0));
    assert!(open.offers(Family::IPV4_UNICAST) && !open.offers(Family::IPV6_UNICAST));
    assert_eq!(round_trip(&open), open);
}

#[test]
fn rfc4271_6_2_unknown_parameter_is_2_4_and_wrong_lengths_are_2_0() {
    assert_eq!(Open::decode(&body(&[2, 1, 0])).unwrap_err().subcode, 4);
    let lies: [&[u8]; 7] = [&[], &[1], &[0, 2, 0], &[3, 2, 9, 0], &[4, 2, 2, 65, 9], &[2, 2, 1], &[1, 2]];
    for params in lies {
        let error = Open::decode(&body(params)).unwrap_err();
        assert_eq!((error.code, error.subcode), (2, 0), "{params:?}");
    }
}

#[test]
fn rfc9072_2_long_parameters_are_read_and_their_lengths_checked() {
    let good: &[u8] = &[255, 255, 0, 9, 2, 0, 6, 65, 4, 0, 1, 0, 0];
    assert_eq!(Open::decode(&body(good)).unwrap().asn(), Asn(65536));
    // The short length octet counts for nothing unless 0.
    let odd: &[u8] = &[1, 255, 0, 9, 2, 0, 6, 65, 4, 0, 1, 0, 0];
    assert!(Open::decode(&body(odd)).is_ok());
    let lies: [&[u8]; 6] = [
        &[255, 255],
        &[255, 255, 0],
        &[255, 255, 0, 1],
        &[255, 255, 0, 2, 2, 0],
        &[255, 255, 0, 4, 2, 1, 0, 9],
        &[0, 255, 0, 0],
    ];
    for params in lies {
        assert_eq!(Open::decode(&body(params)).unwrap_err().subcode, 0, "{params:?}");
    }
}

#[test]
fn rfc9072_2_long_parameters_are_written_only_when_needed() {
    let unknown = |len| Capability::Unknown { code: 200, value: vec![5; len].into() };
    for (lens, long) in [(vec![251], false), (vec![252], true), (vec![255; 15], true)] {
        let capabilities: Vec<_> = lens.into_iter().map(unknown).collect();
        let open = Open { my_as: 1, hold_time: 0, router_id: RouterId(7), capabilities };
        let mut out = BytesMut::new();
        open.encode(&mut out);
        assert_eq!(out[29] == 255, long);
        assert_eq!(round_trip(&open), open);
    }
}

#[test]
fn open_never_exceeds_4096_octets() {
    let capabilities = vec![Capability::Unknown { code: 200, value: vec![5; 255].into() }; 40];
    let open = Open { my_as: 1, hold_time: 0, router_id: RouterId(7), capabilities };
    assert_eq!(round_trip(&open).capabilities.len(), 15);
}

#[test]
fn every_capability_survives_the_wire() {
    let family = Family::IPV6_UNICAST;
    let capabilities = vec![
        Capability::Multiprotocol(Family::IPV4_UNICAST),
        Capability::Multiprotocol(Family { afi: 25, safi: 70 }),
        Capability::RouteRefresh,
        Capability::ExtendedNextHop(vec![NextHopFamily { afi: 1, safi: 1, next_hop_afi: 2 }]),
        Capability::ExtendedMessage,
        Capability::Role(3),
        Capability::GracefulRestart {
            restart_state: true,
            notification: true,
            time: 4095,
            families: vec![RestartFamily { family, forwarding: true }],
        },
        Capability::FourOctetAs(Asn(4_200_000_000)),
        Capability::AddPath(vec![AddPathFamily { family, mode: AddPathMode::Both }]),
        Capability::EnhancedRouteRefresh,
        Capability::LongLivedGracefulRestart(vec![LongLivedFamily {
            family,
            forwarding: false,
            stale_time: 0xff_ffff,
        }]),
        Capability::Fqdn { host: "tor1".into(), domain: "dc.example".into() },
        Capability::SoftwareVersion("peregrine 0.1".into()),
        Capability::Unknown { code: 3, value: Bytes::from_static(&[1, 2]) },
    ];
    let open = Open { my_as: 23456, hold_time: 9, router_id: RouterId(1), capabilities };
    assert_eq!(round_trip(&open), open);
    assert_eq!(open.asn(), Asn(4_200_000_000));
}

#[test]
fn capability_of_wrong_length_is_not_in_force_and_does_not_end_the_session() {
    let cases: [&[u8]; 15] = [
        &[1, 3, 0, 1, 0],
        &[2, 1, 0],
        &[5, 5, 0, 1, 0, 1, 0],
        &[6, 1, 0],
        &[9, 2, 0, 0],
        &[64, 1, 0],
        &[64, 5, 0, 0, 0, 1, 1],
        &[65, 3, 0, 0, 1],
        &[69, 3, 0, 1, 1],
        &[69, 4, 0, 1, 1, 9],
        &[70, 1, 0],
        &[71, 6, 0, 1, 1, 0, 0, 0],
        &[73, 2, 9, b'a'],
        &[73, 3, 1, b'a', 9],
        &[75, 2, 9, b'a'],
    ];
    for octets in cases {
        let mut both = octets.to_vec();
        both.extend([65, 4, 0, 0, 0, 7]);
        let read = capabilities(&both).unwrap();
        let code = octets[0];
        let value = Bytes::copy_from_slice(&octets[2..]);
        assert_eq!(read, [Capability::Malformed { code, value }, Capability::FourOctetAs(Asn(7))]);
    }
}

#[test]
fn rfc7607_as_0_in_the_four_octet_capability_is_bad_peer_as() {
    assert_eq!(capabilities(&[65, 4, 0, 0, 0, 0]).unwrap_err().subcode, 2);
}

#[test]
fn rfc4724_3_graceful_restart_of_two_octets_names_no_family() {
    let read = capabilities(&[64, 2, 0x80, 120]).unwrap();
    let expected =
        Capability::GracefulRestart { restart_state: true, notification: false, time: 120, families: vec![] };
    assert_eq!(read, [expected]);
}
