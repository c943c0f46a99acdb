//! Import and export policy: compiled, immutable, total.
//!
//! A [`Policy`] is a chain of named [`RuleList`]s. Rules are tried in order across the lists; the first
//! one that accepts or rejects ends everything, and what falls off the end of the chain is rejected.
//! A rule that only edits goes on, and later rules see what it did.

mod edit;
mod matching;
mod prefix;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ipnet::IpNet;

use crate::types::AttrSet;

#[cfg(test)]
pub(crate) use edit::MADE;
pub use edit::{Chosen, Edit};
pub use matching::{Match, PeerType, RouteSource};
pub use prefix::{PrefixMatch, PrefixTest};

/// Number of a policy within one speaker; equal numbers mean equal behaviour.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct PolicyId(pub u16);

impl PolicyId {
    /// Accepts everything unchanged.
    pub const ACCEPT: Self = Self(0);
    /// Rejects everything (RFC 8212 where nothing is configured).
    pub const REJECT: Self = Self(1);
}

/// What a rule does once it matches and its edits are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// The route passes.
    Accept,
    /// The route does not pass.
    Reject,
    /// The next rule is tried.
    Next,
}

/// Conditions that must all hold, what is changed then, and what happens next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// All must hold; none means every route.
    pub matches: Vec<Match>,
    /// Made in order.
    pub edits: Vec<Edit>,
    /// The verdict.
    pub action: Action,
}

impl Rule {
    /// A rule for every route.
    pub fn always(action: Action) -> Self {
        Self { matches: Vec::new(), edits: Vec::new(), action }
    }
}

/// Rules under the name the operator gave them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleList {
    /// As configured.
    pub name: Arc<str>,
    /// In order.
    pub rules: Vec<Rule>,
}

/// A chain of rule lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    lists: Box<[Arc<RuleList>]>,
    looks_at_prefix: bool,
    looks_at_attributes: bool,
}

/// Which rules a route met, in a chain of at most 64.
///
/// Two routes of one family with equal attributes from one peer get the same verdict if their traces are
/// equal, whatever their prefixes.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Trace(u64);

/// One route as a policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its prefix; anything of its family if [`Policy::looks_at_prefix`] is false.
    pub prefix: IpNet,
    /// Its attributes before the policy.
    pub attrs: &'a AttrSet,
    /// Where it comes from.
    pub source: RouteSource,
    /// The peer it was learned from (import) or is told to (export); `None` for local routes on import.
    pub peer_type: Option<PeerType>,
}

/// What a policy says about a route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It passes: as it was, or with these attributes instead.
    Accept(Option<AttrSet>),
    /// It does not pass.
    Reject,
}

/// What a chain came to, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// What it says.
    pub verdict: Verdict,
    /// Where the rule is that decided; `None` when the chain ended without one.
    pub at: Option<At>,
    /// What the rules set on purpose: an attribute that would not be sent on its own account is sent when the
    /// policy asks for it, also with the value it had.
    pub chosen: Chosen,
}

/// The place of a rule in a policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct At {
    list: usize,
    rule: usize,
}

/// Which rule decided, for `explain`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decider {
    /// Name of the list.
    pub list: Arc<str>,
    /// Position of the rule in it, from 0.
    pub rule: usize,
}

impl Policy {
    /// A chain of `lists`.
    pub fn new(lists: impl IntoIterator<Item = Arc<RuleList>>) -> Self {
        let lists: Box<[Arc<RuleList>]> = lists.into_iter().collect();
        let uses = |test: fn(&Match) -> bool| {
            lists.iter().flat_map(|list| &list.rules).flat_map(|rule| &rule.matches).any(test)
        };
        let looks_at_prefix = uses(Match::looks_at_prefix);
        let looks_at_attributes = uses(|m| !m.looks_at_prefix() && !m.looks_at_peer());
        Self { lists, looks_at_prefix, looks_at_attributes }
    }

    /// Accepts everything.
    pub fn accept() -> Self {
        Self::constant("accept", Action::Accept)
    }

    /// Rejects everything.
    pub fn reject() -> Self {
        Self::constant("reject", Action::Reject)
    }

    fn constant(name: &str, action: Action) -> Self {
        Self::new([Arc::new(RuleList { name: name.into(), rules: vec![Rule::always(action)] })])
    }

    /// Whether the verdict may differ between two prefixes with the same attributes from the same peer.
    pub fn looks_at_prefix(&self) -> bool {
        self.looks_at_prefix
    }

    /// Whether only routes of this speaker itself can pass. False may also mean that it is not obvious.
    pub fn passes_only_local(&self) -> bool {
        let local = |m: &Match| *m == Match::Source(RouteSource::Local);
        let rules = self.lists.iter().flat_map(|list| &list.rules);
        rules.filter(|rule| rule.action == Action::Accept).all(|rule| rule.matches.iter().any(local))
    }

    /// The lists in order.
    pub fn lists(&self) -> &[Arc<RuleList>] {
        &self.lists
    }

    /// Runs the chain.
    pub fn apply(&self, subject: &Subject<'_>) -> Verdict {
        self.run(subject).verdict
    }

    /// As [`Policy::apply`], with the rule that decided; `None` when the chain ended without one.
    pub fn explain(&self, subject: &Subject<'_>) -> (Verdict, Option<Decider>) {
        let outcome = self.run(subject);
        (outcome.verdict, outcome.at.and_then(|at| self.decider(at)))
    }

    /// The rule at a place of an [`Outcome`] of this policy.
    pub fn decider(&self, at: At) -> Option<Decider> {
        self.lists.get(at.list).map(|list| Decider { list: Arc::clone(&list.name), rule: at.rule })
    }

    /// Finds the rules that [`Policy::apply`] would go by, at a fraction of its cost, as edits are only made
    /// where later rules look at them. `None` when there are more rules than a trace can tell apart.
    pub fn trace(&self, subject: &Subject<'_>) -> Option<Trace> {
        let mut edited: Option<AttrSet> = None;
        let mut met = 0;
        let rules = self.lists.iter().flat_map(|list| &list.rules);
        for (at, rule) in rules.enumerate() {
            let bit = 1u64.checked_shl(u32::try_from(at).ok()?)?;
            let seen = Subject { attrs: edited.as_ref().unwrap_or(subject.attrs), ..*subject };
            if !rule.matches.iter().all(|m| m.holds(&seen)) {
                continue;
            }
            met |= bit;
            if rule.action != Action::Next {
                break;
            }
            if self.looks_at_attributes && !rule.edits.is_empty() {
                edited = Some(edit::apply(&rule.edits, subject.prefix, seen.attrs, &mut Chosen::default()));
            }
        }
        Some(Trace(met))
    }

    /// As [`Policy::apply`], with all there is to say about it.
    pub fn run(&self, subject: &Subject<'_>) -> Outcome {
        let mut edited: Option<AttrSet> = None;
        let mut chosen = Chosen::default();
        for (l, list) in self.lists.iter().enumerate() {
            for (r, rule) in list.rules.iter().enumerate() {
                let seen = Subject { attrs: edited.as_ref().unwrap_or(subject.attrs), ..*subject };
                if !rule.matches.iter().all(|m| m.holds(&seen)) {
                    continue;
                }
                let at = Some(At { list: l, rule: r });
                // A route about to be rejected needs no new attributes.
                if rule.action == Action::Reject {
                    return Outcome { verdict: Verdict::Reject, at, chosen };
                }
                if !rule.edits.is_empty() {
                    edited = Some(edit::apply(&rule.edits, subject.prefix, seen.attrs, &mut chosen));
                }
                if rule.action == Action::Accept {
                    // Edits that change nothing must not look like a new set.
                    edited = edited.filter(|set| set != subject.attrs);
                    return Outcome { verdict: Verdict::Accept(edited), at, chosen };
                }
            }
        }
        Outcome { verdict: Verdict::Reject, at: None, chosen }
    }
}
