//! What systemd is told (`Type=notify`): readiness, the state in words, and signs of life.
//!
//! Without systemd, nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The daemon is in service.
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// The daemon is on its way out.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// The state in one line, for `systemctl status`.
pub fn status(text: &str) {
    send(&[NotifyState::Status(text)]);
}

/// The loops turn. To be called at least every [`watchdog_interval`].
pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// Half of what systemd allows between two signs of life; `None` when it asks for none.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "cannot notify systemd");
    }
}
