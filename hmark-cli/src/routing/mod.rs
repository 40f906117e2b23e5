// SPDX-License-Identifier: GPL-2.0-only

//! The routing rules and routes of a host, from the JSON of `ip`, and the lookup of a packet's way.
//!
//! The lookup follows `fib_rules_lookup()` in `net/core/fib_rules.c`, `fib_table_lookup()` in
//! `net/ipv4/fib_trie.c` and `fib6_table_lookup()` in `net/ipv6/route.c`.

mod addresses;
mod lookup;
mod routes;
mod rules;
#[cfg(test)]
mod tests;

/// The number of the routing protocol that routes and routing rules made by this tool have: the letter H.
/// None of iproute2's names has it.
pub const PROTOCOL: u32 = 72;

pub use lookup::{lookup, Found, Key, Next, Origin};
pub use routes::{Hop, Kind, Route, Routes};
pub use rules::{Action, RoutingRule, RoutingRules};
