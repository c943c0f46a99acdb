//! The real CNI plugins in a lab: that they work there, and that the lab's own containers look to the
//! kernel as theirs do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test program")]

use integration::lab::{Host, KernelRoute, Lab, Result, any, secs};

/// Routes without what differs from one container to the next: the link's name.
fn shape(host: &Host, veth: &str) -> Result<Vec<KernelRoute>> {
    let mut routes = host.routes()?;
    // Link-local prefixes are the kernel's.
    routes.retain(|route| !route.prefix.to_string().starts_with("fe80"));
    for hop in routes.iter_mut().flat_map(|route| &mut route.hops) {
        let dev = hop.dev.as_deref();
        hop.dev = dev.map(|dev| if dev == veth { "the veth".to_owned() } else { dev.to_owned() });
    }
    Ok(routes)
}

#[test]
fn ptp_makes_the_routes_that_lab_containers_have() -> Result {
    Lab::run(|lab| {
        let [real, ours] = lab.hosts(["real", "ours"])?;
        let network = real.cni_ptp("net", &["10.65.1.0/24", "fd65:1::/64"])?;
        let c1 = network.add("c1")?;
        let addresses: Vec<_> = c1.addresses.iter().map(ToString::to_string).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        assert_eq!(addresses, ["10.65.1.2/24", "fd65:1::2/64"]);
        let copy = ours.container("c1", &addresses)?;
        assert_eq!(shape(&real, c1.veth().dev())?, shape(&ours, copy.veth().dev())?);
        real.ping("10.65.1.2")?;
        real.ping("fd65:1::2")?;
        c1.ping("10.65.1.1").map(drop)
    })
}

#[test]
fn ptp_del_removes_veth_route_and_booking() -> Result {
    Lab::run(|lab| {
        let a = lab.host("a")?;
        let network = a.cni_ptp("net", &["10.65.1.0/24", "fd65:1::/64"])?;
        let (c1, c2) = (network.add("c1")?, network.add("c2")?);
        c1.ping("10.65.1.3")?;
        c2.ping("fd65:1::2")?;
        assert_eq!(network.booked()?.len(), 4);
        network.del(&c1)?;
        a.wait_no_route("10.65.1.2/32", secs(2))?;
        a.wait_no_route("fd65:1::2/128", secs(2))?;
        assert!(!c1.veth().exists()?);
        let mut booked = network.booked()?;
        booked.sort();
        assert_eq!(booked, ["10.65.1.3", "fd65:1::3"]);
        Ok(())
    })
}

#[test]
fn a_namespace_that_dies_without_del_leaks_its_booking() -> Result {
    Lab::run(|lab| {
        let a = lab.host("a")?;
        let network = a.cni_ptp("net", &["10.65.1.0/24"])?;
        let c1 = network.add("c1")?;
        a.wait_route("10.65.1.2/32", any, secs(1))?;
        c1.die()?;
        a.wait_no_route("10.65.1.2/32", secs(5))?;
        // Labels only, never truth: what container runtimes leave behind.
        assert_eq!(network.booked()?, ["10.65.1.2"]);
        Ok(())
    })
}

#[test]
fn bridge_makes_a_connected_prefix_only() -> Result {
    Lab::run(|lab| {
        let a = lab.host("a")?;
        let network = a.cni_bridge("net", "cni0", &["10.66.1.0/26", "fd66:1::/64"])?;
        let (c1, c2) = (network.add("c1")?, network.add("c2")?);
        c1.ping("10.66.1.3")?;
        c2.ping("fd66:1::2")?;
        a.ping("10.66.1.2")?;
        let connected = a.routes_to("10.66.1.0/26")?;
        assert_eq!(connected.len(), 1);
        assert!(connected[0].goes_through("cni0") && connected[0].protocol == 2 && connected[0].scope == 253);
        assert!(a.routes_to("10.66.1.2/32")?.is_empty());
        network.del(&c1)?;
        assert_eq!(a.routes_to("10.66.1.0/26")?.len(), 1);
        c2.ping("10.66.1.1").map(drop)
    })
}
