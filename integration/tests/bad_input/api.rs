//! Garbage on the API socket, and on the port for readers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Instant;

use integration::lab::{Host, Lab, Result, millis, secs};

use crate::mesh::config;
use crate::talk::noise;

/// Writes what is taken, and returns the first line of the answer.
fn ask(path: &PathBuf, parts: &[&[u8]]) -> String {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(secs(8))).unwrap();
    stream.set_write_timeout(Some(secs(8))).unwrap();
    talk(stream, parts)
}

/// The same on the port.
fn ask_port(host: &Host, parts: &[&[u8]]) -> Result<String> {
    let stream = connect(host)?;
    stream.set_read_timeout(Some(secs(8))).unwrap();
    stream.set_write_timeout(Some(secs(8))).unwrap();
    Ok(talk(stream, parts))
}

fn connect(host: &Host) -> Result<TcpStream> {
    host.tcp_connect("127.0.0.1:9179".parse().unwrap(), secs(5))
}

fn talk(mut stream: impl Read + Write, parts: &[&[u8]]) -> String {
    for part in parts {
        if stream.write_all(part).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // A reset after the answer is an end too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn nonsense_on_the_api_socket_is_refused_and_others_are_served() -> Result {
    Lab::run(|lab| {
        let host = lab.host("a")?;
        let agent = host.peregrine("agent", &config(1, &[], "", ""))?;
        let path = host.outside("/run/peregrine/peregrine.sock")?;
        let status: &[u8] = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(ask(&path, &[status]), "HTTP/1.1 200 OK");
        let files = agent.open_files()?;
        let before = agent.rss()?;

        let head = |head: &str| format!("{head}\r\nHost: x\r\n").into_bytes();
        let post = head("POST /v1/announce HTTP/1.1");
        let long = [b"X: ".to_vec(), vec![b'a'; 2 << 20], b"\r\n\r\n".to_vec()].concat();
        let body = vec![b' '; 4 << 20];
        let chunk =
            [format!("{:x}\r\n", body.len()).into_bytes(), body.clone(), b"\r\n0\r\n\r\n".to_vec()].concat();
        for (what, parts, expected) in [
            ("noise", vec![noise(5000)], &["HTTP/1.1 400 Bad Request", ""][..]),
            ("BGP", vec![crate::talk::keepalive()], &["HTTP/1.1 400 Bad Request", ""]),
            (
                "an endless line",
                vec![vec![b'a'; 2 << 20]],
                &[
                    "HTTP/1.1 414 URI Too Long",
                    "HTTP/1.1 400 Bad Request",
                    "HTTP/1.1 431 Request Header Fields Too Large",
                    "",
                ],
            ),
            (
                "a huge header",
                vec![head("GET /v1/status HTTP/1.1"), long],
                &["HTTP/1.1 431 Request Header Fields Too Large"],
            ),
            (
                "a huge body by its word",
                vec![post.clone(), b"Content-Length: 99999999999\r\n\r\n".to_vec(), body],
                &["HTTP/1.1 413 Payload Too Large"],
            ),
            (
                "a huge body in chunks",
                vec![post.clone(), b"Transfer-Encoding: chunked\r\n\r\n".to_vec(), chunk],
                &["HTTP/1.1 413 Payload Too Large"],
            ),
            ("no JSON", vec![post, b"Content-Length: 3\r\n\r\n{]}".to_vec()], &["HTTP/1.1 400 Bad Request"]),
            (
                "no such path",
                vec![head("GET /v1/../etc/passwd HTTP/1.1"), b"\r\n".to_vec()],
                &["HTTP/1.1 404 Not Found"],
            ),
            (
                "no such method",
                vec![head("DELETE /v1/status HTTP/1.1"), b"\r\n".to_vec()],
                &["HTTP/1.1 405 Method Not Allowed"],
            ),
        ] {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let answer = ask(&path, &parts);
            assert!(expected.contains(&answer.as_str()), "{what}: {answer}");
            assert_eq!(ask(&path, &[status]), "HTTP/1.1 200 OK", "after {what}");
        }

        // Half requests hold their places; a hundred others share the rest.
        let half: Vec<UnixStream> = (0..16)
            .map(|n| {
                let mut stream = UnixStream::connect(&path).unwrap();
                stream.write_all(&status[..10 + n]).unwrap();
                stream
            })
            .collect();
        let began = Instant::now();
        let asking: Vec<_> = (0..100)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || ask(&path, &[b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"]))
            })
            .collect();
        for one in asking {
            assert_eq!(one.join().unwrap(), "HTTP/1.1 200 OK");
        }
        println!("100 clients beside 16 half requests: {:?}", began.elapsed());
        assert!(began.elapsed() < secs(5), "{:?}", began.elapsed());
        drop(half);
        host.poll("connections to be closed", secs(5), || Ok((agent.open_files()? <= files).then_some(())))?;
        std::thread::sleep(millis(100));
        let after = agent.rss()?;
        println!("resident: {before} octets, then {after}");
        assert!(after < before + (8 << 20), "{before} -> {after} octets");
        assert_eq!(agent.cmd(&["status"])?["state"], "ready");
        Ok(())
    })
}

#[test]
fn nonsense_on_the_port_for_readers_is_refused_and_probes_are_served() -> Result {
    Lab::run(|lab| {
        let host = lab.host("a")?;
        let agent = host.peregrine("agent", &config(1, &[], "", "[api]\nhttp = \"127.0.0.1:9179\"\n"))?;
        let live: &[u8] = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(ask_port(&host, &[live])?, "HTTP/1.1 200 OK");
        let files = agent.open_files()?;
        let before = agent.rss()?;
        let long =
            [b"GET /metrics HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; 2 << 20], b"\r\n\r\n".to_vec()].concat();
        for (what, octets, expected) in [
            ("noise", noise(5000), &["HTTP/1.1 400 Bad Request", ""][..]),
            ("BGP", crate::talk::keepalive(), &["HTTP/1.1 400 Bad Request", ""]),
            ("a huge header", long, &["HTTP/1.1 431 Request Header Fields Too Large", ""]),
            ("an act", b"POST /v1/announce HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n{\"prefixes\":[\"198.51.100.0/24\"]}".to_vec(), &["HTTP/1.1 404 Not Found"]),
            ("a repair", b"POST /v1/fib/repair HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &["HTTP/1.1 404 Not Found"]),
            ("a strange method", b"PATCH /metrics HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &["HTTP/1.1 405 Method Not Allowed"]),
        ] {
            let answer = ask_port(&host, &[&octets])?;
            assert!(expected.contains(&answer.as_str()), "{what}: {answer}");
            assert_eq!(ask_port(&host, &[live])?, "HTTP/1.1 200 OK", "after {what}");
        }
        assert_eq!(agent.cmd(&["status"])?["tables"][0]["originated"], 0);

        // More half requests than there are places, and a probe that still comes through.
        let half: Vec<TcpStream> = (0..100)
            .map(|_| {
                let mut stream = connect(&host)?;
                stream.write_all(&live[..10]).unwrap();
                Ok(stream)
            })
            .collect::<Result<_>>()?;
        let began = Instant::now();
        assert_eq!(ask_port(&host, &[live])?, "HTTP/1.1 200 OK");
        println!("a probe behind 100 half requests: {:?}", began.elapsed());
        assert!(began.elapsed() < secs(6), "{:?}", began.elapsed());
        drop(half);
        host.poll("connections to be closed", secs(5), || Ok((agent.open_files()? <= files).then_some(())))?;
        std::thread::sleep(millis(100));
        let after = agent.rss()?;
        println!("resident: {before} octets, then {after}");
        assert!(after < before + (8 << 20), "{before} -> {after} octets");
        Ok(())
    })
}
