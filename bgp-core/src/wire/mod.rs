//! The wire format: framing, decoding and encoding of BGP messages.
