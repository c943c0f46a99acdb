//! Path attributes: what the player announces, what a speaker must make of it, and telling sets apart.
//!
//! Sets are compared in a canonical form (by type code, without flags, communities sorted), so that two
//! speakers that say the same in another order are both right.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::iter;
use std::net::Ipv4Addr;

use foldhash::fast::FixedState;

/// A set of path attributes as a sender means it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attrs {
    /// 0 IGP, 1 EGP, 2 incomplete.
    pub origin: u8,
    /// One AS_SEQUENCE; empty for a route of the own AS.
    pub path: Vec<u32>,
    /// NEXT_HOP.
    pub next_hop: Ipv4Addr,
    /// MULTI_EXIT_DISC, on iBGP only here.
    pub med: Option<u32>,
    /// LOCAL_PREF, on iBGP only.
    pub local_pref: Option<u32>,
    /// Standard communities.
    pub communities: Vec<u32>,
    /// Large communities (RFC 8092).
    pub large: Vec<[u32; 3]>,
    /// ORIGINATOR_ID (RFC 4456).
    pub originator: Option<Ipv4Addr>,
    /// CLUSTER_LIST (RFC 4456).
    pub clusters: Vec<Ipv4Addr>,
}

/// What the speaker under test must do to a set before it passes it on.
#[derive(Clone, Copy, Debug)]
pub enum Rewrite {
    /// To another AS: own AS in front, own address as next hop, no MED, no LOCAL_PREF (RFC 4271 §5.1).
    External {
        /// The speaker's AS number.
        asn: u32,
        /// The speaker's address.
        next_hop: Ipv4Addr,
    },
    /// From another AS to a client: the next hop stays, with a LOCAL_PREF of 100 (RFC 4271 §5.1.5).
    Internal,
    /// To a client: who originated it, and through which cluster it came (RFC 4456 §8).
    Reflected {
        /// The router id of the client that sent it.
        originator: Ipv4Addr,
        /// The reflector's cluster id.
        cluster: Ipv4Addr,
    },
    /// Nothing: the relay.
    Nothing,
}

impl Attrs {
    /// What a container host says of its own prefixes over iBGP.
    ///
    /// With a MED of zero, because FRR adds one where there is none.
    pub fn internal(next_hop: Ipv4Addr, communities: Vec<u32>) -> Self {
        Self {
            origin: 0,
            path: Vec::new(),
            next_hop,
            med: Some(0),
            local_pref: Some(100),
            communities,
            large: Vec::new(),
            originator: None,
            clusters: Vec::new(),
        }
    }

    /// The set the speaker under test must send for this one.
    #[must_use]
    pub fn rewritten(&self, rewrite: Rewrite) -> Self {
        let mut out = self.clone();
        match rewrite {
            Rewrite::External { asn, next_hop } => {
                out.path.insert(0, asn);
                out.next_hop = next_hop;
                (out.med, out.local_pref) = (None, None);
            }
            Rewrite::Reflected { originator, cluster } => {
                out.originator.get_or_insert(originator);
                out.clusters.insert(0, cluster);
            }
            Rewrite::Internal => {
                out.local_pref.get_or_insert(100);
            }
            Rewrite::Nothing => {}
        }
        out
    }

    /// The attributes as they stand in an UPDATE, four-octet AS numbers.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0x40, 1, 1, self.origin];
        let mut path = Vec::new();
        if !self.path.is_empty() {
            path.extend([2, u8::try_from(self.path.len()).unwrap_or(u8::MAX)]);
            path.extend(self.path.iter().flat_map(|asn| asn.to_be_bytes()));
        }
        put(&mut out, 0x40, 2, &path);
        put(&mut out, 0x40, 3, &self.next_hop.octets());
        if let Some(med) = self.med {
            put(&mut out, 0x80, 4, &med.to_be_bytes());
        }
        if let Some(preference) = self.local_pref {
            put(&mut out, 0x40, 5, &preference.to_be_bytes());
        }
        if !self.communities.is_empty() {
            let value: Vec<u8> = self.communities.iter().flat_map(|c| c.to_be_bytes()).collect();
            put(&mut out, 0xc0, 8, &value);
        }
        if let Some(originator) = self.originator {
            put(&mut out, 0x80, 9, &originator.octets());
        }
        if !self.clusters.is_empty() {
            let value: Vec<u8> = self.clusters.iter().flat_map(Ipv4Addr::octets).collect();
            put(&mut out, 0x80, 10, &value);
        }
        if !self.large.is_empty() {
            let value: Vec<u8> = self.large.iter().flatten().flat_map(|c| c.to_be_bytes()).collect();
            put(&mut out, 0xc0, 32, &value);
        }
        out
    }
}

fn put(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    match u8::try_from(value.len()) {
        Ok(length) => out.extend([flags, code, length]),
        Err(_) => {
            out.extend([flags | 0x10, code]);
            out.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(value);
}

/// The number of "no route".
pub const NONE: u32 = 0;

/// Every attribute set met so far, by number; equal sets have equal numbers, 0 is no route at all.
#[derive(Debug)]
pub struct AttrBook {
    hasher: FixedState,
    raw: HashMap<u64, u32, FixedState>,
    canonical: HashMap<u64, u32, FixedState>,
    sets: Vec<Set>,
}

/// What a receiver needs to know of a set besides its number.
#[derive(Debug, Default)]
struct Set {
    path: Vec<u32>,
    originator: Option<u32>,
    canonical: Vec<u8>,
}

impl Default for AttrBook {
    fn default() -> Self {
        Self {
            hasher: FixedState::default(),
            raw: HashMap::default(),
            canonical: HashMap::default(),
            sets: vec![Set::default()],
        }
    }
}

impl AttrBook {
    /// The number of a set the player made itself.
    ///
    /// # Errors
    /// Never for a set of [`Attrs::encode`].
    pub fn expect(&mut self, attrs: &Attrs) -> Result<u32, Malformed> {
        self.number(&attrs.encode())
    }

    /// The number of a set as received.
    ///
    /// # Errors
    /// [`Malformed`] when the octets are not a list of attributes.
    pub fn number(&mut self, raw: &[u8]) -> Result<u32, Malformed> {
        let hash = self.hasher.hash_one(raw);
        if let Some(&number) = self.raw.get(&hash) {
            return Ok(number);
        }
        let set = Set::parse(raw)?;
        let next = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        let number = *self.canonical.entry(self.hasher.hash_one(set.canonical.as_slice())).or_insert(next);
        if number == next {
            self.sets.push(set);
        }
        self.raw.insert(hash, number);
        Ok(number)
    }

    /// Whether a speaker with these identifiers must ignore the set as its own come back
    /// (RFC 4271 §9.1.2, RFC 4456 §8).
    pub fn is_loop(&self, number: u32, asn: u32, router_id: Ipv4Addr) -> bool {
        self.sets
            .get(number as usize)
            .is_some_and(|set| set.originator == Some(u32::from(router_id)) || set.path.contains(&asn))
    }

    /// A set for a message to people: type code and value in hexadecimal. Of a long value a piece is shown,
    /// from where it begins to differ from that of set `beside`.
    pub fn describe(&self, number: u32, beside: u32) -> String {
        if number == NONE {
            return "no route".to_owned();
        }
        let beside: HashMap<u8, &[u8]> = self.attributes(beside).collect();
        let words = self.attributes(number).map(|(code, value)| {
            let other = beside.get(&code).copied().unwrap_or_default();
            let same = value.iter().zip(other).take_while(|(one, other)| one == other).count();
            format!("{code}={}", piece(value, if same == value.len() { 0 } else { same }))
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Type codes and values of a set.
    fn attributes(&self, number: u32) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = self.sets.get(number as usize).map_or(&[][..], |set| &set.canonical);
        iter::from_fn(move || {
            let [code, high, low, after @ ..] = rest else { return None };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (value, after) = after.split_at(length.min(after.len()));
            rest = after;
            Some((*code, value))
        })
    }
}

/// A value in hexadecimal, cut to what follows `from` if it is long.
fn piece(value: &[u8], from: usize) -> String {
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let from = from.min(value.len().saturating_sub(SHOWN));
    match value.get(from..).and_then(|rest| rest.get(..SHOWN)) {
        Some(shown) if value.len() > SHOWN => {
            let before = if from > 0 { "…" } else { "" };
            let after = if from + SHOWN < value.len() { "…" } else { "" };
            format!("{before}{}{after} ({} octets)", hex(shown), value.len())
        }
        _ => hex(value),
    }
}

/// Octets of an attribute that are shown: the 600 communities some routes have fill a screen.
const SHOWN: usize = 24;

/// The attributes of a message are not a list of attributes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("path attributes end in the middle of one")]
pub struct Malformed;

impl Set {
    fn parse(mut raw: &[u8]) -> Result<Self, Malformed> {
        let mut found: Vec<(u8, Vec<u8>)> = Vec::new();
        while let [flags, code, after @ ..] = raw {
            let (length, after) = match (flags & 0x10 != 0, after) {
                (false, [length, after @ ..]) => (usize::from(*length), after),
                (true, [high, low, after @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), after),
                _ => return Err(Malformed),
            };
            let (value, after) = after.split_at_checked(length).ok_or(Malformed)?;
            found.push((*code, value.to_vec()));
            raw = after;
        }
        if !raw.is_empty() {
            return Err(Malformed);
        }
        found.sort();
        let mut set = Self::default();
        for (code, mut value) in found {
            match code {
                2 => set.path = path_numbers(&value),
                8 => value = sorted::<4>(&value),
                9 => set.originator = value.first_chunk().map(|octets| u32::from_be_bytes(*octets)),
                32 => value = sorted::<12>(&value),
                _ => {}
            }
            set.canonical.push(code);
            set.canonical.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
            set.canonical.extend(value);
        }
        Ok(set)
    }
}

fn path_numbers(mut value: &[u8]) -> Vec<u32> {
    let mut found = Vec::new();
    while let [_, count, after @ ..] = value {
        let (segment, after) = after.split_at((usize::from(*count) * 4).min(after.len()));
        found.extend(segment.as_chunks::<4>().0.iter().map(|asn| u32::from_be_bytes(*asn)));
        value = after;
    }
    found
}

fn sorted<const N: usize>(value: &[u8]) -> Vec<u8> {
    let (chunks, rest) = value.as_chunks::<N>();
    let mut chunks = chunks.to_vec();
    chunks.sort_unstable();
    let mut out: Vec<u8> = chunks.concat();
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Attrs {
        Attrs::internal(Ipv4Addr::new(10, 1, 0, 1), vec![7, 3])
    }

    #[test]
    fn the_order_of_attributes_and_communities_does_not_matter() {
        let mut book = AttrBook::default();
        let one = book.expect(&host()).unwrap();
        let mut swapped =
            vec![0xe0, 8, 8, 0, 0, 0, 3, 0, 0, 0, 7, 0x40, 5, 4, 0, 0, 0, 100, 0x80, 4, 4, 0, 0, 0, 0];
        swapped.extend([0x40, 3, 4, 10, 1, 0, 1, 0x40, 2, 0, 0x40, 1, 1, 0]);
        assert_eq!(book.number(&swapped), Ok(one));
    }

    #[test]
    fn of_a_long_attribute_is_shown_what_differs() {
        let mut book = AttrBook::default();
        let mut set = |communities: std::ops::Range<u32>| {
            book.expect(&Attrs::internal(Ipv4Addr::new(10, 1, 0, 1), communities.collect())).unwrap()
        };
        let (many, more) = (set(0..600), set(0..604));
        let rest = "1=00 2= 3=0a010001 4=00000000 5=00000064";
        let begins = "000000000000000100000002000000030000000400000005… (2400 octets)";
        assert_eq!(book.describe(many, NONE), format!("{rest} 8={begins}"));
        let ends = "…000002560000025700000258000002590000025a0000025b (2416 octets)";
        assert_eq!(book.describe(more, many), format!("{rest} 8={ends}"));
        assert_eq!(book.describe(NONE, many), "no route");
    }

    #[test]
    fn another_next_hop_or_value_is_another_set() {
        let mut book = AttrBook::default();
        let one = book.expect(&host()).unwrap();
        let other_hop = Attrs { next_hop: Ipv4Addr::new(10, 1, 0, 2), ..host() };
        let other_pref = Attrs { local_pref: Some(101), ..host() };
        assert_ne!(book.expect(&other_hop), Ok(one));
        assert_ne!(book.expect(&other_pref), Ok(one));
        assert_ne!(one, NONE);
    }

    #[test]
    fn a_speaker_knows_its_own_routes() {
        let mut book = AttrBook::default();
        let me = Ipv4Addr::new(10, 1, 0, 1);
        let cluster = Ipv4Addr::new(10, 0, 0, 1);
        let reflected =
            book.expect(&host().rewritten(Rewrite::Reflected { originator: me, cluster })).unwrap();
        assert!(book.is_loop(reflected, 64500, me));
        assert!(!book.is_loop(reflected, 64500, Ipv4Addr::new(10, 1, 0, 9)));
        let passed_on =
            book.expect(&host().rewritten(Rewrite::External { asn: 64500, next_hop: cluster })).unwrap();
        assert!(book.is_loop(passed_on, 64500, me));
        assert!(!book.is_loop(passed_on, 65001, me));
    }

    #[test]
    fn truncated_attributes_are_refused() {
        assert_eq!(AttrBook::default().number(&[0x40, 1, 4, 0]), Err(Malformed));
        assert_eq!(AttrBook::default().number(&[0x50, 1, 0]), Err(Malformed));
    }
}
