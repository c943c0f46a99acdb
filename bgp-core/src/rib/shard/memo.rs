//! Outcomes of import that are known already, so that no policy runs twice for the same.

use hashbrown::HashMap;

use super::import::Imported;
use crate::policy::Trace;
use crate::rib::{AttrId, AttrTable};
use crate::types::PeerId;

/// What an outcome depends on: peer, set as received, and the rules met if it is not that of every prefix.
pub(super) type About = (PeerId, AttrId, Option<Trace>);

/// Outcomes for one family while no policy changes; holds counts until [`Memo::release`].
#[derive(Default)]
pub(super) struct Memo(HashMap<About, Imported, foldhash::fast::FixedState>);

impl Memo {
    /// The outcome with counts as import gives them.
    pub(super) fn known(&self, attrs: &mut AttrTable, about: &About) -> Option<Imported> {
        let known = *self.0.get(about)?;
        if known.attrs != about.1 {
            attrs.retain(known.attrs);
        }
        Some(known)
    }

    pub(super) fn keep(&mut self, attrs: &mut AttrTable, about: About, imported: Imported) {
        if self.0.len() < MAX_MEMO {
            attrs.retain(about.1);
            attrs.retain(imported.attrs);
            self.0.insert(about, imported);
        }
    }

    pub(super) fn release(self, attrs: &mut AttrTable) {
        for ((_, attrs_in, _), imported) in self.0 {
            attrs.release(attrs_in);
            attrs.release(imported.attrs);
        }
    }
}

/// Bounds the memory of an UPDATE or a step, whatever its length or budget.
const MAX_MEMO: usize = 1 << 14;
