//! Runs of NLRI in wire form.

use std::marker::PhantomData;

use bytes::Bytes;
use ipnet::IpNet;

use super::{NlriKey, V4Key, V6Key};
use crate::types::{Family, PathId};

/// One prefix with its path identifier, for callers that do not care about packing.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Nlri {
    /// The prefix, host bits cleared.
    pub prefix: IpNet,
    /// 0 where add-path is not in use.
    pub path_id: PathId,
}

/// A run of NLRI of one family in wire form, checked when it was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NlriBlock {
    pub(super) family: Family,
    pub(super) add_path: bool,
    pub(super) count: u32,
    pub(super) octets: Bytes,
}

/// Where a run of NLRI stops making sense.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("NLRI at octet {offset} of the field: length octet or address does not fit")]
pub struct NlriFault {
    /// Offset of the faulty NLRI within the field.
    pub offset: usize,
}

impl NlriBlock {
    /// Checks `octets` as NLRI of `family`, with path identifiers in front if `add_path`.
    ///
    /// # Errors
    /// [`NlriFault`] at the first NLRI that does not fit, or for a family that is not supported.
    pub fn parse(family: Family, add_path: bool, octets: Bytes) -> Result<Self, NlriFault> {
        let count = match family {
            Family::IPV4_UNICAST => count::<V4Key>(add_path, &octets)?,
            Family::IPV6_UNICAST => count::<V6Key>(add_path, &octets)?,
            _ => return Err(NlriFault { offset: 0 }),
        };
        Ok(Self { family, add_path, count, octets })
    }

    /// A block without path identifiers, from prefixes; those of the other family are left out.
    pub fn from_keys<K: NlriKey>(keys: impl IntoIterator<Item = K>) -> Self {
        let mut octets = Vec::new();
        let mut count = 0;
        for key in keys {
            key.write(&mut octets);
            count += 1;
        }
        Self { family: K::FAMILY, add_path: false, count, octets: octets.into() }
    }

    /// The family of every NLRI inside.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Whether path identifiers are present.
    pub fn add_path(&self) -> bool {
        self.add_path
    }

    /// How many NLRI are inside.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The wire form.
    pub fn octets(&self) -> &Bytes {
        &self.octets
    }

    /// Packed keys for a table of family `K`; empty if the block is of another family.
    pub fn keys<K: NlriKey>(&self) -> NlriIter<'_, K> {
        let rest: &[u8] = if self.family == K::FAMILY { &self.octets } else { &[] };
        NlriIter { rest, add_path: self.add_path, key: PhantomData }
    }

    /// Every NLRI in a form independent of the family.
    pub fn iter(&self) -> impl Iterator<Item = Nlri> + '_ {
        let v4 = self.keys::<V4Key>().map(|(id, key)| Nlri { prefix: key.to_net(), path_id: id });
        let v6 = self.keys::<V6Key>().map(|(id, key)| Nlri { prefix: key.to_net(), path_id: id });
        v4.chain(v6)
    }
}

/// Iterator over the packed keys of a [`NlriBlock`].
#[derive(Clone, Debug)]
pub struct NlriIter<'a, K> {
    rest: &'a [u8],
    add_path: bool,
    key: PhantomData<K>,
}

impl<K: NlriKey> Iterator for NlriIter<'_, K> {
    type Item = (PathId, K);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        read_one(self.add_path, &mut self.rest)
    }
}

/// The next NLRI of octets that were checked; `None` at their end.
#[inline]
pub(super) fn read_one<K: NlriKey>(add_path: bool, rest: &mut &[u8]) -> Option<(PathId, K)> {
    let mut id = PathId(0);
    if add_path {
        let (octets, tail) = rest.split_first_chunk::<4>()?;
        id = PathId(u32::from_be_bytes(*octets));
        *rest = tail;
    }
    Some((id, K::read(rest)?))
}

fn count<K: NlriKey>(add_path: bool, octets: &[u8]) -> Result<u32, NlriFault> {
    let mut rest = octets;
    let mut count = 0;
    while !rest.is_empty() {
        let offset = octets.len() - rest.len();
        read_one::<K>(add_path, &mut rest).ok_or(NlriFault { offset })?;
        count += 1;
    }
    Ok(count)
}
