//! The end of a restart: for each kind of peers as soon as all that goes to them is known, for the kernel
//! when everything is (RFC 4724 §4.1).

use std::time::{Duration, Instant};

use bgp_core::session::{Input, RestartFlags};
use bgp_core::types::PerFamily;
use reflector::PeerRole;
use reflector::rules::may_advertise;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Event, Settled, Supervisor, Withheld};
use crate::config::model::Mode;
use crate::runtime::peering;
use crate::runtime::shard::ShardMessage;

impl Supervisor {
    /// Goes on once nobody is waited for any more.
    pub(super) fn end_deferral_if_due(&mut self) {
        if self.withheld != Withheld::Yes {
            return;
        }
        if !self.deferral.is_active() || self.deferral.ends(Instant::now()) {
            self.withheld = Withheld::Settling;
            self.settle(Settled::All);
        } else {
            self.release_early();
        }
    }

    /// A peer that stays away delays only those who would be told its routes: a container that died
    /// meanwhile must not stay in everybody's table because of it.
    fn release_early(&mut self) {
        let waiting: Vec<PeerRole> = self
            .peers
            .iter()
            .filter(|(_, peering)| self.deferral.waits_for(peering.id))
            .map(|(_, peering)| peering::configured_role(&peering.settings.borrow().neighbor))
            .collect();
        let fed = |to| waiting.iter().any(|from| may_advertise(*from, to));
        let free: Vec<PeerRole> = self.groups.held().filter(|role| !fed(*role)).collect();
        for role in free {
            if self.settling.insert(role) {
                self.settle(Settled::For(role));
            }
        }
    }

    /// A peer's End-of-RIB is heard before the tables have decided about its routes and the kernel's side
    /// has resolved their next hops. Only when they have may anything be called complete.
    fn settle(&self, who: Settled) {
        let (shards, events) = (self.shards.clone(), self.event_sender.clone());
        tokio::spawn(async move {
            for shard in shards.iter() {
                let (reply, settled) = oneshot::channel();
                if shard.send(ShardMessage::Settle(reply)).await.is_ok() {
                    let _ = timeout(SETTLING, settled).await;
                }
            }
            // Only fails when the process ends.
            let _ = events.send(Event::Settled(who)).await;
        });
    }

    pub(super) async fn on_settled(&mut self, who: Settled) {
        match who {
            Settled::For(role) => self.groups.release_end_of_rib(role).await,
            Settled::All => self.converge().await,
        }
    }

    /// Everything that was withheld happens now.
    async fn converge(&mut self) {
        self.withheld = Withheld::No;
        self.converged_after = Some(self.started.0.elapsed());
        if self.restart_flags.restarting {
            tracing::info!("all peers have sent their tables, or the time is over: restart complete");
        }
        let held: Vec<PeerRole> = self.groups.held().collect();
        for role in held {
            self.groups.release_end_of_rib(role).await;
        }
        let keeps = self.config.fib.program || self.config.mode == Mode::Reflector;
        self.restart_flags =
            RestartFlags { restarting: false, forwarding: PerFamily { ipv4: keeps, ipv6: keeps } };
        for (_, peering) in self.peers.iter() {
            peering.tell(Input::Restart(self.restart_flags)).await;
        }
        // After the tables' last word on the same queue. Only fails when the task has ended, which the
        // main loop sees.
        let _ = self.fib.converged().await;
    }
}

/// How long a shard may take to decide and pass on what it has when everything was heard. A group whose
/// members do not read must not keep the others from converging.
const SETTLING: Duration = Duration::from_secs(30);
