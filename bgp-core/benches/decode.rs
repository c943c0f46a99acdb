//! What one UPDATE costs to read and to write: attributes of a full table, few and many prefixes.
//!
//! `cargo bench -p bgp-core --bench decode`; the difference between lines is the cost per prefix.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::net::Ipv4Addr;

use bgp_core::types::attr::Community;
use bgp_core::types::{
    Asn, AttrBuilder, AttrSet, Family, NextHop, NlriBlock, NlriKey, Origin, PerFamily, V4Key, V6Key,
};
use bgp_core::wire::{
    Format, MAX_EXTENDED_LEN, PeerKind, UpdateContext, decode_update, encode_announce, next_message,
};
use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// About 80 octets of attributes: origin, five hops, next hop, MED, eight communities.
fn attrs(next_hop: NextHop) -> AttrSet {
    let mut builder = AttrBuilder::new();
    builder.origin(Origin::Igp).next_hop(next_hop).med(100);
    builder.as_sequence(&[Asn(65001), Asn(3356), Asn(1299), Asn(64500), Asn(400_000)]);
    builder.communities((0..8).map(|n| Community(65001 << 16 | n)));
    builder.build()
}

fn format(four_octet_as: bool) -> Format {
    Format {
        max_len: MAX_EXTENDED_LEN,
        four_octet_as,
        extended_next_hop: false,
        add_path: PerFamily { ipv4: false, ipv6: false },
    }
}

fn context(four_octet_as: bool) -> UpdateContext {
    UpdateContext {
        four_octet_as,
        peer: PeerKind::Internal,
        families: PerFamily { ipv4: true, ipv6: true },
        add_path: PerFamily { ipv4: false, ipv6: false },
        extended_next_hop: false,
    }
}

/// `count` prefixes of the lengths of a full table: /24 mostly.
fn v4_run(count: u32) -> NlriBlock {
    let len = |n: u32| [24, 24, 23, 24, 22, 24, 20, 24, 16, 24].get(n as usize % 10).copied().unwrap_or(24);
    NlriBlock::from_keys((0..count).filter_map(|n| V4Key::new(0x0100_0000 + (n << 12), len(n))))
}

fn v6_run(count: u128) -> NlriBlock {
    NlriBlock::from_keys((0..count).filter_map(|n| V6Key::new(0x2001 << 112 | n << 80, 48)))
}

fn body(attrs: &AttrSet, run: &NlriBlock, four_octet_as: bool) -> Bytes {
    let mut out = BytesMut::new();
    encode_announce(&mut out, &format(four_octet_as), attrs, run.family(), run.octets()).unwrap();
    next_message(&mut out, MAX_EXTENDED_LEN).unwrap().unwrap().body
}

fn read<K: NlriKey>(c: &mut Criterion, name: &str, body: &Bytes, four_octet_as: bool) {
    let (ctx, mut scratch) = (context(four_octet_as), AttrBuilder::new());
    c.bench_function(name, |b| {
        b.iter(|| {
            let update = decode_update(black_box(body), &ctx, &mut scratch).unwrap();
            let announced = update.announced.iter().next().unwrap();
            announced.nlri.keys::<K>().fold(0_usize, |sum, (_, key)| sum + key.wire_len())
        });
    });
}

fn decode(c: &mut Criterion) {
    let v4 = attrs(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)));
    let v6 = attrs(NextHop::V6("2001:db8::1".parse().unwrap()));
    assert_eq!(v4.octets().len(), 4 + 25 + 7 + 7 + 35);
    for count in [1, 7, 500] {
        read::<V4Key>(c, &format!("decode/ipv4/{count}"), &body(&v4, &v4_run(count), true), true);
    }
    for count in [1, 500] {
        read::<V6Key>(c, &format!("decode/ipv6/{count}"), &body(&v6, &v6_run(count), true), true);
    }
    read::<V4Key>(c, "decode/ipv4 two-octet AS/7", &body(&v4, &v4_run(7), false), false);
}

fn encode(c: &mut Criterion) {
    let v4 = attrs(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)));
    let mut group = c.benchmark_group("encode/ipv4");
    for (count, four_octet_as) in [(1, true), (7, true), (500, true), (7, false)] {
        let (run, format) = (v4_run(count), format(four_octet_as));
        let mut out = BytesMut::with_capacity(1 << 16);
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_function(format!("{count}{}", if four_octet_as { "" } else { " two-octet AS" }), |b| {
            b.iter(|| {
                out.clear();
                encode_announce(&mut out, &format, black_box(&v4), Family::IPV4_UNICAST, run.octets())
            });
        });
    }
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
