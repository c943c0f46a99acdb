//! Rules that tests take away, to prove that they are needed and that the model notices.

/// A rule of the group log that must not be lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rule {
    /// A watermark names only flushes that end at or before it.
    WholeFlush,
    /// A watermark stands still until the splice of the current generation is consumed.
    Generation,
    /// Who comes from another group is withdrawn what only that one told.
    Left,
    /// Who asks for everything gets it, although another group told it the same.
    Afresh,
}

#[cfg(test)]
thread_local! {
    pub(crate) static REMOVED: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
pub(crate) fn removed(rule: Rule) -> bool {
    REMOVED.get() == Some(rule)
}

#[cfg(not(test))]
pub(crate) const fn removed(_: Rule) -> bool {
    false
}
