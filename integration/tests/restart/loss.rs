//! Peers that go away for good.

use std::time::Instant;

use integration::lab::{Lab, Result, secs};

use crate::{config, forgets, heard, knows, prefixes, segment, since, start};

#[test]
fn routes_of_a_peer_without_graceful_restart_go_with_it() -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b]) = segment(lab, ["a", "b"])?;
        a.peregrine("agent", &config(1, &[2], "", ""))?;
        let other = b.peregrine("agent", &config(2, &[1], "graceful-restart = false", ""))?;
        start(&b, 2, 2)?;
        knows(&a, 2, 2)?;
        let began = Instant::now();
        other.kill9()?;
        forgets(&a, 2, 2, secs(2))?;
        assert!(began.elapsed() < secs(2), "{:?}", began.elapsed());
        Ok(())
    })
}

#[test]
fn routes_of_a_peer_behind_a_dead_link_go_with_the_hold_time() -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b]) = segment(lab, ["a", "b"])?;
        let keys = "graceful-restart = false\nhold-time = 3";
        a.peregrine("agent", &config(1, &[2], keys, ""))?;
        b.peregrine("agent", &config(2, &[1], keys, ""))?;
        start(&b, 2, 2)?;
        knows(&a, 2, 2)?;
        let watch = a.watch_routes()?;
        b.set_sysctl("net.ipv6.conf.lan.keep_addr_on_down", "1")?;
        // The bridge stays up, so that the host sees nothing but silence.
        b.link("lan").down()?;
        let began = Instant::now();
        forgets(&a, 2, 2, secs(6))?;
        for prefix in prefixes(2, 2) {
            let changes = heard(&watch, &prefix);
            assert!(changes.len() == 1 && !changes[0].added, "{changes:?}");
            // The last KEEPALIVE may be a second old when the silence begins.
            let after = since(began, &changes[0]);
            assert!(after > secs(1) && after < secs(5), "{prefix} went after {after:?}");
        }
        b.link("lan").up()?;
        knows(&a, 2, 2)
    })
}
