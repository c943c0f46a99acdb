//! `GET /metrics`: what the daemon counts, as OpenMetrics text.
//!
//! Nothing is counted for this page alone: it is written from what the other readers are told, when somebody
//! asks. Series are named and explained here, and listed for operators in the book.

mod page;
mod series;

use super::api::{ApiError, ErrorCode, Group, Peer, Status};
use super::backend::Backend;

/// The content type that Prometheus and its relatives know the format by.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a page is written from.
#[derive(Debug)]
struct Snapshot {
    status: Status,
    groups: Vec<Group>,
    /// `None` when only the daemon as a whole is asked about.
    peers: Option<Vec<Peer>>,
}

/// The page, with series of each peer or without.
///
/// # Errors
/// Those of the backend.
pub(super) async fn page<B: Backend>(backend: &B, peers: bool) -> Result<String, ApiError> {
    let snapshot = Snapshot {
        status: backend.status().await?,
        groups: backend.groups().await?,
        peers: if peers { Some(backend.peers().await?) } else { None },
    };
    // A thousand peers are a megabyte of text: not for a thread that sessions wait for.
    let written = tokio::task::spawn_blocking(move || page::write(snapshot)).await;
    written
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| ApiError::new(ErrorCode::Failed, "the page cannot be written"))
}
