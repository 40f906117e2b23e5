// SPDX-License-Identifier: GPL-2.0-only

//! As many marks of random packets as one wants, for kernels that take no Rust modules: there is no module
//! that compares both targets in the kernel, as `make fuzz` does. `HMARK_MARKS` sets how many of each family.

use anyhow::{ensure, Result};
use handover::Variable;
use testbed::family::Family;
use testbed::note;

use super::{differences, run};
use crate::backend::Backend;
use crate::experiment::{Connections, Experiment};
use crate::older::Known;
use crate::{ruleset, seed, traffic};

/// Packets of one round, as many as fit into a guest's memory with all of their marks.
const PACKETS: usize = 4000;

/// Every mark is the one that the C module gives: of spoilt flows, and of random headers and tunnels.
pub fn equal_c(family: Family) -> Result<()> {
    let wanted: usize = Variable::Marks.number(0)?;
    let (mut packets, mut compared, mut known) = (0, 0, Known::default());
    for round in 0.. {
        if compared >= wanted {
            break;
        }
        let seed = seed()?.wrapping_add(round);
        let marks = run(Experiment {
            family,
            backend: Backend::Nft,
            rules: ruleset::stateless(family),
            packets: [traffic::stateless, traffic::random]
                .map(|make| make(family, seed, PACKETS / 2))
                .concat(),
            connections: Connections::Untracked,
        })?;
        ensure!(
            marks.c.len() == marks.packets * marks.rules.len(),
            "{} marks of {} packets: some were lost",
            marks.c.len(),
            marks.packets
        );
        known.add(&differences(&marks)?);
        packets += marks.packets;
        compared += marks.c.len();
    }
    note!("{family}: {compared} marks of {packets} random packets compared with the C module, 0 differ{known}");
    Ok(())
}
