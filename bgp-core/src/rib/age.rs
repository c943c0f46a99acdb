//! Which paths of a peer count: those of its epoch, and the stale ones while it is waited for.

/// What tells live paths from dead ones, read for each path looked at: four octets a peer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Age {
    /// Epoch of paths announced now.
    pub(crate) epoch: u8,
    /// How many epochs back a path may be: 1 while stale paths are kept, else 0.
    pub(crate) keep: u8,
    pub(crate) kind: AgeKind,
    /// The import policy must run again over this peer's paths.
    pub(crate) reimport: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum AgeKind {
    #[default]
    Unknown,
    Local,
    External,
    Internal,
}

/// Whether a path counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Life {
    Fresh,
    Stale,
    Dead,
}

impl Age {
    #[inline]
    pub(crate) fn life(self, epoch: u8) -> Life {
        match self.epoch.wrapping_sub(epoch) {
            0 => Life::Fresh,
            age if age <= self.keep => Life::Stale,
            _ => Life::Dead,
        }
    }
}
