//! Graceful restart with the other implementations, in both roles.

use integration::lab::{Host, Lab, Result, secs, via};
use integration::peers::{Announcement, Neighbor, Peer, Speaker};

use crate::{addresses, config, heard, learned, prefixes, quiet, segment, start};

const AS: u32 = 64512;

/// Number 2 of the segment, peer of number 1 in both families, with graceful restart on.
fn speaker() -> Result<Speaker> {
    let neighbor = Neighbor::new("192.0.2.1", AS)?;
    let neighbor =
        Neighbor { local: "192.0.2.2".parse().ok(), ipv6: true, graceful_restart: Some(120), ..neighbor };
    Ok(Speaker::new(AS, [192, 0, 2, 2]).neighbor(neighbor).kernel())
}

/// We are killed and come back; the helper's kernel is watched.
fn helps(run: impl FnOnce(&Host) -> Result<Box<dyn Peer>>) -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b]) = segment(lab, ["a", "b"])?;
        let agent = a.peregrine("agent", &config(1, &[2], "", ""))?;
        let helper = run(&b)?;
        helper.wait_established("192.0.2.1", secs(30))?;
        start(&a, 1, 2)?;
        let gone = start(&a, 1, 3)?;
        for n in [2, 3] {
            for prefix in prefixes(1, n) {
                b.wait_route(&prefix, |_| true, secs(10))?;
            }
        }
        let watch = b.watch_routes()?;
        let ping = b.pinger(&addresses(1, 2)[0], integration::lab::millis(20))?;
        agent.kill9()?;
        gone.die()?;
        quiet();
        agent.restart()?;
        helper.wait_established("192.0.2.1", secs(30))?;
        for prefix in prefixes(1, 3) {
            b.wait_no_route(&prefix, secs(10))?;
        }
        quiet();
        for prefix in prefixes(1, 2) {
            let changes = watch.changes_to(&prefix)?;
            assert!(changes.is_empty(), "{changes:?}");
        }
        ping.stop_without_loss().map(drop)
    })
}

#[test]
fn bird_2_helps_us_through_a_restart() -> Result {
    helps(|host| Ok(Box::new(host.bird2(speaker()?)?)))
}

#[test]
fn frr_helps_us_through_a_restart() -> Result {
    helps(|host| Ok(Box::new(host.frr(speaker()?)?)))
}

#[test]
fn we_help_bird_2_through_a_restart() -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b]) = segment(lab, ["a", "b"])?;
        a.peregrine("agent", &config(1, &[2], "", ""))?;
        let speaker = speaker()?;
        let speaker = ["10.3.0.0/24", "fd03::/64", "10.4.0.0/24"]
            .iter()
            .try_fold(speaker, |speaker, net| Result::Ok(speaker.network(Announcement::new(net)?)))?;
        let bird = b.bird2(speaker)?;
        bird.wait_established("192.0.2.1", secs(30))?;
        a.wait_route("10.3.0.0/24", via("192.0.2.2"), secs(10))?;
        a.wait_route("fd03::/64", |_| true, secs(10))?;
        a.wait_route("10.4.0.0/24", via("192.0.2.2"), secs(10))?;
        start(&a, 1, 2)?;
        let watch = a.watch_routes()?;
        bird.kill9()?;
        quiet();
        assert_eq!(learned(&watch), Vec::<String>::new());
        // One network is not configured any more when it comes back to recover (`-R`).
        let path = "/run/bird2/bird.conf";
        let text = b.read_file(path)?.replace("  route 10.4.0.0/24 blackhole;\n", "");
        b.write_file(path, &text)?;
        b.spawn(
            "bird2 -R",
            &[
                "/usr/sbin/bird",
                "-f",
                "-R",
                "-c",
                path,
                "-s",
                "/run/bird2/bird.ctl",
                "-P",
                "/run/bird2/bird.pid",
            ],
        )?;
        bird.wait_established("192.0.2.1", secs(30))?;
        a.wait_no_route("10.4.0.0/24", secs(20))?;
        bird.wait_route(&prefixes(1, 2)[0], &|route| route.best, secs(10))?;
        quiet();
        assert_eq!(learned(&watch), ["- 10.4.0.0/24"]);
        assert!(heard(&watch, "10.3.0.0/24").is_empty());
        Ok(())
    })
}
