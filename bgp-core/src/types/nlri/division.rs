//! Which part of the tables a prefix belongs to.

use ipnet::IpNet;

use super::{NlriKey, V4Key, V6Key};

/// Tables in parts, each with an owner of its own: a prefix belongs to one of them, whoever sends it.
///
/// Not the prefix is hashed but [its block](NlriKey::block), so that neighbours, which share attributes more
/// often than not, stay together, while a pool larger than a block spreads over the parts. A sender who
/// chooses prefixes of one part only makes that part work alone, as the only part of a small machine would.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Division {
    parts: u16,
}

impl Division {
    /// Into `parts`; 0 counts as 1, and more than 65,535 as that.
    pub fn new(parts: usize) -> Self {
        Self { parts: u16::try_from(parts).unwrap_or(u16::MAX).max(1) }
    }

    /// How many parts there are, at least one.
    pub fn parts(self) -> usize {
        usize::from(self.parts)
    }

    /// The part `key` belongs to, below [`Self::parts`].
    #[inline]
    pub fn part_of<K: NlriKey>(self, key: K) -> usize {
        self.part_of_block(key.block())
    }

    /// The part of all keys of a [block](NlriKey::block).
    #[inline]
    pub fn part_of_block(self, block: u64) -> usize {
        ((u64::from(mix(block)) * u64::from(self.parts)) >> 32) as usize
    }

    /// As [`Self::part_of`].
    pub fn part_of_net(self, net: IpNet) -> usize {
        let v4 = || V4Key::from_net(net).map(|key| self.part_of(key));
        let v6 = || V6Key::from_net(net).map(|key| self.part_of(key));
        v4().or_else(v6).unwrap_or(0)
    }
}

/// Numbers that differ little become numbers that have nothing in common, as SplitMix64 makes them.
#[inline]
fn mix(block: u64) -> u32 {
    let once = block.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (twice >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts_of(nets: impl Iterator<Item = String>, division: Division) -> Vec<usize> {
        let mut found = vec![0; division.parts()];
        for net in nets {
            found[division.part_of_net(net.parse().unwrap())] += 1;
        }
        found
    }

    #[test]
    fn neighbours_stay_together() {
        let division = Division::new(16);
        let part = |net: &str| division.part_of_net(net.parse().unwrap());
        for net in ["10.1.0.0/24", "10.1.255.0/24", "10.1.128.0/17", "10.1.255.255/32", "10.1.0.0/16"] {
            assert_eq!(part(net), part("10.1.64.0/20"), "{net}");
        }
        assert_eq!(part("10.0.0.0/8"), part("10.0.0.0/24"));
        assert_eq!(part("2001:db8:ffff::/64"), part("2001:db8::/32"));
        assert_eq!(part("2001:db8::1/128"), part("2001:db8:8000::/33"));
    }

    #[test]
    fn every_part_gets_its_share_of_pools_of_any_stride() {
        for parts in [2, 3, 7, 16] {
            let division = Division::new(parts);
            let pools: [Box<dyn Iterator<Item = String>>; 4] = [
                Box::new((0..4096).map(|n| format!("{}.{}.0.0/16", 1 + n / 256, n % 256))),
                Box::new((0..4096).map(|n| format!("{}.{}.0.0/13", 1 + n % 200, n / 200 * 8))),
                Box::new((0..4096).map(|n| format!("2001:{n:x}::/32"))),
                Box::new((0..4096).map(|n| format!("2a0{:x}:{:x}::/29", n % 16, n / 16 * 8))),
            ];
            for pool in pools {
                let found = parts_of(pool, division);
                let (least, most) = (found.iter().min().unwrap(), found.iter().max().unwrap());
                assert!(least * 3 > most * 2, "{parts} parts: {found:?}");
            }
        }
    }

    #[test]
    fn one_part_owns_everything_and_none_counts_as_one() {
        for division in [Division::new(0), Division::new(1)] {
            assert_eq!(division.parts(), 1);
            assert_eq!(division.part_of_net("192.0.2.0/24".parse().unwrap()), 0);
            assert_eq!(division.part_of_net("::/0".parse().unwrap()), 0);
        }
    }
}
