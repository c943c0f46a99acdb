//! Refusals.

use serde::{Deserialize, Serialize};

/// Body of every reply that is not 2xx.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// What went wrong.
    pub error: ApiError,
}

/// What went wrong with a request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[error("{message}")]
pub struct ApiError {
    /// Its class.
    pub code: ErrorCode,
    /// One line with the values.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl ApiError {
    /// An error without hints.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hints: Vec::new() }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// Class of an [`ApiError`]; each has one HTTP status.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The request makes no sense (400).
    Invalid,
    /// No such peer, prefix or path (404).
    NotFound,
    /// Understood and refused, or tried in vain (409).
    Failed,
    /// The part that would answer is not there: starting, stopping, or not built in (503).
    Unavailable,
}
