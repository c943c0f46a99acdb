//! Whole messages against the facts an independent decoder found in them.

use bgp_core::types::{AttrCode, AttrSet, Family, NextHop, NlriBlock};
use bgp_core::wire::{
    MAX_EXTENDED_LEN, MessageError, MessageKind, Notification, Open, RawMessage, RouteRefresh, next_message,
};
use bytes::BytesMut;
use serde_json::{Value, json};

use super::{Vector, context, decode, dotted, hex, outcome, vectors};

/// Messages that are not simply accepted: identifier, outcome. The first line of each group says why.
const DIFFERENT: [(&str, &str); 13] = [
    // Attribute 153 without the Optional bit: an unknown well-known attribute (RFC 4271 §6.3).
    ("mess-1db1c9669a66", "reset 3/2"),
    // IPv6 routes with an IPv4 next hop are not among what this speaker negotiates.
    ("mess-5f0346664d22", "reset 3/9"),
    // NEXT_HOP 0.0.0.0, and BGPsec_PATH (33) instead of AS_PATH.
    ("mess-cee922538825", "treated as withdraw"),
    // Malformed on purpose, as their names say.
    ("mess-eae3045e9159", "reset 3/9"),
    ("mess-9626ded78364", "reset 3/1"),
    ("mess-f92ede8f3a69", "treated as withdraw"),
    // ROUTE-REFRESH with route filters, which are never negotiated, and one cut short.
    ("mess-8875f17b1747", "reset 7/1"),
    ("mess-5a8c3bebfa9a", "reset 7/1"),
    // Cut short by the tests they are from.
    ("mess-e2d6355996c6", "incomplete"),
    ("mess-105e42da0a4a", "incomplete"),
    ("mess-edea32aed2da", "incomplete"),
    ("mess-d4e7662fcb54", "incomplete"),
    ("mess-a66b23692aca", "incomplete"),
];

// A prefix of multicast addresses (mess-93077f2e901e, invalid to its suite) is well-formed: what is done with it
// is decided on import (RFC 4271 §6.3), not here.

/// Messages with AS4_PATH: identifier, true path (RFC 6793 §4.2.3).
const MERGED: [(&str, &str); 1] =
    [("mess-577d29bac673", "64496 64497 64498 64499 65536 65536 65536 65536 65537 65546")];

#[test]
fn messages_say_what_an_independent_decoder_found() {
    let mut skipped = 0;
    for vector in vectors(&["message"]) {
        let outcome = check(&vector);
        let different = DIFFERENT.iter().find(|(id, _)| *id == vector.id);
        let expected = different.map_or("accepted", |(_, outcome)| outcome);
        if outcome == "accepted, family skipped" {
            skipped += 1;
        } else {
            assert_eq!(outcome, expected, "{} {}", vector.id, vector.place);
        }
    }
    // Flowspec, VPN, EVPN, MVPN, multicast, link state, labels, route targets, VPLS.
    assert_eq!((skipped, DIFFERENT.len()), (55, 13));
}

/// The outcome; facts that differ fail the test.
fn check(vector: &Vector) -> String {
    let mut buf = BytesMut::from(vector.octets.as_slice());
    let raw = match next_message(&mut buf, MAX_EXTENDED_LEN) {
        Ok(Some(raw)) => raw,
        Ok(None) => return "incomplete".to_owned(),
        Err(error) => return format!("reset {}/{}", error.code, error.subcode),
    };
    let facts = &vector.json["facts"];
    let reset = |error: MessageError| format!("reset {}/{}", error.code, error.subcode);
    let result = match raw.kind {
        MessageKind::Update => return update(vector, &raw),
        MessageKind::Keepalive => Ok(()),
        MessageKind::Open => Open::decode(&raw.body).map(|read| open(&read, facts)),
        MessageKind::Notification => Notification::decode(&raw.body).map(|read| {
            let found = json!({ "code": read.code, "subcode": read.subcode, "data": hex(&read.data) });
            assert_eq!(&found, facts, "{}", vector.id);
        }),
        MessageKind::RouteRefresh => RouteRefresh::decode(&raw.body).map(|read| {
            assert_eq!(json!([read.family.afi, read.family.safi]), json!([facts["afi"], facts["safi"]]));
            let mut again = BytesMut::new();
            read.encode(&mut again);
            assert_eq!(again, vector.octets, "{}", vector.id);
        }),
    };
    result.map_or_else(reset, |()| "accepted".to_owned())
}

fn open(read: &Open, facts: &Value) {
    let found = json!([read.my_as, read.asn().0, read.hold_time, dotted(read.router_id.0)]);
    assert_eq!(found, json!([facts["my_as"], facts["asn"], facts["hold"], facts["bgp_id"]]));
    let codes: Vec<_> = read.capabilities.iter().map(|c| c.code()).collect();
    let expected: Vec<_> = facts["capabilities"].as_array().unwrap().iter().map(|c| c[0].clone()).collect();
    assert_eq!(json!(codes), json!(expected));
    let mut again = BytesMut::new();
    read.encode(&mut again);
    let raw = next_message(&mut again, MAX_EXTENDED_LEN).unwrap().unwrap();
    assert_eq!(&Open::decode(&raw.body).unwrap(), read);
}

fn update(vector: &Vector, raw: &RawMessage) -> String {
    let facts = &vector.json["facts"];
    let ctx = context(vector.flag("as4"), vector.flag("add_path"));
    let result = decode(&raw.body, &ctx);
    let outcome = outcome(&result);
    let Ok(update) = result else { return outcome };
    let supported =
        |mp: &Value| [json!([1, 1]), json!([2, 1])].contains(&mp["afi_safi"]) && !mp["prefixes"].is_null();
    let prefixes = |classic: &str, mp: &str| {
        let mut all = facts[classic].as_array().cloned().unwrap_or_default();
        if supported(&facts[mp]) {
            all.extend(facts[mp]["prefixes"].as_array().unwrap().clone());
        }
        all
    };
    let found = |blocks: Vec<&NlriBlock>| -> Vec<Value> {
        blocks.into_iter().flat_map(NlriBlock::iter).map(|nlri| json!(nlri.prefix.to_string())).collect()
    };
    if outcome == "accepted" {
        let announced = found(update.announced.iter().map(|a| &a.nlri).collect());
        assert_eq!(announced, prefixes("nlri", "mp_reach"), "{}", vector.id);
        assert_eq!(
            found(update.withdrawn.iter().collect()),
            prefixes("withdrawn", "mp_unreach"),
            "{}",
            vector.id
        );
        for announcement in update.announced.iter() {
            attributes(&announcement.attrs, announcement.nlri.family(), vector);
        }
    }
    let skipped = ["mp_reach", "mp_unreach"].iter().any(|mp| !facts[mp].is_null() && !supported(&facts[mp]));
    let marker = &facts["end_of_rib"];
    match update.end_of_rib {
        Some(family) => assert_eq!(json!([family.afi, family.safi]), *marker, "{}", vector.id),
        None => assert!(marker.is_null() || skipped, "{}", vector.id),
    }
    if skipped { format!("{outcome}, family skipped") } else { outcome }
}

/// Compares what the facts name; the attributes not named, octet by octet.
fn attributes(set: &AttrSet, family: Family, vector: &Vector) {
    let facts = &vector.json["facts"];
    let path: Vec<_> = set
        .as_path()
        .segments()
        .map(|s| json!([s.kind() as u8, s.asns().map(|asn| asn.0).collect::<Vec<_>>()]))
        .collect();
    let dotted_list = |ids: Vec<u32>| json!(ids.into_iter().map(dotted).collect::<Vec<_>>());
    let next_hop = match set.next_hop() {
        Some(NextHop::V4(addr)) if facts["mp_reach"].is_null() => json!(addr.to_string()),
        Some(hop) => json!(hex(&hop.octets().0[..hop.octets().1])),
        None => Value::Null,
    };
    let expected_hop = if facts["mp_reach"].is_null() || family != mp_family(facts) {
        &facts["next_hop"]
    } else {
        &facts["mp_reach"]["next_hop"]
    };
    assert_eq!(&next_hop, expected_hop, "{}", vector.id);
    let found = [
        ("as_path", json!(path)),
        ("origin", json!(set.origin() as u8)),
        ("med", json!(set.med())),
        ("local_pref", json!(set.local_pref())),
        ("communities", json!(set.communities().iter().map(|c| c.to_string()).collect::<Vec<_>>())),
        ("large_communities", json!(set.large_communities().map(|c| c.to_string()).collect::<Vec<_>>())),
        ("ext_communities", json!(set.ext_communities().map(|c| hex(&c.0)).collect::<Vec<_>>())),
        ("originator_id", json!(set.originator_id().map(|id| dotted(id.0)))),
        ("cluster_list", dotted_list(set.cluster_list().map(|id| id.0).collect())),
    ];
    for (name, value) in found {
        // The facts tell AS_PATH as it stands in the message; ours is joined with AS4_PATH.
        if name == "as_path"
            && MERGED.iter().any(|(id, path)| *id == vector.id && set.as_path().to_string() == *path)
        {
            continue;
        }
        let expected = if facts[name].is_null() && value.is_array() { &json!([]) } else { &facts[name] };
        assert_eq!(&value, expected, "{} {name}", vector.id);
    }
    for attr in facts["attributes"].as_array().unwrap() {
        let (code, flags) = (attr[0].as_u64().unwrap() as u8, attr[1].as_str().unwrap());
        let flags = u8::from_str_radix(flags, 16).unwrap();
        let carried = set.raw(AttrCode(code)).map(|raw| hex(raw.value));
        let known = AttrCode(code).category().is_some();
        match (known, flags & 0x40 != 0) {
            (true, _) => {}
            (false, true) => assert_eq!(carried.as_deref(), attr[2].as_str(), "{} {code}", vector.id),
            (false, false) => assert_eq!(carried, None, "{} {code}", vector.id),
        }
    }
}

fn mp_family(facts: &Value) -> Family {
    let pair = &facts["mp_reach"]["afi_safi"];
    Family { afi: pair[0].as_u64().unwrap() as u16, safi: pair[1].as_u64().unwrap() as u8 }
}
