//! Capabilities and parameters of OPEN.

use bgp_core::wire::{Capability, MessageError, Open};
use bytes::Bytes;

use super::{Vector, vectors};

/// Valid to the suite and not to us, or the other way round: identifier, outcome.
const DIFFERENT: [(&str, &str); 6] = [
    // A message of the dynamic capability draft, not a capability.
    ("capa-f68db8af91f1", "reset 2/0"),
    // RFC 2918 §2: the length is 0.
    ("capa-5a3e80a37915", "malformed"),
    // Outbound route filters (3) are kept without being read.
    ("capa-160d85956957", "unknown"),
    ("capa-9b4fb24edd6d", "unknown"),
    // Names that are not UTF-8 are shown escaped.
    ("capa-6758180dcac5", "known"),
    // Families are numbers; one that nobody has defined is never negotiated.
    ("capa-a3ef5e11fb01", "known"),
];

fn open(parameters: &[u8]) -> Result<Open, MessageError> {
    let fixed = [4, 0xfd, 0xe9, 0, 90, 192, 0, 2, 1, parameters.len() as u8];
    Open::decode(&Bytes::from([&fixed, parameters].concat()))
}

fn outcome(vector: &Vector) -> String {
    // Some vectors of NetGauze are the records of code 5 without code and length, or without code.
    let octets = match vector.place.rsplit(':').next() {
        Some(test) if test.starts_with("test_extended_next_hop_encodings") => {
            [&[5], &*vector.octets].concat()
        }
        Some(test) if test.starts_with("test_extended_next_hop_encoding") => {
            [&[5, vector.octets.len() as u8], &*vector.octets].concat()
        }
        _ => vector.octets.clone(),
    };
    match open(&[&[2, octets.len() as u8], octets.as_slice()].concat()) {
        Err(error) => format!("reset {}/{}", error.code, error.subcode),
        Ok(open) => match open.capabilities.as_slice() {
            [Capability::Malformed { .. }] => "malformed".to_owned(),
            [Capability::Unknown { .. }] => "unknown".to_owned(),
            _ => "known".to_owned(),
        },
    }
}

#[test]
fn capabilities_are_in_force_only_if_valid() {
    for vector in vectors(&["capability"]) {
        let outcome = outcome(&vector);
        if let Some((_, expected)) = DIFFERENT.iter().find(|(id, _)| *id == vector.id) {
            assert_eq!(&outcome, expected, "{} {}", vector.id, vector.note);
            continue;
        }
        let expected: &[&str] =
            if vector.valid == Some(false) { &["malformed", "reset 2/0"] } else { &["known", "unknown"] };
        assert!(expected.contains(&outcome.as_str()), "{} {} {outcome}", vector.id, vector.note);
    }
}

#[test]
fn parameters_hold_the_four_octet_as_wherever_it_stands() {
    let asns: Vec<_> = vectors(&["open-params"]).iter().map(|v| open(&v.octets).unwrap().asn().0).collect();
    assert_eq!(asns, [196_614, 196_614, 64_515]);
}
