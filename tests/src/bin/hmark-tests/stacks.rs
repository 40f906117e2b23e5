// SPDX-License-Identifier: GPL-2.0-only

//! Real stacks: sockets, IPsec and routers send, and a router between them marks. The marks are
//! those of the C module, and those that a user of HMARK relies on.

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
