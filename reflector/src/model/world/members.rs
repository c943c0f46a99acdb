//! What becomes of members: they join, are reset, want everything again, and go from one group to another.

use bgp_core::types::PeerId;

use super::World;
use crate::model::peer::Peer;
use crate::model::rib::Rib;

impl<R: Rib> World<R> {
    pub(super) fn refresh(&mut self, peer: u16) {
        let far = self.peers.get_mut(&peer).unwrap();
        far.heard.clear();
        match (&mut far.member, self.between.get_mut(&peer)) {
            (Some(member), _) => {
                let request = member.refresh();
                self.encoders[self.at[&peer]].request(request, self.now);
            }
            (None, Some((_, afresh))) => *afresh = true,
            (None, None) => {}
        }
    }

    pub(super) fn reset(&mut self, peer: u16) {
        self.between.remove(&peer);
        for group in [Some(self.at[&peer]), self.left.remove(&peer)].into_iter().flatten() {
            self.encoders[group].leave(PeerId(peer));
        }
        self.join(peer);
    }

    pub(super) fn join(&mut self, peer: u16) {
        let member = self.encoders[self.at[&peer]].join(PeerId(peer), self.now);
        self.peers.insert(peer, Peer::new(member));
    }

    /// To the other group of the peer's role; one move at a time.
    pub(super) fn regroup(&mut self, peer: u16) {
        self.finish_move(peer);
        let far = self.peers.get_mut(&peer).unwrap();
        if self.left.contains_key(&peer) || far.member.is_none() {
            return;
        }
        // What the encoder granted before it knew is under way still.
        self.encoders[self.at[&peer]].depart(PeerId(peer));
        let Some(member) = far.member.take() else { return };
        self.between.insert(peer, (member.depart(), false));
        if self.dice.below(8) == 0 {
            self.refresh(peer);
        }
    }

    /// Now and then the policy was changed back meanwhile.
    pub(super) fn arrive(&mut self, peer: u16) {
        let Some((moved, afresh)) = self.between.remove(&peer) else { return };
        let from = self.at[&peer];
        let to = if self.dice.below(4) == 0 { from } else { from ^ 1 };
        let mut member = self.encoders[to].join_from(PeerId(peer), moved, self.now);
        if afresh {
            self.encoders[to].request(member.refresh(), self.now);
        }
        self.peers.get_mut(&peer).unwrap().member = Some(member);
        self.at.insert(peer, to);
        if to != from {
            self.left.insert(peer, from);
            self.moves += 1;
        }
    }

    pub(super) fn finish_move(&mut self, peer: u16) {
        if self.is_synced(peer)
            && let Some(from) = self.left.remove(&peer)
        {
            self.encoders[from].leave(PeerId(peer));
        }
    }
}
