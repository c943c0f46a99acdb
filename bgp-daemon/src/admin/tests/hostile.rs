//! Clients that would keep others out.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::super::api::Status;
use super::super::client::Client;
use super::fake::{Fake, Served};

#[tokio::test]
async fn who_takes_every_place_and_stays_makes_room_for_others() {
    let served = Served::start(Fake { filler: 5_000, ..Fake::default() });
    let began = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = UnixStream::connect(&served.path).await.unwrap();
        // Asks for much and reads nothing.
        stream.write_all(b"GET /v1/routes HTTP/1.1\r\nHost: p\r\n\r\n").await.unwrap();
        slow.push(stream);
    }
    let client = Client::new(&served.path);
    let status = client.get::<Status>("/v1/status");
    let status = tokio::time::timeout(Duration::from_secs(20), status).await.unwrap().unwrap();
    assert_eq!(status.name, "host-a");
    // Everybody who came before us was served for a second, 32 at a time.
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_head_beyond_the_bound_is_not_kept() {
    let served = Served::start(Fake::default());
    let mut stream = UnixStream::connect(&served.path).await.unwrap();
    let head = format!("GET /v1/status HTTP/1.1\r\nHost: p\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    // Not all of it may be taken.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}
