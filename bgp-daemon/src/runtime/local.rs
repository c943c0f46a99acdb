//! What this speaker originates: a set of prefixes with the reason of each.
//!
//! The route task tells which prefixes the kernel and the configuration give rise to; operators add
//! some by `announce`. The set is level-triggered: only what enters or leaves it becomes a change.

use std::collections::BTreeMap;

use bgp_core::types::{AttrBuilder, AttrSet, NlriBlock, NlriKey, Origin as BgpOrigin, V4Key, V6Key};
use fib_sync::{Origin, OriginReason};
use ipnet::IpNet;

/// Why a prefix is originated; the first that holds is told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Reasons {
    kernel: Option<OriginReason>,
    announced: bool,
}

impl Reasons {
    fn is_empty(self) -> bool {
        self.kernel.is_none() && !self.announced
    }
}

/// Prefixes that entered or left the set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LocalChange {
    /// To announce.
    pub added: Vec<IpNet>,
    /// To withdraw.
    pub removed: Vec<IpNet>,
}

/// The set of originated prefixes.
#[derive(Clone, Debug, Default)]
pub struct LocalRoutes {
    prefixes: BTreeMap<IpNet, Reasons>,
}

impl LocalRoutes {
    /// Takes in what the route task says.
    pub fn kernel_changed(&mut self, added: &[Origin], removed: &[IpNet]) -> LocalChange {
        let gone = removed.iter().map(|prefix| (*prefix, None));
        let come = added.iter().map(|origin| (origin.prefix, Some(origin.reason)));
        self.update(gone.chain(come), |reasons, kernel| reasons.kernel = kernel)
    }

    /// Adds prefixes an operator announces.
    pub fn announce(&mut self, prefixes: &[IpNet]) -> LocalChange {
        self.update(prefixes.iter().map(|p| (p.trunc(), ())), |reasons, ()| reasons.announced = true)
    }

    /// Takes back prefixes an operator announced.
    ///
    /// # Errors
    /// The first prefix that was not announced this way; then nothing is changed.
    pub fn withdraw(&mut self, prefixes: &[IpNet]) -> Result<LocalChange, IpNet> {
        let announced = |p: &&IpNet| self.prefixes.get(&p.trunc()).is_some_and(|reasons| reasons.announced);
        if let Some(unknown) = prefixes.iter().find(|p| !announced(p)) {
            return Err(*unknown);
        }
        Ok(self.update(prefixes.iter().map(|p| (p.trunc(), ())), |reasons, ()| reasons.announced = false))
    }

    /// What originates `prefix`: `network`, `container`, `connected` or `announced`.
    pub fn source(&self, prefix: &IpNet) -> Option<&'static str> {
        let reasons = self.prefixes.get(prefix)?;
        Some(match reasons.kernel {
            Some(OriginReason::Network) => "network",
            Some(OriginReason::Container { .. }) => "container",
            Some(OriginReason::Connected { .. }) => "connected",
            None => "announced",
        })
    }

    /// Every prefix with what originates it.
    pub fn sources(&self) -> impl Iterator<Item = (IpNet, &'static str)> + '_ {
        self.prefixes.keys().filter_map(|prefix| Some((*prefix, self.source(prefix)?)))
    }

    /// How many prefixes of IPv4 and of IPv6 are in the set.
    pub fn counts(&self) -> (u64, u64) {
        let v4 = self.prefixes.keys().filter(|p| matches!(p, IpNet::V4(_))).count() as u64;
        (v4, self.prefixes.len() as u64 - v4)
    }

    /// Edits prefix by prefix; what is there again at the end has not changed.
    fn update<T>(
        &mut self,
        edits: impl Iterator<Item = (IpNet, T)>,
        edit: impl Fn(&mut Reasons, T),
    ) -> LocalChange {
        let mut before = BTreeMap::new();
        for (prefix, value) in edits {
            before.entry(prefix).or_insert_with(|| self.prefixes.contains_key(&prefix));
            let reasons = self.prefixes.entry(prefix).or_default();
            edit(reasons, value);
            if reasons.is_empty() {
                self.prefixes.remove(&prefix);
            }
        }
        let mut change = LocalChange::default();
        for (prefix, was) in before {
            match (was, self.prefixes.contains_key(&prefix)) {
                (false, true) => change.added.push(prefix),
                (true, false) => change.removed.push(prefix),
                _ => {}
            }
        }
        change
    }
}

/// The attributes of an originated route: origin IGP, empty path; the next hop is set on the way out.
pub fn local_attributes() -> AttrSet {
    AttrBuilder::new().origin(BgpOrigin::Igp).as_path(&[]).build()
}

/// Prefixes as blocks, one a family that occurs.
pub fn blocks(prefixes: &[IpNet]) -> Vec<NlriBlock> {
    let v4 = NlriBlock::from_keys(prefixes.iter().copied().filter_map(V4Key::from_net));
    let v6 = NlriBlock::from_keys(prefixes.iter().copied().filter_map(V6Key::from_net));
    [v4, v6].into_iter().filter(|block| !block.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn container(text: &str) -> Origin {
        Origin { prefix: net(text), reason: OriginReason::Container { ifindex: 7 } }
    }

    #[test]
    fn a_prefix_leaves_the_set_with_its_last_reason() {
        let mut local = LocalRoutes::default();
        let change = local.kernel_changed(&[container("10.0.0.1/32")], &[]);
        assert_eq!(change.added, [net("10.0.0.1/32")]);
        assert_eq!(local.announce(&[net("10.0.0.1/32")]), LocalChange::default());
        assert_eq!(local.source(&net("10.0.0.1/32")), Some("container"));
        assert_eq!(local.kernel_changed(&[], &[net("10.0.0.1/32")]), LocalChange::default());
        assert_eq!(local.source(&net("10.0.0.1/32")), Some("announced"));
        let change = local.withdraw(&[net("10.0.0.1/32")]).unwrap();
        assert_eq!(change.removed, [net("10.0.0.1/32")]);
    }

    #[test]
    fn withdrawing_what_nobody_announced_changes_nothing() {
        let mut local = LocalRoutes::default();
        local.kernel_changed(&[container("10.0.0.1/32")], &[]);
        local.announce(&[net("10.1.0.0/24")]);
        assert_eq!(local.withdraw(&[net("10.1.0.0/24"), net("10.0.0.1/32")]), Err(net("10.0.0.1/32")));
        assert_eq!(local.source(&net("10.1.0.0/24")), Some("announced"));
    }

    #[test]
    fn a_container_that_moves_to_another_link_stays_announced() {
        let mut local = LocalRoutes::default();
        local.kernel_changed(&[container("10.0.0.1/32")], &[]);
        let moved = Origin { reason: OriginReason::Container { ifindex: 9 }, ..container("10.0.0.1/32") };
        assert_eq!(local.kernel_changed(&[moved], &[net("10.0.0.1/32")]), LocalChange::default());
        assert_eq!(local.counts(), (1, 0));
    }
}
