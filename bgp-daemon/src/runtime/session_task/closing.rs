//! Closing a connection so that the peer can read our last words.
//!
//! Closing a socket with octets unread resets the connection, and a reset discards what the peer has not
//! read yet: the NOTIFICATION. So our direction is shut down first, and the peer's is drained for a while.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longest time for the last octets to be written, and for the peer to close after them.
const PATIENCE: Duration = Duration::from_secs(2);
/// Octets drained at most: a peer that goes on sending has not understood.
const DRAINED: usize = 1 << 20;

/// Writes `last`, shuts down our direction and drains the peer's; runs by itself, for seconds at most.
pub fn close_gracefully(mut stream: TcpStream, last: Vec<u8>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let _ = timeout(PATIENCE, async {
            stream.write_all(&last).await?;
            stream.shutdown().await
        })
        .await;
        let _ = timeout(PATIENCE, drain(&stream)).await;
    })
}

async fn drain(stream: &TcpStream) {
    let mut left = DRAINED;
    let mut sink = [0; 1024];
    while left > 0 && stream.readable().await.is_ok() {
        match stream.try_read(&mut sink) {
            Ok(0) => return,
            Ok(len) => left = left.saturating_sub(len),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
