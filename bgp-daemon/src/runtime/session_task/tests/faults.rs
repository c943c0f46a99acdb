//! What others do wrong ends their connection and nothing else.

use bgp_core::session::Reason;
use bgp_core::wire::notification::cease;
use bgp_core::wire::{MAX_LEN, MessageKind, Notification, next_message};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::*;

/// A connection from `from`, on whatever port.
async fn connect(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    soon(socket.connect(to)).await.unwrap()
}

/// Everything up to the end of the stream; the last message must be a NOTIFICATION.
async fn last_words(stream: &mut TcpStream) -> Notification {
    let mut octets = BytesMut::new();
    soon(async { while stream.read_buf(&mut octets).await.unwrap() > 0 {} }).await;
    let mut last = None;
    while let Some(message) = next_message(&mut octets, MAX_LEN).unwrap() {
        last = Some(message);
    }
    let last = last.expect("a message");
    assert_eq!(last.kind, MessageKind::Notification);
    Notification::decode(&last.body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_answered_and_touches_no_other_session() {
    let [mut a, b] = plans();
    a.config.passive = true;
    let (peer, router) = (a.peer.ip(), a.run());
    drop(b);
    router.tell(Input::Start).await;
    let others = established(plans()).await;
    let mut stream = connect(peer, router.addr).await;
    stream.write_all(&b"GET / HTTP/1.1\r\n\r\n".repeat(5000)).await.unwrap();
    let told = last_words(&mut stream).await;
    assert_eq!((told.code, told.subcode), (1, 1));
    for other in &others {
        let report = other.report().await;
        assert_eq!((report.state, report.stats.flaps), (State::Established, 0));
    }
    let Some((Reason::Sent { notification, .. }, _)) = router.report().await.stats.last_error else {
        panic!("the fault is remembered");
    };
    assert_eq!((notification.code, notification.subcode), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_peer_is_rejected() {
    let [a, _] = plans().map(Plan::run);
    let mut stream = connect(address(), a.addr).await;
    let told = last_words(&mut stream).await;
    assert_eq!((told.code, told.subcode), (6, cease::REJECTED));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_session_rejects_its_peer() {
    let [a, b] = plans();
    let peer = a.peer.ip();
    let router = a.run();
    drop(b);
    let mut stream = connect(peer, router.addr).await;
    let told = last_words(&mut stream).await;
    assert_eq!((told.code, told.subcode), (6, cease::REJECTED));
    assert!(router.report().await.stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_connections_leaves_a_known_peer_served() {
    let [a, mut b] = plans();
    b.config.passive = true;
    let target = b.listener.local_addr().unwrap();
    let [a, mut b] = [a.run(), b.run()];
    let from = address();
    let flood = tokio::spawn(async move {
        loop {
            drop(connect(from, target).await);
        }
    });
    for router in [&a, &b] {
        router.tell(Input::Start).await;
    }
    b.up().await;
    flood.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_its_session_only_and_the_session_comes_back() {
    let [a, mut b] = plans();
    b.panics_on_update = true;
    let others = established(plans()).await;
    let [mut a, mut b] = established([a, b]).await;
    a.frames.push(update(0, 1));
    assert_eq!(a.down().await.reason, Reason::Lost);
    let down = b.down().await;
    assert_eq!(down.retain, PerFamily::default());
    b.up().await;
    a.up().await;
    for other in &others {
        assert_eq!(other.report().await.stats.flaps, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc2385_sessions_with_the_same_key_establish() {
    let keyed = |plan: Plan| Plan { key: Password::new("correct horse"), ..plan };
    established(plans().map(keyed)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc2385_sessions_with_different_keys_never_connect() {
    let [a, b] = plans();
    let a = Plan { key: Password::new("one"), ..a }.run();
    let b = Plan { key: Password::new("another"), ..b }.run();
    for router in [&a, &b] {
        router.tell(Input::Start).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for router in [&a, &b] {
        assert!(router.report().await.state < State::OpenSent);
    }
}
