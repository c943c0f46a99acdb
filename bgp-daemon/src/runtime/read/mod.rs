//! Reading routes for the operator, in pages, without stopping the shards.
//!
//! Each page is a short piece of work on the shard's own thread; the next one is asked for when the reader
//! has taken the last. So a long listing is not a snapshot: what changes meanwhile is seen or not.

mod attributes;
mod pages;
mod reason;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_core::rib::{PathView, Reason, RouteRef};
use bgp_core::types::{AttrSet, PathId, PeerId};
use ipnet::IpNet;

use crate::admin::api::{Route, RouteFlags};

pub use attributes::attributes;
pub use pages::{Reading, Sent, Target, explain_paths, explain_sent, pages};

/// A peer as listings name it.
#[derive(Clone, Debug)]
pub struct PeerName {
    /// Configured name.
    pub name: String,
    /// Address.
    pub address: IpAddr,
    /// Of our own AS.
    pub internal: bool,
}

/// What listings have to know beside the tables.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The peers, by number.
    pub peers: HashMap<PeerId, PeerName>,
    /// What originates each prefix of this speaker.
    pub local: HashMap<IpNet, &'static str>,
}

/// One path of a destination on its way into a listing.
struct Entry<'a> {
    prefix: IpNet,
    peer: PeerId,
    path_id: PathId,
    attrs: &'a AttrSet,
}

impl Names {
    fn route(&self, entry: &Entry<'_>, flags: RouteFlags, reason: Option<String>) -> Route {
        let peer = self.peers.get(&entry.peer);
        let source = match peer {
            Some(peer) => peer.name.clone(),
            // Its paths are on their way out.
            None if entry.peer != PeerId::LOCAL => "removed peer".to_owned(),
            None => (*self.local.get(&entry.prefix).unwrap_or(&"announced")).to_owned(),
        };
        Route {
            prefix: entry.prefix,
            path_id: (entry.path_id != PathId(0)).then_some(entry.path_id.0),
            peer: peer.map(|peer| peer.address),
            source,
            flags: RouteFlags { internal: peer.is_some_and(|peer| peer.internal), ..flags },
            next_hop: attributes::next_hop(entry.attrs),
            attributes: attributes::attributes(entry.attrs),
            age: None,
            reason,
        }
    }

    /// Every accepted path of a destination, the best ones first.
    fn accepted(&self, route: &RouteRef<'_>, out: &mut Vec<Route>) {
        let rank = |peer, path_id| {
            route.multipath.iter().position(|best| best.peer == peer && best.path_id == path_id)
        };
        let mut paths: Vec<_> = route
            .paths()
            .filter_map(|path| Some((rank(path.peer, path.path_id), path, route.attrs().get(path.attrs)?)))
            .collect();
        paths.sort_by_key(|(rank, path, _)| (rank.unwrap_or(usize::MAX), path.peer));
        out.extend(paths.into_iter().map(|(rank, path, attrs)| {
            let flags = RouteFlags {
                valid: true,
                best: rank == Some(0),
                multipath: rank.is_some_and(|rank| rank > 0),
                stale: path.stale,
                ..RouteFlags::default()
            };
            let entry = Entry { prefix: route.prefix, peer: path.peer, path_id: path.path_id, attrs };
            self.route(&entry, flags, None)
        }));
    }

    /// What one peer sent for a destination, before import.
    fn received(&self, route: &RouteRef<'_>, from: PeerId, out: &mut Vec<Route>) {
        for path in route.paths().filter(|path| path.peer == from) {
            let is = |best: &bgp_core::rib::Best| best.peer == from && best.path_id == path.path_id;
            let flags = RouteFlags {
                valid: !path.attrs.is_none(),
                best: route.multipath.first().is_some_and(is),
                multipath: route.multipath.iter().skip(1).any(is),
                stale: path.stale,
                ..RouteFlags::default()
            };
            let entry =
                Entry { prefix: route.prefix, peer: from, path_id: path.path_id, attrs: path.received };
            out.push(self.route(&entry, flags, None));
        }
    }

    /// One candidate with the step of the decision it won or lost at.
    fn candidate(&self, prefix: IpNet, view: &PathView) -> Route {
        let flags = RouteFlags {
            valid: view.accepted.is_some() && reason::took_part(view.reason),
            best: view.reason == Reason::Best,
            multipath: view.reason == Reason::Multipath,
            stale: view.stale,
            ..RouteFlags::default()
        };
        let attrs = view.accepted.as_ref().unwrap_or(&view.received);
        let entry = Entry { prefix, peer: view.peer, path_id: view.path_id, attrs };
        self.route(&entry, flags, (view.reason != Reason::Best).then(|| reason::text(view.reason).to_owned()))
    }
}

/// Names shared by the pages of one listing.
pub type SharedNames = Arc<Names>;
