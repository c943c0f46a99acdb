//! Routes and the reasons for them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_core::types::Family;
use fib_sync::{RouteStatus, SnapshotQuery};
use ipnet::IpNet;

use crate::admin::api::{ApiError, ErrorCode, ExplainedPath, ExplainedPeer, Explanation, Route};
use crate::admin::backend::{RouteQuery, RouteStream, View};
use crate::config::model::PeerType;
use crate::runtime::read::{self, Names, PeerName, Reading, SharedNames, Target};
use crate::runtime::supervisor::Supervisor;
use crate::runtime::supervisor::act::unknown;

impl Supervisor {
    pub(in crate::runtime::supervisor) fn routes(&self, query: &RouteQuery) -> Result<RouteStream, ApiError> {
        let target = match query.view {
            View::LocRib | View::Fib => Target::LocRib,
            View::Received(peer) => Target::Received(self.peers.get(peer).ok_or_else(|| unknown(peer))?.id),
            View::Advertised(peer) => self.advertised(peer)?,
        };
        let family = query.family.or(query.prefix.map(Family::of));
        let reading = Reading {
            only_chosen: query.view == View::Fib,
            target,
            prefix: query.prefix.map(|prefix| prefix.trunc()),
            longer: query.longer,
            families: family.map_or_else(|| Family::SUPPORTED.to_vec(), |family| vec![family]),
            names: self.names(),
        };
        let fib = self.config.fib.program.then(|| self.fib.clone());
        Ok(read::pages(reading, self.shards.clone(), fib))
    }

    fn advertised(&self, peer: IpAddr) -> Result<Target, ApiError> {
        let id = self.peers.get(peer).ok_or_else(|| unknown(peer))?.id;
        let groups: Vec<_> = self.groups.of(id).map(|(group, key)| (group, key.family)).collect();
        if groups.is_empty() {
            return Err(ApiError::new(ErrorCode::Failed, format!("{peer}: session is not established")));
        }
        Ok(Target::Advertised(id, groups))
    }

    /// Names of peers and of what originates prefixes, as they are now.
    fn names(&self) -> SharedNames {
        let peers = self.peers.iter().map(|(address, peering)| {
            let neighbor = peering.neighbor();
            let internal = neighbor.session.peer_type() == PeerType::Internal;
            (peering.id, PeerName { name: neighbor.name, address, internal })
        });
        Arc::new(Names { peers: peers.collect(), local: self.local.sources().collect::<HashMap<_, _>>() })
    }

    pub(in crate::runtime::supervisor) async fn explain(
        &self,
        prefix: IpNet,
    ) -> Result<Explanation, ApiError> {
        let prefix = prefix.trunc();
        let names = self.names();
        let paths = read::explain_paths(prefix, Arc::clone(&names), &self.shards).await;
        if paths.is_empty() {
            return Err(ApiError::new(ErrorCode::NotFound, format!("{prefix}: nothing is known of it"))
                .hint(format!("`peregrine routes {prefix} --longer` lists what is inside it")));
        }
        let family = Family::of(prefix);
        let members = self.groups.memberships().filter(|(_, _, of)| *of == family);
        let members = members.map(|(peer, group, _)| (peer, group)).collect();
        let told = read::told(prefix, members, &self.shards).await;
        let mut sent = Vec::new();
        for (address, peering) in self.peers.iter() {
            let peer =
                names.peers.get(&peering.id).map_or_else(|| address.to_string(), |peer| peer.name.clone());
            let (is_sent, why) = self.explain_peer(address, &paths, told.contains(&peering.id));
            sent.push(ExplainedPeer { peer, address, sent: is_sent, why: why.to_owned() });
        }
        let kernel = self.explain_kernel(prefix, &paths).await;
        let explained = |route: Route| {
            let import = match &route.reason {
                Some(reason) if !route.flags.valid => reason.clone(),
                _ => "accepted".to_owned(),
            };
            ExplainedPath { route, import }
        };
        Ok(Explanation { prefix, paths: paths.into_iter().map(explained).collect(), sent, kernel })
    }

    /// Whether a peer is told, and why; `told` as its group has it.
    fn explain_peer(&self, address: IpAddr, paths: &[Route], told: bool) -> (bool, &'static str) {
        let Some(best) = paths.iter().find(|path| path.flags.best) else {
            return (false, "there is no best path");
        };
        if self.advertised(address).is_err() {
            return (false, "its session is not established");
        }
        if best.peer == Some(address) {
            return (false, "the best path came from it");
        }
        if told {
            (true, "accepted by export policy")
        } else if best.flags.internal && self.is_non_client(address) && !self.came_from_client(best) {
            (false, "learned from an internal peer, and neither of the two is a client (RFC 4456)")
        } else {
            (false, "held back by export policy, a well-known community, or for want of a next hop")
        }
    }

    fn is_non_client(&self, address: IpAddr) -> bool {
        self.peers.get(address).is_some_and(|peering| {
            let session = &peering.settings.borrow().neighbor.session;
            session.peer_type() == PeerType::Internal && !session.route_reflector_client
        })
    }

    fn came_from_client(&self, route: &Route) -> bool {
        route.peer.is_some_and(|address| !self.is_non_client(address))
    }

    async fn explain_kernel(&self, prefix: IpNet, paths: &[Route]) -> String {
        if !self.config.fib.program {
            return "this daemon does not program the kernel".to_owned();
        }
        if paths.iter().any(|path| path.flags.best && path.peer.is_none()) {
            return "originated here: the kernel has it already, or a blackhole".to_owned();
        }
        let Ok(snapshot) = self.fib.snapshot(SnapshotQuery::Exact(prefix)).await else {
            return "unknown: the route task does not answer".to_owned();
        };
        match snapshot.routes.first() {
            None => "not there, and not meant to be".to_owned(),
            Some(route) => match route.status {
                RouteStatus::Installed => "installed".to_owned(),
                RouteStatus::Pending => "a change is about to be written".to_owned(),
                RouteStatus::Conflict => {
                    "not installed: another daemon's route has the same table and metric".to_owned()
                }
                RouteStatus::Unresolved => "not installed: no next hop can be reached".to_owned(),
                RouteStatus::Failed(reason) => format!("not installed: {reason}"),
            },
        }
    }
}
