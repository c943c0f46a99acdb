//! A segment of hosts in one AS, for tests of several programs.
#![allow(dead_code, reason = "each program uses its part")]

use std::time::Duration;

use integration::lab::{BGP, Bridge, Container, Host, Lab, Result, secs};

/// The segment of every test here; host number `n` has 192.0.2.n and 2001:db8::n.
pub(crate) fn segment<const N: usize>(lab: &Lab, names: [&str; N]) -> Result<(Bridge, [Host; N])> {
    let lan = lab.bridge("lan")?;
    let hosts = lab.hosts(names)?;
    for (host, own) in hosts.iter().zip(1..) {
        host.attach(&lan, &[&format!("192.0.2.{own}/24"), &format!("2001:db8::{own}/64")])?;
    }
    Ok((lan, hosts))
}

/// A member of AS 64512 with internal neighbours by their numbers; `keys` go into each of them. Members differ
/// in the number of threads that own their tables, which must not be seen.
pub(crate) fn config(own: u8, neighbors: &[u8], keys: &str, rest: &str) -> String {
    let neighbors = neighbors.iter().map(|other| {
        format!(
            "\n[[neighbor]]\naddress = \"192.0.2.{other}\"\nasn = \"internal\"\nconnect-retry-time = 1\n\
             idle-hold-time = 1\n{keys}\n"
        )
    });
    let neighbors: String = neighbors.collect();
    let shards = 1 + own % 3;
    format!(
        "[node]\nasn = 64512\nrouter-id = \"192.0.2.{own}\"\nshards = {shards}\n{neighbors}\n\
         [originate]\ncontainer-routes = [\"veth*\"]\n{rest}\n"
    )
}

/// The addresses of container `c` of host `h`.
pub(crate) fn addresses(h: u8, c: u8) -> [String; 2] {
    [format!("10.60.{h}.{c}"), format!("fd60:0:0:{h}::{c}")]
}

/// The prefixes of container `c` of host `h`.
pub(crate) fn prefixes(h: u8, c: u8) -> [String; 2] {
    let [v4, v6] = addresses(h, c);
    [format!("{v4}/32"), format!("{v6}/128")]
}

/// Starts container `c` of host `h`.
pub(crate) fn start(host: &Host, h: u8, c: u8) -> Result<Container> {
    let [v4, v6] = prefixes(h, c);
    host.container(&format!("c{c}"), &[&v4, &v6])
}

/// Waits for the routes to a container.
pub(crate) fn knows(host: &Host, h: u8, c: u8) -> Result {
    prefixes(h, c)
        .iter()
        .try_for_each(|prefix| host.wait_route(prefix, |route| route.protocol == BGP, secs(10)).map(drop))
}

/// Waits until the routes to a container are gone.
pub(crate) fn forgets(host: &Host, h: u8, c: u8, timeout: Duration) -> Result {
    prefixes(h, c).iter().try_for_each(|prefix| host.wait_no_route(prefix, timeout).map(drop))
}

/// Waits until so many sessions are established.
pub(crate) fn established(host: &Host, count: u64) -> Result {
    let look = || Ok((host.peregrine_cmd(&["status"])?["peers"]["established"] == count).then_some(()));
    host.poll("established sessions", secs(15), look).map(drop)
}
