//! Prefixes packed for tables, and their wire form.

use std::fmt;
use std::hash::Hash;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::types::Family;

/// What identifies a destination within one table: packed, masked, cheap to hash and compare.
pub trait NlriKey: Copy + Eq + Hash + Ord + fmt::Debug + Send + Sync + 'static {
    /// The family whose table uses this key.
    const FAMILY: Family;

    /// The key in as few octets as it needs, for where there are millions of it.
    type Packed: Copy + Eq + fmt::Debug + Send + Sync + 'static;

    /// The key as tables keep it.
    fn pack(self) -> Self::Packed;

    /// The key that was packed.
    fn unpack(packed: Self::Packed) -> Self;

    /// Reads one NLRI (length octet and address octets), advancing `input`.
    ///
    /// Host bits beyond the length are cleared, as RFC 4271 §4.3 calls them irrelevant.
    /// `None` if the length is beyond the family's, or octets are missing; `input` is then unspecified.
    fn read(input: &mut &[u8]) -> Option<Self>;

    /// The [block](NlriKey::block) of an NLRI that was checked, advancing `input` as [`NlriKey::read`] does.
    fn read_block(input: &mut &[u8]) -> Option<u64>;

    /// Appends the wire form.
    fn write(self, out: &mut Vec<u8>);

    /// Octets of the wire form, 1 to 17.
    fn wire_len(self) -> usize;

    /// The prefix for people and other crates.
    fn to_net(self) -> IpNet;

    /// From a prefix, host bits cleared; `None` if it is of the other family.
    fn from_net(net: IpNet) -> Option<Self>;

    /// Whether no unicast packet may be sent to any address in it, so that a route to it is a mistake
    /// (RFC 4271 §6.3): this network, loopback, multicast; link-local for IPv6.
    fn is_martian(self) -> bool;

    /// What it has in common with its neighbours, never more than a few dozen: the address down to the middle of
    /// the last octet that its length reaches into.
    fn neighbourhood(self) -> Self;

    /// The number of the block of neighbouring prefixes it begins in: an IPv4 /16 or an IPv6 /32.
    ///
    /// Whoever holds neighbours holds most of the prefixes that share attributes.
    fn block(self) -> u64;
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

    type Packed = [u8; 5];

    #[inline]
    fn pack(self) -> [u8; 5] {
        let [a, b, c, d, e, ..] = self.0.to_le_bytes();
        [a, b, c, d, e]
    }

    #[inline]
    fn unpack([a, b, c, d, e]: [u8; 5]) -> Self {
        Self(u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]))
    }

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

    #[inline]
    fn read_block(input: &mut &[u8]) -> Option<u64> {
        let (&len, rest) = input.split_first()?;
        match rest.first_chunk() {
            Some(block) if len >= 16 => {
                *input = rest.get(usize::from(len).div_ceil(8)..)?;
                Some(u64::from(u16::from_be_bytes(*block)))
            }
            _ => Self::read(input).map(Self::block),
        }
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

    #[inline]
    fn is_martian(self) -> bool {
        let first = self.addr() >> 24;
        // A shorter prefix than these covers other addresses too, as the default route does.
        match self.len() {
            0..=3 => false,
            4..=7 => first & 0xf0 == 224,
            _ => first == 0 || first == 127 || first & 0xf0 == 224,
        }
    }

    #[inline]
    fn neighbourhood(self) -> Self {
        let len = middle(self.len());
        Self(self.0 & u64::MAX << (40 - len) | u64::from(len))
    }

    #[inline]
    fn block(self) -> u64 {
        u64::from(self.addr() >> 16)
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

    type Packed = [u8; 17];

    #[inline]
    fn pack(self) -> [u8; 17] {
        let mut packed = [0; 17];
        let (addr, len) = packed.split_at_mut(16);
        addr.copy_from_slice(&self.addr().to_ne_bytes());
        len.fill(self.len);
        packed
    }

    #[inline]
    fn unpack(packed: [u8; 17]) -> Self {
        let [addr @ .., len] = packed;
        let addr = u128::from_ne_bytes(addr);
        Self { high: (addr >> 64) as u64, low: addr as u64, len }
    }

    fn read(input: &mut &[u8]) -> Option<Self> {
        let (&len, rest) = input.split_first()?;
        let count = usize::from(len).div_ceil(8);
        let (given, rest) = rest.split_at_checked(count)?;
        let mut octets = [0; 16];
        octets.get_mut(..count)?.copy_from_slice(given);
        *input = rest;
        Self::new(u128::from_be_bytes(octets), len)
    }

    #[inline]
    fn read_block(input: &mut &[u8]) -> Option<u64> {
        let (&len, rest) = input.split_first()?;
        match rest.first_chunk() {
            Some(block) if len >= 32 => {
                *input = rest.get(usize::from(len).div_ceil(8)..)?;
                Some(u64::from(u32::from_be_bytes(*block)))
            }
            _ => Self::read(input).map(Self::block),
        }
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

    #[inline]
    fn is_martian(self) -> bool {
        let first = (self.high >> 48) as u16;
        let multicast = self.len >= 8 && first >> 8 == 0xff;
        let link_local = self.len >= 10 && first & 0xffc0 == 0xfe80;
        let loopback = self.len == 128 && self.high == 0 && self.low <= 1;
        multicast || link_local || loopback
    }

    #[inline]
    fn neighbourhood(self) -> Self {
        let len = middle(self.len);
        let addr = self.addr() & u128::MAX << (128 - len);
        Self { high: (addr >> 64) as u64, low: addr as u64, len }
    }

    #[inline]
    fn block(self) -> u64 {
        self.high >> 32
    }
}

impl fmt::Debug for V6Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_net().fmt(f)
    }
}

/// Half an octet less than the octets which a length reaches into: 20 for 17 to 24.
#[inline]
fn middle(len: u8) -> u8 {
    (len.saturating_sub(1) & !7) + 4
}
