//! Dividing runs of NLRI among the owners of their prefixes.

use bytes::{Bytes, BytesMut};

use super::{Division, NlriBlock, NlriKey, V4Key, V6Key};
use crate::types::Family;

/// Divides blocks of NLRI by owner.
///
/// A block whose prefixes all have the same owner is passed on as it is. Of others the octets are copied,
/// those of many blocks behind each other, so that a block costs no allocation of its own.
#[derive(Debug)]
pub struct Scatter {
    division: Division,
    piles: Vec<Pile>,
}

/// What one owner gets of the block at hand, behind what it got of those before.
#[derive(Debug, Default)]
struct Pile {
    octets: BytesMut,
    count: u32,
}

/// Neighbouring NLRI of a block that have the same owner.
#[derive(Clone, Copy, Default)]
struct Run {
    part: usize,
    start: usize,
    count: u32,
}

impl Scatter {
    /// Holds no memory for octets before the first block is divided.
    pub fn new(division: Division) -> Self {
        Self { division, piles: Vec::new() }
    }

    /// How prefixes are divided.
    pub fn division(&self) -> Division {
        self.division
    }

    /// Calls `take` once for each part that owns prefixes of `block`, with those in their order, but for the
    /// last: that is returned, for the caller to give away what the parts share. An empty block belongs to the first.
    #[must_use]
    pub fn divide(
        &mut self,
        block: NlriBlock,
        take: impl FnMut(usize, NlriBlock),
    ) -> Option<(usize, NlriBlock)> {
        match block.family() {
            Family::IPV6_UNICAST => self.divide_keys::<V6Key>(block, take),
            _ => self.divide_keys::<V4Key>(block, take),
        }
    }

    /// Gives back the memory behind the blocks made so far, as soon as those are gone.
    pub fn rest(&mut self) {
        self.piles.clear();
    }

    fn divide_keys<K: NlriKey>(
        &mut self,
        block: NlriBlock,
        mut take: impl FnMut(usize, NlriBlock),
    ) -> Option<(usize, NlriBlock)> {
        let octets: &[u8] = block.octets();
        let mut rest = octets;
        let mut run = Run::default();
        loop {
            let at = octets.len() - rest.len();
            if block.add_path() {
                rest = rest.get(PATH_ID..).unwrap_or(&[]);
            }
            let Some(neighbours) = K::read_block(&mut rest) else { break };
            let part = self.division.part_of_block(neighbours);
            if part != run.part {
                self.pile(run, octets.get(run.start..at));
                run = Run { part, start: at, count: 0 };
            }
            run.count += 1;
        }
        if run.count == block.count {
            return Some((run.part, block));
        }
        self.pile(run, octets.get(run.start..));
        let mut last = None;
        for (part, pile) in self.piles.iter_mut().enumerate().filter(|(_, pile)| pile.count > 0) {
            if let Some((part, block)) = last.replace((part, pile.split(&block))) {
                take(part, block);
            }
        }
        last
    }

    fn pile(&mut self, run: Run, octets: Option<&[u8]>) {
        if run.count == 0 {
            return;
        }
        if self.piles.is_empty() {
            self.piles.resize_with(self.division.parts(), Pile::default);
        }
        if let (Some(pile), Some(octets)) = (self.piles.get_mut(run.part), octets) {
            if pile.octets.capacity() == 0 {
                pile.octets.reserve(FIRST_RESERVE);
            }
            pile.octets.extend_from_slice(octets);
            pile.count += run.count;
        }
    }
}

impl Pile {
    /// What was piled up for this owner, of the kind of `whole`.
    fn split(&mut self, whole: &NlriBlock) -> NlriBlock {
        let octets: Bytes = self.octets.split().freeze();
        NlriBlock { count: std::mem::take(&mut self.count), octets, ..*whole }
    }
}

/// Octets of a path identifier (RFC 7911 §3).
const PATH_ID: usize = 4;
/// What a read of a full table brings for one of two owners.
const FIRST_RESERVE: usize = 2048;
