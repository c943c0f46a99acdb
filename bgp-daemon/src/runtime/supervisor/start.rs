//! Starting in the right order.
//!
//! Everything that can be refused (sockets, ports, the kernel) is opened before anything is told to anybody,
//! so that a daemon that cannot run says so and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bgp_core::rib::{DecisionConfig, Shard, ShardConfig};
use bgp_core::session::RestartFlags;
use bgp_core::types::PerFamily;
use fib_sync::{FibConfig, FibError, FibEvent, FibHandle, FibSync, IfPattern, OriginReason, OriginRules};
use reflector::ShardId;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::peers::Peers;
use super::serve::{Ends, FAREWELL, signals};
use super::{EVENT_QUEUE, Supervisor, Withheld};
use crate::admin::{http, server, socket};
use crate::cli::{Exit, Failure, Start};
use crate::config::model::{Config, Decision, MAX_SHARDS, Originate};
use crate::runtime::addresses::RecentAddresses;
use crate::runtime::backend::Channel;
use crate::runtime::deferral::Deferral;
use crate::runtime::groups::Groups;
use crate::runtime::listener;
use crate::runtime::local::LocalRoutes;
use crate::runtime::mail::Mail;
use crate::runtime::policies::Policies;
use crate::runtime::shard::{self, Rounds, ShardSender, Shards};

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// What keeps it from running, with exit code 78.
pub fn run(start: Start) -> Result<(), Failure> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, MAX_WORKERS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("starting the runtime: {error}")))?;
    let outcome = runtime.block_on(async {
        // The future is large, and lives once.
        let (mut supervisor, ends) = Box::pin(open(start)).await?;
        Box::pin(supervisor.serve(ends)).await;
        Ok(())
    });
    runtime.shutdown_timeout(FAREWELL);
    outcome
}

async fn open(start: Start) -> Result<(Supervisor, Ends), Failure> {
    let config = start.loaded.config;
    let signals =
        signals().map_err(|error| Failure::new(Exit::Failed, format!("catching signals: {error}")))?;
    let (api, api_socket) = socket::Socket::open(&config.api.socket)
        .map_err(|error| Failure::new(Exit::Unusable, &error).hint(error.hint()))?;
    let http = match config.api.http {
        Some(address) => {
            let opened = http::open(address).await;
            Some(opened.map_err(|error| Failure::new(Exit::Unusable, &error).hint(error.hint()))?)
        }
        None => None,
    };
    let listeners = listen(&config)?;
    let (fib, mut fib_events) = FibSync::spawn(fib_config(&config)).map_err(|error| unusable(&error))?;
    let found = find(&mut fib_events).await;
    let adopted = found.adopted;
    let restarting = config.restart.enabled && (adopted > 0 || !config.fib.program);
    let shards = shards(&config, &fib)?;

    let (event_sender, events) = mpsc::channel(EVENT_QUEUE);
    let (directory, known) = watch::channel(Arc::default());
    for socket in listeners {
        listener::spawn(socket, known.clone());
    }
    let (stop_api, stopped) = watch::channel(false);
    let backend = Arc::new(Channel::new(event_sender.clone()));
    if let Some(http) = http {
        let (backend, stop) = (Arc::clone(&backend), ended(stopped.clone()));
        tokio::spawn(server::serve(http, backend, server::Access::ReadOnly, stop));
    }
    tokio::spawn(server::serve(api, backend, server::Access::Full, ended(stopped)));

    let now = Instant::now();
    // Containers that are reached already are forwarding state too, whoever made their routes.
    let forwarding = adopted > 0 || found.containers || !config.fib.program;
    let mut supervisor = Supervisor {
        path: start.path,
        policies: Policies::new(&config.policies),
        peers: Peers::default(),
        groups: Groups::new(shards.clone(), restarting),
        shards,
        fib,
        fib_events,
        adopted,
        withheld: Withheld::Yes,
        settling: BTreeSet::new(),
        addresses: RecentAddresses::default(),
        regrouping: false,
        event_sender: event_sender.clone(),
        local: LocalRoutes::default(),
        deferral: Deferral::default(),
        restart_flags: RestartFlags {
            restarting,
            forwarding: PerFamily { ipv4: forwarding, ipv6: forwarding },
        },
        directory,
        mail: Mail::new(event_sender),
        events,
        log: start.log,
        config_status: super::report::first_status(),
        started: (now, SystemTime::now()),
        converged_after: None,
        problems: start.loaded.warnings.lines().collect(),
        without_next_hop: BTreeMap::new(),
        config,
    };
    supervisor.config_status.path = supervisor.path.display().to_string();
    supervisor.first_routes(found.events).await;
    supervisor.first_peers(restarting).await;
    Ok((supervisor, Ends { signals, _api: stop_api, _socket: api_socket }))
}

/// Waits for the other end to go.
async fn ended(mut end: watch::Receiver<bool>) {
    let _ = end.changed().await;
}

fn listen(config: &Config) -> Result<Vec<TcpListener>, Failure> {
    listener::open(&config.node.listen).map_err(|(address, error)| {
        let failure = Failure::new(Exit::Unusable, format!("listening on {address}: {error}"));
        match error.kind() {
            std::io::ErrorKind::AddrInUse => failure.hint(
                "another BGP daemon runs on this port: stop it, or set other addresses with `listen` in [node]",
            ),
            std::io::ErrorKind::PermissionDenied => failure.hint(
                "ports below 1024 need CAP_NET_BIND_SERVICE; or set a higher port with `listen` in [node]",
            ),
            std::io::ErrorKind::AddrNotAvailable => {
                failure.hint("this host does not have the address; see `listen` in [node]")
            }
            _ => failure.hint("see `listen` in [node]"),
        }
    })
}

fn unusable(error: &FibError) -> Failure {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    let mut lines = text.lines();
    let failure = Failure::new(Exit::Unusable, lines.next().unwrap_or_default());
    lines.fold(failure, |failure, line| failure.hint(line.trim_start_matches("hint: ")))
}

/// What the route task works from.
pub(super) fn fib_config(config: &Config) -> FibConfig {
    FibConfig {
        table: config.fib.table,
        protocol: config.fib.protocol,
        metric: config.fib.metric,
        program: config.fib.program,
        origins: origin_rules(&config.originate),
        ..FibConfig::default()
    }
}

/// What is originated, in the words of the route task.
pub(super) fn origin_rules(originate: &Originate) -> OriginRules {
    // Validation has accepted every pattern by the same rules.
    let patterns =
        |texts: &[String]| texts.iter().filter_map(|text| text.parse::<IfPattern>().ok()).collect();
    OriginRules {
        container_routes: patterns(&originate.container_routes),
        connected: patterns(&originate.connected),
        networks: originate.networks.clone(),
    }
}

/// What the kernel had when the process started.
#[derive(Default)]
struct Found {
    /// Own routes.
    adopted: usize,
    /// Something is originated because the kernel has it.
    containers: bool,
    /// What was told of it.
    events: Vec<FibEvent>,
}

/// Waits until own routes and containers in the kernel are known.
async fn find(events: &mut mpsc::Receiver<FibEvent>) -> Found {
    let mut found = Found::default();
    let first = async {
        while let Some(event) = events.recv().await {
            match &event {
                FibEvent::Adopted { routes } => {
                    found.adopted = *routes;
                    return;
                }
                FibEvent::OriginsChanged { added, .. } => {
                    found.containers |= added.iter().any(|origin| origin.reason != OriginReason::Network);
                }
                _ => {}
            }
            found.events.push(event);
        }
    };
    // Without an answer the kernel's table is as good as empty: nothing of it will be deleted unseen.
    let _ = tokio::time::timeout(ADOPTION, first).await;
    found
}

/// Starts the threads that own the tables, one for each part.
fn shards(config: &Config, fib: &FibHandle) -> Result<Shards, Failure> {
    let number = config.node.shards.unwrap_or_else(shards_for_cores);
    let rounds = Arc::new(Rounds::new(usize::from(number)));
    // One for all, so that they agree about the hashes of what they tell.
    let seed = random();
    let start = |id: u8| {
        let shard = Shard::new(ShardConfig {
            asn: config.node.asn,
            router_id: config.node.router_id,
            cluster_id: config.reflector.cluster_id,
            decision: decision(config.decision),
            seed,
        });
        let (id, rounds, fib) = (ShardId(id), Arc::clone(&rounds), fib.clone());
        let setup = shard::Setup { id, shard, rounds, fib, program: config.fib.program };
        // The thread ends with the process, or ends it.
        shard::spawn(setup).map(|(sender, _)| sender)
    };
    let started: std::io::Result<Vec<ShardSender>> = (0..number).map(start).collect();
    let started =
        started.map_err(|error| Failure::new(Exit::Failed, format!("starting a thread: {error}")))?;
    Ok(Shards::new(started, rounds))
}

/// Half of the cores decode and write for the sessions, the other half owns tables.
fn shards_for_cores() -> u8 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u8::try_from(cores / 2).unwrap_or(MAX_SHARDS).clamp(1, MAX_SHARDS)
}

/// Choices of the decision process, as the tables know them.
pub(super) fn decision(decision: Decision) -> DecisionConfig {
    DecisionConfig {
        always_compare_med: decision.always_compare_med,
        multipath: u8::try_from(decision.multipath).unwrap_or(u8::MAX),
    }
}

fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}

impl Supervisor {
    /// Takes in what this host originates before any session begins.
    async fn first_routes(&mut self, told: Vec<FibEvent>) {
        for event in told {
            self.on_fib(event).await;
        }
    }

    async fn first_peers(&mut self, restarting: bool) {
        for neighbor in self.config.neighbors.clone() {
            self.add_peer(neighbor).await;
        }
        self.publish_directory();
        if restarting {
            let waited = self.peers.iter().filter(|(_, peering)| !peering.is_shut());
            let waited: Vec<_> = waited.map(|(_, peering)| peering.id).collect();
            self.deferral = Deferral::begin(waited, self.config.restart.deferral_time, Instant::now());
            tracing::info!(
                routes = self.adopted,
                "restarting gracefully: own kernel routes stay until all is known"
            );
        }
        self.end_deferral_if_due();
    }
}

/// Sessions are spread over these; more would only cost memory.
const MAX_WORKERS: usize = 16;
/// The kernel answers its first dump in milliseconds; a million routes take about a second.
const ADOPTION: Duration = Duration::from_secs(10);
