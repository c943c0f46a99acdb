//! A namespace, the commands that change it, and the route task in it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fib_sync::{
    Counters, DesiredRoute, FibConfig, FibEvent, FibHandle, FibSync, NextHopRef, OriginRules, Reachability,
    RouteStatus, SnapshotQuery,
};
use ipnet::IpNet;
use tokio::sync::mpsc::Receiver;

/// Long enough for a loaded machine; nothing waits for it when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `body` inside fresh namespaces: in a child process that runs this one test again.
pub(crate) fn in_namespace<F: Future<Output = ()>>(test: &str, body: impl FnOnce() -> F) {
    run_unshared(&["--user", "--map-root-user", "--net"], test, || {
        ip("link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(body());
    });
}

pub(crate) fn run_unshared(namespaces: &[&str], test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let output = Command::new("unshare")
        .args(namespaces)
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .expect("unshare(1), of util-linux, runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{text}");
}

const INSIDE: &str = "FIB_SYNC_TEST_INSIDE";

/// Runs `ip` and expects success.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().expect("ip(8) runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs many `ip` commands in one process.
pub(crate) fn ip_batch(lines: &str) {
    use std::io::Write;
    let mut child = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// The kernel's routes with our protocol number, both families, as `ip` prints them.
pub(crate) fn own_routes() -> Vec<String> {
    let both = ip("-4 route show table all proto 186") + &ip("-6 route show table all proto 186");
    let tidy = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = Vec::new();
    for line in both.lines() {
        match lines.last_mut() {
            // The next hops of a multipath route are indented below it.
            Some(last) if line.starts_with([' ', '\t']) => *last += &format!(" {}", tidy(line)),
            _ => lines.push(tidy(line)),
        }
    }
    lines
}

pub(crate) fn has_own(prefix: &str) -> bool {
    own_routes().iter().any(|line| line.split(' ').any(|word| word == prefix))
}

/// veth0 (192.0.2.1/24, fd00::1/64) towards veth1 in the same namespace, up with carrier.
pub(crate) fn uplink() {
    veth("veth0", "veth1");
    addresses("veth0");
}

pub(crate) fn veth(name: &str, peer: &str) {
    ip(&format!("link add {name} type veth peer name {peer}"));
    for link in [peer, name] {
        ip(&format!("link set {link} addrgenmode none"));
        ip(&format!("link set {link} up"));
    }
}

pub(crate) fn addresses(link: &str) {
    ip(&format!("addr add 192.0.2.1/24 dev {link}"));
    ip(&format!("addr add fd00::1/64 dev {link} nodad"));
}

/// A container as the `ptp` plugin leaves it on the host: gateway address on the link, host-scope route.
pub(crate) fn container(name: &str, n: u8) {
    veth(name, &format!("p{name}"));
    ip(&format!("addr add 10.65.0.1/32 dev {name}"));
    ip(&format!("addr add fd65::1/128 dev {name} nodad"));
    ip(&format!("route add 10.65.1.{n} dev {name} proto boot scope host"));
    ip(&format!("route add fd65:1::{n} dev {name} proto boot"));
}

pub(crate) fn via(addrs: &[&str]) -> Option<DesiredRoute> {
    let next_hops = addrs.iter().map(|addr| NextHopRef::from(addr.parse::<IpAddr>().unwrap())).collect();
    Some(DesiredRoute::Via { next_hops, onlink: false })
}

pub(crate) fn prefix(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// A running task and everything it has told so far.
pub(crate) struct Fib {
    pub(crate) handle: FibHandle,
    events: Receiver<FibEvent>,
    pub(crate) adopted: Option<usize>,
    pub(crate) next_hops: BTreeMap<IpAddr, Reachability>,
    pub(crate) origins: BTreeSet<String>,
    pub(crate) statuses: BTreeMap<IpNet, RouteStatus>,
}

impl Fib {
    /// Starts with `veth*` and `cali*` as container interfaces and `br*` as connected ones.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(edit: impl FnOnce(&mut FibConfig)) -> Self {
        let mut config = FibConfig {
            origins: OriginRules {
                container_routes: vec!["c-*".parse().unwrap(), "cali*".parse().unwrap()],
                connected: vec!["br*".parse().unwrap()],
                networks: vec![],
            },
            ..FibConfig::default()
        };
        edit(&mut config);
        let (handle, events) = FibSync::spawn(config).unwrap();
        let mut fib = Self {
            handle,
            events,
            adopted: None,
            next_hops: BTreeMap::new(),
            origins: BTreeSet::new(),
            statuses: BTreeMap::new(),
        };
        fib.until("the first comparison", |fib| fib.adopted.is_some()).await;
        fib
    }

    pub(crate) async fn desire(&self, routes: &[(&str, Option<DesiredRoute>)]) {
        let batch = routes.iter().map(|(p, want)| (prefix(p), want.clone())).collect();
        self.handle.update(batch).await.unwrap();
    }

    pub(crate) async fn track(&self, addrs: &[&str]) {
        let refs = addrs.iter().map(|a| NextHopRef::from(a.parse::<IpAddr>().unwrap())).collect();
        self.handle.track_next_hops(refs, vec![]).await.unwrap();
    }

    pub(crate) async fn counters(&self) -> Counters {
        self.handle.snapshot(SnapshotQuery::Counters).await.unwrap().counters
    }

    pub(crate) fn reachable(&self, addr: &str) -> bool {
        self.next_hops.get(&addr.parse().unwrap()).is_some_and(|r| r.reachable)
    }

    pub(crate) fn originates(&self, prefix: &str) -> bool {
        self.origins.contains(prefix)
    }

    /// Takes in events until `done`; panics when that takes too long. Returns how long it took.
    pub(crate) async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) -> Duration {
        let start = Instant::now();
        while !done(self) {
            if start.elapsed() > PATIENCE {
                let differing = self.handle.snapshot(SnapshotQuery::Differing).await.unwrap();
                let mut routes = own_routes();
                let count = routes.len();
                routes.truncate(20);
                panic!("waited in vain for {what}; {count} own routes: {routes:#?}\n{differing:?}");
            }
            let pause = tokio::time::sleep(Duration::from_millis(1));
            tokio::select! {
                event = self.events.recv() => self.take(event.expect("the task runs")),
                () = pause => {}
            }
        }
        start.elapsed()
    }

    /// Lets the task run for a while and fails if `bad` becomes true.
    pub(crate) async fn never(&mut self, what: &str, mut bad: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + Duration::from_millis(300);
        while Instant::now() < end {
            assert!(!bad(self), "{what}; own routes: {:?}", own_routes());
            let pause = tokio::time::sleep(Duration::from_millis(5));
            tokio::select! {
                event = self.events.recv() => self.take(event.expect("the task runs")),
                () = pause => {}
            }
        }
    }

    fn take(&mut self, event: FibEvent) {
        match event {
            FibEvent::Adopted { routes } => self.adopted = Some(routes),
            FibEvent::AddressesChanged => {}
            FibEvent::NextHopChanged(changed) => {
                self.next_hops.extend(changed.into_iter().map(|(next_hop, r)| (next_hop.addr, r)));
            }
            FibEvent::OriginsChanged { added, removed } => {
                for prefix in removed {
                    assert!(self.origins.remove(&prefix.to_string()), "{prefix} was not announced");
                }
                self.origins.extend(added.iter().map(|origin| origin.prefix.to_string()));
            }
            FibEvent::RouteStatus(changed) => self.statuses.extend(changed),
        }
    }
}
