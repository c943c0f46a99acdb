//! Single attributes, put into an UPDATE with one route.

use bgp_core::types::{Family, NlriBlock};
use bgp_core::wire::{MAX_EXTENDED_LEN, next_message};
use bytes::{Bytes, BytesMut};

use super::{Vector, context, decode, hex, outcome, vectors};

/// Invalid to the suite and accepted by us.
const ACCEPTED: [&str; 4] = [
    // ORIGIN 2 is INCOMPLETE: the suite's name misled.
    "path-a12871fee210",
    // Families that are not negotiated are skipped, whatever is in them.
    "path-dbaa83d45f56",
    "path-a8aad8612bb6",
    "path-1cacd48863d0",
];

/// What has to stand before a vector of NetGauze that lacks flags and code, by its test.
const PREFIXES: [(&str, &[u8]); 15] = [
    ("test_origin_value", &[0x40, 1]),
    ("test_as2_path_segment ", &[0x40, 2, 0]),
    ("test_as4_path_segment ", &[0x40, 2, 0]),
    ("test_as2_path_segments", &[0x40, 2]),
    ("test_as4_path_segments", &[0x50, 2]),
    ("test_next_hop", &[0x40, 3]),
    ("test_multi_exit_discriminator", &[0x80, 4]),
    ("test_atomic_aggregate", &[0x50, 6]),
    ("test_as2_aggregator good_wire", &[0xc0, 7]),
    ("test_as2_aggregator good_extended", &[0xd0, 7]),
    ("test_as4_aggregator good_wire", &[0xc0, 7]),
    ("test_as4_aggregator bad_length", &[0xc0, 7]),
    ("test_as4_aggregator", &[0xd0, 7]),
    ("test_mp_reach_nlri_ipv6 invalid", &[0x80, 14]),
    ("test_mp_reach_nlri_ipv", &[0x90, 14]),
];

/// The attribute of a vector; one of NetGauze lacks even a type and is left.
fn attribute(vector: &Vector) -> Option<Vec<u8>> {
    let test = vector.place.split_once(':').unwrap().1;
    if test.starts_with("test_unknown_attribute") {
        return None;
    }
    let prefix = PREFIXES.iter().find(|(name, _)| test.starts_with(name));
    let mut prefix = prefix.map_or(&[][..], |(_, prefix)| prefix).to_vec();
    if let [_, _, len] = prefix.as_mut_slice() {
        *len = vector.octets.len() as u8;
    }
    prefix.extend(&vector.octets);
    Some(prefix)
}

/// An UPDATE of 10.0.0.0/8 with `attribute` last; an empty AS_PATH fits two and four octets.
fn update(attribute: &[u8]) -> Vec<u8> {
    let others: [&[u8]; 3] = [&[0x40, 1, 1, 0], &[0x40, 2, 0], &[0x40, 3, 4, 192, 0, 2, 1]];
    let mut attributes = others.into_iter().filter(|o| o[1] != attribute[1]).collect::<Vec<_>>().concat();
    attributes.extend(attribute);
    let len = (attributes.len() as u16).to_be_bytes();
    [&[0, 0], &len, attributes.as_slice(), &[8, 10]].concat()
}

#[test]
fn attributes_are_kept_only_if_valid() {
    let mut without_type = 0;
    for vector in vectors(&["path-attribute", "path-attribute-part"]) {
        let Some(attribute) = attribute(&vector) else {
            without_type += 1;
            continue;
        };
        let four_octet_as = !["as2", "2Byte", "transitional"].iter().any(|name| vector.place.contains(name));
        let outcome = outcome(&decode(&update(&attribute), &context(four_octet_as, false)));
        let valid = vector.valid.unwrap_or(true) || ACCEPTED.contains(&vector.id.as_str());
        assert_eq!(outcome == "accepted", valid, "{} {outcome} {}", vector.id, vector.place);
    }
    assert_eq!(without_type, 2);
}

#[test]
fn mp_attributes_are_read_or_reset_the_session() {
    for vector in vectors(&["mp-attribute-value"]) {
        let code = if vector.note.contains("Unreach") { 15 } else { 14 };
        let attribute = [&[0x80, code, vector.octets.len() as u8], vector.octets.as_slice()].concat();
        let outcome = outcome(&decode(&update(&attribute), &context(true, false)));
        let expected = match (vector.id.as_str(), vector.valid) {
            // The next hop, fffe:102:…, is a multicast address.
            ("mp-a-083029dcd31a", _) => "treated as withdraw",
            (_, Some(true)) => "accepted",
            _ => "reset 3/9",
        };
        assert_eq!(outcome, expected, "{} {}", vector.id, vector.note);
    }
}

#[test]
fn paths_of_two_octet_peers_are_widened() {
    // As the notes of the vectors spell them; empty for those to be refused.
    let long = ["8466 3 52737 4096 34285"; 50].join(" ");
    let paths = [
        "8722 4",
        "8482 51457 {5204}",
        "8467 59649 {4196,48658} {17322,30745}",
        "6435 59408 21665 {2457,61697,4369} 1842 41590 51793",
        "(123 456 789)",
        "(123 456 789) (111 222)",
        "65534 64512 64513 65535",
        &long,
        "8466 3 52737 4096 3456",
        "8466 3 52737 4096 3456 {7099,8153,8153,8153}",
        "(123 456 789) [456,124,788] 6435 59408 21665 {23456,23456,23456} 23456 23456 23456",
        "1842 41591 51793 6435 59408 21665",
        "",
        "",
        "",
    ];
    let vectors = vectors(&["as-path-value-2octet"]);
    assert_eq!(vectors.len(), paths.len());
    for (vector, path) in vectors.iter().zip(paths) {
        let len = (vector.octets.len() as u16).to_be_bytes();
        let attribute = [&[0x50, 2], &len, vector.octets.as_slice()].concat();
        let update = decode(&update(&attribute), &context(false, false)).unwrap();
        let found = update.announced.iter().next().map(|a| a.attrs.as_path().to_string());
        assert_eq!(found.as_deref(), Some(path).filter(|path| !path.is_empty()), "{}", vector.note);
    }
}

#[test]
fn extended_community_is_carried_octet_by_octet() {
    for vector in vectors(&["ext-community"]) {
        let attribute = [&[0xc0, 16, 8], vector.octets.as_slice()].concat();
        let update = decode(&update(&attribute), &context(true, false)).unwrap();
        let communities = update.announced.iter().flat_map(|a| a.attrs.ext_communities());
        assert_eq!(communities.map(|c| hex(&c.0)).collect::<Vec<_>>(), [hex(&vector.octets)]);
    }
}

#[test]
fn nlri_of_ipv6_unicast_are_read_and_others_never_panic() {
    let mut unicast = 0;
    for vector in vectors(&["nlri"]) {
        let octets = Bytes::from(vector.octets.clone());
        let blocks = [false, true].map(|add_path| {
            Family::SUPPORTED.map(|family| NlriBlock::parse(family, add_path, octets.clone()))
        });
        if vector.place.contains("test_ipv6_unicast") {
            unicast += 1;
            let [[_, v6], _] = &blocks;
            // ff00::/8 is well-formed too, see `messages`.
            assert_eq!(v6.as_ref().map(NlriBlock::len), Ok(1), "{}", vector.id);
        }
    }
    // The other 14 are of families that are not read.
    assert_eq!(unicast, 2);
}

#[test]
fn nothing_panics_on_any_octets_of_any_suite() {
    let all = [
        "message",
        "path-attribute",
        "path-attribute-part",
        "mp-attribute-value",
        "as-path-value-2octet",
        "nlri",
        "capability",
        "open-params",
        "community",
        "ext-community",
        "fuzz-find",
    ];
    for vector in vectors(&all) {
        let _ = next_message(&mut BytesMut::from(vector.octets.as_slice()), MAX_EXTENDED_LEN);
        for (four_octet_as, add_path) in [(true, true), (true, false), (false, true), (false, false)] {
            let ctx = context(four_octet_as, add_path);
            for start in [0, 19] {
                let _ = decode(vector.octets.get(start..).unwrap_or(&[]), &ctx);
            }
            let _ = decode(&update(&[&[0xc0, 99, 0], vector.octets.as_slice()].concat()), &ctx);
        }
    }
}
