//! Each rule of RFC 7606 and each class of bug known from other speakers, on octets.

use std::net::Ipv4Addr;

use bytes::Bytes;

use super::*;
use crate::types::{Asn, Origin, PathId, V4Key, V6Key};

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;
const NET: &[u8] = &[8, 10];
const NET6: &[u8] = &[32, 0x20, 0x01, 0x0d, 0xb8];
const NH6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn ctx() -> UpdateContext {
    UpdateContext {
        four_octet_as: true,
        peer: PeerKind::External,
        families: PerFamily { ipv4: true, ipv6: true },
        add_path: PerFamily::default(),
        extended_next_hop: false,
    }
}

fn internal() -> UpdateContext {
    UpdateContext { peer: PeerKind::Internal, ..ctx() }
}

fn two_octet() -> UpdateContext {
    UpdateContext { four_octet_as: false, ..ctx() }
}

fn attr(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let len = value.len() as u16;
    if len > 255 || flags & 0x10 != 0 {
        [&[flags | 0x10, code], len.to_be_bytes().as_slice(), value].concat()
    } else {
        [&[flags, code, len as u8], value].concat()
    }
}

fn origin() -> Vec<u8> {
    attr(0x40, 1, &[0])
}

fn as_path() -> Vec<u8> {
    attr(0x40, 2, &[2, 2, 0, 0, 0xfd, 0xe9, 0, 1, 0x11, 0x70])
}

fn next_hop() -> Vec<u8> {
    attr(0x40, 3, &[192, 0, 2, 1])
}

fn mandatory() -> Vec<u8> {
    [origin(), as_path(), next_hop()].concat()
}

fn mp_reach(next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    attr(0x80, 14, &[&[0, 2, 1, next_hop.len() as u8], next_hop, &[0], nlri].concat())
}

fn body(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Bytes {
    let len = |part: &[u8]| (part.len() as u16).to_be_bytes();
    [&len(withdrawn), withdrawn, &len(attributes), attributes, nlri].concat().into()
}

fn decode_with(ctx: &UpdateContext, body: &Bytes) -> Result<Update, MessageError> {
    decode_update(body, ctx, &mut AttrBuilder::new())
}

fn decode(attributes: &[u8], nlri: &[u8]) -> Result<Update, MessageError> {
    decode_with(&ctx(), &body(&[], attributes, nlri))
}

/// The set of the only announcement of a faultless UPDATE.
fn accepted(ctx: &UpdateContext, attributes: &[u8]) -> AttrSet {
    let update = decode_with(ctx, &body(&[], attributes, NET)).unwrap();
    assert_eq!(update.faults, []);
    update.announced.into_iter().next().unwrap().attrs
}

/// Asserts that `extra` after the mandatory attributes has the one fault given, and what follows from it.
fn assert_fault(ctx: &UpdateContext, extra: &[u8], kind: FaultKind, disposition: Disposition) {
    let attributes = [mandatory(), extra.to_vec()].concat();
    let update = decode_with(ctx, &body(&[], &attributes, NET)).unwrap();
    let found: Vec<_> = update.faults.iter().map(|f| (f.kind, f.attr.0, f.disposition)).collect();
    assert_eq!(found, [(kind, extra[1], disposition)], "{extra:?}");
    assert_eq!(update.faults[0].offset, 19 + 4 + mandatory().len());
    let withdrawn: Vec<_> = update.withdrawn.iter().flat_map(NlriBlock::iter).collect();
    if disposition == Disposition::TreatAsWithdraw {
        assert_eq!((withdrawn.len(), update.announced.is_empty()), (1, true));
    } else {
        let set = &update.announced.iter().next().unwrap().attrs;
        assert!(withdrawn.is_empty() && set.raw(AttrCode(extra[1])).is_none());
    }
}

fn assert_reset(result: Result<Update, MessageError>, subcode: u8) {
    let error = result.unwrap_err();
    assert_eq!((error.code, error.subcode), (3, subcode), "{error}");
}

#[test]
fn rfc4271_4_3_one_update_withdraws_and_announces() {
    let update = decode_with(&ctx(), &body(&[16, 172, 16], &mandatory(), &[8, 10, 24, 192, 0, 2])).unwrap();
    let withdrawn: Vec<_> = update.withdrawn.iter().flat_map(NlriBlock::keys::<V4Key>).collect();
    assert_eq!(withdrawn, [(PathId(0), V4Key::new(0xac10_0000, 16).unwrap())]);
    let announced = update.announced.iter().next().unwrap();
    assert_eq!(announced.nlri.len(), 2);
    assert_eq!(announced.attrs.origin(), Origin::Igp);
    assert_eq!(announced.attrs.as_path().to_string(), "65001 70000");
    assert_eq!(announced.attrs.next_hop(), Some(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))));
    assert!(update.faults.is_empty() && update.end_of_rib.is_none());
}

#[test]
fn rfc4760_3_both_families_in_one_update_have_their_own_next_hops() {
    let attributes = [mp_reach(&NH6, NET6), mandatory()].concat();
    let update = decode(&attributes, NET).unwrap();
    let hops: Vec<_> =
        update.announced.iter().map(|a| (a.nlri.family(), a.attrs.next_hop().unwrap())).collect();
    let v6 = NextHop::V6(NH6.into());
    assert_eq!(hops, [(V4, NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))), (V6, v6)]);
    let unreach = attr(0x80, 15, &[&[0, 2, 1], NET6].concat());
    let update = decode(&unreach, &[]).unwrap();
    let keys: Vec<_> = update.withdrawn.iter().flat_map(NlriBlock::keys::<V6Key>).collect();
    assert_eq!(keys, [(PathId(0), V6Key::new(0x2001_0db8 << 96, 32).unwrap())]);
}

#[test]
fn rfc4760_3_ipv4_in_mp_reach_keeps_its_next_hop() {
    let v4 = attr(0x80, 14, &[0, 1, 1, 4, 192, 0, 2, 9, 0, 8, 10]);
    let update = decode(&[v4, origin(), as_path()].concat(), &[]).unwrap();
    let announced = update.announced.iter().next().unwrap();
    assert_eq!(announced.attrs.next_hop(), Some(NextHop::V4(Ipv4Addr::new(192, 0, 2, 9))));
    assert_eq!((announced.nlri.family(), announced.nlri.octets().as_ref()), (V4, NET));
}

#[test]
fn rfc8950_ipv6_next_hop_of_ipv4_only_where_negotiated() {
    let value = [&[0, 1, 1, 16], NH6.as_slice(), &[0], NET].concat();
    let update = body(&[], &[attr(0x80, 14, &value), origin(), as_path()].concat(), &[]);
    assert_reset(decode_with(&ctx(), &update), 9);
    let ctx = UpdateContext { extended_next_hop: true, ..ctx() };
    let update = decode_with(&ctx, &update).unwrap();
    assert_eq!(update.announced.iter().next().unwrap().attrs.next_hop(), Some(NextHop::V6(NH6.into())));
}

#[test]
fn rfc2545_3_next_hop_of_32_octets_keeps_a_true_link_local_address_only() {
    let mut link_local = NH6;
    link_local[..4].copy_from_slice(&[0xfe, 0x80, 0, 0]);
    let hop_of = |second: &[u8]| {
        let attributes = [mp_reach(&[&NH6, second].concat(), NET6), origin(), as_path()].concat();
        decode(&attributes, &[]).unwrap().announced.iter().next().unwrap().attrs.next_hop()
    };
    let (global, link_local_addr) = (NH6.into(), link_local.into());
    assert_eq!(hop_of(&link_local), Some(NextHop::V6WithLinkLocal { global, link_local: link_local_addr }));
    assert_eq!(hop_of(&[0; 16]), Some(NextHop::V6(global)));
}

#[test]
fn rfc7606_7_each_malformed_attribute_has_its_disposition() {
    use Disposition::{DiscardAttribute, TreatAsWithdraw};
    use FaultKind::{Length, Unexpected, Value};
    // Extra attribute, kind, disposition from an external and from an internal peer.
    let own = |d| (d, d);
    let foreign = (DiscardAttribute, TreatAsWithdraw);
    type Case = (u8, u8, &'static [u8], FaultKind, (Disposition, Disposition));
    let cases: [Case; 17] = [
        (0x80, 4, &[0; 3], Length, own(TreatAsWithdraw)),
        (0x80, 4, &[], Length, own(TreatAsWithdraw)),
        (0x40, 5, &[0; 3], Length, foreign),
        (0x40, 6, &[0], Length, own(DiscardAttribute)),
        (0xc0, 7, &[0; 6], Length, own(DiscardAttribute)),
        (0xc0, 7, &[], Length, own(DiscardAttribute)),
        (0xc0, 7, &[0, 0, 0, 0, 1, 1, 1, 1], Value, own(DiscardAttribute)),
        (0xc0, 8, &[], Length, own(TreatAsWithdraw)),
        (0xc0, 8, &[0; 6], Length, own(TreatAsWithdraw)),
        (0x80, 9, &[0; 5], Length, foreign),
        (0x80, 10, &[], Length, foreign),
        (0x80, 10, &[0; 7], Length, foreign),
        (0xc0, 16, &[0; 7], Length, own(TreatAsWithdraw)),
        (0xc0, 16, &[], Length, own(TreatAsWithdraw)),
        (0xc0, 32, &[0; 11], Length, own(TreatAsWithdraw)),
        (0xc0, 32, &[], Length, own(TreatAsWithdraw)),
        (0xc0, 17, &[2, 1, 0, 0, 0, 1], Unexpected, own(DiscardAttribute)),
    ];
    for (flags, code, value, kind, (outside, inside)) in cases {
        let extra = attr(flags, code, value);
        assert_fault(&internal(), &extra, kind, inside);
        let kind = if matches!(code, 5 | 9 | 10) { Unexpected } else { kind };
        assert_fault(&ctx(), &extra, kind, outside);
    }
}

#[test]
fn rfc7606_7_mandatory_attributes_that_make_no_sense_are_treated_as_withdraw() {
    // Bug class 30 and 32.
    use FaultKind::{Length, NextHop, Value};
    let cases: [(u8, &[u8], FaultKind); 19] = [
        (1, &[], Length),
        (1, &[0, 0], Length),
        (1, &[3], Value),
        (2, &[2], Value),
        (2, &[2, 0], Value),
        (2, &[2, 1, 0, 0, 0], Value),
        (2, &[2, 1, 0, 0, 0, 1, 2], Value),
        (2, &[5, 1, 0, 0, 0, 1], Value),
        (2, &[0, 1, 0, 0, 0, 1], Value),
        // RFC 7607 §2
        (2, &[2, 1, 0, 0, 0, 0], Value),
        // RFC 5065 §5
        (2, &[3, 1, 0, 0, 0, 1], Value),
        (3, &[], Length),
        (3, &[192, 0, 2], Length),
        (3, &[192, 0, 2, 1, 0], Length),
        (3, &[0, 0, 0, 0], NextHop),
        (3, &[0, 1, 2, 3], NextHop),
        (3, &[224, 0, 0, 5], NextHop),
        (3, &[240, 0, 0, 1], NextHop),
        (3, &[255, 255, 255, 255], NextHop),
    ];
    for (code, value, kind) in cases {
        let good = [origin(), as_path(), next_hop()];
        let bad = attr(0x40, code, value);
        let attributes: Vec<_> =
            good.into_iter().flat_map(|a| if a[1] == code { bad.clone() } else { a }).collect();
        let update = decode(&attributes, NET).unwrap();
        let faults: Vec<_> = update.faults.iter().map(|f| (f.attr.0, f.kind)).collect();
        assert_eq!(faults, [(code, kind)], "{value:?}");
        assert_eq!(update.disposition(), Some(Disposition::TreatAsWithdraw));
        assert_eq!(update.withdrawn.iter().next().unwrap().octets().as_ref(), NET);
        assert!(update.announced.is_empty());
    }
}

#[test]
fn rfc7606_3_c_conflicting_flags_are_treated_as_withdraw() {
    for (code, value) in [(4_u8, [0; 4].as_slice()), (8, &[0; 4]), (9, &[0; 4]), (6, &[]), (5, &[0; 4])] {
        let right = AttrCode(code).category().unwrap();
        for wrong in [0x00, 0x40, 0x80, 0xc0] {
            let extra = attr(wrong | 0x20, code, value);
            if wrong == right {
                // The Partial bit conflicts with nothing.
                let update = decode_with(&internal(), &body(&[], &[mandatory(), extra].concat(), NET));
                assert_eq!(update.unwrap().faults, []);
            } else {
                assert_fault(&internal(), &extra, FaultKind::Flags, Disposition::TreatAsWithdraw);
            }
        }
    }
}

#[test]
fn rfc7606_3_c_wrong_flags_of_mp_reach_withdraw_its_routes() {
    let mut reach = mp_reach(&NH6, NET6);
    reach[0] = 0xc0;
    let update = decode(&[reach, origin(), as_path()].concat(), &[]).unwrap();
    assert_eq!(update.withdrawn.iter().next().unwrap().octets().as_ref(), NET6);
    assert!(update.announced.is_empty());
}

#[test]
fn rfc7606_3_d_missing_mandatory_attribute_is_treated_as_withdraw() {
    // Bug class 4 and 6.
    for missing in 1..=3 {
        let all = [origin(), as_path(), next_hop()];
        let attributes: Vec<u8> = all.into_iter().filter(|a| a[1] != missing).flatten().collect();
        let update = decode(&attributes, NET).unwrap();
        assert_eq!(update.faults.len(), 1);
        assert_eq!((update.faults[0].attr.0, update.faults[0].kind), (missing, FaultKind::Missing));
        assert_eq!((update.withdrawn.iter().count(), update.announced.is_empty()), (1, true));
    }
    // Routes and no attribute at all; MP_UNREACH_NLRI and NLRI without attributes.
    assert_eq!(decode(&[], NET).unwrap().withdrawn.iter().count(), 1);
    let unreach = attr(0x80, 15, &[0, 2, 1]);
    let update = decode(&unreach, NET).unwrap();
    assert_eq!((update.withdrawn.iter().count(), update.end_of_rib), (1, None));
}

#[test]
fn rfc7606_3_g_first_of_repeated_attributes_counts() {
    // Bug class 18.
    let attributes = [mandatory(), attr(0x40, 1, &[2]), attr(0x40, 3, &[1])].concat();
    let update = decode(&attributes, NET).unwrap();
    let kinds: Vec<_> = update.faults.iter().map(|f| (f.kind, f.disposition)).collect();
    assert_eq!(kinds, [(FaultKind::Duplicate, Disposition::DiscardAttribute); 2]);
    assert_eq!(update.announced.iter().next().unwrap().attrs.origin(), Origin::Igp);
    let unknown = [mandatory(), attr(0xc0, 99, &[1]), attr(0xc0, 99, &[2])].concat();
    let update = decode(&unknown, NET).unwrap();
    assert_eq!(update.announced.iter().next().unwrap().attrs.raw(AttrCode(99)).unwrap().value, [1]);
}

#[test]
fn rfc7606_3_g_repeated_mp_attributes_reset_the_session() {
    assert_reset(decode(&[mp_reach(&NH6, NET6), mp_reach(&NH6, NET6), mandatory()].concat(), &[]), 1);
    let unreach = attr(0x80, 15, &[0, 2, 1]);
    assert_reset(decode(&[unreach.clone(), unreach].concat(), &[]), 1);
}

#[test]
fn rfc7606_3_h_all_attributes_are_walked_before_the_strongest_fault_decides() {
    // Bug class 35.
    // A bad attribute early, a route after it in MP_REACH: the walk goes on and withdraws that too.
    let attributes = [attr(0x40, 1, &[9]), as_path(), next_hop(), mp_reach(&NH6, NET6)].concat();
    let update = decode(&attributes, NET).unwrap();
    assert_eq!(update.withdrawn.iter().map(NlriBlock::family).collect::<Vec<_>>(), [V4, V6]);
    // A fault that ends the session comes last and wins.
    let attributes = [attr(0x40, 1, &[9]), as_path(), attr(0x40, 99, &[])].concat();
    assert_reset(decode(&attributes, NET), 2);
}

#[test]
fn rfc7606_4_attribute_longer_than_the_section_is_treated_as_withdraw() {
    for tail in [&[0xc0_u8, 99, 9, 0][..], &[0xc0], &[0xc0, 99], &[0xd0, 99, 0], &[0xd0, 99, 0xff, 0xff]] {
        let update = decode(&[mandatory(), tail.to_vec()].concat(), NET).unwrap();
        let found: Vec<_> = update.faults.iter().map(|f| f.kind).collect();
        assert_eq!(found, [FaultKind::Overrun], "{tail:?}");
        assert_eq!(update.withdrawn.iter().next().unwrap().octets().as_ref(), NET);
    }
    // Where the routes are cannot be known if it is an MP attribute.
    assert_reset(decode(&[mandatory(), vec![0x80, 14, 200, 0]].concat(), NET), 1);
}

#[test]
fn rfc4271_6_3_sections_longer_than_the_message_reset_the_session() {
    for octets in
        [&[0_u8, 1, 0, 0][..], &[0, 0, 0, 1], &[0xff, 0xff, 0, 0], &[0, 0, 0xff, 0xff, 1], &[0], &[]]
    {
        assert_reset(decode_with(&ctx(), &Bytes::copy_from_slice(octets)), 1);
    }
}

#[test]
fn rfc7606_5_2_fault_without_a_route_to_withdraw_resets_the_session() {
    assert_reset(decode(&[attr(0x40, 1, &[9]), as_path()].concat(), &[]), 6);
    assert_reset(decode(&[attr(0x40, 2, &[9]), origin()].concat(), &[]), 11);
    assert_reset(decode(&attr(0x80, 4, &[9]), &[]), 5);
    // What is merely discarded does not.
    let update = decode(&[origin(), attr(0x40, 6, &[1])].concat(), &[]).unwrap();
    assert_eq!(update.disposition(), Some(Disposition::DiscardAttribute));
    // Nor does a fault beside routes of a family that is skipped.
    let skipped = attr(0x80, 14, &[0, 25, 70, 1, 2, 3]);
    let update = decode(&[attr(0x40, 1, &[9]), skipped].concat(), &[]).unwrap();
    assert_eq!(update.disposition(), Some(Disposition::TreatAsWithdraw));
}

#[test]
fn rfc7606_5_3_nlri_that_does_not_fit_resets_the_session() {
    for nlri in [&[33_u8, 1, 2, 3, 4, 5][..], &[24, 1, 2], &[8], &[8, 10, 255]] {
        assert_reset(decode(&mandatory(), nlri), 10);
        assert_reset(decode_with(&ctx(), &body(nlri, &[], &[])), 10);
    }
    let error = decode(&mandatory(), &[8, 10, 33, 0]).unwrap_err();
    assert_eq!(error.offset, 19 + 4 + mandatory().len() + 2);
}

#[test]
fn rfc7606_7_11_mp_attributes_that_cannot_be_read_reset_the_session() {
    // Bug class 7.
    let values: [&[u8]; 9] = [
        &[],
        &[0, 2],
        &[0, 2, 1],
        &[0, 2, 1, 16],
        &[0, 2, 1, 16, 0x20, 1],
        &[0, 2, 1, 0, 0],
        &[0, 2, 1, 4, 192, 0, 2, 1, 0],
        &[0, 1, 1, 4, 192, 0, 2, 1],
        &[0, 1, 1, 4, 192, 0, 2, 1, 0, 33, 0, 0, 0, 0, 0],
    ];
    for value in values {
        let reach = attr(0x80, 14, value);
        let error = decode(&[reach.clone(), mandatory()].concat(), &[]).unwrap_err();
        assert_eq!((error.code, error.subcode, error.data.as_ref()), (3, 9, reach.as_slice()), "{value:?}");
        assert_eq!(error.attr, Some(AttrCode::MP_REACH_NLRI));
    }
    for value in [&[][..], &[0, 2], &[0, 2, 1, 129, 0], &[0, 2, 1, 8]] {
        assert_reset(decode(&attr(0x80, 15, value), &[]), 9);
    }
}

#[test]
fn rfc7606_7_3_martian_next_hop_in_mp_reach_is_treated_as_withdraw() {
    let mut multicast = NH6;
    multicast[0] = 0xff;
    for hop in [[0; 16].as_slice(), &multicast, &[0; 32]] {
        let update = decode(&[mp_reach(hop, NET6), origin(), as_path()].concat(), &[]).unwrap();
        assert_eq!(update.faults[0].kind, FaultKind::NextHop);
        assert_eq!((update.withdrawn.iter().count(), update.announced.is_empty()), (1, true));
    }
    let v4 = attr(0x80, 14, &[0, 1, 1, 4, 224, 0, 0, 9, 0, 8, 10]);
    let update = decode(&[v4, origin(), as_path()].concat(), &[]).unwrap();
    assert_eq!((update.withdrawn.iter().count(), update.announced.is_empty()), (1, true));
}

#[test]
fn rfc4271_9_unknown_attributes_are_carried_dropped_or_refused_by_their_flags() {
    // Bug class 33.
    let set = accepted(&ctx(), &[mandatory(), attr(0xc0, 99, &[1, 2]), attr(0x80, 98, &[3])].concat());
    let carried = set.raw(AttrCode(99)).unwrap();
    assert_eq!((carried.flags, carried.value), (0xe0, [1, 2].as_slice()));
    assert_eq!(set.raw(AttrCode(98)), None);
    for flags in [0x40, 0x00] {
        let unknown = attr(flags, 99, &[7]);
        let error = decode(&[mandatory(), unknown.clone()].concat(), NET).unwrap_err();
        assert_eq!((error.subcode, error.data.as_ref()), (2, unknown.as_slice()));
    }
}

#[test]
fn bug_class_1_to_3_attributes_nobody_uses_are_opaque() {
    // Tunnel encapsulation, Prefix-SID, AIGP, ATTR_SET, IPv6 extended communities: garbage inside, zero length.
    for (flags, code) in [(0xc0, 23), (0xc0, 40), (0x80, 26), (0xc0, 128), (0xc0, 25)] {
        for value in [&[][..], &[0xff; 3], &[0; 300]] {
            let set = accepted(&ctx(), &[mandatory(), attr(flags, code, value)].concat());
            assert_eq!(set.raw(AttrCode(code)).map(|a| a.value), (flags == 0xc0).then_some(value));
        }
    }
}

#[test]
fn bug_class_5_update_with_an_unknown_transitive_attribute_alone_is_no_fault_and_no_marker() {
    let update = decode(&attr(0xc0, 99, &[1]), &[]).unwrap();
    assert_eq!(update, Update::default());
}

#[test]
fn rfc4724_2_end_of_rib_has_one_exact_shape() {
    assert_eq!(decode(&[], &[]).unwrap().end_of_rib, Some(V4));
    let marker = |flags| attr(flags, 15, &[0, 2, 1]);
    assert_eq!(decode(&marker(0x80), &[]).unwrap().end_of_rib, Some(V6));
    assert_eq!(decode(&marker(0x90), &[]).unwrap().end_of_rib, Some(V6));
    let others: [Bytes; 5] = [
        body(&[], &[marker(0x80), origin()].concat(), &[]),
        body(&[], &[marker(0x80), attr(0xc0, 99, &[])].concat(), &[]),
        body(NET, &marker(0x80), &[]),
        body(&[], &marker(0xc0), &[]),
        body(&[], &attr(0x80, 15, &[0, 25, 70]), &[]),
    ];
    for other in others {
        assert_eq!(decode_with(&ctx(), &other).unwrap().end_of_rib, None, "{other:?}");
    }
    let v6_only = UpdateContext { families: PerFamily { ipv4: false, ipv6: true }, ..ctx() };
    assert_eq!(decode_with(&v6_only, &body(&[], &[], &[])).unwrap().end_of_rib, None);
    // Routes of a family that is skipped are something beside the marker, too.
    let beside = decode_with(&v6_only, &body(&[], &marker(0x80), NET)).unwrap();
    assert_eq!((beside.end_of_rib, beside.faults.len()), (None, 0));
}

#[test]
fn bug_class_16_families_not_negotiated_are_never_parsed_inside() {
    let v4_only = UpdateContext { families: PerFamily { ipv4: true, ipv6: false }, ..ctx() };
    for value in [&[0, 2, 1, 99, 1, 2][..], &[0, 25, 70, 0xff], &[0, 1, 133], &[0, 2, 1]] {
        for code in [14, 15] {
            let attributes = [mandatory(), attr(0x80, code, value)].concat();
            let update = decode_with(&v4_only, &body(&[], &attributes, NET)).unwrap();
            assert_eq!(update.faults, []);
            assert_eq!(update.announced.iter().map(|a| a.nlri.family()).collect::<Vec<_>>(), [V4]);
        }
    }
    let v6_only = UpdateContext { families: PerFamily { ipv4: false, ipv6: true }, ..ctx() };
    let update = decode_with(&v6_only, &body(&[99, 1], &mandatory(), &[99, 1])).unwrap();
    assert!(update.is_empty() && update.faults.is_empty());
}

#[test]
fn rfc7911_3_path_identifiers_are_read_where_negotiated() {
    let ctx = UpdateContext { add_path: PerFamily { ipv4: true, ipv6: false }, ..ctx() };
    let nlri = [0, 0, 0, 7, 8, 10, 0, 0, 0, 9, 8, 10];
    let update = decode_with(&ctx, &body(&[], &mandatory(), &nlri)).unwrap();
    let ids: Vec<_> = update.announced.iter().flat_map(|a| a.nlri.iter()).map(|n| n.path_id.0).collect();
    assert_eq!(ids, [7, 9]);
    assert_reset(decode_with(&ctx, &body(&[], &mandatory(), &[0, 0, 0])), 10);
}

#[test]
fn rfc7606_7_5_local_pref_and_reflection_attributes_count_from_internal_peers_only() {
    let extra = [attr(0x40, 5, &[0, 0, 0, 200]), attr(0x80, 9, &[1; 4]), attr(0x80, 10, &[2; 8])].concat();
    let attributes = [mandatory(), extra].concat();
    let set = accepted(&internal(), &attributes);
    assert_eq!((set.local_pref(), set.cluster_list().len()), (Some(200), 2));
    let update = decode(&attributes, NET).unwrap();
    assert_eq!((update.faults.len(), update.disposition()), (3, Some(Disposition::DiscardAttribute)));
    let set = &update.announced.iter().next().unwrap().attrs;
    assert_eq!((set.local_pref(), set.originator_id(), set.cluster_list().len()), (None, None, 0));
}

#[test]
fn rfc5065_5_confederation_segments_are_legal_from_internal_peers() {
    let attributes = [origin(), attr(0x40, 2, &[3, 1, 0, 0, 0, 9]), next_hop()].concat();
    assert_eq!(accepted(&internal(), &attributes).as_path().to_string(), "(9)");
}

#[test]
fn rfc8092_5_repeated_large_communities_are_removed_silently() {
    let (a, b) = ([1; 12], [2; 12]);
    let set = accepted(&ctx(), &[mandatory(), attr(0xc0, 32, &[a, b, a, b].concat())].concat());
    assert_eq!(set.raw(AttrCode::LARGE_COMMUNITIES).unwrap().value, [a, b].concat());
    let many: Vec<u8> = (0..40_u8).flat_map(|n| [n % 20; 12]).collect();
    let set = accepted(&ctx(), &[mandatory(), attr(0xc0, 32, &many)].concat());
    assert_eq!(set.raw(AttrCode::LARGE_COMMUNITIES).unwrap().value, &many[..240]);
}

#[test]
fn rfc6793_4_2_3_true_path_is_put_together_whatever_the_order_of_attributes() {
    let as_path = attr(0x40, 2, &[2, 3, 0xfd, 0xe9, 0x5b, 0xa0, 0, 7]);
    let as4_path = attr(0xc0, 17, &[2, 2, 0, 1, 0x11, 0x70, 0, 0, 0, 7]);
    let aggregator = attr(0xc0, 7, &[0x5b, 0xa0, 1, 1, 1, 1]);
    let as4_aggregator = attr(0xc0, 18, &[0, 1, 0x11, 0x70, 1, 1, 1, 2]);
    let parts = [origin(), next_hop(), as_path, as4_path, aggregator, as4_aggregator];
    let forward = accepted(&two_octet(), &parts.concat());
    let backward = accepted(&two_octet(), &parts.iter().rev().flatten().copied().collect::<Vec<_>>());
    assert_eq!(forward, backward);
    assert_eq!(forward.as_path().to_string(), "65001 70000 7");
    let aggregator = forward.aggregator().unwrap();
    assert_eq!((aggregator.asn, aggregator.router), (Asn(70000), Ipv4Addr::new(1, 1, 1, 2)));
    assert_eq!((forward.raw(AttrCode::AS4_PATH), forward.raw(AttrCode::AS4_AGGREGATOR)), (None, None));
}

#[test]
fn rfc6793_4_2_3_as4_attributes_out_of_date_are_ignored() {
    let as_path = attr(0x40, 2, &[2, 1, 0xfd, 0xe9]);
    let longer = attr(0xc0, 17, &[2, 2, 0, 1, 0x11, 0x70, 0, 0, 0, 7]);
    let set = accepted(&two_octet(), &[origin(), as_path.clone(), next_hop(), longer].concat());
    assert_eq!(set.as_path().to_string(), "65001");
    // Somebody with a two-octet AS aggregated after the last four-octet speaker.
    let fitting = attr(0xc0, 17, &[2, 1, 0, 1, 0x11, 0x70]);
    let aggregator = attr(0xc0, 7, &[0, 9, 1, 1, 1, 1]);
    let as4_aggregator = attr(0xc0, 18, &[0, 1, 0x11, 0x70, 1, 1, 1, 2]);
    let parts = [origin(), as_path, next_hop(), fitting, aggregator, as4_aggregator];
    let set = accepted(&two_octet(), &parts.concat());
    assert_eq!((set.as_path().to_string().as_str(), set.aggregator().unwrap().asn), ("65001", Asn(9)));
}

#[test]
fn rfc6793_6_malformed_as4_attributes_are_discarded() {
    let mandatory = [origin(), attr(0x40, 2, &[2, 1, 0xfd, 0xe9]), next_hop()].concat();
    for (code, value) in
        [(17, &[2, 1, 0, 0][..]), (17, &[]), (17, &[2, 1, 0, 0, 0, 0]), (18, &[0; 8]), (18, &[1])]
    {
        let attributes = [mandatory.clone(), attr(0xc0, code, value)].concat();
        let update = decode_with(&two_octet(), &body(&[], &attributes, NET)).unwrap();
        assert_eq!(update.disposition(), Some(Disposition::DiscardAttribute));
        assert_eq!(update.announced.iter().next().unwrap().attrs.as_path().to_string(), "65001");
    }
}

#[test]
fn bug_class_34_empty_paths_are_legal_values() {
    for ctx in [ctx(), internal(), two_octet()] {
        let set = accepted(&ctx, &[next_hop(), attr(0x40, 2, &[]), origin()].concat());
        assert_eq!(set.as_path().hops(), 0);
        assert!(set.raw(AttrCode::AS_PATH).is_some());
    }
}

#[test]
fn bug_class_26_extended_length_flag_is_not_state() {
    let short = accepted(&ctx(), &[mandatory(), attr(0xc0, 8, &[0, 1, 0, 1])].concat());
    let long = accepted(&ctx(), &[mandatory(), attr(0xd0, 8, &[0, 1, 0, 1])].concat());
    assert_eq!(short, long);
}

#[test]
fn two_octet_path_too_long_for_four_octets_is_treated_as_withdraw() {
    let segment: Vec<u8> = [vec![2, 255], [0, 7].repeat(255)].concat();
    let attributes = [origin(), attr(0x40, 2, &segment.repeat(80)), next_hop()].concat();
    let update = decode_with(&two_octet(), &body(&[], &attributes, NET)).unwrap();
    assert_eq!((update.withdrawn.iter().count(), update.announced.is_empty()), (1, true));
}

#[test]
fn bug_class_14_notification_data_is_a_slice_of_what_was_received() {
    let unknown = attr(0x40, 99, &[7; 300]);
    let whole = body(&[], &[mandatory(), unknown.clone()].concat(), NET);
    let error = decode_with(&ctx(), &whole).unwrap_err();
    assert_eq!(error.data.as_ref(), unknown.as_slice());
    assert!(whole.as_ptr_range().contains(&error.data.as_ptr()));
}

#[test]
fn bug_class_24_any_path_that_was_stored_can_be_shown() {
    let segment: Vec<u8> = [vec![1, 255], [0, 0, 0, 7].repeat(255)].concat();
    let set = accepted(&ctx(), &[origin(), attr(0x40, 2, &segment.repeat(60)), next_hop()].concat());
    assert_eq!((set.as_path().hops(), set.as_path().to_string().len()), (60, 60 * 511 + 59));
}
