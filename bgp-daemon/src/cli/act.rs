//! Commands that change something in the running daemon.

use serde::Serialize;

use super::args::{Act, DirectionArg};
use super::read::encode;
use super::{Exit, Failure, output};
use crate::admin::api::{Direction, Disable, Done, Prefixes, Refresh};
use crate::admin::client::Client;

pub(super) async fn run(client: &Client, command: &Act) -> Result<Exit, Failure> {
    let nothing = serde_json::json!({});
    let done = match command {
        Act::Announce { prefixes } => {
            post(client, "/v1/announce", &Prefixes { prefixes: prefixes.clone() }).await
        }
        Act::Withdraw { prefixes } => {
            post(client, "/v1/withdraw", &Prefixes { prefixes: prefixes.clone() }).await
        }
        Act::Reload => post(client, "/v1/reload", &nothing).await,
        Act::Refresh { peer, direction } => {
            let direction = direction.map(|direction| match direction {
                DirectionArg::In => Direction::In,
                DirectionArg::Out => Direction::Out,
            });
            post(client, &peer_path(peer, "refresh"), &Refresh { direction }).await
        }
        Act::Clear { peer } => post(client, &peer_path(peer, "clear"), &nothing).await,
        Act::Disable { peer, message } => {
            post(client, &peer_path(peer, "disable"), &Disable { message: message.clone() }).await
        }
        Act::Enable { peer } => post(client, &peer_path(peer, "enable"), &nothing).await,
    }?;
    output::write(format!("{}\n", done.message).as_bytes())
}

async fn post(client: &Client, path: &str, body: &impl Serialize) -> Result<Done, Failure> {
    Ok(client.post(path, body).await?)
}

fn peer_path(peer: &str, verb: &str) -> String {
    format!("/v1/peers/{}/{verb}", encode(peer))
}
