//! One peer's view of its group: where it reads, and how far it is in step.

use std::io::{self, IoSlice};
use std::sync::{Arc, Weak};

use bgp_core::types::PeerId;

use super::Moved;
use super::pieces::{MAX_SLICES, Pieces, finish_message, hold};
use crate::delta::SpliceId;
use crate::group::GroupId;
use crate::log::{Content, Progress, Segment};
use crate::sabotage::{Rule, removed};

/// A member of a group, owned by whoever writes to the peer.
///
/// It is *attached* while it reads the log, and *detached* while it waits for a [`Grant`]: from its
/// creation, after it fell behind, and after it asked for a refresh. Detached it holds no messages.
#[derive(Debug)]
pub struct Member {
    peer: PeerId,
    progress: Arc<Progress>,
    at: Option<Cursor>,
    /// The generation being consumed, and the shards whose last chunk is yet to come.
    splice: Option<(SpliceId, u64)>,
    /// Only everything will do: the peer never had it, or asked for it again.
    whole: bool,
    /// The peer asked for everything, and must be sent even what it is known to hold.
    afresh: bool,
    /// The last request; grants for earlier ones, or for a member before us of that name, come too late.
    asked: RequestId,
}

/// What a member asks of the encoder of its group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Request {
    /// Who.
    pub peer: PeerId,
    /// Everything announced, not only changes since the watermark.
    pub whole: bool,
    /// Also what the peer was told by another group before, and holds.
    pub(crate) afresh: bool,
    pub(crate) asked: RequestId,
}

/// Which of the requests, of which of the members a peer has been, in which group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RequestId {
    group: GroupId,
    life: u32,
    count: u32,
}

/// Leave to read from a place in the log.
#[derive(Debug)]
pub struct Grant {
    pub(crate) segment: Weak<Segment>,
    pub(crate) splice: SpliceId,
    pub(crate) shards: u64,
    pub(crate) asked: RequestId,
}

/// What a write did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Written {
    /// Octets the callback took.
    pub bytes: usize,
    /// Why it ended.
    pub state: WriteState,
    /// A splice was consumed to its end: the peer now has everything.
    pub synced: bool,
    /// The encoder waits for readers: wake it.
    pub wake_encoder: bool,
}

/// Why a write ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WriteState {
    /// Nothing more in the log for now.
    Drained,
    /// The budget was used up; there may be more.
    Budget,
    /// The callback took less than it was offered, or would block.
    Blocked,
    /// The log has moved on without the member: send [`Member::lagging`] to the encoder.
    Lagging,
    /// Waiting for a [`Grant`].
    Detached,
}

#[derive(Debug)]
struct Cursor {
    segment: Weak<Segment>,
    /// Start of a message in the segment.
    offset: u32,
    /// The span `offset` is in.
    span: u32,
}

impl Member {
    pub(crate) fn new(peer: PeerId, (group, life): (GroupId, u32), progress: Arc<Progress>) -> Self {
        let asked = RequestId { group, life, count: 0 };
        let whole = !progress.is_synced();
        Self { peer, progress, at: None, splice: None, whole, afresh: false, asked }
    }

    /// The peer.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// Whether the peer has everything up to its place in the log.
    pub fn is_synced(&self) -> bool {
        self.at.is_some() && self.splice.is_none()
    }

    /// What to ask after [`WriteState::Lagging`]: what changed since the watermark, or everything if the
    /// peer never had that.
    pub fn lagging(&mut self) -> Request {
        self.at = None;
        self.splice = None;
        self.progress.detach();
        self.asked.count = self.asked.count.wrapping_add(1);
        self.request()
    }

    /// What to ask when the peer wants everything again (RFC 2918).
    pub fn refresh(&mut self) -> Request {
        (self.whole, self.afresh) = (true, true);
        self.lagging()
    }

    /// Stops reading for good, as [`crate::Encoder::depart`] asked for: the peer is about to join another
    /// group.
    ///
    /// Messages written before stay written; what the new group tells makes up the difference.
    pub fn depart(mut self) -> Moved {
        self.lagging();
        Moved { group: self.asked.group, watermark: self.progress.watermark().collect(), synced: !self.whole }
    }

    pub(crate) fn request(&self) -> Request {
        Request { peer: self.peer, whole: self.whole, afresh: self.afresh, asked: self.asked }
    }

    /// Reads on as the encoder allows.
    pub fn granted(&mut self, grant: Grant) {
        if grant.asked != self.asked {
            return;
        }
        self.at = Some(Cursor { segment: grant.segment, offset: 0, span: 0 });
        self.splice = Some((grant.splice, grant.shards));
    }

    /// Offers messages to `write` until it takes no more, `budget` octets are gone, or the log ends.
    ///
    /// `write` behaves like a vectored write on a socket that does not block: it returns how many octets it
    /// took. Nothing of the log is held when this returns: if the last message was taken in part, the rest
    /// of it is appended to `rest`, and must go to the peer before anything else.
    ///
    /// # Errors
    /// Those of `write`, other than [`io::ErrorKind::WouldBlock`] and [`io::ErrorKind::Interrupted`].
    pub fn write_with(
        &mut self,
        budget: usize,
        rest: &mut Vec<u8>,
        mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Written> {
        let mut done = Written { bytes: 0, state: WriteState::Budget, synced: false, wake_encoder: false };
        let spliced = self.splice.is_some();
        while done.bytes < budget {
            match self.round(budget - done.bytes, rest, &mut write, &mut done) {
                Ok(None) => {}
                Ok(Some(state)) => {
                    done.state = state;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    done.state = WriteState::Blocked;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        done.wake_encoder = (done.bytes > 0 || done.synced) && self.progress.is_awaited(spliced);
        Ok(done)
    }

    /// One vectored write.
    fn round(
        &mut self,
        budget: usize,
        rest: &mut Vec<u8>,
        write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
        done: &mut Written,
    ) -> io::Result<Option<WriteState>> {
        let Some(cursor) = &self.at else { return Ok(Some(WriteState::Detached)) };
        let Some(first) = cursor.segment.upgrade() else {
            return Ok(Some(WriteState::Lagging));
        };
        let held = hold(first, budget);
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        let mut offered = 0;
        let mut from = (cursor.span as usize, cursor.offset as usize);
        'segments: for segment in &held {
            let Some(content) = segment.content.get() else { break };
            let mut pieces = Pieces {
                content,
                span: from.0,
                offset: from.1,
                peer: self.peer,
                silent: self.skips(content),
            };
            while let Some((start, end)) = pieces.next_piece() {
                let Some(slot) = slices.get_mut(count) else { break 'segments };
                let Some(octets) = content.bytes.get(start..end) else { break 'segments };
                *slot = IoSlice::new(octets);
                count += 1;
                offered += octets.len();
                if offered >= budget {
                    break 'segments;
                }
            }
            from = (0, 0);
        }
        let taken = if count == 0 { 0 } else { write(slices.get(..count).unwrap_or(&slices))? };
        done.bytes += taken;
        let at_end = self.advance(&held, taken.min(offered), rest, done);
        Ok(match (taken < offered, at_end) {
            (true, _) => Some(WriteState::Blocked),
            (false, true) => Some(WriteState::Drained),
            (false, false) => None,
        })
    }

    /// Moves over `taken` octets that were for us and everything around them that was not.
    ///
    /// Returns whether the end of the log was reached.
    fn advance(
        &mut self,
        held: &[Arc<Segment>],
        mut taken: usize,
        rest: &mut Vec<u8>,
        done: &mut Written,
    ) -> bool {
        for segment in held {
            let Some(content) = segment.content.get() else { return true };
            let Some(cursor) = &self.at else { return true };
            let at = (cursor.span as usize, cursor.offset as usize);
            let silent = self.skips(content);
            let mut pieces = Pieces { content, span: at.0, offset: at.1, peer: self.peer, silent };
            while let Some((start, end)) = pieces.next_piece() {
                if taken >= end - start {
                    taken -= end - start;
                    continue;
                }
                let stop = finish_message(content, start, end, taken, rest);
                self.stop_at(segment, content, stop);
                return false;
            }
            self.leave(segment, content, done);
        }
        false
    }

    /// Publishes a place within a segment.
    fn stop_at(&mut self, segment: &Segment, content: &Content, offset: usize) {
        let Some(cursor) = &mut self.at else { return };
        cursor.span = content.spans.partition_point(|span| span.end as usize <= offset) as u32;
        cursor.offset = offset as u32;
        self.progress.moved(segment.seq, segment.start + offset as u64);
    }

    /// The whole segment is consumed: this, and nothing less, moves the watermark.
    fn leave(&mut self, segment: &Segment, content: &Content, done: &mut Written) {
        if let (Some(mark), Some((splice, shards))) = (content.splice, &mut self.splice)
            && (mark.splice, mark.last) == (*splice, true)
        {
            *shards &= !shard_bit(mark.shard.0);
            if *shards == 0 {
                self.splice = None;
                (self.whole, self.afresh) = (false, false);
                self.progress.set_synced();
                done.synced = true;
            }
        }
        // While a generation is not consumed to its end, older changes may be missing.
        if self.splice.is_none() || removed(Rule::Generation) {
            self.progress.consumed(&content.watermark);
        }
        let next = segment.next.get().cloned().unwrap_or_default();
        self.at = Some(Cursor { segment: next, offset: 0, span: 0 });
        self.progress.moved(segment.seq + 1, segment.start + content.bytes.len() as u64);
    }

    /// Splices are read by their members only; a generation that was given up is nobody's.
    fn skips(&self, content: &Content) -> bool {
        content.splice.is_some_and(|mark| self.splice.is_none_or(|(splice, _)| splice != mark.splice))
    }
}

pub(crate) fn shard_bit(shard: u8) -> u64 {
    1u64.checked_shl(u32::from(shard)).unwrap_or(0)
}
