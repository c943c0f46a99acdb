//! Making and editing attribute sets.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::{AsPath, AttrCode, AttrSet, Community, LargeCommunity, Origin, RawAttr, flags};
use crate::types::{Asn, ClusterId, NextHop, RouterId};

/// Collects attributes in any order and builds the canonical set; reusable to spare allocations.
///
/// Values are taken as given: the decoder and the typed setters are responsible for their form. A value longer
/// than 65535 octets cannot be written down and is cut; no message can carry one in. In ascending order of
/// their codes, and none twice, attributes are written once, where the set is copied from.
#[derive(Clone, Debug, Default)]
pub struct AttrBuilder {
    items: Vec<Item>,
    /// Attributes in wire form, in the order they came.
    octets: Vec<u8>,
    /// These are not the set: attributes are out of order, or some were removed.
    scattered: bool,
    scratch: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Item {
    code: AttrCode,
    flags: u8,
    /// Header and value.
    wire: Range<usize>,
    value: usize,
}

impl AttrBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// A builder holding what `set` holds, for editing.
    pub fn edit(set: &AttrSet) -> Self {
        let mut builder = Self::new();
        set.iter().for_each(|attr| builder.copy(&attr));
        builder
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.items.clear();
        self.octets.clear();
        self.scattered = false;
    }

    /// Whether the attribute is present.
    pub fn contains(&self, code: AttrCode) -> bool {
        let beyond = !self.scattered && self.items.last().is_none_or(|last| last.code < code);
        !beyond && self.items.iter().any(|item| item.code == code)
    }

    /// The value set for `code`.
    pub fn value(&self, code: AttrCode) -> Option<&[u8]> {
        let item = self.items.iter().find(|item| item.code == code)?;
        self.octets.get(item.value..item.wire.end)
    }

    /// Sets or replaces an attribute.
    ///
    /// For codes with a known category only the Partial bit of `flags` counts, and only if transitive;
    /// the Extended Length bit never does.
    pub fn set_raw(&mut self, code: AttrCode, flags: u8, value: &[u8]) -> &mut Self {
        if self.contains(code) {
            self.remove(code);
        }
        self.push_raw(code, flags, value);
        self
    }

    /// As [`AttrBuilder::set_raw`] for a code that is not present, without looking for it.
    pub(crate) fn push_raw(&mut self, code: AttrCode, flags: u8, value: &[u8]) {
        debug_assert!(!self.contains(code));
        let flags = match code.category() {
            Some(category) if category == flags::OPTIONAL | flags::TRANSITIVE => {
                category | flags & flags::PARTIAL
            }
            Some(category) => category,
            None => flags & (flags::OPTIONAL | flags::TRANSITIVE | flags::PARTIAL),
        };
        let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
        let start = self.octets.len();
        match u8::try_from(value.len()) {
            Ok(len) => self.octets.extend([flags, code.0, len]),
            Err(_) => {
                let [high, low] = (value.len() as u16).to_be_bytes();
                self.octets.extend([flags | flags::EXTENDED, code.0, high, low]);
            }
        }
        let header = self.octets.len() - start;
        self.octets.extend_from_slice(value);
        self.note(code, flags, start, header);
    }

    /// Sets or replaces an attribute as a set has it.
    pub fn copy(&mut self, attr: &RawAttr<'_>) {
        if self.contains(attr.code) {
            self.remove(attr.code);
        }
        let start = self.octets.len();
        self.octets.extend_from_slice(attr.wire);
        self.note(attr.code, attr.flags, start, attr.wire.len() - attr.value.len());
    }

    fn note(&mut self, code: AttrCode, flags: u8, start: usize, header: usize) {
        self.scattered |= self.items.last().is_some_and(|last| last.code >= code);
        self.items.push(Item { code, flags, wire: start..self.octets.len(), value: start + header });
    }

    /// Removes an attribute if present.
    pub fn remove(&mut self, code: AttrCode) -> &mut Self {
        self.retain(|other, _| other != code)
    }

    /// Keeps the attributes for which `keep` says so, given code and flags.
    pub fn retain(&mut self, mut keep: impl FnMut(AttrCode, u8) -> bool) -> &mut Self {
        let before = self.items.len();
        self.items.retain(|item| keep(item.code, item.flags));
        self.scattered |= self.items.len() < before;
        self
    }

    /// Sets ORIGIN.
    pub fn origin(&mut self, origin: Origin) -> &mut Self {
        self.set_raw(AttrCode::ORIGIN, 0, &[origin as u8])
    }

    /// Sets AS_PATH to octets of segments with four-octet AS numbers.
    pub fn as_path(&mut self, octets: &[u8]) -> &mut Self {
        self.set_raw(AttrCode::AS_PATH, 0, octets)
    }

    /// Sets AS_PATH to `path` with `asn` in front (RFC 4271 §5.1.2).
    pub fn prepended(&mut self, path: AsPath<'_>, asn: Asn) -> &mut Self {
        let mut octets = std::mem::take(&mut self.scratch);
        octets.clear();
        path.prepend(&[asn], &mut octets);
        self.as_path(&octets);
        self.scratch = octets;
        self
    }

    /// Sets AS_PATH to one sequence; at most 255 numbers are taken.
    pub fn as_sequence(&mut self, asns: &[Asn]) -> &mut Self {
        let asns = asns.get(..255).unwrap_or(asns);
        let mut octets = Vec::with_capacity(2 + 4 * asns.len());
        if !asns.is_empty() {
            octets.extend([2, asns.len() as u8]);
        }
        octets.extend(asns.iter().flat_map(|asn| asn.0.to_be_bytes()));
        self.as_path(&octets)
    }

    /// Sets the next hop.
    pub fn next_hop(&mut self, next_hop: NextHop) -> &mut Self {
        let (octets, len) = next_hop.octets();
        self.set_raw(AttrCode::NEXT_HOP, 0, octets.get(..len).unwrap_or(&octets))
    }

    /// Sets MULTI_EXIT_DISC.
    pub fn med(&mut self, med: u32) -> &mut Self {
        self.set_raw(AttrCode::MED, 0, &med.to_be_bytes())
    }

    /// Sets LOCAL_PREF.
    pub fn local_pref(&mut self, local_pref: u32) -> &mut Self {
        self.set_raw(AttrCode::LOCAL_PREF, 0, &local_pref.to_be_bytes())
    }

    /// Sets AGGREGATOR.
    pub fn aggregator(&mut self, asn: Asn, router: Ipv4Addr) -> &mut Self {
        let mut value = [0; 8];
        let (head, tail) = value.split_at_mut(4);
        head.copy_from_slice(&asn.0.to_be_bytes());
        tail.copy_from_slice(&router.octets());
        self.set_raw(AttrCode::AGGREGATOR, 0, &value)
    }

    /// Sets COMMUNITIES; removes the attribute where there is none. The Partial bit stays.
    pub fn communities(&mut self, communities: impl IntoIterator<Item = Community>) -> &mut Self {
        let value: Vec<u8> = communities.into_iter().flat_map(|c| c.0.to_be_bytes()).collect();
        self.set_list(AttrCode::COMMUNITIES, &value)
    }

    /// Sets LARGE_COMMUNITIES; removes the attribute where there is none. The Partial bit stays.
    pub fn large_communities(&mut self, communities: impl IntoIterator<Item = LargeCommunity>) -> &mut Self {
        let numbers = communities.into_iter().flat_map(|c| [c.global, c.local1, c.local2]);
        let value: Vec<u8> = numbers.flat_map(u32::to_be_bytes).collect();
        self.set_list(AttrCode::LARGE_COMMUNITIES, &value)
    }

    fn set_list(&mut self, code: AttrCode, value: &[u8]) -> &mut Self {
        if value.is_empty() {
            return self.remove(code);
        }
        let flags = self.items.iter().find(|item| item.code == code).map_or(0, |item| item.flags);
        self.set_raw(code, flags, value)
    }

    /// Sets ORIGINATOR_ID (RFC 4456 §8).
    pub fn originator_id(&mut self, id: RouterId) -> &mut Self {
        self.set_raw(AttrCode::ORIGINATOR_ID, 0, &id.0.to_be_bytes())
    }

    /// Puts `id` in front of CLUSTER_LIST (RFC 4456 §8).
    pub fn prepend_cluster(&mut self, id: ClusterId) -> &mut Self {
        let mut value = id.0.to_be_bytes().to_vec();
        value.extend_from_slice(self.value(AttrCode::CLUSTER_LIST).unwrap_or(&[]));
        self.set_raw(AttrCode::CLUSTER_LIST, 0, &value)
    }

    /// The canonical set; the builder keeps its content.
    pub fn build(&mut self) -> AttrSet {
        if !self.scattered {
            return AttrSet(self.octets.as_slice().into());
        }
        self.items.sort_unstable_by_key(|item| item.code);
        self.scratch.clear();
        for item in &self.items {
            self.scratch.extend_from_slice(self.octets.get(item.wire.clone()).unwrap_or(&[]));
        }
        AttrSet(self.scratch.as_slice().into())
    }
}
