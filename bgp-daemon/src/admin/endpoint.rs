//! Every request the admin API answers: one list that makes both the router and the OpenAPI document.

/// A request by method and path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Endpoint {
    Status,
    Peers,
    Peer,
    Routes,
    Explain,
    Fib,
    Groups,
    Config,
    OpenApi,
    Metrics,
    Livez,
    Readyz,
    Announce,
    Withdraw,
    Reload,
    Repair,
    Refresh,
    Clear,
    Disable,
    Enable,
}

/// HTTP method of an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Method {
    Get,
    Post,
}

impl Endpoint {
    pub(crate) const ALL: &'static [Self] = &[
        Self::Status,
        Self::Peers,
        Self::Peer,
        Self::Routes,
        Self::Explain,
        Self::Fib,
        Self::Groups,
        Self::Config,
        Self::OpenApi,
        Self::Metrics,
        Self::Livez,
        Self::Readyz,
        Self::Announce,
        Self::Withdraw,
        Self::Reload,
        Self::Repair,
        Self::Refresh,
        Self::Clear,
        Self::Disable,
        Self::Enable,
    ];

    /// Reading is GET, doing is POST.
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Status
            | Self::Peers
            | Self::Peer
            | Self::Routes
            | Self::Explain
            | Self::Fib
            | Self::Groups
            | Self::Config
            | Self::OpenApi
            | Self::Metrics
            | Self::Livez
            | Self::Readyz => Method::Get,
            Self::Announce
            | Self::Withdraw
            | Self::Reload
            | Self::Repair
            | Self::Refresh
            | Self::Clear
            | Self::Disable
            | Self::Enable => Method::Post,
        }
    }

    /// Path; `{peer}` is a name or an address.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Status => "/v1/status",
            Self::Peers => "/v1/peers",
            Self::Peer => "/v1/peers/{peer}",
            Self::Routes => "/v1/routes",
            Self::Explain => "/v1/explain",
            Self::Fib => "/v1/fib",
            Self::Groups => "/v1/groups",
            Self::Config => "/v1/config",
            Self::OpenApi => "/v1/openapi.json",
            Self::Metrics => "/metrics",
            Self::Livez => "/livez",
            Self::Readyz => "/readyz",
            Self::Announce => "/v1/announce",
            Self::Withdraw => "/v1/withdraw",
            Self::Reload => "/v1/reload",
            Self::Repair => "/v1/fib/repair",
            Self::Refresh => "/v1/peers/{peer}/refresh",
            Self::Clear => "/v1/peers/{peer}/clear",
            Self::Disable => "/v1/peers/{peer}/disable",
            Self::Enable => "/v1/peers/{peer}/enable",
        }
    }
}
