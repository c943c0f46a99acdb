//! From being in service to having ended.

use std::time::Duration;

use bgp_core::session::Input;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::Supervisor;
use crate::admin::socket;
use crate::config::model::Mode;
use crate::runtime::deadline::deadline;
use crate::runtime::session_task::Command;
use crate::runtime::shard::{ShardMessage, tell_all};
use crate::systemd;

/// What ends with the process and not before.
pub(super) struct Ends {
    pub(super) signals: Signals,
    pub(super) _api: watch::Sender<bool>,
    pub(super) _socket: socket::Socket,
}

pub(super) struct Signals {
    reload: Signal,
    terminate: Signal,
    interrupt: Signal,
    louder: Signal,
}

/// Catches the signals that mean something.
pub(super) fn signals() -> std::io::Result<Signals> {
    Ok(Signals {
        reload: signal(SignalKind::hangup())?,
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        louder: signal(SignalKind::user_defined1())?,
    })
}

impl Supervisor {
    /// Does what is asked until told to stop.
    pub(super) async fn serve(&mut self, mut ends: Ends) {
        tracing::info!(
            name = self.config.node.name,
            asn = %self.config.node.asn,
            router_id = %self.config.node.router_id,
            mode = match self.config.mode { Mode::Agent => "agent", Mode::Reflector => "reflector" },
            "in service"
        );
        systemd::ready();
        let mut watchdog = systemd::watchdog_interval().map(tokio::time::interval);
        loop {
            let over = self.deferral.deadline();
            tokio::select! {
                event = self.events.recv() => if let Some(event) = event {
                    self.on_event(event).await;
                },
                event = self.fib_events.recv() => match event {
                    Some(event) => self.on_fib(event).await,
                    None => {
                        tracing::error!("the route task has ended; the process ends, kernel routes stay");
                        return;
                    }
                },
                _ = ends.signals.reload.recv() => {
                    // The outcome is logged and stays in the status.
                    let _ = self.reload().await;
                }
                _ = ends.signals.louder.recv() => {
                    let level = self.log.raise();
                    tracing::info!(%level, "log level changed");
                }
                _ = ends.signals.terminate.recv() => break,
                _ = ends.signals.interrupt.recv() => break,
                () = deadline(over) => {}
                () = tick(&mut watchdog) => systemd::alive(),
            }
            self.end_deferral_if_due();
        }
        self.stop().await;
    }

    /// Ends in the order that keeps traffic flowing: where routes stay, the kernel is let go before the
    /// sessions' end withdraws them; where they go, peers are told before.
    async fn stop(&mut self) {
        systemd::stopping();
        let reason = self.stop_reason();
        tracing::info!(?reason, "stopping");
        let keep = self.config.fib.keep_on_exit;
        if keep {
            self.let_kernel_go(keep).await;
        }
        for (_, peering) in self.peers.iter() {
            peering.command(Command::Finish(Input::Stop(reason.clone()))).await;
        }
        let farewell = async {
            for (_, peering) in self.peers.drain() {
                let _ = peering.session.task.await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
        if !keep {
            self.let_kernel_go(keep).await;
        }
        tell_all(&self.shards, || ShardMessage::Stop).await;
    }

    async fn let_kernel_go(&self, keep: bool) {
        // It may be gone already, or have a million routes to remove.
        let _ = tokio::time::timeout(CLEAN_UP, self.fib.shutdown(keep)).await;
    }
}

async fn tick(interval: &mut Option<tokio::time::Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

/// For last messages to leave.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);
/// For removing own routes where they do not stay.
const CLEAN_UP: Duration = Duration::from_secs(20);
