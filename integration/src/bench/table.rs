//! Tables to announce: a full Internet-like one, and the few prefixes of a container host.
//!
//! Made from a fixed seed, so that every run and every target sees the same octets.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;

use super::attrs::Attrs;
use super::wire::{self, Prefix};

/// Prefixes and the attribute sets they are announced with.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// In the order announced.
    pub prefixes: Vec<Prefix>,
    /// Each set and the run of prefixes it belongs to.
    pub sets: Vec<(Attrs, Range<usize>)>,
}

impl Table {
    /// One attribute set for all prefixes.
    pub fn uniform(attrs: Attrs, prefixes: Vec<Prefix>) -> Self {
        let all = 0..prefixes.len();
        Self { prefixes, sets: vec![(attrs, all)] }
    }

    /// The sets with their prefixes.
    pub fn iter(&self) -> impl Iterator<Item = (&Attrs, &[Prefix])> {
        self.sets.iter().map(|(attrs, run)| (attrs, self.prefixes.get(run.clone()).unwrap_or(&[])))
    }

    /// The UPDATEs that announce it all.
    pub fn announcement(&self) -> Arc<[u8]> {
        let mut out = Vec::new();
        for (attrs, prefixes) in self.iter() {
            wire::announce(&attrs.encode(), prefixes, &mut out);
        }
        out.into()
    }

    /// The UPDATEs that withdraw it all.
    pub fn withdrawal(&self) -> Arc<[u8]> {
        let mut out = Vec::new();
        wire::withdraw(&self.prefixes, &mut out);
        out.into()
    }
}

/// A small random number generator (splitmix64): good enough to spread prefixes, the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that always tells the same story for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        u32::try_from((u128::from(self.draw()) * u128::from(bound.max(1))) >> 64).unwrap_or(0)
    }
}

/// An Internet-like table: `prefixes` distinct prefixes in about `sets` attribute sets, from `sender`.
///
/// Lengths follow the public table (six in ten are /24); sets have one to some hundred prefixes, most of
/// them neighbours; paths have one to nine AS numbers, with zero to eight communities.
pub fn full(prefixes: usize, sets: usize, sender: u32, next_hop: Ipv4Addr) -> Table {
    let mut random = Random::new(0x5eed);
    let mut seen = HashSet::with_capacity(prefixes);
    let mut table = Table::default();
    let mut left = sets;
    while table.prefixes.len() < prefixes {
        let missing = prefixes - table.prefixes.len();
        let run = if left <= 1 { missing } else { run_length(&mut random, missing / left).min(missing) };
        left = left.saturating_sub(1);
        let start = table.prefixes.len();
        let mut at = spot(&mut random);
        while table.prefixes.len() < start + run {
            let prefix = Prefix::new(at, length(&mut random));
            let neighbour =
                prefix.addr.checked_add(1_u32.checked_shl(32 - u32::from(prefix.len)).unwrap_or(0));
            if is_public(prefix.addr) && seen.insert(prefix) {
                table.prefixes.push(prefix);
            }
            at = match neighbour {
                Some(next) if random.below(10) < 7 => next,
                _ => spot(&mut random),
            };
        }
        table.sets.push((internet_attrs(&mut random, sender, next_hop), start..start + run));
    }
    table
}

/// `count` prefixes of /26, side by side from a start that is unlike for each `owner`.
pub fn blocks(owner: usize, count: usize) -> Vec<Prefix> {
    (0..count)
        .filter_map(|i| u32::try_from(owner * count + i).ok())
        .map(|n| Prefix::new(0x1400_0000 + (n << 6), 26))
        .collect()
}

/// `count` prefixes of /24, side by side from a start that is unlike for each `owner`.
pub fn networks(owner: usize, count: usize) -> Vec<Prefix> {
    (0..count)
        .filter_map(|i| u32::try_from(owner * count + i).ok())
        .map(|n| Prefix::new(0x1400_0000 + (n << 8), 24))
        .collect()
}

/// A distinct but ordinary set of attributes for a route from another AS.
pub fn internet_attrs(random: &mut Random, sender: u32, next_hop: Ipv4Addr) -> Attrs {
    let hops = 1 + random.below(4) + random.below(5);
    let mut path = vec![sender];
    path.extend((0..hops).map(|_| 1000 + random.below(60_000)));
    let communities = (0..random.below(9)).map(|_| (1000 + random.below(60_000)) << 16 | random.below(5000));
    let communities: Vec<u32> = communities.collect();
    let large =
        if random.below(8) == 0 { vec![[200_000 + random.below(9000), 1, random.below(99)]] } else { vec![] };
    Attrs {
        origin: if random.below(8) == 0 { 2 } else { 0 },
        path,
        next_hop,
        med: None,
        local_pref: None,
        communities: unique(communities),
        large,
        originator: None,
        clusters: Vec::new(),
    }
}

fn unique(mut communities: Vec<u32>) -> Vec<u32> {
    communities.sort_unstable();
    communities.dedup();
    communities
}

/// Many short runs and a few long ones, `mean` on average.
fn run_length(random: &mut Random, mean: usize) -> usize {
    let mean = u32::try_from(mean.max(1)).unwrap_or(u32::MAX);
    let run = match random.below(100) {
        0..60 => 1 + random.below(mean),
        60..95 => 1 + random.below(mean.saturating_mul(2)),
        _ => 1 + random.below(mean.saturating_mul(14)),
    };
    run as usize
}

fn length(random: &mut Random) -> u8 {
    match random.below(1000) {
        0..600 => 24,
        600..700 => 23,
        700..810 => 22,
        810..860 => 21,
        860..905 => 20,
        905..935 => 19,
        935..950 => 18,
        950..958 => 17,
        958..972 => 16,
        972..975 => 15,
        975..977 => 14,
        977..978 => 13,
        978..979 => 12,
        // The rest of the public table's tail, folded into /24 neighbours.
        _ => 24,
    }
}

fn spot(random: &mut Random) -> u32 {
    u32::try_from(random.draw() >> 32).unwrap_or(0)
}

/// Outside what routers treat as never to be routed, and outside what the peers and next hops live in.
fn is_public(addr: u32) -> bool {
    let [a, b, c, _] = addr.to_be_bytes();
    match a {
        0 | 10 | 11 | 127 | 224.. => false,
        100 => !(64..128).contains(&b),
        169 => b != 254,
        172 => !(16..32).contains(&b),
        192 => b != 168 && !(b == 0 && (c == 0 || c == 2)) && b != 88,
        198 => b != 18 && b != 19 && !(b == 51 && c == 100),
        203 => !(b == 0 && c == 113),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_table_has_the_numbers_asked_for_and_is_the_same_every_time() {
        let hop = Ipv4Addr::new(10, 1, 0, 1);
        let one = full(20_000, 3_000, 65001, hop);
        let two = full(20_000, 3_000, 65001, hop);
        assert_eq!(one.prefixes, two.prefixes);
        assert_eq!(one.prefixes.len(), 20_000);
        assert!((2_700..=3_300).contains(&one.sets.len()), "{}", one.sets.len());
        let distinct: HashSet<_> = one.prefixes.iter().collect();
        assert_eq!(distinct.len(), 20_000);
        assert!(one.prefixes.iter().all(|p| is_public(p.addr)));
        let longest = one.prefixes.iter().filter(|p| p.len == 24).count();
        assert!((11_000..14_000).contains(&longest), "{longest}");
        let sets: HashSet<_> = one.sets.iter().map(|(attrs, _)| attrs.encode()).collect();
        assert_eq!(sets.len(), one.sets.len());
    }

    #[test]
    fn owners_do_not_share_blocks() {
        let all: HashSet<_> = (0..50).flat_map(|owner| blocks(owner, 20)).collect();
        assert_eq!(all.len(), 1000);
    }
}
