//! From the file as written to the model: defaults, and every check that looks at more than one value.
//!
//! Pure: what the host and the files named in the configuration say comes in through [`Context`].
//! A fault never stops the reading: what cannot be used is reported and left out.

mod edit;
mod local;
mod neighbor;
mod policy;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use toml::Spanned;

use super::host::Host;
use super::model::{Config, Mode, Neighbor};
use super::raw::{RawFile, RawNeighbor};
use super::report::Sink;

/// What a configuration depends on besides its own text.
pub(crate) struct Context<'a> {
    pub(crate) mode: Mode,
    pub(crate) host: &'a Host,
    /// Reads a file that holds a secret.
    pub(crate) read_secret: &'a dyn Fn(&Path) -> std::io::Result<String>,
}

/// The model, or `None` with at least one error in the sink.
pub(crate) fn build(raw: &RawFile, context: &Context<'_>, sink: &mut Sink) -> Option<Config> {
    let node = local::node(raw, context, sink);
    let api = local::api(raw.api.as_ref().map(Spanned::get_ref), context, sink);
    let policies = policy::policies(raw.policy.as_ref(), sink);
    let originate = local::originate(raw.originate.as_ref().map(Spanned::get_ref), sink);
    let fib = local::fib(raw.fib.as_ref().map(Spanned::get_ref), context.mode, sink);
    let decision = local::decision(raw, sink);
    let restart = local::restart(raw, sink);
    let log = local::log(raw.log.as_ref().map(Spanned::get_ref));
    let cluster_id = local::cluster_id(raw, sink);

    let known = neighbor::Known {
        policies: policies.iter().map(|policy| &*policy.name).collect(),
        asn: node.asn,
        listens: !node.listen.is_empty(),
        context,
    };
    let neighbors = neighbors(raw, &known, sink);
    if sink.has_errors() {
        return None;
    }
    let node = node.finish()?;
    let reflector = super::model::Reflector {
        cluster_id: cluster_id.unwrap_or(bgp_core::types::ClusterId(node.router_id.0)),
    };
    let mode = context.mode;
    Some(Config { mode, node, api, neighbors, policies, originate, fib, decision, restart, reflector, log })
}

fn neighbors(raw: &RawFile, known: &neighbor::Known<'_>, sink: &mut Sink) -> Vec<Neighbor> {
    let listed: Vec<&RawNeighbor> =
        raw.neighbor.iter().flat_map(Spanned::get_ref).map(Spanned::get_ref).collect();
    report_duplicates(&listed, sink);
    let built = listed.iter().filter_map(|raw| neighbor::neighbor(raw, known, sink));
    let by_address: BTreeMap<IpAddr, Neighbor> = built.map(|neighbor| (neighbor.address, neighbor)).collect();
    // Peers are numbered with 16 bits, of which 0 is this speaker itself.
    if by_address.len() > MAX_NEIGHBORS {
        sink.error(None, format!("{} neighbours, of at most {MAX_NEIGHBORS}", by_address.len()));
    }
    by_address.into_values().collect()
}

/// Looks at what is written rather than at what could be built, so that no other fault hides these.
fn report_duplicates(listed: &[&RawNeighbor], sink: &mut Sink) {
    let mut addresses = BTreeSet::new();
    let mut names = BTreeSet::new();
    for raw in listed {
        if let Some(written) = &raw.address {
            let address = written.get_ref().ip.to_canonical();
            if !addresses.insert(address) {
                sink.error(written.span(), format!("neighbour {address} is configured twice"))
                    .hint("one [[neighbor]] for each address: merge the two");
            }
        }
        if let Some(written) = &raw.name
            && !names.insert(written.get_ref())
        {
            sink.error(written.span(), format!("two neighbours are called `{}`", written.get_ref()))
                .hint("names must be unique: change one of them");
        }
    }
}

const MAX_NEIGHBORS: usize = 65_535;
