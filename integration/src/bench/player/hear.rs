//! What a peer makes of the messages it is sent, and how its session begins and ends.

use std::time::Instant;

use super::backlog::Read;
use super::peer::{Reading, State};
use super::{Failure, Player, RETRY};
use crate::bench::attrs::NONE;
use crate::bench::parse::{self, Fault, Update};
use crate::bench::wire::{self, kind};

impl Player {
    /// Looks at what was read, the oldest first, until that many octets were looked at or nothing is left.
    pub(super) fn hear(&mut self, most: usize) -> Result<(), Failure> {
        let mut heard = 0;
        while heard < most
            && let Some(read) = self.backlog.pop()
        {
            heard += self.hear_read(&read)?;
        }
        Ok(())
    }

    /// Looks at what was read last, before what other peers read earlier.
    pub(super) fn hear_latest(&mut self) -> Result<(), Failure> {
        self.backlog.pop_latest().map_or(Ok(()), |read| self.hear_read(&read).map(|_| ()))
    }

    /// Handles one read, unless its session is over; returns how many octets.
    fn hear_read(&mut self, read: &Read) -> Result<usize, Failure> {
        let peer = self.peers.get_mut(read.number).filter(|peer| peer.session == read.session);
        let Some(left) = peer.map(|peer| std::mem::take(&mut peer.partial)) else { return Ok(0) };
        let mut backlog = std::mem::take(&mut self.backlog);
        let octets = backlog.octets(read, &left);
        let outcome = self.hear_octets(read, octets).map(|()| octets.len());
        self.backlog = backlog;
        outcome
    }

    /// Handles what is whole of `octets`.
    fn hear_octets(&mut self, read: &Read, octets: &[u8]) -> Result<(), Failure> {
        let Some(peer) = self.peers.get(read.number).map(|peer| peer.spec.addr) else { return Ok(()) };
        let malformed = |fault| Failure::Malformed { peer, fault };
        let mut rest = octets;
        while let Some((kind, body, after)) = parse::message(rest).map_err(malformed)? {
            rest = after;
            if let Some(why) = self.message(read.number, kind, body, read.at).map_err(malformed)? {
                return self.lose(read.number, &why);
            }
        }
        if let Some(why) = &read.end {
            return self.lose(read.number, why);
        }
        if let Some(peer) = self.peers.get_mut(read.number) {
            peer.partial.extend_from_slice(rest);
        }
        Ok(())
    }

    /// Handles one message. `Ok(Some(_))` says why the session is over.
    #[inline]
    pub(super) fn message(
        &mut self,
        number: usize,
        kind: u8,
        body: &[u8],
        now: Instant,
    ) -> Result<Option<String>, Fault> {
        if kind == kind::UPDATE {
            self.last_update = self.last_update.max(now);
            self.heard = self.heard.max(now);
            self.update(number, body, now)?;
            return Ok(None);
        }
        let Some(peer) = self.peers.get_mut(number) else { return Ok(None) };
        let Some(conn) = &mut peer.conn else { return Ok(None) };
        match (kind, peer.state) {
            (kind::OPEN, State::Opening) => {
                peer.state = State::OpenConfirm;
                self.opening -= 1;
                conn.queue(self.keepalive.clone());
            }
            (kind::KEEPALIVE, State::OpenConfirm) => {
                peer.state = State::Established;
                self.established += 1;
                self.last_update = self.last_update.max(now);
                conn.set_reads(peer.reading == Reading::Eager);
                if let Some(octets) = &peer.on_up {
                    conn.queue(octets.clone());
                }
                conn.queue(wire::end_of_rib().into());
            }
            (kind::NOTIFICATION, _) => return Ok(Some(format!("NOTIFICATION {body:?}"))),
            _ => return Ok(None),
        }
        Ok(conn.flush(&self.epoll).err().map(|error| error.to_string()))
    }

    #[inline]
    fn update(&mut self, number: usize, body: &[u8], now: Instant) -> Result<(), Fault> {
        let update = Update::split(body)?;
        if let Some(left) = self.drop_in
            && self.matters(number, &update)?
        {
            self.drop_in = left.checked_sub(1);
            if left == 0 {
                return Ok(());
            }
        }
        if !update.withdrawn.is_empty() {
            self.ledger.note(number, (update.withdrawn, NONE), &self.book, |_, _| ())?;
        }
        if update.nlri.is_empty() {
            return Ok(());
        }
        let set = self.book.number(update.attributes)?;
        match &mut self.churn {
            Some(churn) if number < churn.observers => {
                self.ledger.note(number, (update.nlri, set), &self.book, |_, set| churn.saw(set, now))
            }
            _ => self.ledger.note(number, (update.nlri, set), &self.book, |_, _| ()),
        }
    }

    /// Whether without this UPDATE something would be missing in the end: many say what is held already, or
    /// what will not last.
    fn matters(&mut self, number: usize, update: &Update<'_>) -> Result<bool, Fault> {
        let set = self.book.number(update.attributes)?;
        if self.churn.is_some() {
            return Ok(!update.nlri.is_empty());
        }
        Ok(self.ledger.would_mend(number, update.withdrawn, NONE)?
            || self.ledger.would_mend(number, update.nlri, set)?)
    }

    /// A session ended without our doing: an attempt is repeated, an established one only if losses are tolerated.
    pub(super) fn lose(&mut self, number: usize, why: &str) -> Result<(), Failure> {
        let Some(peer) = self.peers.get(number) else { return Ok(()) };
        let addr = peer.spec.addr;
        let was_up = peer.state == State::Established;
        self.close(number);
        if was_up {
            self.lost += 1;
            if !self.lossy {
                return Err(Failure::Lost { peer: addr, why: why.to_owned() });
            }
        }
        self.waiting.push_back((Instant::now() + RETRY, number));
        Ok(())
    }

    pub(super) fn close(&mut self, number: usize) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        match peer.state {
            State::Established => self.established -= 1,
            State::Opening => self.opening -= 1,
            State::OpenConfirm | State::Down => {}
        }
        peer.state = State::Down;
        peer.partial.clear();
        peer.session += 1;
        // Dropping the socket takes it out of the epoll set.
        peer.conn = None;
        self.ledger.forget(number);
    }
}
