//! The order in which a shard does what it is told.
//!
//! Sessions that load whole tables keep a row of batches waiting. A single change of another peer need not
//! wait behind them: what must be seen in order is what one peer says, and what is said about it. So a
//! small batch goes first, unless something of its own peer waits already.

use std::collections::VecDeque;

use bgp_core::types::PeerId;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::ShardMessage;

/// Messages received and not yet handled.
#[derive(Debug)]
pub(super) struct Inbox<M = ShardMessage> {
    small: VecDeque<M>,
    others: VecDeque<M>,
    /// Small ones taken since one of the others was.
    row: usize,
}

/// What the order depends on.
pub(super) trait Ranked {
    /// Whose state the message changes, if it is one peer's.
    fn subject(&self) -> Option<PeerId>;

    /// A few routes of a peer, and nothing else.
    fn is_small(&self) -> bool;

    /// Many routes of a peer.
    fn is_large(&self) -> bool;

    /// The round it is a part of, if it is one.
    fn round(&self) -> Option<u64>;

    /// Asks whether everything before it was done: nothing passes it, in either direction.
    fn is_barrier(&self) -> bool;
}

impl<M> Default for Inbox<M> {
    fn default() -> Self {
        Self { small: VecDeque::new(), others: VecDeque::new(), row: 0 }
    }
}

impl<M: Ranked> Inbox<M> {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.small.is_empty() && self.others.is_empty()
    }

    /// Whether more is to be taken in.
    pub(super) fn has_room(&self) -> bool {
        self.small.len() + self.others.len() < ROOM
    }

    /// Whether something small waits.
    pub(super) fn has_small(&self) -> bool {
        !self.small.is_empty()
    }

    /// Takes in what has arrived, as much as there is room for. False once nobody can send any more.
    pub(super) fn fill(&mut self, queue: &mut mpsc::Receiver<M>) -> bool {
        while self.has_room() {
            match queue.try_recv() {
                Ok(message) => self.put(message),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    /// Takes in one message.
    pub(super) fn put(&mut self, message: M) {
        let subject = message.subject();
        let in_the_way = |other: &M| other.is_barrier() || other.subject() == subject;
        let first = message.is_small() && !self.others.iter().any(in_the_way);
        let lane = if first { &mut self.small } else { &mut self.others };
        lane.push_back(message);
    }

    /// The next message that goes before the others. There is none after a row of them while others wait:
    /// those are to be served some time too, unless the first of them is `blocked`. What is small before a
    /// barrier is done before it.
    pub(super) fn next_small(&mut self, blocked: bool) -> Option<M> {
        let others_turn = self.row >= ROW && !blocked;
        if others_turn && self.others.front().is_some_and(|other| self.may_pass(other)) {
            return None;
        }
        let message = self.small.pop_front()?;
        self.row = if self.others.is_empty() { 0 } else { self.row + 1 };
        Some(message)
    }

    /// Whether the first of the others may be handled before what is small: that of its own peer arrived
    /// earlier.
    fn may_pass(&self, other: &M) -> bool {
        let of_the_same = |small: &M| small.subject() == other.subject();
        !other.is_barrier() && !self.small.iter().any(of_the_same)
    }

    /// The round of the next of the others, if it is a part of one.
    pub(super) fn next_round(&self) -> Option<u64> {
        self.others.front()?.round()
    }

    /// The round of the first part of one that waits.
    pub(super) fn coming_round(&self) -> Option<u64> {
        self.others.iter().find_map(Ranked::round)
    }

    /// Whether the next of the others is many routes.
    pub(super) fn next_is_large(&self) -> bool {
        self.others.front().is_some_and(Ranked::is_large)
    }

    /// The next of the others.
    pub(super) fn next_other(&mut self) -> Option<M> {
        self.row = 0;
        self.others.pop_front()
    }
}

impl Ranked for ShardMessage {
    fn subject(&self) -> Option<PeerId> {
        match self {
            Self::Ingest(batch) => Some(batch.peer),
            Self::PeerChanged(peer, _) | Self::Forget(peer) => Some(*peer),
            _ => None,
        }
    }

    fn is_small(&self) -> bool {
        matches!(self, Self::Ingest(batch) if batch.small)
    }

    fn is_large(&self) -> bool {
        matches!(self, Self::Ingest(batch) if !batch.small)
    }

    fn round(&self) -> Option<u64> {
        match self {
            Self::Ingest(batch) => batch.round,
            _ => None,
        }
    }

    fn is_barrier(&self) -> bool {
        matches!(self, Self::Settle(_))
    }
}

/// Small batches in a row while others wait.
const ROW: usize = 64;
/// Messages taken out of the queue ahead of time. With the queue itself as much as fifty sessions that load
/// a table may have under way: a small one must not stay outside for them. 10 MiB at most.
const ROOM: usize = 128;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// About a peer, small or not, and what it says.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    struct Note(Option<u16>, bool, usize);

    impl Ranked for Note {
        fn subject(&self) -> Option<PeerId> {
            self.0.map(PeerId)
        }

        fn is_small(&self) -> bool {
            self.1
        }

        fn is_large(&self) -> bool {
            !self.1
        }

        fn round(&self) -> Option<u64> {
            None
        }

        fn is_barrier(&self) -> bool {
            self.2 == BARRIER
        }
    }

    const BARRIER: usize = usize::MAX;

    /// As the shard does.
    fn next(inbox: &mut Inbox<Note>) -> Option<Note> {
        inbox.next_small(false).or_else(|| inbox.next_other())
    }

    #[test]
    fn a_small_batch_passes_the_large_ones_of_others() {
        let mut inbox = Inbox::default();
        let (large, about, small) = (Note(Some(1), false, 0), Note(None, false, 1), Note(Some(2), true, 2));
        [large, large, about, small].into_iter().for_each(|note| inbox.put(note));
        assert_eq!(
            [(); 5].map(|()| next(&mut inbox)),
            [Some(small), Some(large), Some(large), Some(about), None]
        );
        assert!(inbox.is_empty());
    }

    /// Every run of seven messages of two peers and of nobody, taken out between any two of them or at the
    /// end: what a peer says, and what is said of no peer, stays in order.
    #[test]
    fn the_order_of_each_peer_is_kept() {
        let kinds = [(Some(1), true), (Some(1), false), (Some(2), true), (Some(2), false), (None, false)];
        for run in 0..5usize.pow(7) * 8 {
            let mut inbox = Inbox::default();
            let mut out = Vec::new();
            for at in 0..7usize {
                let (peer, small) = kinds[run / 8 / 5usize.pow(at as u32) % 5];
                inbox.put(Note(peer, small, at));
                if run % 8 == at {
                    out.extend(next(&mut inbox));
                }
            }
            while let Some(note) = next(&mut inbox) {
                out.push(note);
            }
            assert_eq!(out.len(), 7);
            let mut last = HashMap::new();
            for Note(peer, _, number) in out {
                assert!(last.insert(peer, number).is_none_or(|before| before < number), "run {run}");
            }
        }
    }

    #[test]
    fn nothing_passes_the_question_whether_all_is_done() {
        let mut inbox = Inbox::default();
        inbox.put(Note(Some(9), false, 0));
        (0..3 * ROW).for_each(|number| inbox.put(Note(Some(1), true, number)));
        inbox.put(Note(None, false, BARRIER));
        (0..ROW).for_each(|number| inbox.put(Note(Some(2), true, number)));
        let order: Vec<_> = std::iter::from_fn(|| next(&mut inbox)).collect();
        let (before, after) = order.split_at(order.iter().position(Ranked::is_barrier).unwrap());
        assert_eq!((before.len(), after.len()), (3 * ROW + 1, ROW + 1));
        assert!(after.iter().all(|note| note.0 != Some(1)));
    }

    #[test]
    fn small_ones_without_end_do_not_starve_the_others() {
        let mut inbox = Inbox::default();
        inbox.put(Note(Some(1), false, 0));
        let turns = (1..1000).position(|number| {
            inbox.put(Note(Some(2), true, number));
            next(&mut inbox) == Some(Note(Some(1), false, 0))
        });
        assert_eq!(turns, Some(ROW));
    }

    #[test]
    fn small_ones_go_on_while_the_first_of_the_others_is_blocked() {
        let mut inbox = Inbox::default();
        inbox.put(Note(Some(1), false, 0));
        (0..3 * ROW).for_each(|number| inbox.put(Note(Some(2), true, number)));
        let passed = (0..4 * ROW).filter_map(|_| inbox.next_small(true)).count();
        assert_eq!(passed, 3 * ROW);
        assert!(inbox.next_is_large());
    }

    #[test]
    fn a_peer_does_not_overtake_itself_after_a_row_of_small_ones() {
        for before in [ROW - 1, ROW, 3 * ROW] {
            let mut inbox = Inbox::default();
            (0..before).for_each(|number| inbox.put(Note(Some(2), true, number)));
            inbox.put(Note(Some(1), true, before));
            inbox.put(Note(Some(1), false, before + 1));
            let order: Vec<usize> = std::iter::from_fn(|| next(&mut inbox)).map(|note| note.2).collect();
            let at = |number| order.iter().position(|other| *other == number);
            assert!(at(before) < at(before + 1), "{before}");
        }
    }

    #[test]
    fn small_ones_on_their_own_are_no_row() {
        let mut inbox = Inbox::default();
        for number in 0..2 * ROW {
            inbox.put(Note(Some(2), true, number));
            assert!(next(&mut inbox).is_some());
        }
        inbox.put(Note(Some(1), false, 0));
        inbox.put(Note(Some(2), true, 1));
        assert_eq!(next(&mut inbox), Some(Note(Some(2), true, 1)));
    }

    #[test]
    fn the_inbox_is_bounded_and_leaves_the_rest_in_the_queue() {
        let (sender, mut queue) = mpsc::channel(2 * ROOM);
        (0..2 * ROOM).for_each(|number| sender.try_send(Note(Some(1), false, number)).unwrap());
        let mut inbox = Inbox::default();
        assert!(inbox.fill(&mut queue));
        assert_eq!(queue.len(), ROOM);
        drop(sender);
        while next(&mut inbox).is_some() {}
        assert!(inbox.fill(&mut queue));
        while next(&mut inbox).is_some() {}
        assert!(!inbox.fill(&mut queue), "nobody can send any more");
    }
}
