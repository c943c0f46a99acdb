//! Listings page by page.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bgp_core::rib::{DestId, PathView, RouteRef};
use bgp_core::types::{Division, Family, PathId, PeerId};
use fib_sync::{FibHandle, RouteStatus, SnapshotQuery};
use ipnet::IpNet;
use reflector::GroupId;
use tokio::sync::{mpsc, oneshot};

use super::{Entry, Names, SharedNames, reason};
use crate::admin::api::{ApiError, ExplainedPath, Route, RouteFlags};
use crate::admin::backend::{ROUTES_PER_PAGE, RouteStream};
use crate::runtime::shard::{ReadView, ShardMessage, ShardSender, Shards};

/// Which table is read, with peers and groups by number.
#[derive(Clone, Debug)]
pub enum Target {
    /// Every accepted path.
    LocRib,
    /// What a peer sent.
    Received(PeerId),
    /// What a peer is told, by its groups.
    Advertised(PeerId, Vec<(GroupId, Family)>),
}

/// One listing.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Which table.
    pub target: Target,
    /// One prefix only.
    pub prefix: Option<IpNet>,
    /// Everything inside it too.
    pub longer: bool,
    /// What was chosen for forwarding only, and was not originated here.
    pub only_chosen: bool,
    /// Families, in order.
    pub families: Vec<Family>,
    /// For display.
    pub names: SharedNames,
}

/// Reads a listing; each page waits until the reader has taken the one before.
pub fn pages(reading: Reading, shards: Shards, fib: Option<FibHandle>) -> RouteStream {
    let (sender, stream) = mpsc::channel(1);
    tokio::spawn(async move {
        let asked = match reading.prefix {
            Some(prefix) if !reading.longer => owner(prefix, &shards),
            _ => &shards,
        };
        // Once: what differs is found by a walk over every kernel route.
        let missing = match &fib {
            Some(fib) => missing(fib, reading.prefix).await,
            None => HashSet::new(),
        };
        for family in reading.families.clone() {
            for shard in asked {
                let mut from = Some(DestId(0));
                while let Some(start) = from {
                    let Some((mut routes, next)) = page(&reading, shard, family, start).await else { return };
                    from = next;
                    mark_kernel(&mut routes, &missing);
                    let full = !routes.is_empty();
                    if full && sender.send(Ok::<_, ApiError>(routes)).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    stream
}

/// Every candidate for one prefix with its reason and what import made of it.
pub async fn explain_paths(prefix: IpNet, names: SharedNames, shards: &[ShardSender]) -> Vec<ExplainedPath> {
    let mut paths = Vec::new();
    for shard in owner(prefix, shards) {
        let names = Arc::clone(&names);
        let found = read(shard, move |view| {
            let views = view.shard.explain(prefix);
            let explained = |path: &PathView| ExplainedPath {
                route: names.candidate(prefix, path),
                import: reason::import(path),
            };
            views.iter().map(explained).collect::<Vec<_>>()
        });
        paths.extend(found.await.unwrap_or_default());
    }
    paths
}

/// Which of these peers, each by its group, are told of a prefix and why: whatever their number, it is asked
/// once. Who sent the best path is told nothing; who is not here, nobody asked about.
pub async fn explain_sent(
    prefix: IpNet,
    members: Vec<(PeerId, GroupId)>,
    shards: &[ShardSender],
) -> HashMap<PeerId, Sent> {
    let mut peers = HashMap::new();
    for shard in owner(prefix, shards) {
        let members = members.clone();
        peers.extend(read(shard, move |view| view.sent(prefix, &members)).await.unwrap_or_default());
    }
    peers
}

/// Whether something is told, and why.
#[derive(Clone, Debug)]
pub struct Sent {
    /// It is.
    pub told: bool,
    /// In words.
    pub why: String,
}

/// The one shard that can know of a prefix.
fn owner(prefix: IpNet, shards: &[ShardSender]) -> &[ShardSender] {
    let at = Division::new(shards.len()).part_of_net(prefix);
    shards.get(at..=at).unwrap_or_default()
}

type Page = (Vec<Route>, Option<DestId>);

async fn page(reading: &Reading, shard: &ShardSender, family: Family, from: DestId) -> Option<Page> {
    let reading = reading.clone();
    read(shard, move |view| match reading.prefix {
        Some(prefix) if !reading.longer => (reading.one(view, prefix), None),
        _ => reading.some(view, family, from),
    })
    .await
}

/// Has a shard do a piece of reading; `None` while the process ends.
async fn read<T: Send + 'static>(
    shard: &ShardSender,
    work: impl FnOnce(&mut ReadView<'_>) -> T + Send + 'static,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    let work = Box::new(move |view: &mut ReadView<'_>| drop(reply.send(work(view))));
    shard.send(ShardMessage::Read(work)).await.ok()?;
    answer.await.ok()
}

impl ReadView<'_> {
    fn sent(&self, prefix: IpNet, members: &[(PeerId, GroupId)]) -> HashMap<PeerId, Sent> {
        let mut peers = HashMap::new();
        let mut groups = HashMap::new();
        self.shard.lookup(prefix, &mut |route| {
            for (peer, group) in members {
                let told = || self.export.told(*group, route.dest, route.prefix, self.shard);
                let (source, verdict) = groups.entry(*group).or_insert_with(|| {
                    (told().map(|told| told.source), self.export.explain(*group, route, self.shard))
                });
                let told = source.is_some_and(|source| source != *peer);
                if let Some(verdict) = verdict {
                    peers.insert(*peer, Sent { told, why: reason::export(verdict, told) });
                }
            }
        });
        peers
    }
}

impl Reading {
    fn one(&self, view: &ReadView<'_>, prefix: IpNet) -> Vec<Route> {
        if matches!(self.target, Target::LocRib) {
            let paths = view.shard.explain(prefix);
            let routes = paths.iter().map(|path| self.names.candidate(prefix, path));
            return routes.filter(|route| !self.only_chosen || is_forwarded(route)).collect();
        }
        let mut routes = Vec::new();
        view.shard.lookup(prefix, &mut |route| self.show(view, route, &mut routes));
        routes
    }

    fn some(&self, view: &ReadView<'_>, family: Family, from: DestId) -> Page {
        let mut routes = Vec::new();
        let mut at = Some(from);
        let mut looked = 0;
        while let Some(start) = at {
            if routes.len() >= ROUTES_PER_PAGE / 2 || looked >= SLOTS_PER_PAGE {
                break;
            }
            at = view.shard.scan(family, start, STRIDE, &mut |route| {
                if self.prefix.is_none_or(|prefix| prefix.contains(&route.prefix)) {
                    self.show(view, route, &mut routes);
                }
            });
            looked += STRIDE;
        }
        (routes, at)
    }

    fn show(&self, view: &ReadView<'_>, route: &RouteRef<'_>, out: &mut Vec<Route>) {
        match &self.target {
            Target::LocRib => {
                let from = out.len();
                self.names.accepted(route, out);
                if self.only_chosen {
                    let chosen: Vec<Route> = out.drain(from..).filter(is_forwarded).collect();
                    out.extend(chosen);
                }
            }
            Target::Received(peer) => self.names.received(route, *peer, out),
            Target::Advertised(peer, groups) => {
                let family = Family::of(route.prefix);
                let Some((group, _)) = groups.iter().find(|(_, f)| *f == family) else { return };
                out.extend(self.names.advertised(view, route, *group, *peer));
            }
        }
    }
}

impl Names {
    fn advertised(
        &self,
        view: &ReadView<'_>,
        route: &RouteRef<'_>,
        group: GroupId,
        to: PeerId,
    ) -> Option<Route> {
        let told = view.export.told(group, route.dest, route.prefix, view.shard)?;
        if told.source == to {
            return None;
        }
        let entry = Entry { prefix: route.prefix, peer: told.source, path_id: PathId(0), attrs: &told.attrs };
        let flags = RouteFlags { valid: true, best: true, ..RouteFlags::default() };
        Some(self.route(&entry, flags, None))
    }
}

fn is_forwarded(route: &Route) -> bool {
    route.peer.is_some() && (route.flags.best || route.flags.multipath)
}

/// Prefixes whose kernel route is not as desired. Only asked for where kernel routes are programmed.
async fn missing(fib: &FibHandle, prefix: Option<IpNet>) -> HashSet<IpNet> {
    let query = prefix.map_or(SnapshotQuery::Differing, SnapshotQuery::Within);
    let Ok(snapshot) = fib.snapshot(query).await else { return HashSet::new() };
    let differing = snapshot.routes.iter().filter(|report| report.status != RouteStatus::Installed);
    differing.map(|report| report.prefix).collect()
}

/// Marks best paths that are not in the kernel.
fn mark_kernel(routes: &mut [Route], missing: &HashSet<IpNet>) {
    for route in routes.iter_mut().filter(|route| route.peer.is_some()) {
        let chosen = route.flags.best || route.flags.multipath;
        route.flags.not_in_kernel = chosen && missing.contains(&route.prefix);
    }
}

/// Slots visited in one go.
const STRIDE: usize = 64;
/// Slots looked at for one page although little was found: keeps the work of a page short.
const SLOTS_PER_PAGE: usize = 16 * 1024;
