//! Octets from the test suites of other implementations (`testdata/vectors/README.md`).
//!
//! Every vector is used; those of families and attributes this speaker does not read are counted.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod attributes;
mod messages;
mod open;

use std::net::Ipv4Addr;

use bgp_core::types::{AttrBuilder, PerFamily};
use bgp_core::wire::{Disposition, MessageError, PeerKind, Update, UpdateContext, decode_update};
use bytes::Bytes;
use serde_json::Value;

const SUITES: [&str; 7] = [
    include_str!("../../testdata/vectors/Exa-Networks_exabgp.json"),
    include_str!("../../testdata/vectors/FRRouting_frr.json"),
    include_str!("../../testdata/vectors/NLnetLabs_routecore.json"),
    include_str!("../../testdata/vectors/NetGauze_NetGauze.json"),
    include_str!("../../testdata/vectors/bgpkit_bgpkit-parser.json"),
    include_str!("../../testdata/vectors/holo-routing_holo.json"),
    include_str!("../../testdata/vectors/osrg_gobgp.json"),
];

/// One entry.
struct Vector {
    id: String,
    kind: String,
    octets: Vec<u8>,
    valid: Option<bool>,
    /// `file:test` of its first source.
    place: String,
    note: String,
    json: Value,
}

impl Vector {
    fn flag(&self, key: &str) -> bool {
        self.json[key].as_bool().unwrap_or(false)
    }
}

fn vectors(kinds: &[&str]) -> Vec<Vector> {
    let suites = SUITES.map(|text| serde_json::from_str::<Value>(text).unwrap());
    let all = suites.iter().flat_map(|suite| suite["vectors"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.map(|json| Vector {
        id: text(&json["id"]),
        kind: text(&json["kind"]),
        octets: unhex(json["hex"].as_str().unwrap()),
        valid: json["source_says"].as_str().map(|says| says == "valid"),
        place: text(&json["source"][0]["where"]),
        note: text(&json["note"]),
        json: json.clone(),
    })
    .filter(|vector| kinds.contains(&vector.kind.as_str()))
    .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn dotted(number: u32) -> String {
    Ipv4Addr::from_bits(number).to_string()
}

/// What became of an UPDATE, in a word.
fn outcome(result: &Result<Update, MessageError>) -> String {
    match result {
        Err(error) => format!("reset {}/{}", error.code, error.subcode),
        Ok(update) => match update.disposition() {
            None => "accepted".to_owned(),
            Some(Disposition::DiscardAttribute) => "attribute discarded".to_owned(),
            Some(Disposition::TreatAsWithdraw) => "treated as withdraw".to_owned(),
        },
    }
}

/// An internal session with everything negotiated that the decoder knows.
fn context(four_octet_as: bool, add_path: bool) -> UpdateContext {
    UpdateContext {
        four_octet_as,
        peer: PeerKind::Internal,
        families: PerFamily { ipv4: true, ipv6: true },
        add_path: PerFamily { ipv4: add_path, ipv6: add_path },
        extended_next_hop: true,
    }
}

fn decode(body: &[u8], ctx: &UpdateContext) -> Result<Update, MessageError> {
    decode_update(&Bytes::copy_from_slice(body), ctx, &mut AttrBuilder::new())
}

#[test]
fn every_kind_of_vector_is_used() {
    let kinds = [
        ("message", 154),
        ("path-attribute", 34),
        ("path-attribute-part", 50),
        ("mp-attribute-value", 6),
        ("as-path-value-2octet", 15),
        ("nlri", 16),
        ("capability", 37),
        ("open-params", 3),
        ("ext-community", 1),
        ("fuzz-find", 1),
        // Single communities of types that are carried without being read.
        ("community", 7),
    ];
    for (kind, count) in kinds {
        assert_eq!(vectors(&[kind]).len(), count, "{kind}");
    }
    assert_eq!(kinds.iter().map(|(_, count)| count).sum::<usize>(), 324);
}
