//! A session's place in its update groups: what it writes to the peer.

use std::future::pending;
use std::io::{self, IoSlice};

use bgp_core::session::Negotiated;
use bgp_core::types::{Family, PeerId};
use reflector::{Member, Request, WriteState};
use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{mpsc, oneshot, watch};

use super::encoder::{EncoderMessage, EncoderSender, News, Subscription};
use super::mail::Mail;
use super::session_task::{Egress, Offer};
use super::supervisor::SessionNews;

/// What one peer is sent: a member of one group a family.
#[derive(Debug)]
pub struct GroupEgress {
    peer: PeerId,
    mail: Mail,
    /// Counts sessions, so that news of an old one cannot be taken for news of the present one.
    generation: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Down,
    Joining(oneshot::Receiver<Vec<Subscription>>),
    Up(Vec<Membership>),
}

#[derive(Debug)]
struct Membership {
    family: Family,
    place: Place,
    /// Somebody waits for the peer to be in step with its group.
    moving: bool,
    news: mpsc::UnboundedReceiver<News>,
    inbox: Option<News>,
    end: watch::Receiver<u64>,
    encoder: EncoderSender,
    /// What the encoder has yet to be asked.
    request: Option<Request>,
    refused: bool,
}

#[derive(Debug)]
enum Place {
    Member(Member),
    /// On the way to another group, in which the peer asked for everything or did not.
    Between {
        next: oneshot::Receiver<Subscription>,
        refresh: bool,
    },
    /// There is no group for it.
    Nowhere,
}

/// To the supervisor, of the present session.
#[derive(Clone, Copy, Debug)]
struct Sender<'a> {
    peer: PeerId,
    generation: u64,
    mail: &'a Mail,
}

impl GroupEgress {
    /// For the session of `peer`.
    pub fn new(peer: PeerId, mail: Mail) -> Self {
        Self { peer, mail, generation: 0, state: State::Down }
    }

    fn members(&mut self) -> &mut [Membership] {
        match &mut self.state {
            State::Up(members) => members,
            State::Down | State::Joining(_) => &mut [],
        }
    }
}

impl Egress for GroupEgress {
    fn up(&mut self, negotiated: &Negotiated) {
        self.generation += 1;
        let (reply, subscriptions) = oneshot::channel();
        let negotiated = Box::new(negotiated.clone());
        let news = SessionNews::Up { generation: self.generation, negotiated, reply };
        self.mail.post(self.peer, news);
        self.state = State::Joining(subscriptions);
    }

    fn down(&mut self) {
        self.state = State::Down;
        self.mail.post(self.peer, SessionNews::Down { generation: self.generation });
    }

    fn refresh(&mut self, family: Family) {
        for membership in self.members().iter_mut().filter(|m| m.family == family) {
            membership.refresh();
        }
    }

    async fn ready(&mut self) {
        match &mut self.state {
            State::Down => pending().await,
            State::Joining(subscriptions) => {
                let subscriptions = subscriptions.await.unwrap_or_default();
                self.state = State::Up(subscriptions.into_iter().map(Membership::new).collect());
            }
            State::Up(members) => match members.as_mut_slice() {
                [] => pending().await,
                [one] => one.ready().await,
                // One membership a family, and there are two families.
                [one, two, ..] => tokio::select! {
                    () = one.ready() => {}
                    () = two.ready() => {}
                },
            },
        }
    }

    fn write_with(
        &mut self,
        budget: usize,
        rest: &mut Vec<u8>,
        write: &mut dyn FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Offer> {
        let sender = Sender { peer: self.peer, generation: self.generation, mail: &self.mail };
        let State::Up(members) = &mut self.state else { return Ok(Offer::Drained) };
        let mut left = budget;
        for membership in members {
            match membership.write(sender, &mut left, rest, write)? {
                Offer::Drained => {}
                other => return Ok(other),
            }
        }
        Ok(Offer::Drained)
    }
}

impl Membership {
    fn new(subscription: Subscription) -> Self {
        let Subscription { family, moving, member, news, end, encoder } = subscription;
        let place = Place::Member(member);
        Self { family, place, moving, news, inbox: None, end, encoder, request: None, refused: false }
    }

    /// Asks the encoder, or notes that it has yet to be asked.
    fn ask(&mut self, request: Request) {
        self.request = self.encoder.try_send(EncoderMessage::Request(request)).err().map(|_| request);
    }

    fn refresh(&mut self) {
        match &mut self.place {
            Place::Member(member) => {
                let request = member.refresh();
                self.ask(request);
            }
            Place::Between { refresh, .. } => *refresh = true,
            Place::Nowhere => {}
        }
    }

    /// Stops reading, and asks the supervisor for the group that fits now.
    fn depart(&mut self, sender: Sender<'_>) {
        let (reply, next) = oneshot::channel();
        let between = Place::Between { next, refresh: false };
        if let Place::Member(member) = std::mem::replace(&mut self.place, between) {
            self.request = None;
            let Sender { peer, generation, mail } = sender;
            let (family, moved) = (self.family, member.depart());
            mail.post(peer, SessionNews::Departed { generation, family, moved, reply });
        }
    }

    fn arrive(&mut self, next: Result<Subscription, RecvError>) {
        let Place::Between { refresh, .. } = std::mem::replace(&mut self.place, Place::Nowhere) else {
            return;
        };
        match next {
            Ok(subscription) => {
                *self = Self::new(subscription);
                if refresh {
                    self.refresh();
                }
            }
            // The session is over, or so is the process; if neither, it has to begin anew.
            Err(_) => self.refused = true,
        }
    }

    /// Waits for news, for more in the log, or for room to ask.
    async fn ready(&mut self) {
        if let Place::Between { next, .. } = &mut self.place {
            let next = next.await;
            return self.arrive(next);
        }
        tokio::select! {
            news = self.news.recv() => match news {
                Some(news) => self.inbox = Some(news),
                // The encoder is gone, and the session is about to be told why.
                None => pending().await,
            },
            changed = self.end.changed() => if changed.is_err() {
                pending::<()>().await;
            },
            permit = self.encoder.reserve(), if self.request.is_some() => {
                if let (Ok(permit), Some(request)) = (permit, self.request.take()) {
                    permit.send(EncoderMessage::Request(request));
                }
            }
        }
    }

    fn write(
        &mut self,
        sender: Sender<'_>,
        left: &mut usize,
        rest: &mut Vec<u8>,
        write: &mut dyn FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Offer> {
        // Before reading: what is appended after this wakes us again.
        self.end.borrow_and_update();
        while let Some(news) = self.inbox.take().or_else(|| self.news.try_recv().ok()) {
            match news {
                News::Grant(grant) => {
                    if let Place::Member(member) = &mut self.place {
                        member.granted(grant);
                    }
                }
                News::Refused => self.refused |= matches!(self.place, Place::Member(_)),
                News::Depart => self.depart(sender),
            }
        }
        if self.refused {
            return Ok(Offer::Lost);
        }
        if *left == 0 {
            return Ok(Offer::Budget);
        }
        let Place::Member(member) = &mut self.place else { return Ok(Offer::Drained) };
        let written = member.write_with(*left, rest, &mut *write)?;
        if written.synced && std::mem::take(&mut self.moving) {
            let Sender { peer, generation, mail } = sender;
            mail.post(peer, SessionNews::Arrived { generation, family: self.family });
        }
        *left = left.saturating_sub(written.bytes);
        if written.wake_encoder {
            // A full queue wakes it just as well.
            let _ = self.encoder.try_send(EncoderMessage::ReadOn);
        }
        Ok(match written.state {
            WriteState::Drained | WriteState::Detached => Offer::Drained,
            WriteState::Budget => Offer::Budget,
            WriteState::Blocked => Offer::Blocked,
            WriteState::Lagging => {
                let request = member.lagging();
                self.ask(request);
                Offer::Drained
            }
        })
    }
}
