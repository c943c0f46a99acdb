//! Many containers at once, while the reflector is away.

use std::fmt::Write as _;
use std::time::Instant;

use integration::lab::{BGP, Host, Lab, Result, millis, secs};

use crate::mesh::{config, established, segment};

const CONTAINERS: usize = 200;

/// Runs commands of `ip` in one process.
fn batch(host: &Host, name: &str, lines: &str) -> Result {
    let path = format!("/run/{name}");
    host.write_file(&path, lines)?;
    // Anyone inside a container sees the files of its host.
    host.run(&["ip", "-batch", &path]).map(drop)
}

#[test]
fn two_hundred_containers_in_a_second_while_the_reflector_restarts() -> Result {
    Lab::run(|lab| {
        let (_lan, [a, b, rr]) = segment(lab, ["a", "b", "rr"])?;
        a.peregrine("agent", &config(1, &[3], "", ""))?;
        b.peregrine("agent", &config(2, &[3], "", ""))?;
        let reflector = rr.peregrine("reflector", &config(3, &[1, 2], "", ""))?;
        established(&rr, 2)?;
        let inside = a.unconnected("all")?;
        let mut ends = String::new();
        let mut links = String::new();
        let mut gone = String::new();
        for n in 0..CONTAINERS {
            let path = inside.namespace_path();
            let _ = writeln!(links, "link add veth{n} type veth peer name e{n} netns {path}");
            let _ = writeln!(links, "link set veth{n} up\nroute add 10.61.0.{n}/32 dev veth{n} scope host");
            let _ = writeln!(links, "route add fd61::{n:x}/128 dev veth{n}");
            let _ = writeln!(ends, "link set e{n} up");
            let _ = writeln!(gone, "link del veth{n}");
        }
        let count = |routes: &[integration::lab::KernelRoute]| {
            routes.iter().filter(|route| route.protocol == BGP).count()
        };

        let began = Instant::now();
        batch(&a, "links", &links)?;
        reflector.kill9()?;
        batch(&inside, "ends", &ends)?;
        println!("{CONTAINERS} containers in {:?}", began.elapsed());
        reflector.restart()?;
        let took = b.wait_until("all containers", secs(15), |routes| count(routes) == 2 * CONTAINERS)?;
        println!("all known elsewhere {took:?} after the reflector's return");
        established(&rr, 2)?;
        b.wait_until("it to stay so", secs(5), |routes| count(routes) == 2 * CONTAINERS)?;

        reflector.kill9()?;
        batch(&a, "gone", &gone)?;
        reflector.restart()?;
        let took = b.wait_until("no container", secs(15), |routes| count(routes) == 0)?;
        println!("all forgotten {took:?} after the reflector's return");
        std::thread::sleep(millis(300));
        assert_eq!(b.routes_of(BGP)?, []);
        let status = a.peregrine_cmd(&["status"])?;
        assert!(
            status["tables"].as_array().unwrap().iter().all(|table| table["originated"] == 0),
            "{status}"
        );
        Ok(())
    })
}
