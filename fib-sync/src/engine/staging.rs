//! Facts on their way into a view.

use crate::kernel::Fact;
use crate::view::{KernelView, Touched};

/// The view that a running dump builds, and what happened meanwhile.
#[derive(Debug, Default)]
pub(super) struct Staging {
    pub(super) view: KernelView,
    pub(super) log: Vec<Fact>,
    pub(super) scratch: Touched,
}

/// Applies a fact to a view; true when routes may have gone with it silently.
pub(super) fn apply(view: &mut KernelView, fact: Fact, touched: &mut Touched) -> bool {
    match fact {
        Fact::Link(link) => {
            let before = view.link(link.ifindex).map(|l| (l.up, l.carrier));
            let after = (link.up, link.carrier);
            view.set_link(link, touched);
            before != Some(after)
        }
        Fact::LinkGone(ifindex) => {
            view.remove_link(ifindex, touched);
            true
        }
        Fact::Addr(addr) => {
            view.set_addr(addr, touched);
            true
        }
        Fact::AddrGone(addr) => {
            view.remove_addr(addr, touched);
            true
        }
        Fact::Route { route, replace } => {
            view.set_route(route, replace, touched);
            false
        }
        Fact::RouteGone(route) => !view.remove_route(&route, touched),
        Fact::NextHopObject | Fact::Overrun => true,
    }
}
