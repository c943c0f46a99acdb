//! From UPDATEs to what the owner of each prefix is told.

use super::Ingest;
use crate::types::Scatter;
use crate::wire::Update;

impl Ingest {
    /// What an UPDATE says, in the order that counts. What is about no prefix, faults and End-of-RIB, is left
    /// out.
    pub fn of(update: Update) -> impl Iterator<Item = Self> {
        let withdrawn = update.withdrawn.into_iter().map(Self::Withdraw);
        withdrawn.chain(update.announced.into_iter().map(|route| Self::Announce(route.nlri, route.attrs)))
    }

    /// Calls `take` with the part of each owner of prefixes of it, once for each.
    pub fn scatter(self, scatter: &mut Scatter, mut take: impl FnMut(usize, Self)) {
        match self {
            Self::Announce(nlri, attrs) => {
                let clone = |owner, nlri| take(owner, Self::Announce(nlri, attrs.clone()));
                // The last takes the set as it is: threads share its count, and every touch has its price.
                if let Some((owner, nlri)) = scatter.divide(nlri, clone) {
                    take(owner, Self::Announce(nlri, attrs));
                }
            }
            Self::Withdraw(nlri) => {
                let last = scatter.divide(nlri, |owner, nlri| take(owner, Self::Withdraw(nlri)));
                if let Some((owner, nlri)) = last {
                    take(owner, Self::Withdraw(nlri));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::*;
    use crate::types::{AttrBuilder, AttrSet, Division, NlriBlock, NlriKey, Origin, PathId, V4Key, V6Key};
    use crate::wire::Announcement;

    /// One thing an UPDATE does to a prefix: `None` withdraws.
    type Deed = (IpNet, PathId, Option<AttrSet>);

    fn deeds(said: &Ingest) -> Vec<Deed> {
        let attrs = match said {
            Ingest::Announce(_, attrs) => Some(attrs),
            Ingest::Withdraw(_) => None,
        };
        said.nlri().iter().map(|n| (n.prefix, n.path_id, attrs.cloned())).collect()
    }

    fn scattered(said: Vec<Ingest>, parts: usize) -> Vec<Vec<Deed>> {
        let mut scatter = Scatter::new(Division::new(parts));
        let mut found = vec![Vec::new(); parts];
        for one in said {
            one.scatter(&mut scatter, |owner, part| found[owner].extend(deeds(&part)));
        }
        scatter.rest();
        found
    }

    fn attrs(med: u32) -> AttrSet {
        AttrBuilder::new().origin(Origin::Igp).as_path(&[]).med(med).build()
    }

    /// Few addresses, so that prefixes meet again and blocks have neighbours.
    fn octets<K: NlriKey>(keys: &[K], add_path: bool) -> NlriBlock {
        let mut octets = Vec::new();
        for (id, key) in keys.iter().enumerate() {
            if add_path {
                octets.extend_from_slice(&(id as u32 % 3).to_be_bytes());
            }
            key.write(&mut octets);
        }
        NlriBlock::parse(K::FAMILY, add_path, octets.into()).unwrap()
    }

    fn block() -> impl Strategy<Value = NlriBlock> {
        let nlri = proptest::collection::vec((0..64_u32, 8..=32_u8), 1..12);
        (any::<bool>(), any::<bool>(), nlri).prop_map(|(v4, add_path, nlri)| {
            if v4 {
                let key = |(n, len): &(u32, u8)| V4Key::new(0x0a00_0000 | n << 15, *len).unwrap();
                octets(&nlri.iter().map(key).collect::<Vec<_>>(), add_path)
            } else {
                let key = |(n, len): &(u32, u8)| {
                    V6Key::new(0x2001_0000 << 96 | u128::from(*n) << 95, len * 2).unwrap()
                };
                octets(&nlri.iter().map(key).collect::<Vec<_>>(), add_path)
            }
        })
    }

    fn update() -> impl Strategy<Value = Update> {
        let withdrawn = proptest::collection::vec(block(), 0..3);
        let announced = proptest::collection::vec((block(), 0..3_u32), 0..3);
        (withdrawn, announced).prop_map(|(withdrawn, announced)| {
            let mut update = Update::default();
            withdrawn.into_iter().for_each(|block| update.withdrawn.push(block));
            for (nlri, med) in announced {
                update.announced.push(Announcement { nlri, attrs: attrs(med) });
            }
            update
        })
    }

    proptest! {
        #[test]
        fn every_prefix_goes_to_its_owner_alone_and_in_order(
            updates in proptest::collection::vec(update(), 1..8), parts in 1..=16_usize
        ) {
            let division = Division::new(parts);
            let said: Vec<Ingest> = updates.into_iter().flat_map(Ingest::of).collect();
            let found = scattered(said.clone(), parts);
            for (owner, found) in found.iter().enumerate() {
                let meant: Vec<Deed> = said
                    .iter()
                    .flat_map(deeds)
                    .filter(|(prefix, _, _)| division.part_of_net(*prefix) == owner)
                    .collect();
                // All deeds of an owner in order: more than the order of each prefix, which is what counts.
                prop_assert_eq!(found, &meant);
            }
        }
    }

    #[test]
    fn withdrawals_of_an_update_come_first() {
        let key = V4Key::new(0x0a00_0000, 24).unwrap();
        let mut update = Update::default();
        update.announced.push(Announcement { nlri: NlriBlock::from_keys([key]), attrs: attrs(1) });
        update.withdrawn.push(NlriBlock::from_keys([key]));
        let said: Vec<bool> = Ingest::of(update).map(|one| matches!(one, Ingest::Withdraw(_))).collect();
        assert_eq!(said, [true, false], "a prefix in both lists is announced (RFC 4271 section 4.3)");
    }

    #[test]
    fn a_block_of_one_owner_is_not_copied() {
        let keys = [V4Key::new(0x0a00_0000, 24).unwrap(), V4Key::new(0x0a00_0100, 24).unwrap()];
        let whole = NlriBlock::from_keys(keys);
        let mut scatter = Scatter::new(Division::new(16));
        let (_, part) = scatter.divide(whole.clone(), |_, _| panic!("one owner")).unwrap();
        assert_eq!(part.octets().as_ptr(), whole.octets().as_ptr());
    }

    #[test]
    fn attributes_are_shared_between_the_parts() {
        let keys = (0..64).map(|n| V4Key::new(0x0a00_0000 | n << 16, 24).unwrap());
        let attrs = attrs(7);
        let at = attrs.octets().as_ptr();
        let mut routes = 0;
        let said = Ingest::Announce(NlriBlock::from_keys(keys), attrs);
        said.scatter(&mut Scatter::new(Division::new(4)), |_, part| {
            let Ingest::Announce(nlri, attrs) = part else { panic!("an announcement stays one") };
            assert_eq!(attrs.octets().as_ptr(), at);
            routes += nlri.len();
        });
        assert_eq!(routes, 64);
    }
}
