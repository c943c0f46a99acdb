use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::types::{Asn, NextHop};

#[test]
fn set_is_independent_of_the_order_of_setting() {
    let mut a = AttrBuilder::new();
    a.origin(Origin::Igp).as_sequence(&[Asn(65001), Asn(70000)]).med(5);
    let mut b = AttrBuilder::new();
    b.med(9).as_sequence(&[Asn(65001), Asn(70000)]).med(5).origin(Origin::Igp);
    assert_eq!(a.build(), b.build());
}

#[test]
fn set_reads_back_what_was_set() {
    let next_hop = NextHop::V4(Ipv4Addr::new(192, 0, 2, 1));
    let mut b = AttrBuilder::new();
    b.origin(Origin::Egp).next_hop(next_hop).local_pref(200).communities([Community(7)]);
    b.set_raw(AttrCode(99), 0xf0, &[1; 300]);
    let set = b.build();
    assert_eq!(set.origin(), Origin::Egp);
    assert_eq!(set.next_hop(), Some(next_hop));
    assert_eq!(set.local_pref(), Some(200));
    assert_eq!(set.med(), None);
    assert!(set.communities().contains(Community(7)));
    let unknown = set.raw(AttrCode(99)).unwrap();
    assert_eq!((unknown.flags, unknown.value.len(), unknown.wire.len()), (0xe0, 300, 304));
    assert_eq!(AttrBuilder::edit(&set).build(), set);
}

#[test]
fn prepending_opens_a_new_segment_when_the_first_is_full() {
    let mut b = AttrBuilder::new();
    let set = b.as_sequence(&[Asn(1); 255]).build();
    let path = set.as_path().prepended(&[Asn(2)]);
    let path = AsPath::parse(&path).unwrap();
    assert_eq!((path.hops(), path.segments().count(), path.first()), (256, 2, Some(Asn(2))));
    let path = AsPath::EMPTY.prepended(&[Asn(2); 3]);
    assert_eq!(AsPath::parse(&path).unwrap().to_string(), "2 2 2");
}

#[test]
fn as_path_of_a_confederation_counts_only_what_is_outside() {
    // RFC 5065 §5.3
    let octets = [3, 1, 0, 0, 0, 9, 2, 1, 0, 0, 0, 8, 1, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    let path = AsPath::parse(&octets).unwrap();
    assert_eq!(path.to_string(), "(9) 8 {1,2}");
    assert_eq!((path.hops(), path.first(), path.origin()), (2, Some(Asn(8)), None));
}

#[test]
fn rfc4271_5_1_2_prepending_keeps_what_is_there() {
    let sequence = |n: usize| [vec![2, n as u8], [0, 0, 0, 1].repeat(n)].concat();
    let paths = [
        vec![],
        sequence(1),
        sequence(254),
        [sequence(3), vec![1, 1, 0, 0, 0, 4]].concat(),
        vec![1, 1, 0, 0, 0, 4],
        vec![3, 1, 0, 0, 0, 4],
    ];
    for octets in paths {
        for times in [0, 1, 2, 255] {
            let path = AsPath::parse(&octets).unwrap();
            let longer = path.prepended(&vec![Asn(9); times]);
            let longer = AsPath::parse(&longer).unwrap();
            assert_eq!(longer.hops(), path.hops() + times);
            assert_eq!(longer.count(Asn(9)), times);
            let expected = ["9 ".repeat(times), path.to_string()].concat();
            assert_eq!(longer.to_string(), expected.trim_end());
        }
    }
}

#[test]
fn edits_replace_and_remove_single_attributes() {
    let mut b = AttrBuilder::new();
    b.origin(Origin::Igp).med(1).local_pref(2).communities([Community(1)]);
    let before = b.build();
    b.med(3).communities([]).remove(AttrCode::LOCAL_PREF).remove(AttrCode::LOCAL_PREF);
    let after = b.build();
    assert_eq!((after.med(), after.local_pref(), after.communities().iter().len()), (Some(3), None, 0));
    assert_eq!(after.raw(AttrCode::COMMUNITIES), None);
    assert_eq!((before.med(), before.local_pref()), (Some(1), Some(2)));
    b.retain(|code, _| code == AttrCode::ORIGIN);
    assert_eq!(b.build().iter().count(), 1);
}

#[test]
fn flags_are_those_of_the_category_and_only_partial_is_state() {
    let mut b = AttrBuilder::new();
    b.set_raw(AttrCode::MED, 0xff, &[0; 4]).set_raw(AttrCode::COMMUNITIES, 0x30, &[0; 4]);
    b.set_raw(AttrCode(99), 0xff, &[]);
    let flags: Vec<_> = b.build().iter().map(|attr| attr.flags).collect();
    assert_eq!(flags, [0x80, 0xe0, 0xe0]);
}

#[test]
fn next_hops_have_4_16_or_32_octets() {
    let (global, link_local) = ("2001:db8::1".parse().unwrap(), "fe80::1".parse().unwrap());
    let hops = [
        NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)),
        NextHop::V6(global),
        NextHop::V6WithLinkLocal { global, link_local },
    ];
    for (hop, len) in hops.into_iter().zip([4, 16, 32]) {
        let (octets, found) = hop.octets();
        assert_eq!((found, NextHop::from_octets(&octets[..len])), (len, Some(hop)));
        assert_eq!(NextHop::from_octets(&octets[..len - 1]), None);
    }
}

proptest! {
    /// Whether attributes come in order and are written once, or are replaced, removed and sorted.
    #[test]
    fn a_builder_builds_what_was_set_last(
        steps in proptest::collection::vec((0..5_u8, 60..68_u8, 0..520_usize), 0..24), ascending: bool
    ) {
        let mut steps = steps;
        if ascending {
            steps.sort_by_key(|(_, code, _)| *code);
        }
        let mut builder = AttrBuilder::new();
        let mut set = BTreeMap::new();
        for (what, code, len) in steps {
            let code = AttrCode(code);
            match what {
                0 => {
                    builder.remove(code);
                    set.remove(&code);
                }
                1 => {
                    let other = AttrBuilder::new().set_raw(code, 0xe0, &vec![1; len]).build();
                    other.iter().for_each(|attr| builder.copy(&attr));
                    set.insert(code, (0xe0, vec![1; len]));
                }
                2 => prop_assert_eq!(builder.contains(code), set.contains_key(&code)),
                _ => {
                    builder.set_raw(code, 0xc0, &vec![2; len]);
                    set.insert(code, (0xc0, vec![2; len]));
                }
            }
            let value = set.get(&code).map(|(_, value)| value.as_slice());
            prop_assert_eq!(builder.value(code), value);
        }
        for _ in 0..2 {
            let built = builder.build();
            let expected = set.iter().map(|(code, (flags, value))| (*code, *flags, value.as_slice()));
            prop_assert!(built.iter().map(|attr| (attr.code, attr.flags, attr.value)).eq(expected));
            let octets: usize = built.iter().map(|attr| attr.wire.len()).sum();
            prop_assert_eq!(octets, built.octets().len());
            builder = AttrBuilder::edit(&built);
        }
    }
}
