//! Changing the configuration while running: all of it or none.

use bgp_core::policy::PolicyId;
use bgp_core::session::{Input, ResetReason, StopReason};
use bgp_core::types::PeerId;
use std::sync::Arc;

use super::peers::{NewPeer, remote};
use super::{InUse, Supervisor};
use crate::admin::api::{ApiError, Done, ErrorCode};
use crate::config::diff::{self, Command};
use crate::config::model::{Chain, Neighbor};
use crate::config::{self, Host};
use crate::runtime::listener::{Directory, Known, PeerKey};
use crate::runtime::peering::{PeerSettings, peer_info, session_config, timers};
use crate::runtime::session_task::Command as SessionCommand;
use crate::runtime::shard::{ShardMessage, tell_all};
use crate::runtime::socket::Link;

use super::report::now_ms;
use super::start::{decision, origin_rules};

impl Supervisor {
    /// Reads the configuration again and goes over to it, or stays with the old one and says why.
    pub(super) async fn reload(&mut self) -> Result<Done, ApiError> {
        match self.try_reload().await {
            Ok(done) => {
                tracing::info!(changes = done.changed, "configuration reloaded");
                Ok(done)
            }
            Err(error) => {
                tracing::error!(error = error.message, "configuration not changed");
                self.config_status.last_error = Some(error.message.clone());
                self.config_status.last_error_at = Some(now_ms());
                Err(error)
            }
        }
    }

    async fn try_reload(&mut self) -> Result<Done, ApiError> {
        let failed = |message: String| ApiError::new(ErrorCode::Failed, message);
        let host = Host::here().map_err(|error| failed(format!("listing interfaces: {error}")))?;
        let loaded = config::load(&self.path, self.config.mode, &host)
            .map_err(|report| failed(report.summary()).hint(report.to_string()))?;
        let commands = diff::diff(&self.config, &loaded.config).map_err(|error| {
            failed(error.to_string()).hint("restart the daemon: it comes back without losing traffic")
        })?;
        self.config = loaded.config;
        self.problems = loaded.warnings.lines().collect();
        for command in &commands {
            self.apply(command).await;
        }
        self.take_back_policies().await;
        self.publish_directory();
        self.config_status.revision += 1;
        self.config_status.loaded_at = now_ms();
        self.config_status.last_error = None;
        self.config_status.last_error_at = None;
        let changed = commands.len() as u64;
        Ok(Done { changed, message: format!("configuration reloaded, {changed} changes") })
    }

    async fn apply(&mut self, command: &Command) {
        match command {
            Command::Log(log) => self.log.set(*log),
            Command::Policies(lists) => self.policies.replace(lists),
            Command::RemovePeer { address, name } => {
                tracing::info!(peer = name, "removed from the configuration");
                if let Some(peering) = self.peers.remove(*address) {
                    self.deferral.without(peering.id);
                    self.forget_next_hop(peering.id);
                    let farewell = Input::Stop(StopReason::Deconfigured);
                    peering.command(SessionCommand::Finish(farewell)).await;
                    self.groups.leave(peering.id).await;
                    tell_all(&self.shards, || ShardMessage::Forget(peering.id)).await;
                }
            }
            Command::AddPeer(neighbor) => self.add_peer((**neighbor).clone()).await,
            Command::ResetPeer { neighbor, why } => {
                tracing::info!(peer = neighbor.name, ?why, "session has to begin anew");
                self.change_peer(neighbor).await;
                let link = link(neighbor);
                let config = Box::new(session_config(&self.config, neighbor, self.restart_flags));
                if let Some(peering) = self.peers.get(neighbor.address) {
                    peering.command(SessionCommand::Link(link)).await;
                    peering.tell(Input::Replace(config)).await;
                    peering.tell(Input::Reset(ResetReason::ConfigurationChange)).await;
                }
            }
            Command::UpdatePeer { neighbor, what } => {
                tracing::info!(peer = neighbor.name, ?what, "changed without losing the session");
                self.change_peer(neighbor).await;
            }
            Command::Originate(originate) => {
                // Only fails when the route task has ended, which the main loop sees.
                let _ = self.fib.reconfigure(origin_rules(originate)).await;
            }
            Command::Decision(choices) => {
                let choices = decision(*choices);
                tell_all(&self.shards, || ShardMessage::Decision(choices)).await;
            }
            // Read from the configuration at the next start, or when the process ends.
            Command::Restart(_) | Command::KeepOnExit(_) => {}
        }
    }

    /// Starts the session of a new peer, unless it is kept down.
    pub(super) async fn add_peer(&mut self, neighbor: Neighbor) {
        let in_use = self.policies_of(&neighbor).await;
        let new = NewPeer {
            config: session_config(&self.config, &neighbor, self.restart_flags),
            link: link(&neighbor),
            settings: settings(neighbor, in_use),
            shards: self.shards.clone(),
            mail: self.mail.clone(),
        };
        let peering = self.peers.add(new);
        if !peering.is_shut() {
            peering.tell(Input::Start).await;
        }
    }

    /// Puts new settings of a known peer in force, the session staying as it is.
    async fn change_peer(&mut self, neighbor: &Neighbor) {
        let in_use = self.policies_of(neighbor).await;
        let Some(peering) = self.peers.get_mut(neighbor.address) else { return };
        let was_shut = peering.is_shut();
        if peering.neighbor().name != neighbor.name {
            peering.command(SessionCommand::Rename(neighbor.name.clone())).await;
        }
        peering.settings.send_replace(settings(neighbor.clone(), in_use));
        peering.tell(Input::Reconfigure(timers(neighbor))).await;
        match (was_shut, peering.is_shut()) {
            (true, false) => peering.tell(Input::Start).await,
            (false, true) => {
                peering.tell(Input::Stop(StopReason::Shutdown { message: String::new() })).await;
            }
            _ => {}
        }
        let (id, shut) = (peering.id, peering.is_shut());
        if shut {
            self.deferral.without(id);
        }
        if self.tell_settings(id).await {
            self.regroup(id).await;
        }
    }

    /// Tells the shards the settings in force for the session of a peer; false if it has none.
    pub(super) async fn tell_settings(&mut self, peer: PeerId) -> bool {
        let Some(peering) = self.peers.by_id(peer) else { return false };
        let Some(up) = &peering.up else { return false };
        let info = peer_info(&peering.settings.borrow(), &up.negotiated);
        tell_all(&self.shards, || ShardMessage::PeerChanged(peer, Box::new(info.clone()))).await;
        true
    }

    /// Numbers of a neighbour's policies.
    async fn policies_of(&mut self, neighbor: &Neighbor) -> InUse {
        let import = self.number(&neighbor.import).await;
        InUse { import, export: self.number(&neighbor.export).await }
    }

    /// Shards learn of a new one, whichever way it is used first.
    async fn number(&mut self, chain: &Chain) -> PolicyId {
        let (id, new) = self.policies.number(chain);
        if new {
            let policy = self.policies.get(id);
            tell_all(&self.shards, || ShardMessage::Policy(id, Arc::clone(&policy))).await;
        }
        id
    }

    /// Lets shards forget what nobody uses since the reload; what a group is still left for waits for the next.
    async fn take_back_policies(&mut self) {
        let of_peers = self.peers.iter().flat_map(|(_, peering)| {
            let settings = peering.settings.borrow();
            [settings.import, settings.export]
        });
        let in_use = of_peers.chain(self.groups.policies()).collect();
        for id in self.policies.retain(&in_use) {
            tell_all(&self.shards, || ShardMessage::ForgetPolicy(id)).await;
        }
    }

    /// Tells the listeners who may connect.
    pub(super) fn publish_directory(&self) {
        let known = self.peers.iter().map(|(address, peering)| {
            let settings = peering.settings.borrow();
            let session = &settings.neighbor.session;
            let known = Known {
                commands: peering.session.commands.clone(),
                reach: session.reach,
                key: session.password.clone(),
            };
            (PeerKey { addr: address, scope: 0 }, known)
        });
        self.directory.send_replace(Arc::new(known.collect::<Directory>()));
    }
}

fn settings(neighbor: Neighbor, in_use: InUse) -> PeerSettings {
    PeerSettings { neighbor, import: in_use.import, export: in_use.export }
}

/// How connections with a neighbour are made.
fn link(neighbor: &Neighbor) -> Link {
    Link {
        remote: remote(neighbor),
        local: neighbor.session.local_address,
        reach: neighbor.session.reach,
        key: neighbor.session.password.clone(),
    }
}
