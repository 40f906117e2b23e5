// SPDX-License-Identifier: GPL-2.0-only

//! Packets of real network stacks: sockets, IPsec and routers send them, and a router between them
//! marks them. The marks must be those of the C module, and those that users of HMARK rely on.

mod errors;
mod fragments;
mod ipsec;
mod nat;
mod network;
mod scenes;
mod sctp;
mod seen;
mod tracking;
mod watch;

use libtest_mimic::Trial;

use crate::trial::families;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let mut trials = families("stacks::equal_c", scenes::equal_c);
    trials.extend(families("stacks::fragments", fragments::of_large_datagrams));
    trials.extend(families(
        "stacks::fragments_tracked",
        fragments::come_together,
    ));
    trials.extend(families("stacks::icmp_errors", errors::follow_their_flow));
    trials.extend(families("stacks::nat", nat::has_one_mark));
    trials.extend(families("stacks::untracked", tracking::without_connection));
    trials.extend(families("stacks::ipsec", ipsec::by_association));
    trials.extend(families("stacks::sctp", sctp::by_association));
    trials
}
