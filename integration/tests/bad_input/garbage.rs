//! Garbage on port 179: it ends the connection it came on, with the right word, and nothing else.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use integration::lab::{BGP, Host, KernelRoute, Lab, Peregrine, Result, RouteWatch, millis, secs};

use crate::mesh::{config, established, knows, segment, start};
use crate::talk::{AS, keepalive, last_words, message, next, noise, open, say};

const PORT: &str = "192.0.2.1:179";
/// The peer that talks nonsense; it has to dial.
const ODD: [u8; 4] = [192, 0, 2, 3];

/// An agent with a sound peer, whose routes and session are what must not be touched.
struct Victim {
    host: Host,
    sound: Host,
    odd: Host,
    stranger: Host,
    agent: Peregrine,
    _other: Peregrine,
    watch: RouteWatch,
    kernel: Vec<KernelRoute>,
}

fn victim(lab: &Lab) -> Result<Victim> {
    let (_lan, [host, sound, odd, stranger]) = segment(lab, ["a", "b", "odd", "stranger"])?;
    let odd_one =
        "[[neighbor]]\naddress = \"192.0.2.3\"\nasn = \"internal\"\npassive = true\nidle-hold-time = 0\n";
    let agent = host.peregrine("agent", &config(1, &[2], "", odd_one))?;
    let other = sound.peregrine("agent", &config(2, &[1], "", ""))?;
    established(&host, 1)?;
    start(&host, 1, 2)?;
    start(&sound, 2, 2)?;
    knows(&host, 2, 2)?;
    knows(&sound, 1, 2)?;
    let (watch, kernel) = (host.watch_routes()?, host.routes_of(BGP)?);
    Ok(Victim { host, sound, odd, stranger, agent, _other: other, watch, kernel })
}

impl Victim {
    fn connect(&self, from: &Host) -> Result<TcpStream> {
        from.tcp_connect(PORT.parse::<SocketAddr>().unwrap(), secs(5))
    }

    /// The other session and the kernel are as they were.
    fn unharmed(&self) -> Result {
        let peer = self.host.peregrine_cmd(&["peers", "192.0.2.2"])?;
        assert_eq!((&peer["state"], &peer["flaps"]), (&"Established".into(), &0.into()), "{peer}");
        assert_eq!(peer["messages"]["sent"]["notifications"], 0, "{peer}");
        assert_eq!(self.host.routes_of(BGP)?, self.kernel);
        let changes: Vec<String> = self
            .watch
            .changes()
            .iter()
            .filter(|change| change.route.protocol == BGP)
            .map(ToString::to_string)
            .collect();
        assert_eq!(changes, Vec::<String>::new());
        assert_eq!(self.agent.end()?, None);
        self.sound.ping("10.60.1.2").map(drop)
    }

    /// Waits until the files of closed connections are closed, and says how many are open.
    fn settled_files(&self, most: usize) -> Result<usize> {
        let look = || {
            let open = self.agent.open_files()?;
            Ok((open <= most).then_some(open))
        };
        self.host.poll("connections to be closed", secs(8), look).map(|(open, _)| open)
    }
}

/// What is sent once a connection stands, and the NOTIFICATION it earns.
fn before_open() -> Vec<(&'static str, Vec<u8>, (u8, u8))> {
    let mut marker = keepalive();
    marker[3] = 0;
    let header = |length: u16, kind: u8| [&[0xff; 16][..], &length.to_be_bytes(), &[kind]].concat();
    vec![
        ("marker", marker, (1, 1)),
        ("noise", noise(1000), (1, 1)),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), (1, 1)),
        ("length 0", header(0, 4), (1, 2)),
        ("length 18", header(18, 4), (1, 2)),
        ("length 4097", header(4097, 1), (1, 2)),
        ("KEEPALIVE of 20 octets", message(4, &[0]), (1, 2)),
        ("OPEN of 28 octets", message(1, &[4; 9]), (1, 2)),
        ("type 0", message(0, &[]), (1, 3)),
        ("type 9", message(9, &[]), (1, 3)),
        ("version", open(3, AS, 90, ODD), (2, 1)),
        ("AS", open(4, AS + 1, 90, ODD), (2, 2)),
        ("identifier 0", open(4, AS, 90, [0; 4]), (2, 3)),
        ("hold time 1", open(4, AS, 1, ODD), (2, 6)),
        ("UPDATE before OPEN", message(2, &[0; 4]), (5, 1)),
    ]
}

/// The same, after OPEN and KEEPALIVE.
fn when_established() -> Vec<(&'static str, Vec<u8>, (u8, u8))> {
    let nlri = [64, 1, 1, 0, 64, 2, 0, 64, 3, 4, 192, 0, 2, 3, 64, 5, 4, 0, 0, 0, 100];
    let with_nlri = |nlri_octets: &[u8]| {
        let length = u16::try_from(nlri.len()).unwrap();
        message(2, &[&[0, 0][..], &length.to_be_bytes(), &nlri, nlri_octets].concat())
    };
    vec![
        ("withdrawn routes beyond the end", message(2, &[0, 9, 0, 0]), (3, 1)),
        ("attributes beyond the end", message(2, &[0, 0, 0, 9, 1]), (3, 1)),
        ("prefix of 33 bits", with_nlri(&[33, 10, 0, 0, 0, 0]), (3, 10)),
        ("prefix cut short", with_nlri(&[24, 10]), (3, 10)),
        ("UPDATE of 22 octets", message(2, &[0, 0, 0]), (1, 2)),
        ("OPEN again", open(4, AS, 90, ODD), (5, 3)),
        ("noise", noise(70_000), (1, 1)),
    ]
}

#[test]
fn each_kind_of_garbage_earns_its_notification_and_ends_its_connection_only() -> Result {
    Lab::run(|lab| {
        let victim = victim(lab)?;
        for (what, octets, expected) in before_open() {
            let mut stream = victim.connect(&victim.odd)?;
            assert_eq!(next(&mut stream).map(|(kind, _)| kind), Some(1), "{what}: no OPEN");
            say(&mut stream, &octets);
            assert_eq!(last_words(&mut stream), Some(expected), "{what}");
            // The same from the address of the peer whose session stands: only the new connection ends.
            if expected.0 == 1 {
                let mut stream = victim.connect(&victim.sound)?;
                say(&mut stream, &octets);
                assert!(last_words(&mut stream).is_some(), "{what}, beside a session");
            }
            // A stranger is not listened to.
            let mut stream = victim.connect(&victim.stranger)?;
            say(&mut stream, &octets);
            assert!(matches!(last_words(&mut stream), None | Some((6, 5))), "{what}, from a stranger");
        }
        for (what, octets, expected) in when_established() {
            let mut stream = victim.connect(&victim.odd)?;
            say(&mut stream, &open(4, AS, 90, ODD));
            say(&mut stream, &keepalive());
            victim.host.poll("the odd session", secs(5), || {
                let peer = victim.host.peregrine_cmd(&["peers", "192.0.2.3"])?;
                Ok((peer["state"] == "Established").then_some(()))
            })?;
            say(&mut stream, &octets);
            assert_eq!(last_words(&mut stream), Some(expected), "{what}");
        }
        let peer = victim.host.peregrine_cmd(&["peers", "192.0.2.2"])?;
        // Beside its session the sound peer's address was answered with NOTIFICATIONs, and the session stood.
        assert_eq!((&peer["state"], &peer["flaps"]), (&"Established".into(), &0.into()), "{peer}");
        assert_eq!(victim.host.routes_of(BGP)?, victim.kernel);
        assert!(victim.watch.changes().iter().all(|change| change.route.protocol != BGP));
        Ok(())
    })
}

#[test]
fn a_stranger_is_told_that_it_is_one() -> Result {
    Lab::run(|lab| {
        let victim = victim(lab)?;
        let mut stream = victim.connect(&victim.stranger)?;
        assert_eq!(next(&mut stream), Some((3, vec![6, 5])));
        victim.unharmed()
    })
}

#[test]
fn many_slow_and_half_connections_cost_nobody_anything() -> Result {
    Lab::run(|lab| {
        let victim = victim(lab)?;
        let files = victim.agent.open_files()?;
        // The first round fills what is kept for reuse.
        crowd(&victim)?;
        victim.settled_files(files)?;
        std::thread::sleep(millis(200));
        let before = victim.agent.rss()?;
        for _ in 0..3 {
            crowd(&victim)?;
            victim.settled_files(files)?;
        }
        let after = victim.agent.rss()?;
        println!("resident: {before} octets, after 1200 connections more {after}");
        assert!(after < before + (1 << 20), "{before} -> {after} octets");

        // One octet at a time, and half a message: the connection may live, nobody waits for it.
        let mut slow = victim.connect(&victim.odd)?;
        let mut half = victim.connect(&victim.sound)?;
        say(&mut half, &open(4, AS, 90, [192, 0, 2, 2])[..25]);
        let began = Instant::now();
        for octet in &open(4, AS, 90, ODD)[..3] {
            say(&mut slow, &[*octet]);
            std::thread::sleep(secs(1));
            victim.unharmed()?;
        }
        assert!(began.elapsed() < secs(5), "somebody was waited for: {:?}", began.elapsed());
        // A newer connection takes the place of the slow one.
        let mut newer = victim.connect(&victim.odd)?;
        assert_eq!(next(&mut newer).map(|(kind, _)| kind), Some(1));
        assert_eq!(last_words(&mut slow), Some((6, 7)));
        say(&mut newer, &open(4, AS, 90, ODD));
        assert_eq!(next(&mut newer).map(|(kind, _)| kind), Some(4));
        victim.unharmed()
    })
}

/// Two hundred connections at once from each of a stranger and the odd peer, all silent or cut off.
fn crowd(victim: &Victim) -> Result {
    for from in [&victim.stranger, &victim.odd] {
        let mut all = Vec::new();
        for n in 0..200 {
            let mut stream = victim.connect(from)?;
            say(&mut stream, &noise(n % 40)[..n % 40]);
            all.push(stream);
        }
        victim.unharmed()?;
        for mut stream in all {
            let _ = stream.set_read_timeout(Some(Duration::from_millis(1)));
            let _ = last_words(&mut stream);
        }
    }
    Ok(())
}
