use std::net::Ipv4Addr;

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
    let path = set.as_path().prepended(Asn(2), 1);
    let path = AsPath::parse(&path).unwrap();
    assert_eq!((path.hops(), path.segments().count(), path.first()), (256, 2, Some(Asn(2))));
    let path = AsPath::EMPTY.prepended(Asn(2), 3);
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
