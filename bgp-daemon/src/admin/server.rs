//! The admin server: HTTP in front of a [`Backend`], on a Unix socket or, for readers alone, on a TCP port.
//!
//! Clients are few, and still must not be able to hurt: requests, clients and the time of each are bounded,
//! and one connection carries one request, so that an idle one holds nothing. Slow ones cannot keep others
//! out: when no place is free, the connection that has been there longest makes room.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::backend::Backend;
use super::router::router;

/// What clients of a listener may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Everything.
    Full,
    /// Read: requests that act are not there.
    ReadOnly,
}

/// Answers requests until `stop` completes; then no more are taken.
pub async fn serve<B: Backend, L: Listener>(
    listener: L,
    backend: Arc<B>,
    access: Access,
    stop: impl Future<Output = ()>,
) {
    tokio::select! {
        () = accept(listener, router(backend, access)) => {}
        () = stop => {}
    }
}

async fn accept(mut listener: impl Listener, router: Router) {
    let slots = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut open = VecDeque::new();
    loop {
        let (stream, _) = listener.accept().await;
        let Some(slot) = place(&slots, &mut open).await else { return };
        open.push_back((Instant::now(), tokio::spawn(answer(stream, router.clone(), slot))));
    }
}

/// A place for one client more. Those after it wait in the kernel's queue.
async fn place(
    slots: &Arc<Semaphore>,
    open: &mut VecDeque<(Instant, JoinHandle<()>)>,
) -> Option<OwnedSemaphorePermit> {
    loop {
        open.retain(|(_, connection)| !connection.is_finished());
        let oldest = open.front().map_or_else(Instant::now, |(since, _)| *since);
        match timeout_at(oldest + PATIENCE, Arc::clone(slots).acquire_owned()).await {
            Ok(slot) => return slot.ok(),
            Err(_) => {
                if let Some((_, oldest)) = open.pop_front() {
                    oldest.abort();
                    // Its place is free when it has ended, and not before.
                    let _ = oldest.await;
                }
            }
        }
    }
}

async fn answer<S>(stream: S, router: Router, slot: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that goes away in the middle is its own affair.
    let _ = timeout(REQUEST_TIMEOUT, connection).await;
    drop(slot);
}

/// Clients served at a time: an operator, scripts and a dashboard, with room to spare.
const MAX_CLIENTS: usize = 32;

/// What a connection has for itself even when others wait for its place. Whoever reads a million routes keeps
/// it beside 31 others for as long as it takes.
const PATIENCE: Duration = Duration::from_secs(1);

/// Octets of a request's head.
const MAX_HEAD: usize = 64 << 10;

/// For the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// For a whole request and its answer: a million routes to a slow terminal, not for ever.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(600);
