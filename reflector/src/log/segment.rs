//! A piece of the log: written once, read by many, then dropped.

use std::sync::{OnceLock, Weak};

use crate::delta::{Audience, SpliceId};
use crate::group::ShardId;

/// A link of the chain. Empty while it is the end of the log; filled exactly once.
///
/// Segments point to their successors weakly and the log alone keeps them alive, so that a reader that
/// stays behind pins two counters and no messages.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Position in the log, from 0.
    pub(crate) seq: u64,
    /// Octets of all segments before this one.
    pub(crate) start: u64,
    /// Set before `content`, so that whoever sees content can go on.
    pub(crate) next: OnceLock<Weak<Segment>>,
    pub(crate) content: OnceLock<Content>,
}

impl Segment {
    pub(crate) fn empty(seq: u64, start: u64) -> Self {
        Self { seq, start, next: OnceLock::new(), content: OnceLock::new() }
    }
}

/// Whole messages back to back, and who reads which.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Box<[u8]>,
    pub(crate) spans: Box<[Span]>,
    /// Flush numbers by shard that have ended once the whole segment is consumed.
    pub(crate) watermark: Box<[u64]>,
    pub(crate) splice: Option<SpliceMark>,
}

/// Messages in a row for the same audience.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Where they end; they begin where the span before ends.
    pub(crate) end: u32,
    pub(crate) audience: Audience,
}

/// Says that a segment is for the members of one splice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SpliceMark {
    pub(crate) splice: SpliceId,
    pub(crate) shard: ShardId,
    /// The shard has nothing more for the splice after this segment.
    pub(crate) last: bool,
}

/// Length of the message at the start of `octets`, from its header (RFC 4271 §4.1).
pub(crate) fn message_len(octets: &[u8]) -> usize {
    match octets {
        [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, high, low, ..] => {
            usize::from(u16::from_be_bytes([*high, *low])).max(HEADER)
        }
        _ => octets.len().max(1),
    }
}

const HEADER: usize = 19;
