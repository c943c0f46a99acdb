//! Everything that decides, in one state machine: no socket, no clock, no task.
//!
//! The driver feeds commands and [`KernelInput`]s, and asks after each what to do: dumps to start, batches
//! to submit, events to tell, and when to call [`Engine::timeout`].

mod outbox;
mod schedule;
mod staging;

use std::collections::BTreeSet;
use std::io;
use std::time::Instant;

use ipnet::IpNet;
use tracing::{debug, warn};

use crate::config::{FibConfig, OriginRules};
use crate::desired::{DesiredRoute, UpdateBatch};
use crate::event::FibEvent;
use crate::kernel::{Fact, KernelInput, OpBatch, SeenRoute};
use crate::nexthop::tracker::Tracker;
use crate::nexthop::{NextHopRef, resolver};
use crate::origin::OriginSet;
use crate::reconcile::Reconciler;
use crate::route::{RouteKey, TABLE_LOCAL, TABLE_MAIN};
use crate::status::{Counters, FibSnapshot, SnapshotQuery};
use crate::view::{KernelView, Touched};
use outbox::Outbox;
pub use schedule::Cause;
use schedule::Schedule;
use staging::{Staging, apply};

/// The whole of route synchronisation without its sockets.
#[derive(Debug)]
pub struct Engine {
    table: u32,
    protocol: u8,
    program: bool,
    view: KernelView,
    touched: Touched,
    staging: Option<Staging>,
    schedule: Schedule,
    interrupted: u32,
    dumps: u64,
    tracker: Tracker,
    origins: OriginSet,
    reconciler: Reconciler,
    outbox: Outbox,
    synced: bool,
    converged: bool,
    resyncs: Counters,
}

impl Engine {
    /// Starts knowing nothing; the first [`Self::poll_dump`] asks for everything.
    pub fn new(config: FibConfig, now: Instant) -> Self {
        let mut engine = Self {
            table: config.table,
            protocol: config.protocol,
            program: config.program,
            view: KernelView::default(),
            touched: Touched::default(),
            staging: None,
            schedule: Schedule::new(config.audit_interval, now),
            interrupted: 0,
            dumps: 0,
            tracker: Tracker::default(),
            origins: OriginSet::default(),
            reconciler: Reconciler::new(config.table, config.metric),
            outbox: Outbox::default(),
            synced: false,
            converged: false,
            resyncs: Counters::default(),
        };
        engine.reconfigure(config.origins);
        engine
    }

    /// Changes desired routes; ignored when programming is off.
    pub fn update(&mut self, batch: UpdateBatch) {
        if self.program {
            let (view, protocol) = (&self.view, self.protocol);
            self.reconciler.desire(batch, &|desired| resolver::resolve_route(view, protocol, desired));
            self.collect_news();
        }
    }

    /// Starts and stops telling about next hops.
    pub fn track(&mut self, add: &[NextHopRef], remove: &[NextHopRef]) {
        self.tracker.add(add);
        self.tracker.remove(remove);
        for next_hop in remove {
            if !self.tracker.knows(*next_hop) {
                self.outbox.forget_next_hop(*next_hop);
            }
        }
        if self.synced {
            let outbox = &mut self.outbox;
            self.tracker.answer(add, &self.view, self.protocol, |n, r| outbox.next_hop(n, r));
        }
    }

    /// Everything desired has been said.
    pub fn converged(&mut self) {
        if !self.converged {
            self.converged = true;
            self.reconciler.converged();
        }
    }

    /// Replaces the rules for originated prefixes.
    pub fn reconfigure(&mut self, rules: OriginRules) {
        self.origins.set_rules(rules);
        if self.program {
            self.reconciler.pin(self.origins.networks());
            self.collect_news();
        }
        if self.synced {
            let outbox = &mut self.outbox;
            self.origins.refresh_all(&self.view, self.protocol, |p, r| outbox.origin(p, r));
        }
    }

    /// Wants a comparison with the kernel as soon as the pause after the last one allows.
    pub fn request_dump(&mut self, cause: Cause) {
        self.schedule.want(cause);
    }

    /// Removes every own route; done when [`Self::idle`].
    pub fn retire(&mut self) {
        self.origins.set_rules(OriginRules::default());
        self.reconciler.retire();
    }

    /// Nothing is waiting to be written.
    pub fn idle(&self) -> bool {
        !self.program || (self.synced && self.reconciler.idle())
    }

    /// How many comparisons have been completed.
    pub fn dumps(&self) -> u64 {
        self.dumps
    }

    /// Whether a comparison is running.
    pub fn dumping(&self) -> bool {
        self.schedule.running()
    }

    /// Takes in what the kernel told.
    ///
    /// # Errors
    /// The socket's, when it is beyond use.
    pub fn input(&mut self, input: KernelInput, now: Instant) -> io::Result<()> {
        match input {
            KernelInput::Events(facts) => {
                for fact in facts {
                    self.event(fact, now);
                }
                self.settle();
            }
            KernelInput::Rows(facts) => facts.into_iter().for_each(|fact| self.row(fact)),
            KernelInput::DumpEnd(outcome) => {
                self.dump_ended(outcome, now);
                self.settle();
            }
            KernelInput::Results { batch, results } => {
                self.reconciler.results(batch, &results, now);
                self.collect_news();
            }
            KernelInput::Broken(error) => return Err(error),
        }
        Ok(())
    }

    /// Does what has become due.
    pub fn timeout(&mut self, now: Instant) {
        self.reconciler.retry(now);
    }

    /// When [`Self::timeout`] or [`Self::poll_dump`] has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        [self.schedule.deadline(), self.reconciler.next_retry()].into_iter().flatten().min()
    }

    /// The tables to dump now, if a comparison is due.
    pub fn poll_dump(&mut self, now: Instant) -> Option<Vec<u32>> {
        if self.reconciler.take_dump_wish() {
            self.schedule.want(Cause::Doubt);
        }
        let cause = self.schedule.start(now)?;
        debug!(?cause, "comparing with the kernel");
        match cause {
            Cause::Start => {}
            Cause::Overrun => self.resyncs.resyncs_overrun += 1,
            Cause::Event | Cause::Doubt => self.resyncs.resyncs_event += 1,
            Cause::Audit => self.resyncs.resyncs_audit += 1,
        }
        self.staging = Some(Staging::default());
        self.reconciler.begin_dump();
        let mut tables = vec![TABLE_LOCAL, TABLE_MAIN];
        if !tables.contains(&self.table) {
            tables.push(self.table);
        }
        Some(tables)
    }

    /// The next operations to submit.
    pub fn poll_batch(&mut self) -> Option<OpBatch> {
        if self.program { self.reconciler.next_batch() } else { None }
    }

    /// Whether [`Self::poll_event`] has something.
    pub fn has_events(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The next thing to tell the user.
    pub fn poll_event(&mut self) -> Option<FibEvent> {
        self.outbox.pop()
    }

    /// Answers a query.
    pub fn snapshot(&self, query: &SnapshotQuery) -> FibSnapshot {
        FibSnapshot {
            synced: self.synced,
            converged: self.converged,
            program: self.program,
            counters: Counters {
                resyncs_overrun: self.resyncs.resyncs_overrun,
                resyncs_event: self.resyncs.resyncs_event,
                resyncs_audit: self.resyncs.resyncs_audit,
                ..self.reconciler.counters()
            },
            origins: self.origins.iter().collect(),
            routes: self.reconciler.routes(query),
        }
    }

    fn event(&mut self, fact: Fact, now: Instant) {
        match fact {
            Fact::Route { route, replace } if self.is_own(&route) => {
                if replace {
                    self.view.clear_key(route.key, &mut self.touched);
                }
                if self.program {
                    self.reconciler.own_route(route.key.prefix, route.as_kind(), now);
                }
            }
            Fact::RouteGone(route) if self.is_own(&route) => {
                if self.program {
                    self.reconciler.own_route_gone(route.key.prefix, route.as_kind(), now);
                }
            }
            Fact::Overrun => {
                warn!("events of the kernel were lost, comparing everything");
                self.schedule.want(Cause::Overrun);
            }
            Fact::NextHopObject => self.schedule.want(Cause::Event),
            fact => self.foreign_event(fact, now),
        }
    }

    /// Everything that makes up the view: logged for a running dump, which may have read older state.
    fn foreign_event(&mut self, fact: Fact, now: Instant) {
        if let Some(staging) = &mut self.staging {
            if staging.log.len() >= LOG_LIMIT {
                staging.log.clear();
                self.schedule.want(Cause::Overrun);
            }
            staging.log.push(fact.clone());
        }
        let at_own_key = match &fact {
            Fact::Route { route, replace } if self.has_own_key(&route.key) => Some((route.key, *replace)),
            Fact::RouteGone(route) if self.has_own_key(&route.key) => Some((route.key, false)),
            _ => None,
        };
        let news = apply(&mut self.view, fact, &mut self.touched);
        if news {
            self.schedule.want(Cause::Event);
        }
        if let Some((key, replace)) = at_own_key {
            let present =
                self.view.routes_at(key.table, key.prefix).iter().any(|r| r.key.metric == key.metric);
            self.reconciler.foreign(key.prefix, present);
            if replace {
                // docs/src/kernel-routes.md, fact 6: taken over, and nobody says that ours is gone.
                self.reconciler.own_route_taken(key.prefix, now);
            }
        }
    }

    fn row(&mut self, fact: Fact) {
        match fact {
            Fact::Route { route, .. } if self.is_own(&route) => {
                if self.program {
                    self.reconciler.dump_row(route.key.prefix, route.as_kind());
                }
            }
            fact => {
                if let Some(staging) = &mut self.staging {
                    apply(&mut staging.view, fact, &mut staging.scratch);
                    staging.scratch.prefixes.clear();
                }
            }
        }
    }

    fn dump_ended(&mut self, outcome: io::Result<()>, now: Instant) {
        self.schedule.ended(now);
        let complete = self.judge_dump(outcome);
        let Some(mut staging) = self.staging.take().filter(|_| complete) else {
            self.reconciler.end_dump(false, &BTreeSet::new(), now);
            self.schedule.want(Cause::Doubt);
            return;
        };
        for fact in staging.log {
            apply(&mut staging.view, fact, &mut staging.scratch);
        }
        self.view.replace_with(staging.view, &mut self.touched);
        self.dumps += 1;
        if self.program {
            let at_own_keys: BTreeSet<IpNet> = self
                .view
                .routes(self.table)
                .filter(|route| self.has_own_key(&route.key))
                .map(|route| route.key.prefix)
                .collect();
            self.resolve_desired();
            self.reconciler.end_dump(true, &at_own_keys, now);
        }
        if !self.synced {
            self.synced = true;
            self.touched.links = true;
            let adopted = self.reconciler.counters().adopted;
            self.outbox.adopted(usize::try_from(adopted).unwrap_or(usize::MAX));
            let outbox = &mut self.outbox;
            self.origins.refresh_all(&self.view, self.protocol, |p, r| outbox.origin(p, r));
        }
    }

    /// Whether what the dump did not show may be taken as absent.
    fn judge_dump(&mut self, outcome: io::Result<()>) -> bool {
        match outcome {
            Ok(()) => {
                self.interrupted = 0;
                true
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                // The table changes faster than it can be read. Take what there is, and look again.
                self.interrupted += 1;
                if self.interrupted < INTERRUPTIONS {
                    return false;
                }
                self.interrupted = 0;
                self.schedule.want(Cause::Doubt);
                true
            }
            Err(error) => {
                warn!(%error, "reading the kernel's tables");
                false
            }
        }
    }

    /// Lets everything that depends on the view look at what was touched.
    fn settle(&mut self) {
        if self.synced && !self.touched.is_empty() {
            let touched = std::mem::take(&mut self.touched);
            let outbox = &mut self.outbox;
            if touched.addrs {
                outbox.addresses();
            }
            self.origins.refresh(&self.view, self.protocol, &touched.prefixes, |p, r| outbox.origin(p, r));
            // A container's route comes and goes without concerning any next hop: the common case is cheap.
            let concerned =
                |prefix: &IpNet| self.tracker.concerns(*prefix) || self.reconciler.concerns(*prefix);
            if touched.links || touched.prefixes.iter().any(concerned) {
                self.refresh_tracked();
                self.resolve_desired();
            }
        }
        self.collect_news();
    }

    fn refresh_tracked(&mut self) {
        if self.synced {
            let outbox = &mut self.outbox;
            self.tracker.refresh(&self.view, self.protocol, |n, r| outbox.next_hop(n, r));
        }
    }

    fn resolve_desired(&mut self) {
        let (view, protocol) = (&self.view, self.protocol);
        self.reconciler.refresh(&|desired: &DesiredRoute| resolver::resolve_route(view, protocol, desired));
    }

    fn collect_news(&mut self) {
        let news = self.reconciler.take_news();
        if !news.is_empty() {
            self.outbox.statuses(news);
        }
    }

    fn is_own(&self, route: &SeenRoute) -> bool {
        route.protocol == self.protocol && self.has_own_key(&route.key)
    }

    fn has_own_key(&self, key: &RouteKey) -> bool {
        *key == self.reconciler.key(key.prefix)
    }
}

/// About ten megabytes; more events than that during one dump call for another dump anyway.
const LOG_LIMIT: usize = 65_536;
/// How often in a row a dump may be called inconsistent before it is used all the same.
const INTERRUPTIONS: u32 = 3;
