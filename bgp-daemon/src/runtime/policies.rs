//! Compiled policies by number.
//!
//! Shards and groups know policies by [`PolicyId`]; equal chains share a number, so that peers with the
//! same export policy fall into one update group. A changed chain gets a new number: what was decided
//! under the old one stays explainable until the shards have moved over.

use std::collections::HashMap;
use std::sync::Arc;

use bgp_core::policy::{Policy, PolicyId, RuleList};

use crate::config::model::{Chain, PolicyRef};

/// The policies of the configuration in force, compiled, and the numbers of all chains in use.
#[derive(Debug)]
pub struct Policies {
    lists: HashMap<Arc<str>, Arc<RuleList>>,
    known: Vec<Arc<Policy>>,
}

impl Policies {
    /// No number given away yet but those of the constants.
    pub fn new(lists: &[Arc<RuleList>]) -> Self {
        // The two constants have numbers of their own in `bgp_core`.
        let known = vec![Arc::new(Policy::accept()), Arc::new(Policy::reject())];
        let mut policies = Self { lists: HashMap::new(), known };
        policies.replace(lists);
        policies
    }

    /// Puts another set of policies in force for chains looked up from now on.
    pub fn replace(&mut self, lists: &[Arc<RuleList>]) {
        self.lists = lists.iter().map(|list| (Arc::clone(&list.name), Arc::clone(list))).collect();
    }

    /// The number of a chain; the second value is true if it is a new one, which shards have to be told.
    pub fn number(&mut self, chain: &Chain) -> (PolicyId, bool) {
        let policy = match chain.0.as_slice() {
            [] | [PolicyRef::Reject] => return (PolicyId::REJECT, false),
            [PolicyRef::Accept] => return (PolicyId::ACCEPT, false),
            links => Policy::new(links.iter().filter_map(|link| self.list(link))),
        };
        if let Some(at) = self.known.iter().position(|known| **known == policy) {
            return (PolicyId(at as u16), false);
        }
        self.known.push(Arc::new(policy));
        (PolicyId((self.known.len() - 1) as u16), true)
    }

    /// The policy of a number; the one that rejects everything if nobody was given it.
    pub fn get(&self, id: PolicyId) -> Arc<Policy> {
        let known = self.known.get(usize::from(id.0)).cloned();
        known.unwrap_or_else(|| Arc::new(Policy::reject()))
    }

    fn list(&self, link: &PolicyRef) -> Option<Arc<RuleList>> {
        match link {
            PolicyRef::Accept => self.known.first()?.lists().first().cloned(),
            PolicyRef::Reject => self.known.get(1)?.lists().first().cloned(),
            // Validation has proved that the name exists.
            PolicyRef::Named(name) => self.lists.get(name.as_str()).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bgp_core::policy::{Action, Rule};

    use super::*;

    fn model(name: &str, action: Action) -> Arc<RuleList> {
        Arc::new(RuleList { name: name.into(), rules: vec![Rule::always(action)] })
    }

    fn named(names: &[&str]) -> Chain {
        Chain(names.iter().map(|name| PolicyRef::Named((*name).into())).collect())
    }

    #[test]
    fn equal_chains_share_a_number_and_a_changed_one_gets_another() {
        let mut policies = Policies::new(&[model("a", Action::Accept), model("b", Action::Reject)]);
        let (a, new) = policies.number(&named(&["a"]));
        assert!(new);
        assert_eq!(policies.number(&named(&["a"])), (a, false));
        assert_ne!(policies.number(&named(&["b"])).0, a);
        policies.replace(&[model("a", Action::Reject), model("b", Action::Reject)]);
        let (changed, new) = policies.number(&named(&["a"]));
        assert!(new && changed != a);
    }

    #[test]
    fn the_constants_keep_their_numbers() {
        let mut policies = Policies::new(&[]);
        assert_eq!(policies.number(&Chain(vec![PolicyRef::Accept])).0, PolicyId::ACCEPT);
        assert_eq!(policies.number(&Chain(vec![PolicyRef::Reject])).0, PolicyId::REJECT);
        assert_eq!(policies.number(&Chain(vec![])).0, PolicyId::REJECT);
    }
}
