//! Import and export policy: compiled, immutable, total.
