//! The kernel's side.

use fib_sync::{FibSnapshot, RouteStatus, SnapshotQuery};

use crate::admin::api::{
    ApiError, ErrorCode, FibDifference, FibReport, FibState, FibStatus, RepairCauses, ResyncCauses,
};
use crate::runtime::supervisor::Supervisor;

impl Supervisor {
    pub(in crate::runtime::supervisor) async fn fib_report(&self) -> Result<FibReport, ApiError> {
        let snapshot = self.fib.snapshot(SnapshotQuery::Differing).await;
        let snapshot = snapshot.map_err(|error| ApiError::new(ErrorCode::Unavailable, error.to_string()))?;
        let differences = snapshot.routes.iter().take(FibReport::MAX).filter_map(|route| {
            let (state, detail) = match route.status {
                RouteStatus::Installed => return None,
                RouteStatus::Pending if route.desired.is_none() => {
                    (FibState::Pending, "in the kernel, not desired any more".to_owned())
                }
                RouteStatus::Pending => (FibState::Pending, "about to be written".to_owned()),
                RouteStatus::Conflict => {
                    (FibState::Conflict, "another daemon's route has the same table and metric".to_owned())
                }
                RouteStatus::Unresolved => (FibState::Unresolved, "no next hop can be reached".to_owned()),
                RouteStatus::Failed(reason) => (FibState::Failed, reason.to_string()),
            };
            Some(FibDifference { prefix: route.prefix, table: self.config.fib.table, state, detail })
        });
        Ok(FibReport { fib: fib_status(&snapshot), differences: differences.collect() })
    }
}

/// The kernel's side in numbers.
pub(super) fn fib_status(snapshot: &FibSnapshot) -> FibStatus {
    let counters = &snapshot.counters;
    // Not by what is in the kernel: blackholes, routes found at the start and routes to be replaced are, too.
    let pending = counters.unwritten + counters.unresolved;
    let not_programmed = pending + counters.conflicts + counters.failed;
    FibStatus {
        enabled: snapshot.program,
        desired: counters.desired,
        programmed: counters.desired.saturating_sub(not_programmed),
        pending,
        unresolved: counters.unresolved,
        drift: counters.drift,
        failed: counters.failed,
        conflicts: counters.conflicts,
        repairs: counters.repairs_event + counters.repairs_audit,
        repairs_by: RepairCauses { event: counters.repairs_event, audit: counters.repairs_audit },
        resyncs: counters.resyncs_overrun + counters.resyncs_event + counters.resyncs_audit,
        resyncs_by: ResyncCauses {
            overrun: counters.resyncs_overrun,
            event: counters.resyncs_event,
            audit: counters.resyncs_audit,
        },
        deferring: !snapshot.converged,
    }
}

#[cfg(test)]
mod tests {
    use fib_sync::Counters;

    use super::*;

    #[test]
    fn what_is_in_the_kernel_undesired_does_not_pass_for_what_is_missing() {
        // Seven adopted routes, while four of ten desired ones are written and the rest is not.
        let counters = Counters {
            desired: 10,
            installed: 11,
            unwritten: 3,
            unresolved: 1,
            conflicts: 1,
            failed: 1,
            ..Counters::default()
        };
        let status = fib_status(&FibSnapshot { counters, ..FibSnapshot::default() });
        assert_eq!((status.programmed, status.pending, status.unresolved), (4, 4, 1));
    }
}
