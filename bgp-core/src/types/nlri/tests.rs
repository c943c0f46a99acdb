use bytes::Bytes;
use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::types::{Family, PathId};

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;

fn block(family: Family, add_path: bool, octets: &[u8]) -> Result<NlriBlock, NlriFault> {
    NlriBlock::parse(family, add_path, Bytes::copy_from_slice(octets))
}

fn nets(block: &NlriBlock) -> Vec<String> {
    block.iter().map(|nlri| nlri.prefix.to_string()).collect()
}

#[test]
fn rfc4271_4_3_host_bits_are_irrelevant() {
    // 10.255.0.0/9 with every bit set behind the ninth.
    let read = block(V4, false, &[9, 10, 0xff, 0, 32, 192, 0, 2, 1]).unwrap();
    assert_eq!(nets(&read), ["10.128.0.0/9", "0.0.0.0/0", "192.0.2.1/32"]);
    assert_eq!(nets(&block(V6, false, &[12, 0x20, 0x0f]).unwrap()), ["2000::/12"]);
}

#[test]
fn length_beyond_the_family_or_missing_octets_are_found_where_they_are() {
    for (family, octets, offset) in [
        (V4, &[33, 1, 2, 3, 4, 5][..], 0),
        (V4, &[8, 10, 24, 1, 2], 2),
        (V4, &[0, 0, 255], 2),
        (V4, &[32, 1, 2, 3], 0),
        (V6, &[129, 0], 0),
        (V6, &[8, 0x20, 64, 1, 2, 3, 4, 5, 6, 7], 2),
    ] {
        assert_eq!(block(family, false, octets), Err(NlriFault { offset }), "{octets:?}");
    }
    for cut in [&[0][..], &[0, 0, 0, 1], &[0, 0, 0, 1, 8], &[0, 0, 0, 1, 8, 10, 0, 0]] {
        assert!(block(V4, true, cut).is_err(), "{cut:?}");
    }
    assert!(block(Family { afi: 1, safi: 2 }, false, &[]).is_err());
}

#[test]
fn rfc7911_3_path_identifiers_stand_in_front() {
    let read = block(V4, true, &[0, 0, 1, 0, 8, 10, 0, 0, 0, 2, 0]).unwrap();
    let keys: Vec<_> = read.keys::<V4Key>().map(|(id, key)| (id, key.len())).collect();
    assert_eq!(keys, [(PathId(256), 8), (PathId(2), 0)]);
    assert_eq!((read.len(), read.add_path()), (2, true));
}

#[test]
fn block_of_the_other_family_has_no_keys() {
    let read = block(V4, false, &[8, 10]).unwrap();
    assert_eq!((read.keys::<V6Key>().count(), read.keys::<V4Key>().count()), (0, 1));
}

#[test]
fn v4_keys_sort_by_address_then_length() {
    let net = |text: &str| V4Key::from_net(text.parse().unwrap()).unwrap();
    let sorted = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.1/32", "192.0.2.0/24"].map(net);
    assert!(sorted.is_sorted());
    assert_eq!(V4Key::from_net("::/0".parse().unwrap()), None);
    assert_eq!((V4Key::new(0, 33), V6Key::new(0, 129)), (None, None));
}

#[test]
fn neighbours_share_an_address_down_to_the_middle_of_an_octet_and_are_few() {
    fn common<K: NlriKey>(net: &str) -> IpNet {
        K::from_net(net.parse().unwrap()).unwrap().neighbourhood().to_net()
    }
    for (net, shared) in [
        ("0.0.0.0/0", "0.0.0.0/4"),
        ("10.0.0.0/8", "0.0.0.0/4"),
        ("10.32.0.0/11", "10.32.0.0/12"),
        ("198.51.99.0/24", "198.51.96.0/20"),
        ("198.51.96.0/19", "198.51.96.0/20"),
        ("198.51.99.0/25", "198.51.99.0/28"),
        ("198.51.99.255/32", "198.51.99.240/28"),
    ] {
        assert_eq!(common::<V4Key>(net).to_string(), shared, "{net}");
    }
    for (net, shared) in [
        ("::/0", "::/4"),
        ("2001:db8:7::/48", "2001:db8::/44"),
        ("2001:db8:7:7::/64", "2001:db8:7::/60"),
        ("2001:db8::ff/128", "2001:db8::f0/124"),
    ] {
        assert_eq!(common::<V6Key>(net).to_string(), shared, "{net}");
    }
    // Nobody can crowd one: that of 10.0.0.0 has all there are of 17 to 24 bits.
    let within = |len: u8| (0..1u32 << 16).filter_map(move |n| V4Key::new(0x0a00_0000 | n << 8, len));
    let lens = (17..=24).map(|len| within(len).collect::<std::collections::BTreeSet<_>>());
    let crowd = lens.flatten().filter(|key| key.neighbourhood().addr() == 0x0a00_0000);
    assert_eq!(crowd.count(), 16 + 8 + 4 + 2 + 4);
}

fn survives<K: NlriKey>(keys: &[K]) {
    let made = NlriBlock::from_keys(keys.iter().copied());
    let read = NlriBlock::parse(K::FAMILY, false, made.octets().clone());
    assert_eq!(read.as_ref(), Ok(&made));
    assert_eq!(made.keys::<K>().map(|(_, key)| key).collect::<Vec<_>>(), keys);
    assert_eq!(made.octets().len(), keys.iter().map(|key| key.wire_len()).sum::<usize>());
    let back: Vec<_> = made.iter().filter_map(|nlri| K::from_net(nlri.prefix)).collect();
    assert_eq!(back, keys);
}

#[test]
fn rfc4271_6_3_prefixes_that_no_unicast_route_can_have_are_martians() {
    let martian = |net: &str| match net.parse().unwrap() {
        net @ IpNet::V4(_) => V4Key::from_net(net).unwrap().is_martian(),
        net @ IpNet::V6(_) => V6Key::from_net(net).unwrap().is_martian(),
    };
    for net in [
        "224.0.0.0/4",
        "239.1.1.0/24",
        "127.0.0.0/8",
        "127.0.0.1/32",
        "0.0.0.0/8",
        "ff00::/8",
        "ff02::1/128",
        "::1/128",
        "::/128",
        "fe80::/10",
        "fe80::1/128",
    ] {
        assert!(martian(net), "{net}");
    }
    for net in [
        "0.0.0.0/0",
        "192.0.2.0/24",
        "224.0.0.0/3",
        "126.0.0.0/7",
        "10.0.0.0/8",
        "240.0.0.0/4",
        "::/0",
        "fc00::/7",
        "2001:db8::/32",
        "fe00::/8",
        "::/96",
    ] {
        assert!(!martian(net), "{net}");
    }
}

proptest! {
    #[test]
    fn keys_survive_the_wire(nets in proptest::collection::vec(any::<(u128, u8)>(), 0..40)) {
        survives::<V4Key>(&nets.iter().filter_map(|(a, len)| V4Key::new(*a as u32, len % 33)).collect::<Vec<_>>());
        survives::<V6Key>(&nets.iter().filter_map(|(a, len)| V6Key::new(*a, len % 129)).collect::<Vec<_>>());
    }

    #[test]
    fn any_octets_give_a_block_or_a_fault(
        v4 in any::<bool>(), add_path in any::<bool>(), octets in proptest::collection::vec(0_u8..40, 0..80)
    ) {
        let family = if v4 { V4 } else { V6 };
        match block(family, add_path, &octets) {
            Ok(read) => {
                prop_assert_eq!(read.iter().count(), read.len());
                let masked = |net: &IpNet| net.trunc() == *net;
                prop_assert!(read.iter().all(|nlri| masked(&nlri.prefix)));
            }
            Err(fault) => prop_assert!(fault.offset < octets.len()),
        }
    }
}

proptest! {
    #[test]
    fn packed_keys_are_equal_where_keys_are(addr: u128, len in 0..=128u8, bit in 0..128u32) {
        let other = addr ^ 1 << bit;
        let v6 = (V6Key::new(addr, len).unwrap(), V6Key::new(other, len).unwrap());
        prop_assert_eq!((V6Key::unpack(v6.0.pack()), V6Key::unpack(v6.1.pack())), v6);
        prop_assert_eq!(v6.0 == v6.1, v6.0.pack() == v6.1.pack());
        let v4 = (V4Key::new(addr as u32, len / 4).unwrap(), V4Key::new(other as u32, len / 4).unwrap());
        prop_assert_eq!((V4Key::unpack(v4.0.pack()), V4Key::unpack(v4.1.pack())), v4);
        prop_assert_eq!(v4.0 == v4.1, v4.0.pack() == v4.1.pack());
    }
}

/// Every length, with host bits set, followed by nothing and by more.
fn blocks_are_read_as_keys<K: NlriKey>(longest: u8) {
    for len in 0..=longest {
        for behind in [&[][..], &[0xff; 9]] {
            let address = vec![0xff; usize::from(len).div_ceil(8)];
            let octets = [&[len][..], &address, behind].concat();
            let (mut by_key, mut by_block) = (octets.as_slice(), octets.as_slice());
            let block = K::read(&mut by_key).map(K::block);
            assert_eq!((K::read_block(&mut by_block), by_block), (block, by_key), "/{len}");
        }
    }
}

#[test]
fn the_block_of_a_prefix_is_read_without_the_rest_of_it() {
    blocks_are_read_as_keys::<V4Key>(32);
    blocks_are_read_as_keys::<V6Key>(128);
}
