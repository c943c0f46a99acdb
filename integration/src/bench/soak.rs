//! Who announces what in the random churn, and what everybody must hold because of it.
//!
//! The expectation comes from a decision process of its own, as plain as the RFC: LOCAL_PREF, length of the
//! path, origin, external before internal, lowest router id. MED cannot decide here: all routes that share
//! a neighbouring AS have the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::attrs::{AttrBook, Attrs, Malformed, Rewrite};
use super::ledger::Ledger;
use super::player::PeerSpec;
use super::table::{Random, networks};
use super::targets::{ADDRESS, ASN};
use super::universe::Universe;
use super::wire::{self, Prefix};

/// The most prefixes of one UPDATE.
const MOST: u32 = 20;

/// All peers' tables, changing at random.
#[derive(Debug)]
pub struct World {
    random: Random,
    prefixes: Vec<Prefix>,
    peers: Vec<Speaker>,
}

/// One peer's side.
#[derive(Debug)]
struct Speaker {
    spec: PeerSpec,
    /// Numbers of the prefixes it may announce.
    may: Vec<usize>,
    /// What it announces, by number of the prefix.
    held: BTreeMap<usize, Arc<Attrs>>,
}

impl World {
    /// A world where nobody announces anything yet: `count` prefixes, of which each peer may announce `each`.
    pub fn new(specs: &[PeerSpec], count: usize, each: usize) -> Self {
        let mut random = Random::new(0x50a7);
        let prefixes = networks(0, count);
        let bound = u32::try_from(count).unwrap_or(u32::MAX);
        let peers = specs.iter().map(|&spec| {
            let may = (0..each).map(|_| random.below(bound) as usize).collect();
            Speaker { spec, may, held: BTreeMap::new() }
        });
        let peers = peers.collect();
        Self { random, prefixes, peers }
    }

    /// Everything anybody may announce.
    pub fn universe(&self) -> Universe {
        Universe::new(self.prefixes.iter().copied())
    }

    /// A number below `bound`, from the same source as everything else.
    pub fn below(&mut self, bound: usize) -> usize {
        self.random.below(u32::try_from(bound).unwrap_or(u32::MAX)) as usize
    }

    /// A peer's session ended: nothing it announced holds.
    pub fn clear(&mut self, peer: usize) {
        if let Some(speaker) = self.peers.get_mut(peer) {
            speaker.held.clear();
        }
    }

    /// A peer begins afresh with most of what it may announce; returns the UPDATEs.
    pub fn fill(&mut self, peer: usize) -> Arc<[u8]> {
        self.clear(peer);
        let Some(speaker) = self.peers.get(peer) else { return Arc::from([]) };
        let parts: Vec<Vec<usize>> = speaker.may.chunks(7).map(<[usize]>::to_vec).collect();
        let mut out = Vec::new();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            if self.random.below(10) < 7 {
                self.announce(peer, part, &mut out);
            }
        }
        out.into()
    }

    /// One UPDATE of a peer: new attributes for some of its prefixes, or their withdrawal.
    pub fn change(&mut self, peer: usize) -> Arc<[u8]> {
        let Some(bound) = self.peers.get(peer).map(|speaker| speaker.may.len()) else { return Arc::from([]) };
        let count = (1 + self.random.below(MOST) as usize).min(bound);
        let start = self.below(bound - count + 1);
        let Some(speaker) = self.peers.get_mut(peer) else { return Arc::from([]) };
        let chosen = speaker.may.get(start..start + count).unwrap_or(&[]).to_vec();
        let mut out = Vec::new();
        if self.random.below(10) < 7 {
            self.announce(peer, &chosen, &mut out);
        } else {
            for index in &chosen {
                speaker.held.remove(index);
            }
            wire::withdraw(&self.named(&chosen), &mut out);
        }
        out.into()
    }

    fn announce(&mut self, peer: usize, chosen: &[usize], out: &mut Vec<u8>) {
        let Some(spec) = self.peers.get(peer).map(|speaker| speaker.spec) else { return };
        let attrs = Arc::new(attrs(&mut self.random, spec));
        wire::announce(&attrs.encode(), &self.named(chosen), out);
        if let Some(speaker) = self.peers.get_mut(peer) {
            speaker.held.extend(chosen.iter().map(|&index| (index, attrs.clone())));
        }
    }

    fn named(&self, chosen: &[usize]) -> Vec<Prefix> {
        chosen.iter().filter_map(|&index| self.prefixes.get(index).copied()).collect()
    }

    /// Writes what everybody must hold now into `ledger`.
    ///
    /// # Errors
    /// Never for attributes of its own making.
    pub fn expect(&self, ledger: &mut Ledger, book: &mut AttrBook) -> Result<(), Malformed> {
        let mut best: Vec<Option<(Rank, usize, &Attrs)>> = vec![None; self.prefixes.len()];
        for (peer, speaker) in self.peers.iter().enumerate() {
            for (&index, attrs) in &speaker.held {
                let rank = rank(attrs, speaker.spec);
                if let Some(place) = best.get_mut(index)
                    && place.as_ref().is_none_or(|(other, ..)| rank < *other)
                {
                    *place = Some((rank, peer, attrs));
                }
            }
        }
        ledger.expect_nothing();
        for (place, prefix) in best.iter().zip(&self.prefixes) {
            if let (Some((_, peer, attrs)), Some(index)) = (place, ledger.index(prefix.key()))
                && let Some(speaker) = self.peers.get(*peer)
            {
                let [outside, inside] = rewrites(speaker.spec);
                let sets = [book.expect(&attrs.rewritten(outside))?, book.expect(&attrs.rewritten(inside))?];
                ledger.expect_each(index, sets, u32::try_from(*peer).unwrap_or(u32::MAX));
            }
        }
        ledger.recount();
        Ok(())
    }
}

/// How good a route is; the least is the best.
type Rank = (u32, usize, u8, bool, u32);

fn rank(attrs: &Attrs, sender: PeerSpec) -> Rank {
    let preference = u32::MAX - attrs.local_pref.unwrap_or(100);
    (preference, attrs.path.len(), attrs.origin, sender.asn == ASN, u32::from(sender.addr))
}

/// What the speaker makes of a sender's routes, outside its AS and inside.
fn rewrites(sender: PeerSpec) -> [Rewrite; 2] {
    let inside = if sender.asn == ASN {
        Rewrite::Reflected { originator: sender.addr, cluster: ADDRESS }
    } else {
        Rewrite::Internal
    };
    [Rewrite::External { asn: ASN, next_hop: ADDRESS }, inside]
}

fn attrs(random: &mut Random, spec: PeerSpec) -> Attrs {
    let inside = spec.asn == ASN;
    let hops = random.below(4);
    let own = (!inside).then_some(spec.asn);
    let path = own.into_iter().chain((0..hops).map(|_| 1000 + random.below(60_000))).collect();
    let mut communities: Vec<u32> =
        (0..random.below(9)).map(|_| (1000 + random.below(60_000)) << 16 | random.below(5000)).collect();
    communities.sort_unstable();
    communities.dedup();
    Attrs {
        origin: if random.below(4) == 0 { 2 } else { 0 },
        path,
        next_hop: spec.next_hop(),
        med: inside.then_some(0),
        local_pref: inside.then(|| 99 + random.below(3)),
        communities,
        large: Vec::new(),
        originator: None,
        clusters: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn spec(number: u8, asn: u32) -> PeerSpec {
        PeerSpec { addr: Ipv4Addr::new(10, 1, 0, number), asn }
    }

    #[test]
    fn the_order_of_the_decision_is_that_of_the_rfc() {
        let plain = Attrs { path: vec![1, 2], ..Attrs::internal(Ipv4Addr::LOCALHOST, vec![]) };
        let inside = spec(1, ASN);
        let better = [
            (Attrs { local_pref: Some(101), path: vec![1, 2, 3], ..plain.clone() }, inside),
            (Attrs { path: vec![1], origin: 2, ..plain.clone() }, inside),
            (Attrs { local_pref: None, ..plain.clone() }, spec(9, 65001)),
            (plain.clone(), spec(0, ASN)),
        ];
        for (attrs, sender) in better {
            assert!(rank(&attrs, sender) < rank(&plain, inside), "{attrs:?}");
        }
        assert!(rank(&Attrs { origin: 2, ..plain.clone() }, spec(0, ASN)) > rank(&plain, inside));
    }

    #[test]
    fn everybody_but_the_owner_must_hold_the_best_as_told_on_their_side() {
        let specs = [spec(1, ASN), spec(2, 65002), spec(3, ASN)];
        let mut world = World::new(&specs, 1, 1);
        let mut ledger = Ledger::new(world.universe());
        for spec in specs {
            ledger.add_receiver(spec.asn, spec.addr);
        }
        let mut book = AttrBook::default();
        world.announce(1, &[0], &mut Vec::new());
        world.expect(&mut ledger, &mut book).unwrap();
        assert_eq!(ledger.inexact(), 2);
        let told = world.peers[1].held[&0].rewritten(Rewrite::Internal);
        assert_eq!((told.local_pref, told.next_hop), (Some(100), specs[1].next_hop()));
        let set = book.expect(&told).unwrap();
        let nlri = [24, 20, 0, 0];
        ledger.note(0, (&nlri, set), &book, |_, _| ()).unwrap();
        ledger.note(2, (&nlri, set), &book, |_, _| ()).unwrap();
        assert!(ledger.is_exact());
        world.clear(1);
        world.expect(&mut ledger, &mut book).unwrap();
        assert_eq!(ledger.inexact(), 2);
    }
}
