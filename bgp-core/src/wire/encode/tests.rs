//! What is written can be read again, fits, and is what the RFCs ask for.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::types::attr::Community;
use crate::types::{AsPath, Asn, AttrBuilder, NlriBlock, NlriKey, Origin, PathId, V4Key, V6Key};
use crate::wire::{MAX_LEN, PeerKind, UpTo, Update, UpdateContext, decode_update, next_message};

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;

fn format() -> Format {
    Format {
        max_len: MAX_LEN,
        four_octet_as: true,
        extended_next_hop: false,
        add_path: PerFamily { ipv4: false, ipv6: false },
    }
}

fn context(format: &Format) -> UpdateContext {
    UpdateContext {
        four_octet_as: format.four_octet_as,
        peer: PeerKind::Internal,
        families: PerFamily { ipv4: true, ipv6: true },
        add_path: format.add_path,
        extended_next_hop: format.extended_next_hop,
    }
}

fn base() -> AttrBuilder {
    let mut builder = AttrBuilder::new();
    builder.origin(Origin::Igp).as_sequence(&[Asn(65001)]).next_hop(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)));
    builder
}

/// Frames and decodes everything in `octets`; asserts that no message is longer than allowed.
fn updates(mut octets: BytesMut, format: &Format) -> Vec<Update> {
    let mut out = Vec::new();
    while let Some(raw) = next_message(&mut octets, format.max_len).unwrap() {
        out.push(decode_update(&raw.body, &context(format), &mut AttrBuilder::new()).unwrap());
    }
    assert!(octets.is_empty());
    out
}

fn announced<K: NlriKey>(updates: &[Update], attrs: &AttrSet) -> Vec<(PathId, K)> {
    let mut keys = Vec::new();
    for update in updates {
        assert_eq!((update.faults.as_slice(), &update.withdrawn), ([].as_slice(), &UpTo::default()));
        for announcement in update.announced.iter() {
            assert_eq!(&announcement.attrs, attrs);
            keys.extend(announcement.nlri.keys::<K>());
        }
    }
    keys
}

fn v4_run(count: u32) -> NlriBlock {
    NlriBlock::from_keys((0..count).filter_map(|n| V4Key::new(0x0a00_0000 + (n << 8), 24)))
}

#[test]
fn long_runs_are_split_into_full_messages() {
    let (attrs, run) = (base().build(), v4_run(5000));
    let mut out = BytesMut::new();
    let messages = encode_announce(&mut out, &format(), &attrs, V4, run.octets()).unwrap();
    assert_eq!(messages, 5);
    assert_eq!(announced::<V4Key>(&updates(out, &format()), &attrs), run.keys::<V4Key>().collect::<Vec<_>>());
    let large = Format { max_len: MAX_EXTENDED_LEN, ..format() };
    let mut out = BytesMut::new();
    assert_eq!(encode_announce(&mut out, &large, &attrs, V4, run.octets()), Ok(1));
    assert_eq!(announced::<V4Key>(&updates(out, &large), &attrs).len(), 5000);
}

#[test]
fn rfc4271_4_3_withdrawals_of_both_families_are_split_and_read_back() {
    let v6 = NlriBlock::from_keys((0..2000).filter_map(|n| V6Key::new(0x2001 << 112 | n << 64, 64)));
    for (family, run) in [(V4, v4_run(3000)), (V6, v6)] {
        let mut out = BytesMut::new();
        let messages = encode_withdraw(&mut out, &format(), family, run.octets()).unwrap();
        let updates = updates(out, &format());
        assert_eq!(updates.len(), messages);
        let octets: Vec<_> =
            updates.into_iter().flat_map(|u| u.withdrawn).flat_map(|b| b.octets().clone()).collect();
        assert_eq!(octets, run.octets().as_ref());
    }
}

#[test]
fn rfc4724_2_markers_are_recognised() {
    for family in Family::SUPPORTED {
        let mut out = BytesMut::new();
        encode_end_of_rib(&mut out, family);
        let expected = Update { end_of_rib: Some(family), ..Update::default() };
        assert_eq!(updates(out, &format()), [expected]);
    }
}

#[test]
fn rfc8950_ipv4_with_an_ipv6_next_hop_goes_by_mp_reach_or_not_at_all() {
    let global = "2001:db8::1".parse().unwrap();
    let link_local = "fe80::1".parse().unwrap();
    let run = v4_run(3);
    for next_hop in [NextHop::V6(global), NextHop::V6WithLinkLocal { global, link_local }] {
        let attrs = base().next_hop(next_hop).build();
        let mut out = BytesMut::new();
        let refused = encode_announce(&mut out, &format(), &attrs, V4, run.octets());
        assert_eq!(refused, Err(Unsendable { from: 0, reason: UnsendableReason::NextHop }));
        assert!(out.is_empty());
        let format = Format { extended_next_hop: true, ..format() };
        assert_eq!(encode_announce(&mut out, &format, &attrs, V4, run.octets()), Ok(1));
        assert_eq!(out[23..27], [0x90, 14, 0, out[26]]);
        assert_eq!(announced::<V4Key>(&updates(out, &format), &attrs).len(), 3);
    }
}

#[test]
fn routes_without_a_next_hop_for_their_family_are_reported() {
    let v6 = NlriBlock::from_keys(V6Key::new(0, 0));
    for attrs in [base().build(), base().remove(AttrCode::NEXT_HOP).build()] {
        let result = encode_announce(&mut BytesMut::new(), &format(), &attrs, V6, v6.octets());
        assert_eq!(result.unwrap_err().reason, UnsendableReason::NextHop);
    }
}

#[test]
fn frr_class_too_large_an_update_is_reported_so_that_the_old_route_can_be_withdrawn() {
    // Header, four length octets, base attributes and this community leave room for less than a /24.
    let fill = |len| base().set_raw(AttrCode(99), 0xe0, &vec![0; len]).build();
    let fixed = 23 + base().build().octets().len() + 4;
    let run =
        NlriBlock::from_keys([V4Key::new(0x0a00_0000, 8), V4Key::new(0x0a00_0000, 24)].into_iter().flatten());
    let mut out = BytesMut::new();
    let result = encode_announce(&mut out, &format(), &fill(MAX_LEN - fixed - 2), V4, run.octets());
    assert_eq!(result, Err(Unsendable { from: 2, reason: UnsendableReason::TooLong }));
    // The first prefix fits exactly and was written.
    assert_eq!(out.len(), MAX_LEN);
    for len in [MAX_LEN - fixed - 1, MAX_LEN - fixed, MAX_LEN, 60_000] {
        let result = encode_announce(&mut BytesMut::new(), &format(), &fill(len), V4, run.octets());
        assert_eq!(result, Err(Unsendable { from: 0, reason: UnsendableReason::TooLong }));
    }
    // BIRD class: nothing gives up early.
    let exact =
        encode_announce(&mut BytesMut::new(), &format(), &fill(MAX_LEN - fixed - 4), V4, run.octets());
    assert_eq!(exact, Ok(2));
}

#[test]
fn frr_class_cluster_list_above_255_octets_has_a_length_of_two() {
    let mut builder = base();
    for id in 0..100 {
        builder.prepend_cluster(crate::types::ClusterId(id));
    }
    let attrs = builder.build();
    let mut out = BytesMut::new();
    encode_announce(&mut out, &format(), &attrs, V4, &[8, 10]).unwrap();
    assert_eq!(announced::<V4Key>(&updates(out, &format()), &attrs).len(), 1);
}

#[test]
fn malformed_runs_are_reported_not_sent() {
    let attrs = base().build();
    for (run, from) in [(&[24_u8, 1][..], 0), (&[33, 1, 2, 3, 4, 5], 0), (&[8, 10, 24, 1], 2)] {
        let result = encode_announce(&mut BytesMut::new(), &format(), &attrs, V4, run);
        assert_eq!(result.unwrap_err().reason, UnsendableReason::Nlri);
        let result = encode_withdraw(&mut BytesMut::new(), &format(), V4, run);
        assert!(result.unwrap_err().from <= from);
    }
}

#[test]
fn rfc6793_4_2_2_two_octet_peers_get_as_trans_and_the_true_numbers_beside() {
    let format = Format { four_octet_as: false, ..format() };
    let router = Ipv4Addr::new(1, 1, 1, 1);
    let mut builder = base();
    builder
        .as_path(&[3, 1, 0, 1, 0x11, 0x70, 2, 2, 0, 0, 0, 7, 0, 1, 0x11, 0x70])
        .aggregator(Asn(70000), router);
    let mut out = BytesMut::new();
    encode_announce(&mut out, &format, &builder.build(), V4, &[8, 10]).unwrap();
    let narrow_path = [0x40, 2, 10, 3, 1, 0x5b, 0xa0, 2, 2, 0, 7, 0x5b, 0xa0];
    let narrow_aggregator = [0xc0, 7, 6, 0x5b, 0xa0, 1, 1, 1, 1];
    let as4_path = [0xc0, 17, 10, 2, 2, 0, 0, 0, 7, 0, 1, 0x11, 0x70];
    for expected in [narrow_path.as_slice(), &narrow_aggregator, &as4_path] {
        assert!(out.windows(expected.len()).any(|window| window == expected), "{expected:?}");
    }
    let update = updates(out, &format).remove(0);
    let set = &update.announced.iter().next().unwrap().attrs;
    assert_eq!(
        (set.as_path().to_string().as_str(), set.aggregator().unwrap().asn),
        ("(23456) 7 70000", Asn(70000))
    );
    // Nothing beside where nothing is lost.
    let mut out = BytesMut::new();
    encode_announce(&mut out, &format, &base().build(), V4, &[8, 10]).unwrap();
    assert_eq!(out.len(), 23 + 4 + 7 + 7 + 2);
    let mut out = BytesMut::new();
    encode_announce(&mut out, &format, &base().aggregator(Asn(7), router).build(), V4, &[8, 10]).unwrap();
    assert_eq!(out.len(), 23 + 4 + 7 + 7 + 9 + 2);
}

fn segments() -> impl Strategy<Value = Vec<u8>> {
    let asns = proptest::collection::vec(1..=u32::MAX, 1..40);
    let segment = (1_u8..=2, asns).prop_map(|(kind, asns)| {
        let numbers = asns.iter().flat_map(|asn| asn.to_be_bytes());
        [kind, asns.len() as u8].into_iter().chain(numbers).collect::<Vec<_>>()
    });
    proptest::collection::vec(segment, 0..4).prop_map(|segments| segments.concat())
}

fn v4_next_hops() -> impl Strategy<Value = NextHop> {
    (1_u8..224, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| NextHop::V4(Ipv4Addr::new(a, b, c, d)))
}

fn next_hops() -> impl Strategy<Value = NextHop> {
    let v6 = any::<[u8; 15]>().prop_map(|tail| {
        let mut octets = [0x20; 16];
        octets[1..].copy_from_slice(&tail);
        octets
    });
    prop_oneof![
        v4_next_hops(),
        v6.clone().prop_map(|octets| NextHop::V6(octets.into())),
        v6.prop_map(|octets| {
            let mut link_local = octets;
            link_local[..2].copy_from_slice(&[0xfe, 0x80]);
            NextHop::V6WithLinkLocal { global: octets.into(), link_local: link_local.into() }
        }),
    ]
}

prop_compose! {
    fn attr_sets_with(next_hops: BoxedStrategy<NextHop>)(
        origin in prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)],
        path in segments(),
        next_hop in next_hops,
        numbers in any::<[Option<u32>; 4]>(),
        communities in proptest::collection::vec(any::<u32>(), 0..100),
        clusters in proptest::collection::vec(any::<u32>(), 0..100),
        unknown in proptest::option::of((33_u8..=255, proptest::collection::vec(any::<u8>(), 0..400))),
        aggregator in proptest::option::of((1..=u32::MAX, any::<u32>())),
    ) -> AttrSet {
        let mut builder = AttrBuilder::new();
        builder.origin(origin).as_path(&path).next_hop(next_hop);
        let [med, local_pref, originator, large] = numbers;
        med.map(|med| builder.med(med).contains(AttrCode::MED));
        local_pref.map(|local_pref| builder.local_pref(local_pref).contains(AttrCode::LOCAL_PREF));
        originator.map(|id| builder.originator_id(crate::types::RouterId(id)).contains(AttrCode::ORIGINATOR_ID));
        if let Some(number) = large {
            builder.set_raw(AttrCode::LARGE_COMMUNITIES, 0, &[number.to_be_bytes(); 3].concat());
        }
        builder.communities(communities.into_iter().map(Community));
        for id in clusters {
            builder.prepend_cluster(crate::types::ClusterId(id));
        }
        if let Some((code, value)) = unknown {
            builder.set_raw(AttrCode(code), 0xe0, &value);
        }
        if let Some((asn, router)) = aggregator {
            builder.aggregator(Asn(asn), Ipv4Addr::from_bits(router));
        }
        builder.build()
    }
}

fn attr_sets() -> impl Strategy<Value = AttrSet> {
    attr_sets_with(next_hops().boxed())
}

prop_compose! {
    fn formats()(
        extended in any::<bool>(), extended_next_hop in any::<bool>(), ipv4 in any::<bool>(), ipv6 in any::<bool>()
    ) -> Format {
        let max_len = if extended { MAX_EXTENDED_LEN } else { MAX_LEN };
        Format { max_len, four_octet_as: true, extended_next_hop, add_path: PerFamily { ipv4, ipv6 } }
    }
}

fn run_of(family: Family, add_path: bool, nets: &[(u32, u128, u8)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (id, addr, len) in nets {
        if add_path {
            out.extend(id.to_be_bytes());
        }
        match family {
            V4 => V4Key::new(*addr as u32, len % 33).unwrap().write(&mut out),
            _ => V6Key::new(*addr, len % 129).unwrap().write(&mut out),
        }
    }
    out
}

proptest! {
    #[test]
    fn what_is_announced_is_what_is_read(
        attrs in attr_sets(),
        format in formats(),
        v4 in any::<bool>(),
        nets in proptest::collection::vec(any::<(u32, u128, u8)>(), 1..600),
    ) {
        let family = if v4 { V4 } else { V6 };
        let run = run_of(family, *format.add_path.get(family).unwrap(), &nets);
        let mut out = BytesMut::new();
        let result = encode_announce(&mut out, &format, &attrs, family, &run);
        let written = updates(out, &format);
        let octets: Vec<u8> = written.iter().flat_map(|update| update.announced.iter()).flat_map(|a| {
            assert_eq!(&a.attrs, &attrs);
            a.nlri.octets().to_vec()
        }).collect();
        let end = match result {
            Ok(messages) => { prop_assert_eq!(messages, written.len()); run.len() }
            Err(error) => error.from,
        };
        prop_assert_eq!(octets, &run[..end]);
        let v4_hop = matches!(attrs.next_hop(), Some(NextHop::V4(_)));
        let fits = v4 && v4_hop || !v4_hop && (!v4 || format.extended_next_hop);
        prop_assert_eq!(result.is_ok(), fits);
    }

    #[test]
    fn what_is_withdrawn_is_what_is_read(
        format in formats(),
        v4 in any::<bool>(),
        nets in proptest::collection::vec(any::<(u32, u128, u8)>(), 1..600),
    ) {
        let family = if v4 { V4 } else { V6 };
        let run = run_of(family, *format.add_path.get(family).unwrap(), &nets);
        let mut out = BytesMut::new();
        let messages = encode_withdraw(&mut out, &format, family, &run).unwrap();
        let written = updates(out, &format);
        prop_assert_eq!(messages, written.len());
        let octets: Vec<u8> = written.into_iter().flat_map(|u| u.withdrawn).flat_map(|b| b.octets().to_vec()).collect();
        prop_assert_eq!(octets, run);
    }

    #[test]
    fn two_octet_peers_read_the_true_path(attrs in attr_sets_with(v4_next_hops().boxed())) {
        let format = Format { four_octet_as: false, ..format() };
        let mut out = BytesMut::new();
        encode_announce(&mut out, &format, &attrs, V4, &[8, 10]).unwrap();
        let update = updates(out, &format).remove(0);
        let read = &update.announced.iter().next().unwrap().attrs;
        prop_assert_eq!(read.as_path().hops(), attrs.as_path().hops());
        prop_assert_eq!(read.as_path().to_string(), attrs.as_path().to_string());
        // AS_TRANS itself as the aggregator cannot be told from a substitute.
        prop_assert_eq!(read.aggregator(), attrs.aggregator());
        prop_assert!(AsPath::parse(read.as_path().octets()).is_some());
    }
}
