//! A backend made of constants: two peers, three routes, and a record of what it was asked to do.
//!
//! Also part of `tests/cli.rs`, hence the paths through the name of the crate.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use ipnet::IpNet;
use tokio::sync::mpsc;

use bgp_daemon::admin::api::*;
use bgp_daemon::admin::backend::{Action, Backend, ROUTES_PER_PAGE, RouteQuery, RouteStream, View};
use bgp_daemon::admin::server::{Access, serve};
use bgp_daemon::admin::socket::Socket;

/// The moment of every reply: 2026-01-01 00:00:00 UTC in milliseconds.
pub(crate) const NOW: u64 = 1_767_225_600_000;

#[derive(Debug, Default)]
pub(crate) struct Fake {
    /// Every action asked for.
    pub(crate) actions: Mutex<Vec<Action>>,
    /// Routes sent besides the three, for tests of size.
    pub(crate) filler: u32,
    /// Fail after this many pages.
    pub(crate) fail_after: Option<usize>,
    /// Pages handed out so far.
    pub(crate) pages: Arc<Mutex<usize>>,
    /// File and content of the configuration in force.
    pub(crate) config: Option<(String, serde_json::Value)>,
    /// Nothing turns any more.
    pub(crate) hangs: bool,
    /// Whether the kernel differs.
    pub(crate) differs: bool,
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(crate) fn peer(name: &str, ip: &str) -> Peer {
    Peer {
        name: name.to_owned(),
        address: address(ip),
        asn: Some(65001),
        local_asn: 64512,
        kind: PeerKind::External,
        client: false,
        state: SessionState::Established,
        since: NOW - 189_000,
        uptime: Some(189),
        shutdown: false,
        session: Some(PeerSession {
            router_id: Ipv4Addr::new(192, 0, 2, 254),
            local: "192.0.2.1:40000".to_owned(),
            remote: "192.0.2.254:179".to_owned(),
            hold_time: 90,
            keepalive_time: 30,
            capabilities: vec!["four-octet-as".to_owned(), "route-refresh".to_owned()],
        }),
        families: vec![
            PeerFamily {
                family: "ipv4-unicast".to_owned(),
                negotiated: true,
                received: 12,
                accepted: 10,
                advertised: 3,
                stale: 0,
                end_of_rib: true,
            },
            PeerFamily {
                family: "ipv6-unicast".to_owned(),
                negotiated: false,
                received: 0,
                accepted: 0,
                advertised: 0,
                stale: 0,
                end_of_rib: false,
            },
        ],
        messages: Messages {
            received: MessageCounts { total: 30, updates: 12, notifications: 0, refreshes: 0 },
            sent: MessageCounts { total: 21, updates: 3, notifications: 0, refreshes: 1 },
        },
        flaps: 1,
        last_error: Some(PeerError { text: "hold timer expired".to_owned(), at: NOW - 200_000 }),
        graceful_restart: PeerRestart { state: RestartState::Ready, peer_restart_time: Some(120) },
    }
}

pub(crate) fn peers() -> Vec<Peer> {
    let mut reflector = peer("rr-1", "192.0.2.250");
    reflector.kind = PeerKind::Internal;
    reflector.asn = Some(64512);
    reflector.state = SessionState::Active;
    reflector.since = NOW - 273_600_000;
    reflector.session = None;
    reflector.uptime = None;
    reflector.families = Vec::new();
    reflector.last_error = Some(PeerError { text: "connection refused".to_owned(), at: NOW - 4_000 });
    reflector.graceful_restart = PeerRestart { state: RestartState::Off, peer_restart_time: None };
    vec![reflector, peer("tor-1", "192.0.2.254")]
}

pub(crate) fn routes() -> Vec<Route> {
    let learned = Route {
        prefix: net("10.60.3.64/26"),
        path_id: None,
        peer: Some(address("192.0.2.254")),
        source: "tor-1".to_owned(),
        flags: RouteFlags { valid: true, best: true, not_in_kernel: true, ..RouteFlags::default() },
        next_hop: Some(address("192.0.2.254")),
        attributes: Attributes {
            origin: "igp".to_owned(),
            as_path: "65001 65002".to_owned(),
            med: Some(10),
            communities: vec!["65000:1".to_owned()],
            ..Attributes::default()
        },
        age: Some(189),
        reason: None,
    };
    let reflected = Route {
        peer: Some(address("192.0.2.250")),
        source: "rr-1".to_owned(),
        flags: RouteFlags { valid: true, internal: true, stale: true, ..RouteFlags::default() },
        next_hop: Some(address("192.0.2.9")),
        attributes: Attributes {
            origin: "igp".to_owned(),
            as_path: "65001 65002 65003".to_owned(),
            local_pref: Some(100),
            originator_id: Some(Ipv4Addr::new(192, 0, 2, 9)),
            cluster_list: vec![Ipv4Addr::new(192, 0, 2, 250)],
            ..Attributes::default()
        },
        age: Some(273_600),
        reason: Some("longer AS path".to_owned()),
        ..learned
    };
    let own = Route {
        prefix: net("2001:db8:60::/64"),
        peer: None,
        source: "network".to_owned(),
        flags: RouteFlags { valid: true, best: true, ..RouteFlags::default() },
        next_hop: None,
        attributes: Attributes { origin: "igp".to_owned(), ..Attributes::default() },
        age: None,
        path_id: None,
        reason: None,
    };
    vec![learned, reflected, own]
}

pub(crate) fn status() -> Status {
    Status {
        name: "host-a".to_owned(),
        mode: "agent".to_owned(),
        version: "0.1.0".to_owned(),
        state: DaemonState::Ready,
        router_id: Ipv4Addr::new(192, 0, 2, 1),
        asn: 64512,
        pid: 4711,
        started_at: NOW - 273_600_000,
        uptime: 273_600,
        converged_after: Some(1_250),
        config: ConfigStatus {
            path: "/etc/peregrine/peregrine.toml".to_owned(),
            revision: 2,
            loaded_at: NOW - 189_000,
            last_error: Some("p.toml:3:1: unknown key `lisen` in [node]".to_owned()),
            last_error_at: Some(NOW - 9_000),
        },
        peers: PeerCounts { configured: 2, established: 1, shutdown: 0 },
        tables: vec![TableCounts {
            family: "ipv4-unicast".to_owned(),
            destinations: 1000,
            paths: 2000,
            originated: 3,
        }],
        fib: fib_status(false),
        memory: vec![
            MemoryUse {
                component: "destinations".to_owned(),
                bytes: 32_000,
                items: Some(1000),
                per_destination: Some(32.0),
                per_path: Some(16.0),
            },
            MemoryUse {
                component: "paths".to_owned(),
                bytes: 0,
                items: Some(0),
                per_destination: Some(0.0),
                per_path: Some(0.0),
            },
            MemoryUse {
                component: "frame-log".to_owned(),
                bytes: 1 << 20,
                items: None,
                per_destination: None,
                per_path: None,
            },
            MemoryUse {
                component: "accounted".to_owned(),
                bytes: 32_000 + (1 << 20),
                items: None,
                per_destination: None,
                per_path: None,
            },
        ],
        allocator: Some(AllocatorUse {
            allocated: 3 << 20,
            active: 4 << 20,
            metadata: 2 << 20,
            resident: 7 << 20,
            retained: 40 << 20,
        }),
        problems: Vec::new(),
    }
}

fn fib_status(differs: bool) -> FibStatus {
    let pending = u64::from(differs);
    FibStatus {
        enabled: true,
        desired: 997,
        programmed: 997 - pending,
        pending,
        repairs: 4,
        repairs_by: RepairCauses { event: 3, audit: 1 },
        ..FibStatus::default()
    }
}

impl Backend for Fake {
    async fn status(&self) -> Result<Status, ApiError> {
        Ok(status())
    }

    async fn peers(&self) -> Result<Vec<Peer>, ApiError> {
        Ok(peers())
    }

    async fn routes(&self, query: RouteQuery) -> Result<RouteStream, ApiError> {
        if query.view == View::Fib {
            return Err(ApiError::new(ErrorCode::Unavailable, "the kernel is being read"));
        }
        let wanted = |route: &Route| {
            let inside = |prefix: IpNet| match query.longer {
                true => prefix.contains(&route.prefix),
                false => prefix == route.prefix,
            };
            query.prefix.is_none_or(inside)
                && match query.view {
                    View::Received(peer) => route.peer == Some(peer),
                    _ => true,
                }
        };
        let mut all: Vec<Route> = routes().into_iter().filter(wanted).collect();
        let template = routes().remove(0);
        all.extend((0..self.filler).map(|index| {
            let address = Ipv4Addr::from_bits(0x0b00_0000 + index);
            Route { prefix: IpNet::from(IpAddr::V4(address)), ..template.clone() }
        }));
        let (sender, receiver) = mpsc::channel(1);
        let (fail_after, pages) = (self.fail_after, Arc::clone(&self.pages));
        tokio::spawn(async move {
            for (index, page) in all.chunks(ROUTES_PER_PAGE).enumerate() {
                if fail_after == Some(index) {
                    let _ = sender.send(Err(ApiError::new(ErrorCode::Failed, "the table has gone"))).await;
                    return;
                }
                if sender.send(Ok(page.to_vec())).await.is_err() {
                    return;
                }
                *pages.lock().unwrap() += 1;
            }
        });
        Ok(receiver)
    }

    async fn explain(&self, prefix: IpNet) -> Result<Explanation, ApiError> {
        let paths: Vec<ExplainedPath> = routes()
            .into_iter()
            .filter(|route| route.prefix == prefix)
            .map(|route| ExplainedPath { route, import: "accepted by policy from-tor, rule 1".to_owned() })
            .collect();
        if paths.is_empty() {
            return Err(ApiError::new(ErrorCode::NotFound, format!("nothing is known of {prefix}")));
        }
        let sent = vec![
            ExplainedPeer {
                peer: "rr-1".to_owned(),
                address: address("192.0.2.250"),
                sent: true,
                why: "learned from an external peer".to_owned(),
            },
            ExplainedPeer {
                peer: "tor-1".to_owned(),
                address: address("192.0.2.254"),
                sent: false,
                why: "it came from there".to_owned(),
            },
        ];
        Ok(Explanation { prefix, paths, sent, kernel: "not programmed: waiting".to_owned() })
    }

    async fn fib(&self) -> Result<FibReport, ApiError> {
        let difference = FibDifference {
            prefix: net("10.60.3.64/26"),
            table: 254,
            state: FibState::Unresolved,
            detail: "no route to 192.0.2.254".to_owned(),
        };
        let differences = self.differs.then_some(difference).into_iter().collect();
        Ok(FibReport { fib: fib_status(self.differs), differences })
    }

    async fn groups(&self) -> Result<Vec<Group>, ApiError> {
        let names = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
        Ok(vec![Group {
            id: 1,
            family: "ipv4-unicast".to_owned(),
            role: "client".to_owned(),
            members: names,
            routes: 20_000,
            log_bytes: 1_572_864,
            log_limit: 33_554_432,
            lag_bytes: 0,
            resyncing: 0,
            resyncs: 7,
        }])
    }

    async fn config(&self) -> Result<ConfigReport, ApiError> {
        let default = || ("/etc/peregrine.toml".to_owned(), serde_json::json!({ "node": { "asn": 64512 } }));
        let (path, config) = self.config.clone().unwrap_or_else(default);
        Ok(ConfigReport { status: ConfigStatus { path, ..status().config }, config })
    }

    async fn turn(&self) -> Result<(), ApiError> {
        if self.hangs { std::future::pending().await } else { Ok(()) }
    }

    async fn act(&self, action: Action) -> Result<Done, ApiError> {
        let refused = matches!(action, Action::Reload);
        self.actions.lock().unwrap().push(action);
        if refused {
            return Err(ApiError::new(
                ErrorCode::Failed,
                "changing `node.asn` needs a restart of the daemon",
            )
            .hint("the configuration before stays in force"));
        }
        Ok(Done { changed: 1, message: "done as asked".to_owned() })
    }
}

/// A server for a fake backend on a socket of its own, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) backend: Arc<Fake>,
    pub(crate) path: std::path::PathBuf,
    server: tokio::task::JoinHandle<()>,
    _socket: Socket,
    _directory: tempfile::TempDir,
}

impl Served {
    pub(crate) fn start(backend: Fake) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p.sock");
        let (listener, socket) = Socket::open(&path).unwrap();
        let backend = Arc::new(backend);
        let server =
            tokio::spawn(serve(listener, Arc::clone(&backend), Access::Full, std::future::pending()));
        Self { backend, path, server, _socket: socket, _directory: directory }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}
