//! Routes and the reasons for them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_core::types::Family;
use fib_sync::{RouteStatus, SnapshotQuery};
use ipnet::IpNet;

use crate::admin::api::{ApiError, ErrorCode, ExplainedPeer, Explanation, Route};
use crate::admin::backend::{RouteQuery, RouteStream, View};
use crate::config::model::PeerType;
use crate::runtime::read::{self, Names, PeerName, Reading, Sent, SharedNames, Target};
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
        let told = read::explain_sent(prefix, members, &self.shards).await;
        let best = paths.iter().map(|path| &path.route).find(|route| route.flags.best);
        let mut sent = Vec::new();
        for (address, peering) in self.peers.iter() {
            let peer =
                names.peers.get(&peering.id).map_or_else(|| address.to_string(), |peer| peer.name.clone());
            let Sent { told, why } = self.explain_peer(address, best, told.get(&peering.id));
            sent.push(ExplainedPeer { peer, address, sent: told, why });
        }
        let kernel = self.explain_kernel(prefix, best).await;
        Ok(Explanation { prefix, paths, sent, kernel })
    }

    /// Whether a peer is told, and why; `sent` as its group has it.
    fn explain_peer(&self, address: IpAddr, best: Option<&Route>, sent: Option<&Sent>) -> Sent {
        let untold = |why: &str| Sent { told: false, why: why.to_owned() };
        match (best, sent) {
            (None, _) => untold("there is no best path"),
            _ if self.advertised(address).is_err() => untold("its session is not established"),
            (Some(best), _) if best.peer == Some(address) => untold("the best path came from it"),
            (_, Some(sent)) => sent.clone(),
            (_, None) => untold("no update group of this address family has it as a member"),
        }
    }

    async fn explain_kernel(&self, prefix: IpNet, best: Option<&Route>) -> String {
        if !self.config.fib.program {
            return "this daemon does not program the kernel".to_owned();
        }
        if best.is_some_and(|best| best.peer.is_none()) {
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
