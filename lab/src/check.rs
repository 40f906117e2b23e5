// SPDX-License-Identifier: GPL-2.0-only
//! `make check` and `make demo`: runs lanes, and ends in one line that counts.

use crate::architecture::Architecture;
use crate::command::{self, cpus, shell};
use crate::guest::{Guest, HANGS};
use crate::kernel::Kernel;
use crate::lab::Lab;
use crate::lanes::{Lane, Run};
use crate::need::{self, Need};
use crate::outcome::Outcome;
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

/// Runs lanes; the last lines name each failed test, and count passed and failed ones.
pub fn check(lanes: &[&Lane]) -> Result<u8> {
    let total = run(lanes).unwrap_or_else(|error| {
        eprintln!("lab: error: {error:#}");
        Outcome::failure("lab", &format!("{error:#}"))
    });
    for failure in &total.failures {
        println!("FAILED: {failure}");
    }
    println!("{total}");
    Ok(u8::from(total.failed > 0 || total.passed == 0))
}

/// Runs lanes and what makes their needs, side by side. A lane that fails stops no other.
fn run(lanes: &[&Lane]) -> Result<Outcome> {
    command::share_cpus()?;
    let lab = Lab::open()?;
    let mut total = Outcome::default();
    let ends = schedule::run(jobs(&lab, lanes), cpus());
    for (index, end) in ends.into_iter().enumerate() {
        if let End::Failed(error) = &end {
            eprintln!("lab: error: {error:#}");
        }
        // Lanes count what failed to be made, each for itself.
        let Some(lane) = lanes.get(index) else {
            continue;
        };
        total.add(match end {
            End::Done(outcome) => outcome,
            End::Failed(error) => Outcome::failure(lane.name, &format!("{error:#}")),
            End::Blocked(by) => Outcome::failure(lane.name, &format!("it needs {by}")),
        });
    }
    Ok(total)
}

/// The lanes, which come first, and what makes their needs.
fn jobs<'a>(lab: &'a Lab, lanes: &[&'a Lane]) -> Vec<Job<'a, Outcome>> {
    let wanted: Vec<Need> = lanes.iter().flat_map(|lane| lane.needs()).collect();
    let needs = need::closure(&wanted);
    let place = |need: &Need| {
        let place = needs.iter().position(|other| other == need);
        lanes.len() + place.expect("all needs are among them")
    };
    let mut jobs: Vec<Job<Outcome>> = Vec::new();
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
fn perform(lane: &Lane, lab: &Lab) -> Result<Outcome> {
    let mut command = command(lane.run, lab)?;
    let mut step = Step::begin(lane.name, lane.name)?;
    let succeeded = step.try_run(&mut command)?;
    let output = fs::read(step.log())?;
    let output = String::from_utf8_lossy(&output);
    let outcome = Outcome::of(lane.name, succeeded, lane.run.counts(), &output);
    if outcome.failed > 0 {
        step.fail(&format!("FAILED: {outcome}"));
    } else {
        step.end(&outcome.to_string());
    }
    Ok(outcome)
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
