//! What operators do.

use std::net::IpAddr;

use bgp_core::session::{Input, ResetReason, StopReason};
use bgp_core::types::Family;
use ipnet::IpNet;

use super::{Request, Supervisor};
use crate::admin::api::{ApiError, Direction, Done, ErrorCode};
use crate::admin::backend::Action;
use crate::runtime::peering::each;
use crate::runtime::session_task::Command;

impl Supervisor {
    pub(super) async fn on_request(&mut self, request: Request) {
        // Whoever asked may have gone; then nobody misses the reply.
        match request {
            Request::Status(reply) => drop(reply.send(Ok(self.status().await))),
            Request::Peers(reply) => drop(reply.send(Ok(self.peers_report().await))),
            Request::Routes(query, reply) => drop(reply.send(self.routes(&query))),
            Request::Explain(prefix, reply) => drop(reply.send(self.explain(prefix).await)),
            Request::Fib(reply) => drop(reply.send(self.fib_report().await)),
            Request::Groups(reply) => drop(reply.send(Ok(self.groups_report().await))),
            Request::Config(reply) => drop(reply.send(Ok(self.config_report()))),
            Request::Turn(reply) => {
                self.read_shards(|_| ()).await;
                drop(reply.send(Ok(())));
            }
            Request::Act(action, reply) => drop(reply.send(self.act(action).await)),
        }
    }

    async fn act(&mut self, action: Action) -> Result<Done, ApiError> {
        match action {
            Action::Announce(prefixes) => self.announce(&prefixes).await,
            Action::Withdraw(prefixes) => self.withdraw(&prefixes).await,
            Action::Reload => self.reload().await,
            Action::Refresh { peer, direction } => self.refresh(peer, direction).await,
            Action::Clear { peer } => {
                self.tell_peer(peer, Input::Reset(ResetReason::Administrative)).await?;
                Ok(done(format!("session with {peer} is being reset")))
            }
            Action::Disable { peer, message } => self.disable(peer, message).await,
            Action::Enable { peer } => self.enable(peer).await,
            Action::RepairFib => {
                self.fib.audit().await.map_err(|error| failed(error.to_string()))?;
                Ok(done("kernel routes compared and put right".to_owned()))
            }
        }
    }

    async fn announce(&mut self, prefixes: &[IpNet]) -> Result<Done, ApiError> {
        let change = self.local.announce(prefixes);
        let changed = change.added.len() as u64;
        self.originate(change).await;
        Ok(Done { changed, message: format!("{changed} announced") })
    }

    async fn withdraw(&mut self, prefixes: &[IpNet]) -> Result<Done, ApiError> {
        let change = self.local.withdraw(prefixes).map_err(|unknown| {
            let error =
                ApiError::new(ErrorCode::NotFound, format!("{unknown}: not announced by an operator"));
            match self.local.source(&unknown) {
                Some(source) => error.hint(format!("it is originated as {source}, and goes when that does")),
                None => error,
            }
        })?;
        let changed = change.removed.len() as u64;
        self.originate(change).await;
        Ok(Done { changed, message: format!("{} withdrawn", prefixes.len()) })
    }

    async fn refresh(&mut self, peer: IpAddr, direction: Option<Direction>) -> Result<Done, ApiError> {
        let peering = self.peers.get(peer).ok_or_else(|| unknown(peer))?;
        let Some(up) = &peering.up else {
            return Err(failed(format!("{peer}: session is not established")));
        };
        let families: Vec<Family> = each(&up.negotiated.families).collect();
        if direction != Some(Direction::Out) {
            if !up.negotiated.route_refresh {
                return Err(failed(format!("{peer}: does not speak route refresh (RFC 2918)")));
            }
            for family in &families {
                peering.tell(Input::RefreshRequest(*family)).await;
            }
        }
        if direction != Some(Direction::In) {
            for family in &families {
                peering.command(Command::SendAgain(*family)).await;
            }
        }
        Ok(done(format!("routes with {peer} are being exchanged again")))
    }

    async fn disable(&mut self, peer: IpAddr, message: Option<String>) -> Result<Done, ApiError> {
        let peering = self.peers.get_mut(peer).ok_or_else(|| unknown(peer))?;
        peering.disabled = true;
        let id = peering.id;
        let message = message.unwrap_or_default();
        peering.tell(Input::Stop(StopReason::Shutdown { message })).await;
        self.deferral.without(id);
        Ok(done(format!("session with {peer} is kept down until it is enabled")))
    }

    async fn enable(&mut self, peer: IpAddr) -> Result<Done, ApiError> {
        let peering = self.peers.get_mut(peer).ok_or_else(|| unknown(peer))?;
        peering.disabled = false;
        if peering.is_shut() {
            return Err(failed(format!("{peer}: kept down by `shutdown = true` in the configuration")));
        }
        peering.tell(Input::Start).await;
        Ok(done(format!("session with {peer} may come up")))
    }

    async fn tell_peer(&mut self, peer: IpAddr, input: Input<'static>) -> Result<(), ApiError> {
        let peering = self.peers.get(peer).ok_or_else(|| unknown(peer))?;
        peering.tell(input).await;
        Ok(())
    }
}

fn done(message: String) -> Done {
    Done { changed: 1, message }
}

fn failed(message: String) -> ApiError {
    ApiError::new(ErrorCode::Failed, message)
}

pub(super) fn unknown(peer: IpAddr) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("{peer}: no such peer")).hint("`peregrine peers` lists them")
}
