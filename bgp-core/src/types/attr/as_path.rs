//! AS_PATH with four-octet AS numbers, borrowed from an attribute set.

use std::fmt;

use crate::types::Asn;

/// Kind of an AS_PATH segment (RFC 4271 §4.3, RFC 5065 §3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SegmentKind {
    /// AS_SET, unordered.
    Set = 1,
    /// AS_SEQUENCE.
    Sequence = 2,
    /// AS_CONFED_SEQUENCE.
    ConfedSequence = 3,
    /// AS_CONFED_SET.
    ConfedSet = 4,
}

impl SegmentKind {
    /// `None` for kinds no RFC defines.
    pub fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            1 => Self::Set,
            2 => Self::Sequence,
            3 => Self::ConfedSequence,
            4 => Self::ConfedSet,
            _ => return None,
        })
    }
}

/// One segment: kind and AS numbers, 1 to 255 of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AsSegment<'a> {
    kind: SegmentKind,
    octets: &'a [u8],
}

impl<'a> AsSegment<'a> {
    /// The kind.
    pub fn kind(self) -> SegmentKind {
        self.kind
    }

    /// The AS numbers in wire order.
    pub fn asns(self) -> impl DoubleEndedIterator<Item = Asn> + ExactSizeIterator + 'a {
        let (asns, _) = self.octets.as_chunks::<4>();
        asns.iter().map(|octets| Asn(u32::from_be_bytes(*octets)))
    }
}

/// The value of an AS_PATH attribute, four octets an AS number; may be empty.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct AsPath<'a>(&'a [u8]);

impl<'a> AsPath<'a> {
    /// The path of a route originated here.
    pub const EMPTY: AsPath<'static> = AsPath(&[]);

    /// Checks `value` as segments of four-octet AS numbers, none empty, no unknown kind, no AS 0.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut rest = value;
        while !rest.is_empty() {
            let segment = next_segment(&mut rest)?;
            if segment.octets.is_empty() || segment.asns().any(|asn| !asn.is_valid()) {
                return None;
            }
        }
        Some(Self(value))
    }

    /// A value checked before; of one that was not, the segments end where they stop making sense.
    pub(super) fn trusted(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// Octets as in the attribute value.
    pub fn octets(self) -> &'a [u8] {
        self.0
    }

    /// The segments in order.
    pub fn segments(self) -> impl Iterator<Item = AsSegment<'a>> {
        let mut rest = self.0;
        std::iter::from_fn(move || next_segment(&mut rest))
    }

    /// Length for the decision process: a set counts one, confederation segments none (RFC 4271 §9.1.2.2, RFC 5065 §5.3).
    pub fn hops(self) -> usize {
        self.segments()
            .map(|segment| match segment.kind {
                SegmentKind::Sequence => segment.asns().len(),
                SegmentKind::Set => 1,
                SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
            })
            .sum()
    }

    /// The neighbouring AS: first of the path if it begins with a sequence, after confederation segments.
    pub fn first(self) -> Option<Asn> {
        let first = self
            .segments()
            .find(|s| !matches!(s.kind, SegmentKind::ConfedSequence | SegmentKind::ConfedSet))?;
        if first.kind == SegmentKind::Sequence { first.asns().next() } else { None }
    }

    /// The originating AS: last of the path if it ends with a sequence.
    pub fn origin(self) -> Option<Asn> {
        let last = self.segments().last()?;
        if last.kind == SegmentKind::Sequence { last.asns().next_back() } else { None }
    }

    /// How often `asn` occurs, in any kind of segment (loop detection, RFC 4271 §9.1.2).
    pub fn count(self, asn: Asn) -> usize {
        self.segments().flat_map(AsSegment::asns).filter(|a| *a == asn).count()
    }

    /// The path with `asns` in front, as octets (RFC 4271 §5.1.2); at most 255 are taken.
    pub fn prepended(self, asns: &[Asn]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + 2 + 4 * asns.len());
        self.prepend(asns, &mut out);
        out
    }

    /// Appends the octets of [`AsPath::prepended`] to `out`.
    pub(super) fn prepend(self, asns: &[Asn], out: &mut Vec<u8>) {
        let asns = asns.get(..255).unwrap_or(asns);
        if asns.is_empty() {
            return out.extend_from_slice(self.0);
        }
        let new = asns.len() as u8;
        let mut rest = self.0;
        let joined = match rest {
            // A leading sequence with room takes the new numbers; otherwise they get a segment of their own.
            [2, n, ..] => n.checked_add(new).and_then(|total| {
                let first = next_segment(&mut rest)?;
                Some((total, first.octets))
            }),
            _ => None,
        };
        let (total, first) = joined.unwrap_or((new, &[]));
        out.extend([SegmentKind::Sequence as u8, total]);
        for asn in asns {
            out.extend(asn.0.to_be_bytes());
        }
        out.extend_from_slice(first);
        out.extend_from_slice(rest);
    }
}

fn next_segment<'a>(rest: &mut &'a [u8]) -> Option<AsSegment<'a>> {
    let [kind, count, tail @ ..] = *rest else { return None };
    let kind = SegmentKind::from_octet(*kind)?;
    let (octets, tail) = tail.split_at_checked(usize::from(*count) * 4)?;
    *rest = tail;
    Some(AsSegment { kind, octets })
}

/// As operators write it: `65001 65002 {65003,65004} (65005)`.
impl fmt::Display for AsPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            let (open, separator, close) = match segment.kind {
                SegmentKind::Sequence => ("", " ", ""),
                SegmentKind::Set => ("{", ",", "}"),
                SegmentKind::ConfedSequence => ("(", " ", ")"),
                SegmentKind::ConfedSet => ("[", ",", "]"),
            };
            f.write_str(open)?;
            for (i, asn) in segment.asns().enumerate() {
                if i > 0 {
                    f.write_str(separator)?;
                }
                write!(f, "{asn}")?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}

impl fmt::Debug for AsPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsPath({self})")
    }
}
