//! The page of metrics, and health.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::endpoint::{Endpoint, Method};
use super::super::server::{Access, serve};
use super::super::{health, metrics};
use super::fake::Fake;

/// The read-only server on a port of its own, for as long as the test runs.
async fn served(fake: Fake) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, Arc::new(fake), Access::ReadOnly, std::future::pending()));
    address
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("{request} HTTP/1.1\r\nHost: p\r\nContent-Length: 0\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_page_is_open_metrics_to_the_letter() {
    let page = metrics::page(&Fake::default(), true).await.unwrap();
    super::show::golden("metrics.txt", &page);
}

#[tokio::test]
async fn every_series_is_in_the_book_and_nothing_else() {
    let page = metrics::page(&Fake::default(), true).await.unwrap();
    let book = include_str!("../../../../docs/src/metrics.md");
    let mut made: Vec<&str> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    made.sort_unstable();
    made.dedup();
    let rows = book.lines().filter_map(|line| line.strip_prefix("| `peregrine_"));
    let mut told: Vec<String> =
        rows.filter_map(|row| Some(format!("peregrine_{}", row.split(['`', '{']).next()?))).collect();
    told.sort_unstable();
    assert_eq!(made, told);
}

#[tokio::test]
async fn series_of_peers_can_be_declined() {
    let address = served(Fake::default()).await;
    let with = ask(address, "GET /metrics").await;
    assert!(
        with.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{with}"
    );
    assert!(with.contains("peregrine_bgp_peer_up{peer=\"tor-1\",address=\"192.0.2.254\"} 1\n"), "{with}");
    assert!(with.ends_with("# EOF\n"), "{with}");
    let without = ask(address, "GET /metrics?peers=false").await;
    assert!(
        without.contains("peregrine_bgp_peers{") && !without.contains("peregrine_bgp_peer_up"),
        "{without}"
    );
    assert!(ask(address, "GET /metrics?peer=x").await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn on_the_port_readers_answer_and_nothing_acts() {
    let address = served(Fake::default()).await;
    for endpoint in Endpoint::ALL {
        let path = endpoint.path().replace("{peer}", "tor-1");
        for verb in ["GET", "POST", "PUT", "DELETE"] {
            let answer = ask(address, &format!("{verb} {path}")).await;
            let expected = match (endpoint.method(), verb) {
                // Explain lacks its prefix here, and says so.
                (Method::Get, "GET") if *endpoint == Endpoint::Explain => "HTTP/1.1 400",
                (Method::Get, "GET") => "HTTP/1.1 200",
                (Method::Get, _) => "HTTP/1.1 405",
                (Method::Post, _) => "HTTP/1.1 404",
            };
            assert!(answer.starts_with(expected), "{verb} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_daemon_that_does_not_turn_is_not_alive() {
    let (short, hung) = (Duration::from_millis(50), Fake { hangs: true, ..Fake::default() });
    let error = health::live(&hung, short).await.unwrap_err();
    assert_eq!(error.message, "supervisor and tables did not turn within 50 ms");
    assert!(health::live(&Fake::default(), short).await.is_ok());
    let address = served(Fake::default()).await;
    for path in ["/livez", "/readyz"] {
        assert!(ask(address, &format!("GET {path}")).await.ends_with("\r\n\r\nok\n"));
    }
}
