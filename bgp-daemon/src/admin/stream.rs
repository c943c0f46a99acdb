//! Routes on their way out: page by page, as one document or one route a line.

use std::io;

use axum::body::Bytes;
use futures_util::Stream;
use futures_util::stream;

use super::api::{ApiError, Failure, Route, SCHEMA};
use super::backend::RouteStream;

/// The body of an answer with its content type.
///
/// The first page is awaited here, so that a table that cannot be read gives an error status.
pub(super) async fn routes_body(
    mut pages: RouteStream,
    lines: bool,
) -> Result<(&'static str, impl Stream<Item = io::Result<Bytes>>), ApiError> {
    let first = pages.recv().await.transpose()?;
    let content_type = if lines { "application/x-ndjson" } else { "application/json" };
    let state = Writer { pages, lines, next: first.map(Ok), stage: Stage::Head, comma: false };
    Ok((content_type, stream::unfold(state, Writer::step)))
}

struct Writer {
    pages: RouteStream,
    lines: bool,
    /// A page that has been received ahead.
    next: Option<Result<Vec<Route>, ApiError>>,
    stage: Stage,
    /// A route has been written before.
    comma: bool,
}

#[derive(PartialEq)]
enum Stage {
    Head,
    Pages,
    End,
}

impl Writer {
    async fn step(mut self) -> Option<(io::Result<Bytes>, Self)> {
        match self.stage {
            Stage::Head => {
                self.stage = Stage::Pages;
                let head =
                    if self.lines { String::new() } else { format!("{{\"schema\":{SCHEMA},\"routes\":[") };
                Some((Ok(Bytes::from(head)), self))
            }
            Stage::Pages => {
                let page = match self.next.take() {
                    Some(page) => Some(page),
                    None => self.pages.recv().await,
                };
                let chunk = match page {
                    Some(Ok(routes)) => self.page(&routes),
                    Some(Err(error)) => {
                        self.stage = Stage::End;
                        self.broken(error)
                    }
                    None => {
                        self.stage = Stage::End;
                        Ok(if self.lines { Bytes::new() } else { Bytes::from_static(b"]}\n") })
                    }
                };
                Some((chunk, self))
            }
            Stage::End => None,
        }
    }

    fn page(&mut self, routes: &[Route]) -> io::Result<Bytes> {
        let mut out = Vec::with_capacity(routes.len() * 256);
        for route in routes {
            if self.comma && !self.lines {
                out.push(b',');
            }
            self.comma = true;
            serde_json::to_writer(&mut out, route)?;
            if self.lines {
                out.push(b'\n');
            }
        }
        Ok(Bytes::from(out))
    }

    /// The status has gone out: a line can still tell, a document can only be cut off.
    fn broken(&self, error: ApiError) -> io::Result<Bytes> {
        if !self.lines {
            return Err(io::Error::other(error));
        }
        let mut line = serde_json::to_vec(&Failure { error })?;
        line.push(b'\n');
        Ok(Bytes::from(line))
    }
}
