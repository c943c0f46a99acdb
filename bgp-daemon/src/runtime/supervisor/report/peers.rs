//! Peers and their sessions.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use bgp_core::rib::PeerRoutes;
use bgp_core::session::{MessageCounts, Negotiated, State};
use bgp_core::types::{Family, PeerId};
use reflector::GroupId;
use tokio::sync::oneshot;

use super::wall;
use crate::admin::api::{
    self, Messages, Peer, PeerError, PeerFamily, PeerKind, PeerRestart, PeerSession, RestartState,
    SessionState,
};
use crate::config::model::{PeerAsn, PeerType};
use crate::runtime::session_task::{Command, Report};
use crate::runtime::shard::ReadView;
use crate::runtime::supervisor::Supervisor;
use crate::runtime::supervisor::peers::Peering;

/// Counts of routes in one shard: what peers sent, and what members of groups were told.
#[derive(Default)]
struct Counts {
    peers: HashMap<(PeerId, Family), PeerRoutes>,
    told: HashMap<(PeerId, Family), u64>,
}

fn counts(view: &ReadView<'_>, memberships: &[(PeerId, GroupId, Family)]) -> Counts {
    let peers = view.shard.peers();
    let pairs = peers.iter().flat_map(|(id, _)| Family::SUPPORTED.map(|family| (id, family)));
    let told = memberships
        .iter()
        .map(|(peer, group, family)| ((*peer, *family), u64::from(view.export.held_by(*group, *peer))));
    Counts { peers: pairs.map(|key| (key, peers.routes(key.0, key.1))).collect(), told: told.collect() }
}

impl Supervisor {
    pub(in crate::runtime::supervisor) async fn peers_report(&self) -> Vec<Peer> {
        let memberships: Vec<_> = self.groups.memberships().collect();
        let shards = self.read_shards(move |view| counts(view, &memberships)).await;
        // All are asked before the first is waited for: they answer while others do.
        let mut asked = Vec::with_capacity(self.peers.len());
        for (address, peering) in self.peers.iter() {
            let (reply, report) = oneshot::channel();
            peering.command(Command::Report(reply)).await;
            asked.push((address, peering, report));
        }
        let mut peers = Vec::with_capacity(asked.len());
        for (address, peering, report) in asked {
            // A task that does not answer has ended, and its peer is about to be removed.
            if let Ok(report) = report.await {
                peers.push(self.peer(address, peering, &report, &shards));
            }
        }
        peers
    }

    fn peer(&self, address: IpAddr, peering: &Peering, report: &Report, shards: &[Counts]) -> Peer {
        let neighbor = peering.neighbor();
        let session = &neighbor.session;
        let stats = &report.stats;
        let configured = match session.asn {
            PeerAsn::Exactly(asn) => Some(asn.0),
            PeerAsn::Internal => Some(session.local_asn.0),
            PeerAsn::External => None,
        };
        let family = |family: &Family| self.family(peering, report, *family, shards);
        Peer {
            name: neighbor.name.clone(),
            address,
            asn: report.negotiated.as_ref().map(|n| n.peer_asn.0).or(configured),
            local_asn: session.local_asn.0,
            kind: match session.peer_type() {
                PeerType::Internal => PeerKind::Internal,
                PeerType::External => PeerKind::External,
            },
            client: session.route_reflector_client,
            state: state(report.state),
            since: stats.since.map_or(0, wall),
            uptime: report.negotiated.as_ref().and(stats.up_since).map(|since| since.elapsed().as_secs()),
            shutdown: peering.is_shut(),
            session: report.negotiated.as_ref().map(negotiated),
            families: session.families.iter().map(family).collect(),
            messages: Messages { received: messages(&stats.received), sent: messages(&stats.sent) },
            flaps: stats.flaps,
            last_error: stats
                .last_error
                .as_ref()
                .map(|(reason, at)| PeerError { text: reason.to_string(), at: wall(*at) }),
            graceful_restart: self.restart(peering, report),
        }
    }

    fn family(&self, peering: &Peering, report: &Report, family: Family, shards: &[Counts]) -> PeerFamily {
        let of_peer = |pick: fn(&PeerRoutes) -> u32| {
            let found = shards.iter().filter_map(|shard| shard.peers.get(&(peering.id, family)));
            found.map(|counts| u64::from(pick(counts))).sum::<u64>()
        };
        let negotiated = report.negotiated.as_ref().is_some_and(|n| n.families.get(family) == Some(&true));
        PeerFamily {
            family: family.to_string(),
            negotiated,
            received: of_peer(|counts| counts.received),
            accepted: of_peer(|counts| counts.accepted),
            advertised: shards.iter().filter_map(|shard| shard.told.get(&(peering.id, family))).sum(),
            stale: of_peer(|counts| counts.stale),
            end_of_rib: peering.up.as_ref().is_some_and(|up| up.done.get(family) == Some(&true)),
        }
    }

    fn restart(&self, peering: &Peering, report: &Report) -> PeerRestart {
        let capability = report.negotiated.as_ref().and_then(|n| n.graceful_restart);
        let state = if report.negotiated.is_none() && (report.stale.ipv4 || report.stale.ipv6) {
            RestartState::Helping
        } else if self.deferral.waits_for(peering.id) {
            RestartState::Restarting
        } else if capability.is_some() {
            RestartState::Ready
        } else {
            RestartState::Off
        };
        PeerRestart { state, peer_restart_time: capability.map(|restart| restart.time) }
    }
}

fn state(state: State) -> SessionState {
    match state {
        State::Idle => SessionState::Idle,
        State::Connect => SessionState::Connect,
        State::Active => SessionState::Active,
        State::OpenSent => SessionState::OpenSent,
        State::OpenConfirm => SessionState::OpenConfirm,
        State::Established => SessionState::Established,
    }
}

fn messages(counts: &MessageCounts) -> api::MessageCounts {
    api::MessageCounts {
        total: counts.total(),
        updates: counts.updates,
        notifications: counts.notifications,
        refreshes: counts.refreshes,
    }
}

fn negotiated(negotiated: &Negotiated) -> PeerSession {
    PeerSession {
        router_id: Ipv4Addr::from(negotiated.peer_id),
        local: negotiated.transport.local.to_string(),
        remote: negotiated.transport.remote.to_string(),
        hold_time: negotiated.hold_time.secs(),
        keepalive_time: u16::try_from(negotiated.keepalive.as_secs()).unwrap_or(u16::MAX),
        capabilities: negotiated.capability_codes.iter().map(|code| capability(*code)).collect(),
    }
}

/// Names of IANA's "Capability Codes", the number where there is none.
fn capability(code: u8) -> String {
    let name = match code {
        1 => "multiprotocol",
        2 => "route-refresh",
        5 => "extended-next-hop",
        6 => "extended-message",
        9 => "role",
        64 => "graceful-restart",
        65 => "four-octet-as",
        69 => "add-path",
        70 => "enhanced-route-refresh",
        71 => "long-lived-graceful-restart",
        73 => "fqdn",
        75 => "software-version",
        other => return other.to_string(),
    };
    name.to_owned()
}
