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
        Ok(FibReport { fib: self.fib_status(&snapshot), differences: differences.collect() })
    }

    pub(super) fn fib_status(&self, snapshot: &FibSnapshot) -> FibStatus {
        let counters = &snapshot.counters;
        let trouble = counters.conflicts + counters.failed;
        FibStatus {
            enabled: snapshot.program,
            desired: counters.desired,
            programmed: counters.installed,
            pending: counters.desired.saturating_sub(counters.installed).saturating_sub(trouble),
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
}
