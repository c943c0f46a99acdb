//! The far end of a session: reads octets as a socket delivers them and keeps what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bgp_core::types::{AttrBuilder, AttrSet, PerFamily, V4Key};
use bgp_core::wire::{MAX_LEN, PeerKind, UpdateContext, decode_update, next_message};
use bytes::BytesMut;

use crate::resync::{Member, WriteState};

#[derive(Debug)]
pub(crate) struct Peer {
    /// None on the way from one group to another.
    pub(crate) member: Option<Member>,
    /// What could not be written at once, to be sent first.
    pub(crate) rest: Vec<u8>,
    pub(crate) received: BytesMut,
    pub(crate) routes: BTreeMap<V4Key, AttrSet>,
    /// What it was sent since it last asked for everything.
    pub(crate) heard: BTreeSet<V4Key>,
    pub(crate) end_of_rib: usize,
    pub(crate) messages: usize,
}

impl Peer {
    pub(crate) fn new(member: Member) -> Self {
        Self {
            member: Some(member),
            rest: Vec::new(),
            received: BytesMut::new(),
            routes: BTreeMap::new(),
            heard: BTreeSet::new(),
            end_of_rib: 0,
            messages: 0,
        }
    }

    pub(crate) fn member(&mut self) -> &mut Member {
        self.member.as_mut().unwrap()
    }

    /// The socket takes `room` octets, then would block.
    pub(crate) fn read(&mut self, mut room: usize) -> WriteState {
        let first = self.rest.len().min(room);
        self.received.extend(self.rest.drain(..first));
        room -= first;
        if !self.rest.is_empty() {
            return WriteState::Blocked;
        }
        let Some(member) = &mut self.member else { return WriteState::Detached };
        let received = &mut self.received;
        let written = member.write_with(1 << 20, &mut self.rest, |slices| {
            if room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let mut taken = 0;
            for slice in slices {
                let take = slice.len().min(room);
                received.extend_from_slice(&slice[..take]);
                room -= take;
                taken += take;
            }
            Ok(taken)
        });
        self.decode();
        written.unwrap().state
    }

    fn decode(&mut self) {
        let context = UpdateContext {
            four_octet_as: true,
            peer: PeerKind::Internal,
            families: PerFamily { ipv4: true, ipv6: true },
            add_path: PerFamily::default(),
            extended_next_hop: false,
        };
        while let Some(raw) = next_message(&mut self.received, MAX_LEN).unwrap() {
            self.messages += 1;
            let update = decode_update(&raw.body, &context, &mut AttrBuilder::new()).unwrap();
            assert!(update.faults.is_empty(), "{:?}", update.faults);
            self.end_of_rib += usize::from(update.end_of_rib.is_some());
            for (_, key) in update.withdrawn.iter().flat_map(|block| block.keys::<V4Key>()) {
                self.routes.remove(&key);
            }
            for announcement in update.announced.iter() {
                for (_, key) in announcement.nlri.keys::<V4Key>() {
                    self.heard.insert(key);
                    self.routes.insert(key, announcement.attrs.clone());
                }
            }
        }
    }
}
