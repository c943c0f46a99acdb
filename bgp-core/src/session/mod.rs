//! The session state machine, without I/O (RFC 4271 §8).
