// SPDX-License-Identifier: GPL-2.0-only

//! The set-ups that HMARK was written for, of real parts in namespaces, as the tutorials in `docs/`
//! build them: the commands are those of the text. Run it in a fresh guest of the lab; `size.rs`
//! has what sets the number of hosts and flows.

mod cables;
mod capture;
mod clients;
mod echo;
mod flow;
mod host;
mod pre_load_balancer;
mod share;
mod size;
mod tutorial;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use tests::notes;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // All share one cluster, in the order that the tutorial has.
    arguments.test_threads = Some(1);
    let conclusion = libtest_mimic::run(&arguments, pre_load_balancer::trials());
    notes::print();
    pre_load_balancer::print_shares();
    conclusion.exit_code()
}
