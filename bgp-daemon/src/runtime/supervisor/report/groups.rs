//! Update groups.

use std::collections::HashMap;

use bgp_core::types::PeerId;
use reflector::{GroupId, LogLimits, PeerRole};

use crate::admin::api::Group;
use crate::runtime::groups::GroupView;
use crate::runtime::shard::ReadView;
use crate::runtime::supervisor::Supervisor;

fn live(view: &ReadView<'_>) -> HashMap<GroupId, u64> {
    view.export.figures().map(|group| (group.group, u64::from(group.live))).collect()
}

impl Supervisor {
    pub(in crate::runtime::supervisor) async fn groups_report(&self) -> Vec<Group> {
        let shards = self.read_shards(live).await;
        let names: HashMap<PeerId, String> =
            self.peers.iter().map(|(_, peering)| (peering.id, peering.neighbor().name)).collect();
        let group = |view: GroupView| {
            let mut members: Vec<String> =
                view.report.members.iter().filter_map(|(peer, _)| names.get(peer).cloned()).collect();
            members.sort();
            let figures = view.report.figures;
            Group {
                id: u32::from(view.id.0),
                family: view.key.family.to_string(),
                role: role(view.key.role).to_owned(),
                members,
                routes: shards.iter().filter_map(|shard| shard.get(&view.id)).sum(),
                log_bytes: figures.log_bytes as u64,
                log_limit: LogLimits::default().max_bytes as u64,
                lag_bytes: view.report.members.iter().filter_map(|(_, lag)| *lag).max().unwrap_or(0),
                resyncing: (figures.members - figures.attached) as u64,
                resyncs: figures.resyncs,
            }
        };
        self.groups.view().await.into_iter().map(group).collect()
    }
}

fn role(role: PeerRole) -> &'static str {
    match role {
        PeerRole::Local => "local",
        PeerRole::External => "external",
        PeerRole::Client => "client",
        PeerRole::NonClient => "non-client",
    }
}
