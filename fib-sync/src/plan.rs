//! From desired and actual to operations, and the order in which they are safe.
//!
//! Routes are written before any is removed, the covering ones first: traffic for a more-specific that
//! goes finds the route that takes over already in place. Nothing here can name a foreign route: a key is
//! replaced or deleted only when `actual`, which holds own routes alone, has it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::route::{FibRoute, RouteKey, RouteKind};

/// One change to the kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FibOp {
    /// A key that must not exist yet, own or foreign.
    Create(FibRoute),
    /// A key known to be ours gets another value.
    Replace(FibRoute),
    /// An own route goes. The protocol is named, so that a foreign one is never hit.
    Delete(RouteKey),
}

impl FibOp {
    /// The key it changes.
    pub fn key(&self) -> RouteKey {
        match self {
            Self::Create(route) | Self::Replace(route) => route.key,
            Self::Delete(key) => *key,
        }
    }
}

/// What one key needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// Nothing.
    Keep,
    /// See [`FibOp::Create`].
    Create,
    /// See [`FibOp::Replace`].
    Replace,
    /// See [`FibOp::Delete`].
    Delete,
}

/// Compares one key's desired and actual value.
pub fn decide<T: PartialEq>(desired: Option<T>, actual: Option<T>) -> Verb {
    match (desired, actual) {
        (None, None) => Verb::Keep,
        (None, Some(_)) => Verb::Delete,
        (Some(_), None) => Verb::Create,
        (Some(d), Some(a)) if d == a => Verb::Keep,
        (Some(_), Some(_)) => Verb::Replace,
    }
}

/// Every operation that turns `actual`, the own routes in the kernel, into `desired`, in a safe order.
pub fn plan(
    desired: &BTreeMap<RouteKey, Arc<RouteKind>>,
    actual: &BTreeMap<RouteKey, Arc<RouteKind>>,
) -> Vec<FibOp> {
    let mut ops = Vec::new();
    for (key, kind) in desired {
        let route = || FibRoute { key: *key, kind: Arc::clone(kind) };
        match decide(Some(kind), actual.get(key)) {
            Verb::Create => ops.push(FibOp::Create(route())),
            Verb::Replace => ops.push(FibOp::Replace(route())),
            Verb::Keep | Verb::Delete => {}
        }
    }
    ops.extend(actual.keys().filter(|key| !desired.contains_key(key)).map(|key| FibOp::Delete(*key)));
    order(&mut ops);
    ops
}

/// Sorts operations on distinct keys into a safe order; equal ones stay as they are.
pub fn order(ops: &mut [FibOp]) {
    ops.sort_by_key(|op| match op {
        FibOp::Create(r) | FibOp::Replace(r) => (false, Reverse(0), r.key.prefix.prefix_len()),
        FibOp::Delete(key) => (true, Reverse(key.prefix.prefix_len()), 0),
    });
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::*;
    use crate::route::{NextHop, NextHopSet, host_prefix};

    const OURS: u8 = 186;
    type Fib = BTreeMap<RouteKey, Arc<RouteKind>>;

    /// What the kernel does with an operation (docs/src/kernel-routes.md, fact 6); panics where a foreign route is hit.
    fn execute(kernel: &mut BTreeMap<RouteKey, (u8, Arc<RouteKind>)>, op: &FibOp) -> Result<(), i32> {
        match op {
            FibOp::Create(route) => {
                if kernel.contains_key(&route.key) {
                    return Err(libc::EEXIST);
                }
                kernel.insert(route.key, (OURS, Arc::clone(&route.kind)));
            }
            FibOp::Replace(route) => {
                let (owner, kind) = kernel.get_mut(&route.key).ok_or(libc::ENOENT)?;
                assert_eq!(*owner, OURS, "replaced a foreign route");
                *kind = Arc::clone(&route.kind);
            }
            FibOp::Delete(key) => {
                if kernel.get(key).is_none_or(|(owner, _)| *owner != OURS) {
                    return Err(libc::ESRCH);
                }
                kernel.remove(key);
            }
        }
        Ok(())
    }

    fn covers_everything_that_was_covered(
        kernel: &BTreeMap<RouteKey, (u8, Arc<RouteKind>)>,
        before: &Fib,
        after: &Fib,
    ) {
        let covered =
            |fib: Vec<IpNet>, addr: IpAddr| fib.iter().any(|prefix| prefix.contains(&host_prefix(addr)));
        for addr in before.keys().map(|key| key.prefix.addr()) {
            if covered(after.keys().map(|k| k.prefix).collect(), addr) {
                assert!(covered(kernel.keys().map(|k| k.prefix).collect(), addr), "{addr} had a gap");
            }
        }
    }

    fn arb_fib() -> impl Strategy<Value = Fib> {
        let key = (0u8..4, 8u8..=32, any::<bool>()).prop_map(|(host, len, v6)| {
            let addr: IpAddr = if v6 {
                format!("fd00::{host}").parse().unwrap()
            } else {
                format!("10.0.0.{host}").parse().unwrap()
            };
            RouteKey::new(254, IpNet::new(addr, len).unwrap(), 20)
        });
        let kind = prop_oneof![
            Just(RouteKind::Blackhole),
            (1u32..4).prop_map(|i| RouteKind::Unicast(NextHopSet::from(NextHop::dev(i)))),
        ];
        proptest::collection::btree_map(key, kind.prop_map(Arc::new), 0..24)
    }

    proptest! {
        #[test]
        fn applied_plan_gives_desired_and_spares_foreign(
            desired in arb_fib(), actual in arb_fib(), foreign in arb_fib()
        ) {
            let mut kernel: BTreeMap<_, _> =
                foreign.iter().map(|(k, v)| (*k, (4u8, Arc::clone(v)))).collect();
            let actual: Fib = actual.into_iter().filter(|(k, _)| !foreign.contains_key(k)).collect();
            kernel.extend(actual.iter().map(|(k, v)| (*k, (OURS, Arc::clone(v)))));

            for op in plan(&desired, &actual) {
                let outcome = execute(&mut kernel, &op);
                let expected = if foreign.contains_key(&op.key()) { Err(libc::EEXIST) } else { Ok(()) };
                prop_assert_eq!(outcome, expected);
                covers_everything_that_was_covered(&kernel, &actual, &desired);
            }

            let own: Fib = kernel
                .iter()
                .filter(|(_, (owner, _))| *owner == OURS)
                .map(|(k, (_, v))| (*k, Arc::clone(v)))
                .collect();
            let reachable: Fib = desired.into_iter().filter(|(k, _)| !foreign.contains_key(k)).collect();
            prop_assert_eq!(own, reachable);
            for (key, value) in &foreign {
                prop_assert_eq!(kernel.get(key), Some(&(4u8, Arc::clone(value))));
            }
        }
    }

    #[test]
    fn equal_maps_need_nothing() {
        let key = RouteKey::new(254, "10.0.0.0/24".parse().unwrap(), 20);
        let fib = Fib::from([(key, Arc::new(RouteKind::Blackhole))]);
        assert!(plan(&fib, &fib).is_empty());
    }
}
