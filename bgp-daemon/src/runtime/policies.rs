//! Compiled policies by number.
//!
//! Shards and groups know policies by [`PolicyId`]; equal chains share a number, so that peers with the
//! same export policy fall into one update group. A changed chain gets a new number: what was decided
//! under the old one stays explainable until the shards have moved over. Numbers that neither a peer nor a
//! group uses any more are taken back after each reload, so that no number of reloads runs out of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bgp_core::policy::{Policy, PolicyId, RuleList};

use crate::config::model::{Chain, PolicyRef};

/// The policies of the configuration in force, compiled, and the numbers of all chains in use.
#[derive(Debug)]
pub struct Policies {
    lists: HashMap<Arc<str>, Arc<RuleList>>,
    known: BTreeMap<PolicyId, Arc<Policy>>,
    last: u16,
}

impl Policies {
    /// No number given away yet but those of the constants.
    pub fn new(lists: &[Arc<RuleList>]) -> Self {
        // The two constants have numbers of their own in `bgp_core`.
        let constants =
            [(PolicyId::ACCEPT, Arc::new(Policy::accept())), (PolicyId::REJECT, Arc::new(Policy::reject()))];
        let mut policies = Self { lists: HashMap::new(), known: constants.into(), last: PolicyId::REJECT.0 };
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
        if let Some((id, _)) = self.known.iter().find(|(_, known)| ***known == policy) {
            return (*id, false);
        }
        // More chains than numbers at once: what nobody can name is not let through.
        let Some(id) = self.unused() else { return (PolicyId::REJECT, false) };
        self.known.insert(id, Arc::new(policy));
        (id, true)
    }

    /// The policy of a number; the one that rejects everything if nobody was given it.
    pub fn get(&self, id: PolicyId) -> Arc<Policy> {
        let known = self.known.get(&id).or_else(|| self.known.get(&PolicyId::REJECT)).cloned();
        known.unwrap_or_else(|| Arc::new(Policy::reject()))
    }

    /// Takes back every number that is not `in_use`, and says which: they stand for nothing until they are
    /// given to another chain. The constants keep theirs.
    pub fn retain(&mut self, in_use: &BTreeSet<PolicyId>) -> Vec<PolicyId> {
        let constant = |id: PolicyId| id == PolicyId::ACCEPT || id == PolicyId::REJECT;
        let unused = self.known.keys().copied().filter(|id| !in_use.contains(id) && !constant(*id));
        let unused: Vec<PolicyId> = unused.collect();
        for id in &unused {
            self.known.remove(id);
        }
        unused
    }

    /// The number after the last one given that nobody has: the longest time passes before one is used
    /// again, so that whoever still carries it has long been told otherwise.
    fn unused(&mut self) -> Option<PolicyId> {
        for _ in 0..=u16::MAX {
            self.last = self.last.wrapping_add(1);
            if !self.known.contains_key(&PolicyId(self.last)) {
                return Some(PolicyId(self.last));
            }
        }
        None
    }

    fn list(&self, link: &PolicyRef) -> Option<Arc<RuleList>> {
        match link {
            PolicyRef::Accept => self.known.get(&PolicyId::ACCEPT)?.lists().first().cloned(),
            PolicyRef::Reject => self.known.get(&PolicyId::REJECT)?.lists().first().cloned(),
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

    /// A policy that differs from all others by its name.
    fn reloaded(policies: &mut Policies, round: u32) -> PolicyId {
        let name = format!("p{round}");
        policies.replace(&[model(&name, Action::Accept)]);
        policies.number(&named(&[&name])).0
    }

    #[test]
    fn numbers_of_chains_that_nobody_uses_are_given_again_and_those_in_use_never() {
        let mut policies = Policies::new(&[]);
        let kept = reloaded(&mut policies, 0);
        let mut given = BTreeSet::new();
        let mut before = None;
        for round in 1..=200_000 {
            let id = reloaded(&mut policies, round);
            assert!(![kept, PolicyId::ACCEPT, PolicyId::REJECT].contains(&id), "round {round}");
            let freed = policies.retain(&[kept, id].into());
            assert_eq!(freed, Vec::from_iter(before.replace(id)), "round {round}");
            given.insert(id);
        }
        assert_eq!(given.len(), usize::from(u16::MAX) - 2, "all but the constants and the one in use");
        assert_eq!(policies.get(kept).lists().first().map(|list| &*list.name), Some("p0"));
        assert_eq!(policies.known.len(), 4);
    }

    #[test]
    fn a_chain_that_there_is_no_number_for_lets_nothing_through() {
        let mut policies = Policies::new(&[]);
        let accept = policies.get(PolicyId::ACCEPT);
        policies.known = (0..=u16::MAX).map(|id| (PolicyId(id), Arc::clone(&accept))).collect();
        assert_eq!(reloaded(&mut policies, 1), PolicyId::REJECT);
    }

    #[test]
    fn the_constants_keep_their_numbers() {
        let mut policies = Policies::new(&[]);
        assert_eq!(policies.number(&Chain(vec![PolicyRef::Accept])).0, PolicyId::ACCEPT);
        assert_eq!(policies.number(&Chain(vec![PolicyRef::Reject])).0, PolicyId::REJECT);
        assert_eq!(policies.number(&Chain(vec![])).0, PolicyId::REJECT);
    }
}
