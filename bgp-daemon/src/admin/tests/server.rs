//! Requests and answers over a real socket.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::super::api::*;
use super::super::backend::{Action, ROUTES_PER_PAGE};
use super::super::client::{Client, ClientError};
use super::super::endpoint::{Endpoint, Method};
use super::super::socket::{Socket, SocketError};
use super::fake::{self, Fake, Served, address};

/// One request as text; the whole answer as text.
async fn raw(served: &Served, request: &str) -> String {
    let mut stream = UnixStream::connect(&served.path).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: p\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn every_endpoint_answers_by_its_method_alone() {
    let served = Served::start(Fake::default());
    for endpoint in Endpoint::ALL {
        let path = endpoint.path().replace("{peer}", "tor-1");
        let get = raw(&served, &format!("GET {path} HTTP/1.1\r\nHost: p\r\n\r\n")).await;
        let post = raw(&served, &post(&path, "")).await;
        let (taken, refused) = match endpoint.method() {
            Method::Get => (get, post),
            Method::Post => (post, get),
        };
        assert!(!taken.starts_with("HTTP/1.1 404") && !taken.starts_with("HTTP/1.1 405"), "{path}: {taken}");
        assert!(refused.starts_with("HTTP/1.1 405"), "{path}: {refused}");
        assert!(refused.contains("{\"schema\":1,\"error\":"), "{path}: {refused}");
    }
}

#[tokio::test]
async fn answers_carry_the_schema_beside_their_fields() {
    let served = Served::start(Fake::default());
    let answer = raw(&served, "GET /v1/status HTTP/1.1\r\nHost: p\r\n\r\n").await;
    assert!(answer.contains("content-type: application/json"), "{answer}");
    assert!(answer.contains("{\"schema\":1,\"name\":\"host-a\""), "{answer}");
    let client = Client::new(&served.path);
    assert_eq!(client.get::<Status>("/v1/status").await.unwrap(), fake::status());
    assert_eq!(client.get::<Peers>("/v1/peers").await.unwrap().peers, fake::peers());
    assert_eq!(client.get::<Routes>("/v1/routes").await.unwrap().routes, fake::routes());
}

#[tokio::test]
async fn a_peer_goes_by_name_or_address() {
    let served = Served::start(Fake::default());
    let client = Client::new(&served.path);
    for key in ["tor-1", "192.0.2.254"] {
        let peer: Peer = client.get(&format!("/v1/peers/{key}")).await.unwrap();
        assert_eq!(peer.name, "tor-1");
    }
    let error = client.get::<Peer>("/v1/peers/tor-2").await.unwrap_err();
    let ClientError::Refused(error) = error else { panic!("{error}") };
    assert_eq!(error.code, ErrorCode::NotFound);
    assert_eq!(error.message, "no peer is called \"tor-2\"");
    assert_eq!(error.hints, ["did you mean `tor-1`?"]);
}

#[tokio::test]
async fn actions_reach_the_backend_with_peers_resolved() {
    let served = Served::start(Fake::default());
    let prefixes = r#"{"prefixes":["10.1.0.0/16"]}"#;
    let requests = [
        ("/v1/announce", prefixes),
        ("/v1/withdraw", prefixes),
        ("/v1/fib/repair", ""),
        ("/v1/peers/tor-1/refresh", r#"{"direction":"in"}"#),
        ("/v1/peers/tor-1/clear", ""),
        ("/v1/peers/rr-1/disable", r#"{"message":"maintenance"}"#),
        ("/v1/peers/rr-1/enable", ""),
    ];
    for (path, body) in requests {
        let answer = raw(&served, &post(path, body)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(answer.ends_with(r#"{"schema":1,"changed":1,"message":"done as asked"}"#), "{answer}");
    }
    let (tor, reflector) = (address("192.0.2.254"), address("192.0.2.250"));
    let net = vec!["10.1.0.0/16".parse().unwrap()];
    assert_eq!(
        *served.backend.actions.lock().unwrap(),
        [
            Action::Announce(net.clone()),
            Action::Withdraw(net),
            Action::RepairFib,
            Action::Refresh { peer: tor, direction: Some(Direction::In) },
            Action::Clear { peer: tor },
            Action::Disable { peer: reflector, message: Some("maintenance".to_owned()) },
            Action::Enable { peer: reflector },
        ]
    );
}

#[tokio::test]
async fn senseless_requests_are_refused_before_the_backend() {
    let served = Served::start(Fake::default());
    let long = format!("{{\"message\":\"{}\"}}", "x".repeat(256));
    let posts = [
        ("/v1/announce", "{}", "missing field `prefixes`"),
        ("/v1/announce", "[1]", "the body is not what was expected"),
        ("/v1/announce", r#"{"prefixes":[]}"#, "no prefix is given"),
        ("/v1/announce", r#"{"prefixes":["10.0.0.1/8"]}"#, "10.0.0.1/8 has host bits set"),
        ("/v1/announce", r#"{"prefixes":["10.0.0.0/8"],"x":1}"#, "unknown field `x`"),
        ("/v1/peers/tor-1/disable", long.as_str(), "the message has 256 octets, of at most 255"),
        ("/v1/peers/tor-1/refresh", r#"{"direction":"up"}"#, "unknown variant `up`"),
    ];
    for (path, body, expected) in posts {
        let answer = raw(&served, &post(path, body)).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(expected), "{path}: {answer}");
        assert!(answer.contains(r#""code":"invalid""#), "{answer}");
    }
    let queries = [
        ("prefix=10.0.0.1/8", "did you mean `10.0.0.0/8`?"),
        ("prefix=x", "is not a prefix"),
        ("longer=true", "`longer` needs a prefix"),
        ("family=l2vpn", "there is no family"),
        ("received=tor-1&fib=true", "exclude each other"),
        ("format=xml", "`format` must be json or jsonl"),
        ("bogus=1", "unknown field `bogus`"),
    ];
    for (query, expected) in queries {
        let answer = raw(&served, &format!("GET /v1/routes?{query} HTTP/1.1\r\nHost: p\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(expected), "{query}: {answer}");
    }
    assert_eq!(*served.backend.actions.lock().unwrap(), []);
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_not_read() {
    let served = Served::start(Fake::default());
    let mut stream = UnixStream::connect(&served.path).await.unwrap();
    let head = "POST /v1/announce HTTP/1.1\r\nHost: p\r\nContent-Length: 2000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn routes_come_in_pages_that_wait_for_their_reader() {
    let served = Served::start(Fake { filler: 200_000, ..Fake::default() });
    let client = Client::new(&served.path);
    let mut reader = client.routes("/v1/routes?format=jsonl").await.unwrap();
    let first = reader.next().await.unwrap().unwrap();
    assert!(!first.is_empty());
    // Let the server run until it can do no more: what is under way is what sockets and channel hold.
    let mut before = usize::MAX;
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let pages = *served.backend.pages.lock().unwrap();
        if pages == before {
            break;
        }
        before = pages;
    }
    assert!(before < 200_000 / ROUTES_PER_PAGE / 4, "{before} pages were made for a reader that waits");
    let mut count = first.len();
    while let Some(page) = reader.next().await.unwrap() {
        count += page.len();
    }
    assert_eq!(count, 200_003);
}

#[tokio::test]
async fn a_table_that_goes_away_is_an_error_in_both_forms() {
    let failing = || Fake { filler: 2000, fail_after: Some(2), ..Fake::default() };
    let served = Served::start(failing());
    let client = Client::new(&served.path);
    let mut reader = client.routes("/v1/routes?format=jsonl").await.unwrap();
    let error = loop {
        match reader.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended as if it were whole"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "the table has gone");
    let error = client.get::<Routes>("/v1/routes").await.unwrap_err();
    assert!(matches!(error, ClientError::Garbled { .. }), "{error}");
    // Before the first page there is still a status to say it with.
    let error = client.get::<Routes>("/v1/routes?fib=true").await.unwrap_err();
    assert_eq!(error.to_string(), "the kernel is being read");
}

#[tokio::test]
async fn clients_beyond_the_bound_wait_and_are_served_when_others_leave() {
    let served = Served::start(Fake::default());
    let mut idle = Vec::new();
    for _ in 0..32 {
        idle.push(UnixStream::connect(&served.path).await.unwrap());
    }
    let client = Client::new(&served.path);
    let waiting = client.get::<Status>("/v1/status");
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    idle.pop();
    let status = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert_eq!(status.name, "host-a");
}

#[tokio::test]
async fn a_socket_is_for_owner_and_group_and_goes_with_its_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/p.sock");
    let (listener, socket) = Socket::open(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let in_use = Socket::open(&path).unwrap_err();
    assert!(matches!(in_use, SocketError::InUse { .. }));
    assert!(in_use.to_string().ends_with("p.sock: another daemon is serving it"), "{in_use}");
    drop((listener, socket));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_left_by_a_dead_daemon_is_replaced_and_anything_else_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("p.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let (_listener, _socket) = Socket::open(&path).unwrap();
    assert!(UnixStream::connect(&path).await.is_ok());

    let file = directory.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(Socket::open(&file).unwrap_err(), SocketError::NotASocket { .. }));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn a_path_that_cannot_be_reached_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let error = Socket::open(&directory.path().join("no/such/p.sock")).unwrap_err();
    assert!(error.to_string().contains("cannot open the admin socket"), "{error}");
    assert!(error.to_string().contains("No such file or directory"), "{error}");
    assert!(error.hint().starts_with("create the directory "), "{}", error.hint());
}
