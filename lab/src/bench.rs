// SPDX-License-Identifier: GPL-2.0-only
//! `make bench`: what ours costs beside what Linux and iptables ship.

use crate::command::cpus;
use crate::guest::{Guest, HANGS};
use crate::kernel::Kernel;
use crate::lab::Lab;
use crate::need;
use crate::product::{self, Module, Product};
use crate::progress::Step;
use anyhow::Result;
use clap::{Args, ValueEnum};
use handover::Variable;
use std::fs;
use std::process::Command;

/// The program that measures, in a guest.
const PROGRAM: &str = "hmark-bench";

/// The program that draws what was measured.
const CHART: &str = "hmark-chart";

/// What is measured.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Benchmark {
    /// Calls of the target, for each kind of packet
    Packets,
    /// A packet by rules of revision 1 and of revision 0
    Revisions,
    /// Chains of rules, end to end
    Chains,
    /// Rules parsed, restored and saved
    Rules,
    /// Ways to one of many gateways, by marks or by ECMP
    Routing,
}

/// The benchmarks that charts are drawn of, and the end of each chart's name.
const CHARTS: [(Benchmark, &str); 2] = [(Benchmark::Packets, ""), (Benchmark::Routing, "-routing")];

/// What to measure, and where.
#[derive(Args)]
pub struct Bench {
    /// UML kernels run at native speed; on others instructions are counted
    #[arg(long, value_enum, default_value = "uml")]
    kernel: Kernel,
    /// The module with the glue in C
    #[arg(long)]
    glue_c: bool,
    /// All of them if none is named
    benchmarks: Vec<Benchmark>,
}

impl Bench {
    /// Measures; the last line names the file of figures.
    pub fn run(&self) -> Result<u8> {
        let lab = Lab::open()?;
        let module = match self.glue_c {
            true => Module::HmarkByC,
            false => Module::Hmark,
        };
        let mut products = vec![
            Product::Library,
            Product::Module(module, self.kernel),
            Product::Program(PROGRAM),
            Product::Program(CHART),
        ];
        if self.measures(Benchmark::Packets) || self.measures(Benchmark::Revisions) {
            products.push(Product::Module(Module::Fuzz, self.kernel));
        }
        if self.measures(Benchmark::Routing) {
            products.push(Product::Tool);
        }
        need::make_for(&lab, self.kernel, &products)?;
        let machine = lab.machine(self.kernel)?;
        let described = format!("{}, {} CPUs", processor()?, cpus());
        let wanted: Vec<_> = self
            .benchmarks
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .collect();
        let [program, chart_program] = [PROGRAM, CHART].map(product::program);
        let set = format!("{}=1", Variable::GlueC);
        let mut command = match self.glue_c {
            true => vec!["env", &set],
            false => vec![],
        };
        command.extend([program.as_str(), "/run/lab/result", &described]);
        command.extend(wanted.iter().map(|value| value.get_name()));
        let name = match self.glue_c {
            true => format!("bench-{}-c", self.kernel),
            false => format!("bench-{}", self.kernel),
        };
        let figures = format!("target/lab/{name}.json");
        let mut guest = Guest::new(HANGS, &command).with_result(&figures);
        if !self.kernel.is_uml() {
            guest = guest.counting_instructions();
        }
        let status = guest.run(&machine)?;
        if status == 0 {
            println!("bench: every measurement is in {figures}");
            for (benchmark, end) in CHARTS {
                if self.measures(benchmark) {
                    let chart = format!("target/lab/{name}{end}.svg");
                    draw(&chart_program, &figures, benchmark, &chart)?;
                }
            }
        }
        Ok(status)
    }

    fn measures(&self, benchmark: Benchmark) -> bool {
        self.benchmarks.is_empty() || self.benchmarks.contains(&benchmark)
    }
}

/// Draws a chart of a benchmark's figures.
fn draw(program: &str, figures: &str, benchmark: Benchmark, chart: &str) -> Result<()> {
    let value = benchmark.to_possible_value();
    let name = value.as_ref().map_or("", |value| value.get_name());
    let mut step = Step::begin("chart", "drawing the chart")?;
    step.run(Command::new(program).args([figures, name, chart]))?;
    step.end("done");
    println!("bench: {chart} shows those of {name}");
    Ok(())
}

/// The processor's name, as the machine's kernel has it.
fn processor() -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let name = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Ok(name
        .map_or("unknown processor", |(_, name)| name)
        .to_owned())
}
