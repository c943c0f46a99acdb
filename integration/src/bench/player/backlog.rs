//! What peers have read and nobody has looked at yet.
//!
//! To check what a speaker sends costs about as much as to send it, on a machine where both share the cores.
//! So sockets are emptied first, and what came is looked at when nothing comes, with the time it came at: a
//! stage takes what the speaker takes, as if its peers were elsewhere.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::time::Instant;

use crate::bench::wire::MAX_MESSAGE;

/// What one peer read at once.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) number: usize,
    /// The session of that peer, by count.
    pub(super) session: u32,
    pub(super) at: Instant,
    /// Why nothing more comes.
    pub(super) end: Option<String>,
    /// Where the octets lie; in front of them there is room for what was left of the read before.
    octets: Range<usize>,
}

/// Reads of all peers in the order of their coming, in a ring of octets.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    ring: Vec<u8>,
    /// Where the last read ends.
    used: usize,
    reads: VecDeque<Read>,
}

impl Backlog {
    /// With room for so many octets.
    pub(super) fn new(room: usize) -> Self {
        // Zeros would be provided by the kernel at their first use.
        Self { ring: vec![1; room], used: 0, reads: VecDeque::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.reads.is_empty()
    }

    /// Whether something has to be taken before more is read.
    pub(super) fn is_full(&self) -> bool {
        self.space().is_none()
    }

    /// Room for a read at once.
    fn space(&self) -> Option<Range<usize>> {
        let after = |used: usize| used + MAX_MESSAGE..used + MAX_MESSAGE + READ;
        let fits = |space: &Range<usize>, end: usize| space.end <= end;
        let Some(oldest) = self.reads.front() else { return Some(after(0)) };
        let begin = oldest.octets.start - MAX_MESSAGE;
        if self.used <= begin {
            return Some(after(self.used)).filter(|space| fits(space, begin));
        }
        let behind = Some(after(self.used)).filter(|space| fits(space, self.ring.len()));
        behind.or_else(|| Some(after(0)).filter(|space| fits(space, begin)))
    }

    /// Reads `most` octets with `read`. `None`: nothing there now, or no room for it; 0: nothing more comes.
    pub(super) fn read(
        &mut self,
        most: usize,
        (number, session): (usize, u32),
        read: impl FnOnce(&mut [u8]) -> io::Result<Option<usize>>,
    ) -> Option<usize> {
        let space = self.space()?;
        let start = space.start;
        let octets = self.ring.get_mut(space)?;
        let most = most.min(octets.len());
        let (count, end) = match read(octets.get_mut(..most).unwrap_or(&mut [])) {
            Ok(None) => return None,
            Ok(Some(0)) => (0, Some("closed by the speaker".to_owned())),
            Ok(Some(count)) => (count, None),
            Err(error) => (0, Some(error.to_string())),
        };
        self.used = start + count;
        let octets = start..self.used;
        self.reads.push_back(Read { number, session, at: Instant::now(), end, octets });
        Some(count)
    }

    /// The oldest.
    pub(super) fn pop(&mut self) -> Option<Read> {
        self.reads.pop_front()
    }

    /// The latest.
    pub(super) fn pop_latest(&mut self) -> Option<Read> {
        self.reads.pop_back()
    }

    /// Its octets behind `left`, what was left of the read before.
    pub(super) fn octets(&mut self, read: &Read, left: &[u8]) -> &[u8] {
        let Some(start) = read.octets.start.checked_sub(left.len()) else { return &[] };
        if let Some(room) = self.ring.get_mut(start..read.octets.start) {
            room.copy_from_slice(left);
        }
        self.ring.get(start..read.octets.end).unwrap_or(&[])
    }
}

/// Octets read at once.
pub(super) const READ: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every read as it was put in, with two octets of the one before in front.
    fn check(backlog: &mut Backlog, number: usize) {
        let read = backlog.pop().unwrap();
        assert_eq!(read.number, number);
        let fill = number as u8;
        let octets = backlog.octets(&read, &[fill.wrapping_sub(1); 2]);
        let (left, own) = octets.split_at(2);
        assert_eq!(left, [fill.wrapping_sub(1); 2]);
        assert!(own.len() == 100_000 + number && own.iter().all(|octet| *octet == fill));
    }

    fn put(backlog: &mut Backlog, number: usize) -> bool {
        let count = 100_000 + number;
        let read = |octets: &mut [u8]| {
            octets[..count].fill(number as u8);
            Ok(Some(count))
        };
        backlog.read(READ, (number, 0), read) == Some(count)
    }

    #[test]
    fn reads_come_out_as_they_went_in_and_none_is_written_over() {
        let mut backlog = Backlog::new(3 * READ);
        let (mut next, mut taken) = (0, 0);
        for round in 0..200 {
            while !backlog.is_full() {
                assert!(put(&mut backlog, next));
                next += 1;
            }
            assert!(!put(&mut backlog, next), "there is no room");
            for _ in 0..=round % 5 {
                if taken < next {
                    check(&mut backlog, taken);
                    taken += 1;
                }
            }
        }
        assert!(next > 300, "{next}");
        (taken..next).for_each(|number| check(&mut backlog, number));
        assert!(backlog.is_empty() && backlog.pop().is_none());
    }

    #[test]
    fn nothing_there_is_no_read_and_the_end_is_one() {
        let mut backlog = Backlog::new(3 * READ);
        assert_eq!(backlog.read(READ, (0, 0), |_| Ok(None)), None);
        assert!(backlog.is_empty());
        assert_eq!(backlog.read(READ, (0, 7), |_| Ok(Some(0))), Some(0));
        let end = backlog.pop().unwrap();
        assert_eq!((end.session, end.end.as_deref()), (7, Some("closed by the speaker")));
        assert!(backlog.octets(&end, &[]).is_empty());
    }

    #[test]
    fn a_slow_peer_reads_as_much_as_it_wants() {
        let mut backlog = Backlog::new(3 * READ);
        let read = |octets: &mut [u8]| Ok(Some(octets.len()));
        assert_eq!(backlog.read(1024, (0, 0), read), Some(1024));
    }
}
