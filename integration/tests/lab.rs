//! The lab itself: that it shows what the kernel does, and how tests fail in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test program")]

use std::io::{Read, Write};
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use integration::lab::{
    BGP, BIRD, BOOT, End, KernelRoute, Lab, LabError, Result, RouteKind, any, millis, secs, via,
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn route(prefix: &str) -> KernelRoute {
    KernelRoute::to(prefix.parse().unwrap())
}

#[test]
fn containers_on_two_hosts_reach_each_other() -> Result {
    Lab::run(|lab| {
        let [a, b] = lab.hosts(["a", "b"])?;
        let lan = lab.bridge("lan")?;
        a.attach(&lan, &["192.0.2.1/24", "2001:db8::1/64"])?;
        b.attach(&lan, &["192.0.2.2/24", "2001:db8::2/64"])?;
        let c1 = a.container("c1", &["10.60.1.2/32", "fd60::1:2/128"])?;
        let c2 = b.container("c2", &["10.60.2.2/32", "fd60::2:2/128"])?;
        for (host, prefix, via) in [
            (&a, "10.60.2.2/32", "192.0.2.2"),
            (&a, "fd60::2:2/128", "2001:db8::2"),
            (&b, "10.60.1.2/32", "192.0.2.1"),
            (&b, "fd60::1:2/128", "2001:db8::1"),
        ] {
            c1.no_ping(if via.contains(':') { "fd60::2:2" } else { "10.60.2.2" }, millis(60))?;
            host.add_route(&route(prefix).via(ip(via)).protocol(BGP).metric(20))?;
        }
        c1.ping("10.60.2.2")?;
        c1.ping("fd60::2:2")?;
        c2.ping("10.60.1.2")?;
        c2.ping("fd60::1:2")?;
        assert_eq!(a.flush_routes(BGP)?, 2);
        c1.no_ping("10.60.2.2", millis(60))
    })
}

#[test]
fn container_routes_are_those_of_the_ptp_plugin() -> Result {
    Lab::run(|lab| {
        let a = lab.host("a")?;
        a.container("c1", &["10.65.1.2/24", "fd65:1::2/64"])?;
        let v4 = a.routes_to("10.65.1.2/32")?;
        assert_eq!(v4, [route("10.65.1.2/32").dev("vethc1").protocol(BOOT).scope(254)]);
        let v6 = a.routes_to("fd65:1::2/128")?;
        assert_eq!(v6, [route("fd65:1::2/128").dev("vethc1").protocol(BOOT).metric(1024)]);
        let addresses = a.addresses()?;
        assert!(addresses.iter().any(|address| address.net == "10.65.1.1/32".parse().unwrap()));
        assert!(addresses.iter().any(|address| address.net == "fd65:1::1/128".parse().unwrap()));
        Ok(())
    })
}

#[test]
fn routes_are_read_as_they_were_written() -> Result {
    Lab::run(|lab| {
        let [a, b] = lab.hosts(["a", "b"])?;
        lab.link(&a, &["192.0.2.1/24", "2001:db8::1/64"], &b, &["192.0.2.2/24", "2001:db8::2/64"])?;
        let (v4, v4b, v6) = (ip("192.0.2.2"), ip("192.0.2.3"), ip("2001:db8::2"));
        let written = [
            route("10.1.0.0/24").via(v4).dev_of("b").protocol(BGP).metric(20),
            route("10.2.0.0/24").dev("b").protocol(BIRD).scope(253),
            route("10.3.0.0/24").protocol(BGP).kind(RouteKind::Blackhole),
            route("10.4.0.0/24").via(v4).via(v4b).dev_of("b").protocol(BGP),
            route("10.5.0.0/24").via_onlink(ip("203.0.113.1"), "b").protocol(BGP),
            route("10.6.0.0/24").via(v6).dev_of("b").protocol(BGP),
            route("10.7.0.0/24").via(v4).dev_of("b").table(1000),
            route("fd01::/64").via(v6).dev_of("b").protocol(BGP).metric(20),
            route("fd02::/64").via(v6).via(ip("2001:db8::3")).dev_of("b").protocol(BGP).metric(7),
            route("0.0.0.0/0").via(v4).dev_of("b").protocol(4),
            route("::/0").via(v6).dev_of("b").protocol(4).metric(1024),
        ];
        for route in &written {
            a.add_route(route)?;
        }
        let read = a.routes()?;
        for route in &written {
            assert!(read.contains(route), "{route} is not in {read:#?}");
        }
        for route in &written {
            a.delete_route(route)?;
        }
        let read = a.routes()?;
        assert!(!read.iter().any(|route| written.contains(route)), "{read:#?}");
        Ok(())
    })
}

/// The kernel names the link of every next hop, so what is compared must too.
trait DevOf {
    fn dev_of(self, dev: &str) -> Self;
}

impl DevOf for KernelRoute {
    fn dev_of(mut self, dev: &str) -> Self {
        for hop in &mut self.hops {
            hop.dev = Some(dev.to_owned());
        }
        self
    }
}

#[test]
fn ip_agrees_with_the_lab() -> Result {
    Lab::run(|lab| {
        let [a, b] = lab.hosts(["a", "b"])?;
        lab.link(&a, &["192.0.2.1/24"], &b, &["192.0.2.2/24"])?;
        a.run(&["ip", "route", "add", "10.9.0.0/24", "via", "192.0.2.2", "proto", "186", "metric", "20"])?;
        let routes = a.routes_to("10.9.0.0/24")?;
        assert_eq!(routes, [route("10.9.0.0/24").via(ip("192.0.2.2")).dev_of("b").protocol(BGP).metric(20)]);
        a.delete_route(&routes[0])?;
        assert_eq!(a.run(&["ip", "route", "show", "proto", "186"])?, "");
        Ok(())
    })
}

#[test]
fn waiting_measures_from_the_call_to_the_change() -> Result {
    Lab::run(|lab| {
        let [a, b] = lab.hosts(["a", "b"])?;
        lab.link(&a, &["192.0.2.1/24"], &b, &["192.0.2.2/24"])?;
        let other = a.clone();
        let added = std::thread::spawn(move || {
            std::thread::sleep(millis(200));
            other.add_route(&route("10.1.0.0/24").via(ip("192.0.2.2")))
        });
        let took = a.wait_route("10.1.0.0/24", via("192.0.2.2"), secs(5))?;
        assert!(took >= millis(190) && took < millis(400), "{took:?}");
        added.join().unwrap()?;
        a.delete_route(&route("10.1.0.0/24").via(ip("192.0.2.2")))?;
        assert!(a.wait_no_route("10.1.0.0/24", secs(1))? < millis(100));
        Ok(())
    })
}

#[test]
fn a_timeout_shows_tables_logs_and_topology() -> Result {
    let lab = Lab::new()?;
    let a = lab.host("a")?;
    let lan = lab.bridge("lan")?;
    a.attach(&lan, &["192.0.2.1/24"])?;
    let talker = a.spawn("talker", &["sh", "-c", "echo hello from the talker; sleep 100"])?;
    talker.wait_log("hello", secs(5))?;
    let error = a.wait_route("10.1.0.0/24", any, millis(50)).unwrap_err();
    assert!(matches!(error, LabError::Timeout { .. }));
    let text = format!("{error:?}");
    for expected in [
        "host a",
        "10.1.0.0/24",
        "no such route",
        "192.0.2.0/24 dev lan",
        "hello from the talker",
        "bridge lan",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
    Ok(())
}

#[test]
fn errors_name_the_host_and_the_command() -> Result {
    let lab = Lab::new()?;
    let a = lab.host("a")?;
    let failed = a.run(&["sh", "-c", "echo out; echo err >&2; exit 3"]).unwrap_err().to_string();
    for expected in ["host a", "sh -c", "exit code 3", "out", "err"] {
        assert!(failed.contains(expected), "{expected:?} is not in:\n{failed}");
    }
    let absent = a.run(&["/no/such/program"]).unwrap_err().to_string();
    assert!(absent.contains("/no/such/program") && absent.contains("No such file"), "{absent}");
    let unreachable = a.add_route(&route("10.0.0.0/24").via(ip("192.0.2.9"))).unwrap_err().to_string();
    assert!(unreachable.contains("host a: adding route 10.0.0.0/24 via 192.0.2.9"), "{unreachable}");
    assert!(lab.host("a").is_err(), "a name can be used once");
    assert!(lab.host("much-too-long-name").is_err());
    Ok(())
}

#[test]
fn processes_are_started_measured_killed_and_restarted() -> Result {
    Lab::run(|lab| {
        let a = lab.host("a")?;
        let daemon = a.spawn("d", &["sh", "-c", "echo started; sleep 100; :"])?;
        daemon.wait_log("started", secs(5))?;
        assert_eq!(daemon.end()?, None);
        assert!(daemon.rss()? > 100_000);
        assert!(daemon.open_files()? >= 3);
        assert!(daemon.cpu()? < secs(1));
        daemon.kill9()?;
        assert_eq!(daemon.end()?, Some(End::Killed(9)));
        daemon.restart()?;
        a.poll("two starts", secs(5), || Ok((daemon.log().matches("started").count() == 2).then_some(())))?;
        assert_eq!(daemon.term(secs(5))?, End::Killed(15));
        assert!(daemon.rss().is_err());
        let busy = a.spawn("busy", &["sh", "-c", "while :; do :; done"])?;
        a.poll("processor time", secs(5), || Ok((busy.cpu()? >= millis(100)).then_some(())))?;
        busy.kill9()
    })
}

#[test]
fn hosts_have_their_own_files_and_names() -> Result {
    Lab::run(|lab| {
        let [a, b] = lab.hosts(["a", "b"])?;
        a.write_file("/run/deep/file", "of a")?;
        assert_eq!(a.run(&["cat", "/run/deep/file"])?, "of a");
        assert!(b.read_file("/run/deep/file").is_err());
        b.run(&["sh", "-c", "echo of b > /tmp/x; echo v > /var/tmp/x"])?;
        assert_eq!(b.read_file("/tmp/x")?, "of b\n");
        assert_eq!(b.read_file("/var/tmp/x")?, "v\n");
        assert!(a.read_file("/tmp/x").is_err());
        assert!(a.outside("/etc/passwd").is_err(), "what is shared with the machine is not written");
        assert_eq!(b.run(&["uname", "-n"])?, "b\n");
        assert_eq!(a.sysctl("net.ipv4.ip_forward")?, "1");
        a.set_sysctl("net.ipv4.ip_forward", "0")?;
        assert_eq!(a.run(&["cat", "/proc/sys/net/ipv4/ip_forward"])?, "0\n");
        assert_eq!(b.sysctl("net/ipv4/ip_forward")?, "1");
        Ok(())
    })
}

#[test]
fn a_pinger_counts_what_is_lost() -> Result {
    Lab::run(|lab| {
        let [a, b] = lab.hosts(["a", "b"])?;
        let (_, at_b) = lab.link(&a, &["192.0.2.1/24"], &b, &["192.0.2.2/24"])?;
        a.ping("192.0.2.2")?;
        let whole = a.pinger("192.0.2.2", millis(5))?;
        let broken = a.pinger("192.0.2.2", millis(5))?;
        std::thread::sleep(millis(200));
        let whole = whole.stop_without_loss()?;
        assert!(whole.sent >= 30 && whole.lost == 0, "{whole:?}");
        assert!(whole.longest_gap < millis(100) && whole.median > Duration::ZERO, "{whole:?}");
        at_b.down()?;
        std::thread::sleep(millis(150));
        at_b.up()?;
        a.ping("192.0.2.2")?;
        std::thread::sleep(millis(100));
        let seen = broken.stop();
        assert!(seen.lost >= 20 && seen.longest_gap >= millis(150), "{seen:?}");
        assert!(seen.sent - seen.lost >= 30, "{seen:?}");
        Ok(())
    })
}

#[test]
fn links_go_down_move_and_vanish() -> Result {
    Lab::run(|lab| {
        let [a, b, c] = lab.hosts(["a", "b", "c"])?;
        let (at_a, at_b) = lab.link(&a, &["192.0.2.1/24"], &b, &["192.0.2.2/24"])?;
        a.ping("192.0.2.2")?;
        at_b.down()?;
        a.no_ping("192.0.2.2", millis(60))?;
        at_b.up()?;
        a.ping("192.0.2.2")?;
        let moved = at_b.move_to(&c)?;
        assert!(!at_b.exists()? && moved.exists()?);
        moved.up()?;
        moved.add_address("192.0.2.3/24")?;
        a.ping("192.0.2.3")?;
        moved.remove_address("192.0.2.3/24")?;
        a.no_ping("192.0.2.3", millis(60))?;
        moved.delete()?;
        assert!(!at_a.exists()?, "the other end goes too");
        Ok(())
    })
}

#[test]
fn a_dead_container_takes_its_veth_and_route_along() -> Result {
    Lab::run(|lab| {
        let a = lab.host("a")?;
        let c1 = a.container("c1", &["10.60.1.2/32", "fd60::2/128"])?;
        a.ping("10.60.1.2")?;
        let inside = c1.spawn("inside", &["sleep", "1000"])?;
        let watch = a.watch_routes()?;
        c1.die()?;
        assert!(inside.end()?.is_some());
        a.wait_no_route("10.60.1.2/32", secs(5))?;
        a.wait_no_route("fd60::2/128", secs(5))?;
        assert!(!c1.veth().exists()?);
        assert!(c1.ping("10.60.1.1").is_err());
        // The kernel tells of the IPv6 route only: what our daemon must cope with.
        a.poll("word of the IPv6 route", secs(5), || {
            Ok(watch.changes_to("fd60::2/128")?.iter().any(|change| !change.added).then_some(()))
        })?;
        assert!(watch.changes_to("10.60.1.2/32")?.is_empty());
        a.container("c1", &["10.60.1.2/32"])?.ping("10.60.1.1").map(drop)
    })
}

#[test]
fn tests_speak_tcp_from_inside_a_host() -> Result {
    Lab::run(|lab| {
        let [a, b] = lab.hosts(["a", "b"])?;
        lab.link(&a, &["192.0.2.1/24", "2001:db8::1/64"], &b, &["192.0.2.2/24", "2001:db8::2/64"])?;
        for address in ["192.0.2.2:179", "[2001:db8::2]:179"] {
            let address = address.parse().unwrap();
            let refused = a.tcp_connect(address, secs(3)).unwrap_err().to_string();
            assert!(refused.contains("Connection refused"), "{refused}");
            let listener = b.tcp_listen(address)?;
            let mut near = a.tcp_connect(address, secs(1))?;
            let (mut far, from) = listener.accept().unwrap();
            assert_eq!(from, near.local_addr().unwrap());
            near.write_all(b"hello").unwrap();
            let mut heard = [0; 5];
            far.read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"hello");
        }
        Ok(())
    })
}

#[test]
fn a_person_can_look_around() -> Result {
    Lab::run(|lab| {
        let [a, b] = lab.hosts(["a", "b"])?;
        a.write_file("/run/marker", "of a")?;
        let inside = a.spawn("sleeper", &["sleep", "1000"])?;
        let enter = lab.enter_command(&a)?;
        let enter: Vec<&str> = enter.split(' ').collect();
        let run = |args: &[&str]| {
            let output = Command::new(enter[0]).args(&enter[1..]).args(args).output().unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        assert_eq!(run(&["cat", "/run/marker"]), (Some(0), "of a".to_owned()));
        assert_eq!(run(&["uname", "-n"]), (Some(0), "a\n".to_owned()));
        let killed = format!("kill -9 {}; exit 7", inside.pid());
        assert_eq!(run(&["sh", "-c", &killed]).0, Some(7));
        assert_eq!(inside.wait(secs(5))?, End::Killed(9));
        assert!(b.run(&["cat", "/run/marker"]).is_err());
        let absent = Command::new(enter[0]).args(["enter", enter[2], "nobody", "true"]).output().unwrap();
        assert!(String::from_utf8_lossy(&absent.stderr).contains("it has a, b"), "{absent:?}");
        Ok(())
    })
}

#[test]
fn forty_hosts_share_a_bridge() -> Result {
    Lab::run(|lab| {
        let lan = lab.bridge("lan")?;
        let mut hosts = Vec::new();
        for number in 1..=40 {
            let host = lab.host(&format!("h{number}"))?;
            host.attach(&lan, &[&format!("192.0.2.{number}/24"), &format!("2001:db8::{number}/64")])?;
            hosts.push(host);
        }
        for host in &hosts {
            host.ping("192.0.2.40")?;
            host.ping("2001:db8::40")?;
        }
        Ok(())
    })
}
