//! `make figures`: what an idle agent costs, and how long a container's route takes from one host's kernel
//! through a reflector into another's.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use integration::lab::{BGP, Host, KernelRoute, Lab, Peregrine, Result, millis, peregrine_program, secs};

/// Routes added and removed, one after the other.
const ROUTES: u32 = 1000;

fn main() -> ExitCode {
    match Lab::new().and_then(|lab| measure(&lab)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(lab: &Lab) -> Result {
    let [a, b, rr] = lab.hosts(["a", "b", "rr"])?;
    let lan = lab.bridge("lan")?;
    for (host, last) in [(&a, 1), (&b, 2), (&rr, 9)] {
        host.attach(&lan, &[&format!("192.0.2.{last}/24"), &format!("2001:db8::{last}/64")])?;
    }
    rr.peregrine("reflector", &config(9, &[1, 2]))?;
    let agent = a.peregrine("agent", &config(1, &[9]))?;
    b.peregrine("agent", &config(2, &[9]))?;
    established(&rr)?;
    idle(&agent)?;

    a.container("c1", &["10.62.0.2/32"])?;
    b.wait_route("10.62.0.2/32", |route| route.protocol == BGP, secs(5))?;
    let routes: Vec<KernelRoute> = (0..ROUTES).map(route).collect::<std::result::Result<_, _>>()?;
    let watch = b.watch_routes()?;
    let mut times = [Vec::new(), Vec::new()];
    for (added, times) in [true, false].into_iter().zip(&mut times) {
        for route in &routes {
            let started = Instant::now();
            if added {
                a.add_route(route)?;
            } else {
                a.delete_route(route)?;
            }
            let (took, _) = b.poll("the change to arrive", secs(5), || {
                let changes = watch.changes_to(&route.prefix.to_string())?;
                let change = changes.iter().find(|change| change.added == added);
                Ok(change.map(|change| change.at.saturating_duration_since(started)))
            })?;
            times.push(took);
        }
    }
    for (what, times) in ["route added", "route removed"].into_iter().zip(&mut times) {
        times.sort();
        println!(
            "{what} on one host, in another's kernel through a reflector: p50 {}, p99 {}, longest {} ({} changes)",
            ms(at(times, 50)),
            ms(at(times, 99)),
            ms(at(times, 100)),
            times.len()
        );
    }
    Ok(())
}

fn route(n: u32) -> std::result::Result<KernelRoute, integration::lab::LabError> {
    let prefix = format!("10.62.{}.{}/32", 1 + n / 250, 1 + n % 250);
    let prefix = prefix.parse().map_err(|_| integration::lab::LabError::Topology(prefix))?;
    Ok(KernelRoute::to(prefix).dev("vethc1").scope(254))
}

fn idle(agent: &Peregrine) -> Result {
    std::thread::sleep(secs(2));
    let before = agent.cpu()?;
    std::thread::sleep(secs(10));
    let used = agent.cpu()?.saturating_sub(before);
    println!("idle agent: {:.1} MB resident, {} of CPU in 10 s", mb(agent.rss()?), ms(used));
    let program = peregrine_program()?;
    if let Ok(file) = std::fs::metadata(&program) {
        println!("binary: {:.1} MB", mb(file.len()));
    }
    Ok(())
}

fn established(host: &Host) -> Result {
    host.poll("established sessions", secs(20), || {
        let status = host.peregrine_cmd(&["status"])?;
        let count = |name| status.get("peers").and_then(|peers| peers.get(name)).cloned();
        Ok((count("established") == count("configured")).then_some(()))
    })?;
    std::thread::sleep(millis(500));
    Ok(())
}

fn config(own: u8, peers: &[u8]) -> String {
    let peers = peers.iter().map(|peer| {
        format!("[[neighbor]]\naddress = \"192.0.2.{peer}\"\nasn = \"internal\"\nconnect-retry-time = 1\n")
    });
    let originate = "[originate]\ncontainer-routes = [\"veth*\"]\n";
    let peers: String = peers.collect();
    format!("[node]\nasn = 64512\nrouter-id = \"192.0.2.{own}\"\n{peers}{originate}")
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
