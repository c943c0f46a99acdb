//! NLRI in packed and in wire form.
//!
//! A table is generic over [`NlriKey`]; a [`NlriBlock`] is a run of NLRI that was checked once and is
//! then iterated without further faults, so that it can travel to the tables as the octets received.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Family, PathId};

/// What identifies a destination within one table: packed, masked, cheap to hash and compare.
pub trait NlriKey: Copy + Eq + Hash + Ord + fmt::Debug + Send + Sync + 'static {
    /// The family whose table uses this key.
    const FAMILY: Family;

    /// Reads one NLRI (length octet and address octets), advancing `input`.
    ///
    /// Host bits beyond the length are cleared, as RFC 4271 §4.3 calls them irrelevant.
    /// `None` if the length is beyond the family's, or octets are missing; `input` is then unspecified.
    fn read(input: &mut &[u8]) -> Option<Self>;

    /// Appends the wire form.
    fn write(self, out: &mut Vec<u8>);

    /// Octets of the wire form, 1 to 17.
    fn wire_len(self) -> usize;

    /// The prefix for people and other crates.
    fn to_net(self) -> IpNet;

    /// From a prefix, host bits cleared; `None` if it is of the other family.
    fn from_net(net: IpNet) -> Option<Self>;
}

/// IPv4 prefix packed as `address << 8 | length`: sorts by address, then length.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct V4Key(u64);

impl V4Key {
    /// From address and length; host bits are cleared. `None` if `len > 32`.
    pub fn new(addr: u32, len: u8) -> Option<Self> {
        let mask = u32::MAX.checked_shl(32u32.checked_sub(u32::from(len))?).unwrap_or(0);
        Some(Self(u64::from(addr & mask) << 8 | u64::from(len)))
    }

    /// The network address.
    pub fn addr(self) -> u32 {
        (self.0 >> 8) as u32
    }

    /// Prefix length, 0 to 32.
    pub fn len(self) -> u8 {
        self.0 as u8
    }

    /// Whether this is the default route.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The packed number.
    pub fn packed(self) -> u64 {
        self.0
    }
}

impl NlriKey for V4Key {
    const FAMILY: Family = Family::IPV4_UNICAST;

    fn read(input: &mut &[u8]) -> Option<Self> {
        let (&len, rest) = input.split_first()?;
        // One wide load where four octets follow; the last prefixes of a block take the slow way.
        let addr = if let Some(wide) = rest.first_chunk::<4>() {
            u32::from_be_bytes(*wide)
        } else {
            let mut octets = [0; 4];
            let given = rest.get(..usize::from(len).div_ceil(8))?;
            octets.get_mut(..given.len())?.copy_from_slice(given);
            u32::from_be_bytes(octets)
        };
        *input = rest.get(usize::from(len).div_ceil(8)..)?;
        Self::new(addr, len)
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(self.len());
        let octets = self.addr().to_be_bytes();
        out.extend(octets.iter().take(usize::from(self.len()).div_ceil(8)));
    }

    fn wire_len(self) -> usize {
        1 + usize::from(self.len()).div_ceil(8)
    }

    fn to_net(self) -> IpNet {
        let addr = Ipv4Addr::from_bits(self.addr());
        IpNet::V4(Ipv4Net::new_assert(addr, self.len()))
    }

    fn from_net(net: IpNet) -> Option<Self> {
        match net {
            IpNet::V4(net) => Self::new(net.addr().to_bits(), net.prefix_len()),
            IpNet::V6(_) => None,
        }
    }
}

impl fmt::Debug for V4Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_net().fmt(f)
    }
}

/// IPv6 prefix: address halves and length, 24 octets.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct V6Key {
    high: u64,
    low: u64,
    len: u8,
}

impl V6Key {
    /// From address and length; host bits are cleared. `None` if `len > 128`.
    pub fn new(addr: u128, len: u8) -> Option<Self> {
        let mask = u128::MAX.checked_shl(128u32.checked_sub(u32::from(len))?).unwrap_or(0);
        let addr = addr & mask;
        Some(Self { high: (addr >> 64) as u64, low: addr as u64, len })
    }

    /// The network address.
    pub fn addr(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    /// Prefix length, 0 to 128.
    pub fn len(self) -> u8 {
        self.len
    }

    /// Whether this is the default route.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}

impl NlriKey for V6Key {
    const FAMILY: Family = Family::IPV6_UNICAST;

    fn read(input: &mut &[u8]) -> Option<Self> {
        let (&len, rest) = input.split_first()?;
        let count = usize::from(len).div_ceil(8);
        let (given, rest) = rest.split_at_checked(count)?;
        let mut octets = [0; 16];
        octets.get_mut(..count)?.copy_from_slice(given);
        *input = rest;
        Self::new(u128::from_be_bytes(octets), len)
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(self.len);
        let octets = self.addr().to_be_bytes();
        out.extend(octets.iter().take(usize::from(self.len).div_ceil(8)));
    }

    fn wire_len(self) -> usize {
        1 + usize::from(self.len).div_ceil(8)
    }

    fn to_net(self) -> IpNet {
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_bits(self.addr()), self.len))
    }

    fn from_net(net: IpNet) -> Option<Self> {
        match net {
            IpNet::V6(net) => Self::new(net.addr().to_bits(), net.prefix_len()),
            IpNet::V4(_) => None,
        }
    }
}

impl fmt::Debug for V6Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_net().fmt(f)
    }
}

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
    family: Family,
    add_path: bool,
    count: u32,
    octets: Bytes,
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

#[inline]
fn read_one<K: NlriKey>(add_path: bool, rest: &mut &[u8]) -> Option<(PathId, K)> {
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
