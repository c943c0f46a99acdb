//! The client side of the admin API, for the command line.

use std::io;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

use super::api::{ApiError, Failure, Reply, Route, SCHEMA};

/// Talks to one daemon; every request is a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// Why there is no answer, or not the one hoped for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers on the socket.
    #[error("cannot reach the daemon at {socket}: {source}")]
    Unreachable {
        /// Its socket.
        socket: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The daemon refuses, with its reason.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// What came is not an answer.
    #[error("the answer of the daemon at {socket} is not understood: {why}")]
    Garbled {
        /// Its socket.
        socket: PathBuf,
        /// In which way.
        why: String,
    },
}

impl Client {
    /// Names the socket; nothing is opened yet.
    pub fn new(socket: impl AsRef<Path>) -> Self {
        Self { socket: socket.as_ref().to_owned() }
    }

    /// Reads one thing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = Request::get(path).body(Full::default());
        self.whole(request).await
    }

    /// Does one thing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.garbled(error))?;
        let request = Request::post(path)
            .header(hyper::header::CONTENT_TYPE, "application/json")
            .body(Full::from(body));
        self.whole(request).await
    }

    /// Starts to read routes; `path` must ask for `format=jsonl`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn routes(&self, path: &str) -> Result<RouteReader, ClientError> {
        let response = self.send(Request::get(path).body(Full::default())).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        Ok(RouteReader { client: self.clone(), body: response.into_body(), rest: Vec::new() })
    }

    async fn whole<T: DeserializeOwned>(
        &self,
        request: hyper::http::Result<Request<Full<Bytes>>>,
    ) -> Result<T, ClientError> {
        let response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let bytes = self.collect(response).await?;
        let reply: Reply<T> = serde_json::from_slice(&bytes).map_err(|error| self.garbled(error))?;
        if reply.schema != SCHEMA {
            let why = format!("it has schema {}, this program knows {SCHEMA}", reply.schema);
            return Err(self.garbled(why));
        }
        Ok(reply.body)
    }

    async fn send(
        &self,
        request: hyper::http::Result<Request<Full<Bytes>>>,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut request = request.map_err(|error| self.garbled(error))?;
        request
            .headers_mut()
            .insert(hyper::header::HOST, hyper::header::HeaderValue::from_static("peregrine"));
        let unreachable = |source| ClientError::Unreachable { socket: self.socket.clone(), source };
        let stream = UnixStream::connect(&self.socket).await.map_err(unreachable)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.garbled(error))?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| {
            // Closed before an answer: the daemon went away.
            unreachable(io::Error::new(io::ErrorKind::ConnectionReset, error))
        })
    }

    async fn refusal(&self, response: Response<Incoming>) -> ClientError {
        let status = response.status();
        match self.collect(response).await {
            Ok(bytes) => match serde_json::from_slice::<Failure>(&bytes) {
                Ok(failure) => ClientError::Refused(failure.error),
                Err(_) => self.garbled(format!("status {status}")),
            },
            Err(error) => error,
        }
    }

    async fn collect(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let body = Limited::new(response.into_body(), MAX_ANSWER);
        body.collect().await.map(|body| body.to_bytes()).map_err(|error| self.garbled(error))
    }

    fn garbled(&self, why: impl std::fmt::Display) -> ClientError {
        ClientError::Garbled { socket: self.socket.clone(), why: why.to_string() }
    }
}

/// Routes as they arrive.
#[derive(Debug)]
pub struct RouteReader {
    client: Client,
    body: Incoming,
    /// The beginning of a line whose end is still to come.
    rest: Vec<u8>,
}

impl RouteReader {
    /// The next routes, `None` after the last.
    ///
    /// # Errors
    /// [`ClientError`] when the daemon cannot go on.
    pub async fn next(&mut self) -> Result<Option<Vec<Route>>, ClientError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| self.client.garbled(error))?;
            let Ok(data) = frame.into_data() else { continue };
            self.rest.extend_from_slice(&data);
            let Some(end) = self.rest.iter().rposition(|octet| *octet == b'\n') else { continue };
            let tail = self.rest.split_off(end + 1);
            let lines = std::mem::replace(&mut self.rest, tail);
            return self.parse(&lines).map(Some);
        }
        if self.rest.is_empty() { Ok(None) } else { Err(self.client.garbled("it is cut off")) }
    }

    fn parse(&self, lines: &[u8]) -> Result<Vec<Route>, ClientError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Line {
            Failure(Failure),
            Route(Box<Route>),
        }
        let lines = lines.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| match serde_json::from_slice(line) {
                Ok(Line::Route(route)) => Ok(*route),
                Ok(Line::Failure(failure)) => Err(ClientError::Refused(failure.error)),
                Err(error) => Err(self.client.garbled(error)),
            })
            .collect()
    }
}

/// Octets of an answer that is read whole: thousands of peers.
const MAX_ANSWER: usize = 64 << 20;
