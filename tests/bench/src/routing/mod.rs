// SPDX-License-Identifier: GPL-2.0-only

//! The cost of a packet's way through a router to one of many gateways: by marks and the routing
//! rules of `hmark plan`, by linear routing rules, by nft's `jhash`, and by the kernel's own ECMP.

mod arrivals;
mod group;
mod plan;
mod router;
mod way;

use anyhow::{Context, Result};
use testbed::family::Family;
use testbed::{install, module};

use crate::effort::Effort;
use crate::pktgen;
use crate::progress::Progress;
use crate::report::{Ratio, Row, Table};
use crate::series::{median, Series};

use plan::Plan;
use router::Router;
use way::Way;

/// Numbers of gateways, each of which has a mark.
const GATEWAYS: [usize; 3] = [4, 70, 256];

/// Rounds in which each way has its turn. One more round before them is not counted.
const ROUNDS: usize = 21;

/// Packets in a turn. It is short, so that most turns are not interrupted on a busy machine.
const PACKETS: usize = 1 << 13;

/// Measures all ways, for each number of gateways.
pub fn run(progress: &mut Progress) -> Result<Table> {
    install::install()?;
    module::load_ours()?;
    pktgen::load()?;
    let effort = Effort::new(ROUNDS);
    let mut rows = Vec::new();
    for family in Family::ALL {
        for gateways in GATEWAYS {
            let plan = Plan::new(family, gateways)?;
            rows.extend(measure(&plan, &effort, progress)?);
        }
    }
    Ok(Table {
        benchmark: "routing",
        title: "Routing: a packet's way through a router to one of many gateways, and by ECMP as the other; the floor is one gateway for all.",
        unit: effort.thousand,
        ratio: Ratio::OursByOther,
        rows,
    })
}

/// Sends packets through a router of each way in turn, and compares them with ECMP.
fn measure(plan: &Plan, effort: &Effort, progress: &mut Progress) -> Result<Vec<Row>> {
    let packets = PACKETS / effort.less;
    let rounds = effort.rounds;
    progress.phase(&format!(
        "{} {} gateways: {packets} packets by each way, {rounds} rounds and one to warm up",
        plan.family, plan.gateways
    ));
    let ways = Way::all(plan);
    let mut routers = Vec::new();
    for (number, way) in ways.iter().enumerate() {
        let context = || format!("{} {} gateways, {way}", plan.family, plan.gateways);
        let mut router = Router::new(number, *way, plan).with_context(context)?;
        router.check_shares().with_context(context)?;
        routers.push(router);
        progress.step(&way.to_string());
    }
    let mut costs = vec![Vec::new(); ways.len()];
    for round in 0..=rounds {
        progress.step(&format!("round {round} of {rounds}"));
        for turn in 0..ways.len() {
            // Rotates the order, so that no way is always first.
            let turn = (turn + round) % ways.len();
            let cost = routers[turn]
                .cost(packets)
                .with_context(|| format!("{} {}, {}", plan.family, plan.gateways, ways[turn]))?;
            if round > 0 {
                costs[turn].push(cost);
            }
        }
    }
    let of = |wanted| ways.iter().position(|way| *way == wanted);
    let [floor, other] = [of(Way::One), of(Way::Ecmp)].map(|place| place.map(|it| &costs[it]));
    let (floor, other) = floor.zip(other).context("these ways are always there")?;
    let compared = ways.iter().zip(&costs);
    let compared = compared.filter(|(way, _)| ![Way::One, Way::Ecmp].contains(way));
    let rows: Vec<_> = compared
        .map(|(way, ours)| Row {
            name: format!("{}, {}: {way}", plan.family, plan.gateways),
            of: Way::Ecmp.to_string(),
            series: Series {
                ours: ours.clone(),
                other: other.clone(),
            },
            floor: floor.clone(),
        })
        .collect();
    for row in &rows {
        let [ours, other, floor] =
            [&row.series.ours, &row.series.other, &row.floor].map(|costs| median(costs));
        progress.phase(&format!(
            "{}: {ours:.3}, {}: {other:.3}, floor: {floor:.3} {}",
            row.name, row.of, effort.thousand
        ));
    }
    Ok(rows)
}
