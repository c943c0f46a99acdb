//! How fast; run with `cargo test --release -p fib-sync --test kernel speed -- --ignored --nocapture`.

use std::net::Ipv4Addr;
use std::time::Instant;

use fib_sync::{FibConfig, UpdateBatch};
use ipnet::{IpNet, Ipv4Net};

use crate::lab::{Fib, in_namespace, ip, ip_batch, uplink, via};

const ROUTES: u32 = 100_000;

fn nth(n: u32) -> IpNet {
    Ipv4Net::new(Ipv4Addr::from(0x1400_0000 + (n << 8)), 24).unwrap().into()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn load(fib: &Fib, want: impl Fn(u32) -> Option<fib_sync::DesiredRoute>) {
    let batches: Vec<UpdateBatch> = (0..ROUTES)
        .collect::<Vec<_>>()
        .chunks(4096)
        .map(|c| c.iter().map(|n| (nth(*n), want(*n))).collect())
        .collect();
    for batch in batches {
        fib.handle.update(batch).await.unwrap();
    }
}

async fn wait(fib: &Fib, installed: u64) {
    loop {
        let counters = fib.counters().await;
        if counters.installed == installed && counters.drift == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn bulk() {
    in_namespace("speed::bulk", || async {
        uplink();
        let fib = Fib::start().await;
        let before = resident_kib();
        let start = Instant::now();
        load(&fib, |_| via(&["192.0.2.2"])).await;
        wait(&fib, u64::from(ROUTES)).await;
        report("install", start);
        let per_route = (resident_kib() - before) * 1024 / u64::from(ROUTES);
        println!("resident: {before} KiB idle, {per_route} octets more per route");
        let start = Instant::now();
        load(&fib, |_| via(&["192.0.2.3"])).await;
        wait(&fib, u64::from(ROUTES)).await;
        report("replace", start);
        let start = Instant::now();
        fib.handle.audit().await.unwrap();
        report("audit", start);
        let start = Instant::now();
        load(&fib, |_| None).await;
        wait(&fib, 0).await;
        report("remove", start);
        println!("{:?}", fib.counters().await);
    });
}

#[test]
#[ignore = "a measurement, not a check"]
fn latency() {
    in_namespace("speed::latency", || async {
        uplink();
        ip_batch(&(0..200).map(|n| format!("route add 10.9.0.{n}/32 via 192.0.2.9\n")).collect::<String>());
        let mut fib = Fib::start_with(|config: &mut FibConfig| {
            config.origins.container_routes = vec!["veth1".parse().unwrap()];
        })
        .await;
        let mut seen = Vec::new();
        for n in 0..200 {
            let prefix = format!("10.65.{}.{}/32", n / 100, n % 100);
            ip(&format!("route add {prefix} dev veth1 proto boot scope link"));
            // `ip` had returned before this started: what is left is our part of the way.
            seen.push(fib.until("the origin", |f| f.originates(&prefix)).await);
        }
        seen.sort();
        println!("route in the kernel to event in hand: p50 {:?}, p99 {:?}", seen[100], seen[198]);
    });
}

fn report(what: &str, start: Instant) {
    let took = start.elapsed();
    println!("{what}: {ROUTES} routes in {took:?}, {:.0} routes/s", f64::from(ROUTES) / took.as_secs_f64());
}
