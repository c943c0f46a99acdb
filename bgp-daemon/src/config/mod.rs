//! Configuration: a TOML file becomes a validated [`model::Config`], and two of those become the
//! commands that lead from one to the other.

pub mod diff;
pub mod model;
