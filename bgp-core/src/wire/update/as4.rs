//! Two-octet peers: widening AS numbers and putting the true path together (RFC 6793 §4.2.3).

use crate::types::{AsPath, Asn, SegmentKind};

/// A path of two-octet AS numbers with four octets each; `None` if the segments do not add up.
pub(super) fn widen(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(2 * value.len());
    let mut rest = value;
    while !rest.is_empty() {
        let (&[kind, count], tail) = rest.split_first_chunk::<2>()?;
        let (asns, tail) = tail.split_at_checked(2 * usize::from(count))?;
        out.extend([kind, count]);
        let (asns, _) = asns.as_chunks::<2>();
        out.extend(asns.iter().flat_map(|[high, low]| [0, 0, *high, *low]));
        rest = tail;
    }
    Some(out)
}

/// The value of AS4_PATH without confederation segments, which do not belong there; `None` if malformed
/// or if nothing is left (RFC 6793 §3, §6).
pub(super) fn clean(value: &[u8]) -> Option<Vec<u8>> {
    let path = AsPath::parse(value)?;
    let mut out = Vec::with_capacity(value.len());
    for segment in path.segments().filter(|s| matches!(s.kind(), SegmentKind::Set | SegmentKind::Sequence)) {
        out.extend([segment.kind() as u8, segment.asns().len() as u8]);
        out.extend(segment.asns().flat_map(|asn| asn.0.to_be_bytes()));
    }
    (!out.is_empty()).then_some(out)
}

/// The leading part of `path` that `as4_path` lacks, followed by `as4_path`.
///
/// `None` if `as4_path` is the longer of the two and so to be ignored, or the result longer than an attribute.
pub(super) fn merged(path: AsPath<'_>, as4_path: AsPath<'_>) -> Option<Vec<u8>> {
    let mut lacking = path.hops().checked_sub(as4_path.hops())?;
    let mut out = Vec::with_capacity(path.octets().len() + 2);
    for segment in path.segments() {
        let asns: Vec<Asn> = match segment.kind() {
            // Leading, or next to what was taken.
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => segment.asns().collect(),
            _ if lacking == 0 => break,
            SegmentKind::Set => {
                lacking -= 1;
                segment.asns().collect()
            }
            SegmentKind::Sequence => {
                let taken: Vec<_> = segment.asns().take(lacking).collect();
                lacking -= taken.len();
                taken
            }
        };
        append(&mut out, segment.kind(), &asns);
        if asns.len() < segment.asns().len() {
            break;
        }
    }
    let last = last_sequence(&out);
    for (index, segment) in as4_path.segments().enumerate() {
        let asns: Vec<_> = segment.asns().collect();
        match last.filter(|_| index == 0 && segment.kind() == SegmentKind::Sequence) {
            Some(at) if join(&mut out, at, &asns) => {}
            _ => append(&mut out, segment.kind(), &asns),
        }
    }
    u16::try_from(out.len()).is_ok().then_some(out)
}

fn append(out: &mut Vec<u8>, kind: SegmentKind, asns: &[Asn]) {
    out.extend([kind as u8, asns.len() as u8]);
    out.extend(asns.iter().flat_map(|asn| asn.0.to_be_bytes()));
}

/// Where the last segment begins, if it is a sequence.
fn last_sequence(octets: &[u8]) -> Option<usize> {
    let last = AsPath::parse(octets)?.segments().last()?;
    let len = 2 + 4 * last.asns().len();
    (last.kind() == SegmentKind::Sequence).then(|| octets.len().saturating_sub(len))
}

/// Adds to the sequence at `at`, so that equal paths have equal octets; false if it has no room.
fn join(out: &mut Vec<u8>, at: usize, asns: &[Asn]) -> bool {
    let Some(count) = out.get_mut(at + 1) else { return false };
    let Some(total) = u8::try_from(asns.len()).ok().and_then(|more| count.checked_add(more)) else {
        return false;
    };
    *count = total;
    out.extend(asns.iter().flat_map(|asn| asn.0.to_be_bytes()));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for segment in text.split(' ').filter(|s| !s.is_empty()) {
            let (kind, digits) = segment.split_at(1);
            let kind = match kind {
                "q" => SegmentKind::Sequence,
                "s" => SegmentKind::Set,
                _ => SegmentKind::ConfedSequence,
            };
            let asns: Vec<_> = digits.split(',').map(|d| Asn(d.parse().unwrap())).collect();
            append(&mut out, kind, &asns);
        }
        out
    }

    #[test]
    fn rfc6793_4_2_3_leading_part_comes_from_as_path() {
        // AS_PATH, AS4_PATH, result.
        let cases = [
            ("q1,23456,3", "q70000,3", Some("q1,70000,3")),
            ("q1,23456,3", "q1,70000,3", Some("q1,70000,3")),
            ("q1,2", "q1,2,3", None),
            ("q1,2,3", "q2,s3", Some("q1,2 s3")),
            ("q1 s2,3 q4", "q70000", Some("q1 s2,3 q70000")),
            ("s1,2 q3", "s9,8 q70000", Some("s9,8 q70000")),
            ("c5 q1,23456", "q70000", Some("c5 q1,70000")),
            ("c5 q23456", "q70000", Some("c5 q70000")),
            ("q1,2 c5", "q2", Some("q1,2")),
            ("", "q1", None),
        ];
        for (as_path, as4_path, expected) in cases {
            let (as_path, as4_path) = (path(as_path), path(&as4_path.replace(",s", " s")));
            let merged = merged(AsPath::parse(&as_path).unwrap(), AsPath::parse(&as4_path).unwrap());
            assert_eq!(merged, expected.map(path));
        }
    }

    #[test]
    fn rfc6793_4_2_3_joined_sequences_never_exceed_255() {
        let long = |n: usize| {
            let mut out = Vec::new();
            append(&mut out, SegmentKind::Sequence, &vec![Asn(7); n]);
            out
        };
        let as_path = [long(200), long(200)].concat();
        let as4_path = long(210);
        let merged = merged(AsPath::parse(&as_path).unwrap(), AsPath::parse(&as4_path).unwrap()).unwrap();
        let merged = AsPath::parse(&merged).unwrap();
        assert_eq!(merged.hops(), 400);
    }

    #[test]
    fn rfc6793_3_confederation_segments_do_not_belong_into_as4_path() {
        assert_eq!(clean(&path("c5 q70000")), Some(path("q70000")));
        assert_eq!(clean(&path("c5")), None);
        assert_eq!(clean(&[2, 1, 0, 0]), None);
        assert_eq!(clean(&[]), None);
    }
}
