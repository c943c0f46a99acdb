//! The routing table: Adj-RIB-In and Loc-RIB in one compact structure.
