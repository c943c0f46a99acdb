//! From requests to the [`Backend`] and back: one handler for each [`Endpoint`].

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::api::{ApiError, Disable, ErrorCode, Failure, Groups, Peers, Prefixes, Refresh, Reply};
use super::backend::{Action, Backend};
use super::endpoint::{Endpoint, Method};
use super::health::{ROUND, Readiness, live};
use super::metrics;
use super::params::{explain_prefix, peer_series, route_params, valid_prefixes};
use super::server::Access;
use super::stream::routes_body;

/// The document of `GET /v1/openapi.json`.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

/// The routes of the API, made from [`Endpoint::ALL`].
pub(super) fn router<B: Backend>(backend: Arc<B>, access: Access) -> Router {
    let mut router = Router::new();
    for endpoint in Endpoint::ALL {
        if access == Access::ReadOnly && endpoint.method() == Method::Post {
            continue;
        }
        router = router.route(endpoint.path(), handler::<B>(*endpoint));
    }
    router
        .fallback(async || {
            failure(&ApiError::new(ErrorCode::NotFound, "no such path").hint("see /v1/openapi.json"))
        })
        .method_not_allowed_fallback(async || {
            let error = ApiError::new(ErrorCode::Invalid, "wrong method: reading is GET, doing is POST");
            (StatusCode::METHOD_NOT_ALLOWED, Json(Reply::new(Failure { error }))).into_response()
        })
        .with_state(backend)
}

fn handler<B: Backend>(endpoint: Endpoint) -> MethodRouter<Arc<B>, Infallible> {
    match endpoint.method() {
        Method::Get => reader(endpoint),
        Method::Post => actor(endpoint),
    }
}

fn reader<B: Backend>(endpoint: Endpoint) -> MethodRouter<Arc<B>, Infallible> {
    match endpoint {
        Endpoint::Status => get(async |State(b): State<Arc<B>>| reply(b.status().await)),
        Endpoint::Peers => {
            get(async |State(b): State<Arc<B>>| reply(b.peers().await.map(|peers| Peers { peers })))
        }
        Endpoint::Peer => get(async |State(b): State<Arc<B>>, Path(peer): Path<String>| {
            reply(one_peer(b.as_ref(), &peer).await)
        }),
        Endpoint::Routes => get(routes::<B>),
        Endpoint::Explain => get(async |State(b): State<Arc<B>>, RawQuery(query): RawQuery| {
            reply(match explain_prefix(query.as_deref().unwrap_or_default()) {
                Ok(prefix) => b.explain(prefix).await,
                Err(error) => Err(error),
            })
        }),
        Endpoint::Fib => get(async |State(b): State<Arc<B>>| reply(b.fib().await)),
        Endpoint::Groups => {
            get(async |State(b): State<Arc<B>>| reply(b.groups().await.map(|groups| Groups { groups })))
        }
        Endpoint::Config => get(async |State(b): State<Arc<B>>| reply(b.config().await)),
        Endpoint::Metrics => get(async |State(b): State<Arc<B>>, RawQuery(query): RawQuery| {
            let answer = async {
                let peers = peer_series(query.as_deref().unwrap_or_default())?;
                metrics::page(b.as_ref(), peers).await
            };
            match answer.await {
                Ok(page) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
                Err(error) => failure(&error),
            }
        }),
        Endpoint::Livez => get(async |State(b): State<Arc<B>>| probe(live(b.as_ref(), ROUND).await)),
        Endpoint::Readyz => {
            let readiness = Arc::new(Readiness::default());
            get(async move |State(b): State<Arc<B>>| probe(readiness.check(b.as_ref()).await))
        }
        _ => get(async || ([(header::CONTENT_TYPE, "application/json")], OPENAPI)),
    }
}

fn probe(outcome: Result<(), ApiError>) -> Response {
    match outcome {
        Ok(()) => "ok\n".into_response(),
        Err(error) => failure(&error),
    }
}

fn actor<B: Backend>(endpoint: Endpoint) -> MethodRouter<Arc<B>, Infallible> {
    post(async move |State(b): State<Arc<B>>, path: Option<Path<String>>, request: Request| {
        let peer = path.as_ref().map_or("", |Path(peer)| peer.as_str());
        let body = match whole_body(request).await {
            Ok(body) => body,
            Err((status, message)) => {
                let error = ApiError::new(ErrorCode::Invalid, message);
                return (status, Json(Reply::new(Failure { error }))).into_response();
            }
        };
        reply(match action(b.as_ref(), endpoint, peer, &body).await {
            Ok(action) => {
                tracing::info!(?action, "asked through the admin socket");
                b.act(action).await
            }
            Err(error) => Err(error),
        })
    })
}

/// Reads a body that is neither too long nor too slow; one that says it is too long is not waited for.
async fn whole_body(request: Request) -> Result<Bytes, (StatusCode, String)> {
    let too_long = || (StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {MAX_BODY} octets"));
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|text| text.parse::<u64>().ok()).is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_long());
    }
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY);
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(too_long()),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not come".to_owned())),
    }
}

async fn action<B: Backend>(
    backend: &B,
    endpoint: Endpoint,
    peer: &str,
    body: &[u8],
) -> Result<Action, ApiError> {
    Ok(match endpoint {
        Endpoint::Announce => Action::Announce(valid_prefixes(read::<Prefixes>(body)?)?),
        Endpoint::Withdraw => Action::Withdraw(valid_prefixes(read::<Prefixes>(body)?)?),
        Endpoint::Reload => Action::Reload,
        Endpoint::Repair => Action::RepairFib,
        Endpoint::Refresh => {
            let Refresh { direction } = read_or_default(body)?;
            Action::Refresh { peer: address_of(backend, peer).await?, direction }
        }
        Endpoint::Clear => Action::Clear { peer: address_of(backend, peer).await? },
        Endpoint::Disable => {
            let Disable { message } = read_or_default(body)?;
            let length = message.as_ref().map_or(0, String::len);
            if length > MAX_SHUTDOWN_MESSAGE {
                let text = format!("the message has {length} octets, of at most {MAX_SHUTDOWN_MESSAGE}");
                return Err(ApiError::new(ErrorCode::Invalid, text).hint("RFC 9003 has no room for more"));
            }
            Action::Disable { peer: address_of(backend, peer).await?, message }
        }
        Endpoint::Enable => Action::Enable { peer: address_of(backend, peer).await? },
        other => return Err(ApiError::new(ErrorCode::Invalid, format!("{} takes no POST", other.path()))),
    })
}

async fn routes<B: Backend>(State(backend): State<Arc<B>>, RawQuery(query): RawQuery) -> Response {
    let answer = async {
        let params = route_params(query.as_deref().unwrap_or_default())?;
        let view = match &params.peer {
            Some((peer, view)) => view(address_of(backend.as_ref(), peer).await?),
            None => params.view,
        };
        let stream = backend.routes(params.query(view)).await?;
        routes_body(stream, params.lines).await
    };
    match answer.await {
        Ok((content_type, body)) => {
            ([(header::CONTENT_TYPE, content_type)], Body::from_stream(body)).into_response()
        }
        Err(error) => failure(&error),
    }
}

async fn one_peer<B: Backend>(backend: &B, peer: &str) -> Result<super::api::Peer, ApiError> {
    let peers = backend.peers().await?;
    let names: Vec<String> = peers.iter().map(|peer| peer.name.clone()).collect();
    let address = peer.parse::<IpAddr>().ok();
    let found = peers.into_iter().find(|p| p.name == peer || Some(p.address) == address);
    found.ok_or_else(|| {
        let error = ApiError::new(ErrorCode::NotFound, format!("no peer is called {peer:?}"));
        match similar(&names, peer) {
            Some(name) => error.hint(format!("did you mean `{name}`?")),
            None => error.hint("`peregrine peers` lists them; a name or an address will do"),
        }
    })
}

/// The name that may have been meant.
fn similar<'a>(names: &'a [String], given: &str) -> Option<&'a str> {
    if given.len() > MAX_SIMILAR {
        return None;
    }
    let rated = names.iter().map(|name| (strsim::jaro_winkler(name, given), name.as_str()));
    rated.filter(|(likeness, _)| *likeness > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

async fn address_of<B: Backend>(backend: &B, peer: &str) -> Result<IpAddr, ApiError> {
    one_peer(backend, peer).await.map(|peer| peer.address)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        ApiError::new(ErrorCode::Invalid, format!("the body is not what was expected: {error}"))
    })
}

fn read_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, ApiError> {
    if body.is_empty() { Ok(T::default()) } else { read(body) }
}

fn reply<T: Serialize>(result: Result<T, ApiError>) -> Response {
    match result {
        Ok(body) => Json(Reply::new(body)).into_response(),
        Err(error) => failure(&error),
    }
}

fn failure(error: &ApiError) -> Response {
    let status = match error.code {
        ErrorCode::Invalid => StatusCode::BAD_REQUEST,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Failed => StatusCode::CONFLICT,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(Reply::new(Failure { error: error.clone() }))).into_response()
}

/// Octets of a request's body: some 40,000 prefixes to announce.
const MAX_BODY: usize = 1 << 20;

/// For the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Octets of a shutdown communication (RFC 9003 §2).
const MAX_SHUTDOWN_MESSAGE: usize = 255;

/// Octets of a name for which a similar one is looked for. The work grows with its length times the number of
/// peers, and a path may have 64 KiB.
const MAX_SIMILAR: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_similar_to_a_name_nobody_would_type() {
        let names = ["a".repeat(MAX_SIMILAR), "tor-1".to_owned()];
        assert_eq!(similar(&names, "tor-2"), Some("tor-1"));
        assert_eq!(similar(&names, "spine"), None);
        assert_eq!(similar(&names, &"a".repeat(MAX_SIMILAR - 1)), Some(&*names[0]));
        assert_eq!(similar(&names, &"a".repeat(MAX_SIMILAR + 1)), None);
    }
}
