// SPDX-License-Identifier: GPL-2.0-only
//! `make check` and `make demo`: runs lanes, and ends in one line that counts.

use crate::architecture::Architecture;
use crate::command::{self, cpus, shell};
use crate::guest::{Guest, HANGS};
use crate::kernel::Kernel;
use crate::lab::Lab;
use crate::lanes::{Lane, Run};
use crate::need::{self, Need};
use crate::product::{self, Module, Product};
use crate::progress::Step;
use crate::schedule::{self, End, Job};
use anyhow::{Context, Result};
use handover::Variable;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Shows HMARK at work on the stock kernel; the last line says whether it does.
pub fn demo() -> Result<u8> {
    let show = || {
        let lab = Lab::open()?;
        let products = [
            Product::Library,
            Product::Module(Module::Hmark, Kernel::Stock),
            Product::Program("hmark-cluster"),
        ];
        need::make_for(&lab, Kernel::Stock, &products)?;
        let machine = lab.machine(Kernel::Stock)?;
        Guest::new(HANGS, &[&product::program("hmark-cluster"), "demo"]).run(&machine)
    };
    Ok(show().unwrap_or_else(|error| {
        println!("demo: failed: {error:#}");
        1
    }))
}

/// Runs lanes; the last line counts passed and failed tests.
pub fn check(lanes: &[&Lane]) -> Result<u8> {
    let total = run(lanes).unwrap_or_else(|error| {
        eprintln!("lab: error: {error:#}");
        FAILURE
    });
    println!("{total}");
    Ok(u8::from(total.failed > 0 || total.passed == 0))
}

/// Runs lanes and what makes their needs, side by side. A lane that fails stops no other.
fn run(lanes: &[&Lane]) -> Result<Count> {
    command::share_cpus()?;
    let lab = Lab::open()?;
    let mut total = Count::default();
    let ends = schedule::run(jobs(&lab, lanes), cpus());
    for (index, end) in ends.into_iter().enumerate() {
        let count = match end {
            End::Done(count) => count,
            // Lanes count what failed to be made, each for itself.
            End::Failed(error) => {
                eprintln!("lab: error: {error:#}");
                FAILURE
            }
            End::Blocked(by) => {
                if let Some(lane) = lanes.get(index) {
                    eprintln!("lab: {}: FAILED: it needs {by}", lane.name);
                }
                FAILURE
            }
        };
        if index < lanes.len() {
            total.add(count);
        }
    }
    Ok(total)
}

/// The lanes, which come first, and what makes their needs.
fn jobs<'a>(lab: &'a Lab, lanes: &[&'a Lane]) -> Vec<Job<'a, Count>> {
    let wanted: Vec<Need> = lanes.iter().flat_map(|lane| lane.needs()).collect();
    let needs = need::closure(&wanted);
    let place = |need: &Need| {
        let place = needs.iter().position(|other| other == need);
        lanes.len() + place.expect("all needs are among them")
    };
    let mut jobs: Vec<Job<Count>> = Vec::new();
    for &lane in lanes {
        jobs.push(Job {
            name: lane.name.to_owned(),
            needs: lane.needs().iter().map(place).collect(),
            after: Vec::new(),
            cores: lane.cores,
            uses: lane.uses().into_iter().collect(),
            run: Box::new(|| perform(lane, lab)),
        });
    }
    // What is wrong at first sight is told before the first kernel is built.
    let needs_nothing = |index: &usize| lanes[*index].needs().is_empty();
    let cheap: Vec<usize> = (0..lanes.len()).filter(needs_nothing).collect();
    jobs.extend(need::jobs(lab, &needs, lanes.len()));
    for (job, need) in jobs[lanes.len()..].iter_mut().zip(&needs) {
        if need.is_kernel() {
            job.after.extend(&cheap);
        }
    }
    jobs
}

/// Runs a lane and shows how it went.
fn perform(lane: &Lane, lab: &Lab) -> Result<Count> {
    let mut command = command(lane.run, lab)?;
    let mut step = Step::begin(lane.name, lane.name)?;
    let succeeded = step.try_run(&mut command)?;
    let output = fs::read(step.log())?;
    let output = String::from_utf8_lossy(&output);
    let count = outcome(succeeded, lane.run.counts().then_some(&*output));
    if count.failed > 0 {
        step.fail(&format!("FAILED: {count}"));
    } else {
        step.end(&count.to_string());
    }
    Ok(count)
}

/// The command of a lane.
fn command(run: Run, lab: &Lab) -> Result<Command> {
    Ok(match run {
        Run::Script(script) => shell(script),
        Run::Cargo(arguments, _) => {
            let mut cargo = Command::new("cargo");
            cargo.args(arguments.split(' '));
            cargo
        }
        Run::Emulated(arguments, architecture) => product::cross(arguments, architecture),
        Run::Clippy(module) => {
            let folder = format!("{}/{}-clippy", product::FOLDER, module.folder());
            let mut make = module.make(&lab.tree(Kernel::Stock)?, &folder)?;
            make.args(["CLIPPY=1", "KRUSTFLAGS=-Dwarnings"]);
            make
        }
        Run::Symbols(kernels) => {
            let mut lab = itself("symbols")?;
            lab.args(kernels.iter().map(Kernel::to_string));
            lab
        }
        Run::Program(name) => Command::new(product::program(name)),
        Run::Foreign(architecture) => {
            let mut command = Command::new(product::program("hmark-foreign"));
            command
                .env(Variable::Machine.name(), architecture.machine())
                .envs(foreign(lab, architecture)?);
            command
        }
        // The same packets in every run.
        Run::Fuzz(packets) => itself(&format!("fuzz --built --case 0 --packets {packets}"))?,
        Run::Guest(guest) => {
            let kernel = guest.kernel;
            let mut command = itself(&format!("run --kernel={kernel}"))?;
            if let Some(release) = guest.iptables {
                command.arg(format!("--iptables={release}"));
            }
            if guest.ansible {
                command.arg("--ansible");
            }
            command
                .args(guest.options.split_whitespace())
                .args(["--", "env"]);
            let set = |(variable, value): &(Variable, u32)| format!("{variable}={value}");
            command.args(guest.variables.iter().map(set));
            if let Some(architecture) = guest.foreign {
                let set = |(name, value): (&str, PathBuf)| format!("{name}={}", value.display());
                command.args(foreign(lab, architecture)?.map(set));
            }
            command.arg(guest.file());
            command.args(guest.arguments.split_whitespace());
            command
        }
    })
}

/// The variables that say where the iptables of another architecture is, and what is built for it.
fn foreign(lab: &Lab, architecture: Architecture) -> Result<[(&'static str, PathBuf); 2]> {
    Ok([
        (Variable::Root.name(), lab.foreign_iptables(architecture)?),
        (
            Variable::Foreign.name(),
            product::library_folder(architecture),
        ),
    ])
}

/// The lab as a process of its own, so that its log has the output.
fn itself(arguments: &str) -> Result<Command> {
    let mut command = Command::new(env::current_exe().context("cannot find lab itself")?);
    command.args(arguments.split(' '));
    Ok(command)
}

/// What a lane that could not run counts for.
const FAILURE: Count = Count {
    passed: 0,
    failed: 1,
};

/// How many tests passed and failed. Ignored ones are neither.
#[derive(Default, Debug, PartialEq)]
struct Count {
    passed: usize,
    failed: usize,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// What a lane counts for: without `output`, one test; with it, what its result
/// lines say, but a lane that failed or passed no test has a failure at least.
fn outcome(succeeded: bool, output: Option<&str>) -> Count {
    let mut count = match output {
        None => Count {
            passed: usize::from(succeeded),
            failed: 0,
        },
        Some(output) => results(output),
    };
    if count.failed == 0 && (!succeeded || count.passed == 0) {
        count.failed = 1;
    }
    count
}

/// The sum of all `test result: ok. 3 passed; 0 failed; ...` lines.
fn results(output: &str) -> Count {
    let mut count = Count::default();
    for line in output.lines() {
        let Some(result) = line.trim().strip_prefix("test result: ") else {
            continue;
        };
        let words: Vec<&str> = result.split([' ', ';']).collect();
        for pair in words.windows(2) {
            let number = pair[0].parse().unwrap_or(0);
            match pair[1] {
                "passed" => count.passed += number,
                "failed" => count.failed += number,
                _ => {}
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "running 3 tests\ntest a ... ok\n\
        test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
        test result: FAILED. 41 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";

    fn count(passed: usize, failed: usize) -> Count {
        Count { passed, failed }
    }

    #[test]
    fn result_lines_are_summed() {
        assert_eq!(results(OUTPUT), count(44, 2));
        assert_eq!(outcome(false, Some(OUTPUT)), count(44, 2));
    }

    #[test]
    fn lane_without_counts_is_one_test() {
        assert_eq!(outcome(true, None), count(1, 0));
        assert_eq!(outcome(false, None), count(0, 1));
    }

    #[test]
    fn lane_that_broke_off_has_failed() {
        let passed = "test result: ok. 3 passed; 0 failed; 0 ignored\n";
        assert_eq!(outcome(false, Some(passed)), count(3, 1));
        assert_eq!(
            outcome(false, Some("error: could not compile")),
            count(0, 1)
        );
    }

    #[test]
    fn lane_that_ran_nothing_has_failed() {
        let ignored = "test result: ok. 0 passed; 0 failed; 5 ignored\n";
        assert_eq!(outcome(true, Some(ignored)), count(0, 1));
        assert_eq!(outcome(true, Some("")), count(0, 1));
    }
}
