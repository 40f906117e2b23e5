// SPDX-License-Identifier: GPL-2.0-only

//! The flows that move from gateway to gateway: those that `hmark scale` says, and those that do.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;
use testbed::family::Family;

use super::site::MARK;
use crate::flow::Flow;
use crate::host::Host;

/// The number of flows that move, by the gateways that they move from and to.
pub type Moves = BTreeMap<(usize, usize), usize>;

/// The moves by the gateways of each flow, before and after.
pub fn between(before: &[usize], after: &[usize]) -> Moves {
    let mut moves = Moves::new();
    for (&from, &to) in before.iter().zip(after) {
        if from != to {
            *moves.entry((from, to)).or_default() += 1;
        }
    }
    moves
}

/// The moves that `hmark scale` says on a selector that began with `from` gateways, if there are to be so many.
///
/// # Errors
/// If it cannot tell.
pub fn moves(selector: &Host, flows: &[Flow], from: usize, gateways: usize) -> Result<Moves> {
    let mut moves = Moves::new();
    for (family, digit) in [(Family::Ipv4, 4), (Family::Ipv6, 6)] {
        let mut list = String::new();
        for flow in flows.iter().filter(|flow| flow.family() == family) {
            let (source, to) = (flow.source, flow.destination);
            list += &format!(
                "{},{},{},{},{}\n",
                flow.transport.to_string().to_lowercase(),
                source.ip(),
                source.port(),
                to.ip(),
                to.port()
            );
        }
        let said = selector.run(&format!(
            "cat > /run/flows <<'END'\n{list}END\n\
             hmark scale --mod {gateways} --from-marks {from} --family {digit} --flows /run/flows -i front --json"
        ))?;
        let said: Value = serde_json::from_str(&said)?;
        let all = said["moves"].as_array().context("no moves")?;
        for one in all {
            let number = |name: &str| -> Result<usize> {
                let number = one[name].as_u64();
                Ok(usize::try_from(
                    number.with_context(|| format!("no {name}: {one}"))?,
                )?)
            };
            let place = |name: &str| {
                let place = number(name)?.checked_sub(MARK);
                place.with_context(|| format!("{name} is no mark of a gateway: {one}"))
            };
            *moves.entry((place("from")?, place("to")?)).or_default() += number("flows")?;
        }
    }
    Ok(moves)
}
