//! The operator's interface as requests to the supervisor.

use ipnet::IpNet;
use tokio::sync::{mpsc, oneshot};

use super::supervisor::{Event, Request};
use crate::admin::api::{
    ApiError, ConfigReport, Done, ErrorCode, Explanation, FibReport, Group, Peer, Status,
};
use crate::admin::backend::{Action, Backend, RouteQuery, RouteStream};

/// Carries requests over a bounded channel: operators wait while the supervisor is busy.
#[derive(Debug)]
pub struct Channel {
    supervisor: mpsc::Sender<Event>,
}

impl Channel {
    /// To this supervisor.
    pub fn new(supervisor: mpsc::Sender<Event>) -> Self {
        Self { supervisor }
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, ApiError>>) -> Request,
    ) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        let gone = || ApiError::new(ErrorCode::Unavailable, "the daemon is stopping");
        self.supervisor.send(Event::Request(request(reply))).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Backend for Channel {
    async fn status(&self) -> Result<Status, ApiError> {
        self.ask(Request::Status).await
    }

    async fn peers(&self) -> Result<Vec<Peer>, ApiError> {
        self.ask(Request::Peers).await
    }

    async fn routes(&self, query: RouteQuery) -> Result<RouteStream, ApiError> {
        self.ask(|reply| Request::Routes(query, reply)).await
    }

    async fn explain(&self, prefix: IpNet) -> Result<Explanation, ApiError> {
        self.ask(|reply| Request::Explain(prefix, reply)).await
    }

    async fn fib(&self) -> Result<FibReport, ApiError> {
        self.ask(Request::Fib).await
    }

    async fn groups(&self) -> Result<Vec<Group>, ApiError> {
        self.ask(Request::Groups).await
    }

    async fn config(&self) -> Result<ConfigReport, ApiError> {
        self.ask(Request::Config).await
    }

    async fn turn(&self) -> Result<(), ApiError> {
        self.ask(Request::Turn).await
    }

    async fn act(&self, action: Action) -> Result<Done, ApiError> {
        self.ask(|reply| Request::Act(action, reply)).await
    }
}
