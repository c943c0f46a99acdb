//! What one write offers of the log: the octets that a peer hears, and the segments they are in.

use std::sync::{Arc, Weak};

use bgp_core::types::PeerId;

use crate::log::{Content, Segment, message_len};

/// Runs of octets in a segment that one peer hears, neighbouring spans joined.
pub(super) struct Pieces<'a> {
    pub(super) content: &'a Content,
    pub(super) span: usize,
    pub(super) offset: usize,
    pub(super) peer: PeerId,
    pub(super) silent: bool,
}

impl Pieces<'_> {
    /// Where the next run begins and ends.
    pub(super) fn next_piece(&mut self) -> Option<(usize, usize)> {
        if self.silent {
            return None;
        }
        let mut start = None;
        while let Some(span) = self.content.spans.get(self.span) {
            let end = span.end as usize;
            if span.audience.includes(self.peer) && self.offset < end {
                start.get_or_insert(self.offset);
            } else if start.is_some() {
                break;
            }
            self.offset = end;
            self.span += 1;
        }
        // The span that ended the run was not entered, so `offset` is where the run ends.
        start.map(|start| (start, self.offset))
    }
}

/// The segments one vectored write may cover, kept alive while it lasts.
pub(super) fn hold(first: Arc<Segment>, budget: usize) -> Vec<Arc<Segment>> {
    let mut held = Vec::with_capacity(4);
    let mut octets = 0;
    let mut next = Some(first);
    while let Some(segment) = next.take() {
        if let Some(content) = segment.content.get() {
            octets += content.bytes.len();
            if octets < budget && held.len() + 1 < MAX_SLICES {
                next = segment.next.get().and_then(Weak::upgrade);
            }
        }
        held.push(segment);
    }
    held
}

/// Where reading goes on after `taken` octets of the piece; what is left of a message goes to `rest`.
pub(super) fn finish_message(
    content: &Content,
    start: usize,
    end: usize,
    taken: usize,
    rest: &mut Vec<u8>,
) -> usize {
    let mut at = start;
    while at < start + taken {
        at += message_len(content.bytes.get(at..end).unwrap_or(&[]));
    }
    let at = at.min(end);
    rest.extend_from_slice(content.bytes.get(start + taken..at).unwrap_or(&[]));
    at
}

/// As many as one vectored write gathers.
pub(super) const MAX_SLICES: usize = 64;
