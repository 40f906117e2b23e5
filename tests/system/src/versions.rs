// SPDX-License-Identifier: GPL-2.0-only

//! The library works with every iptables that lays out options like the one it was built for, and
//! prints a warning with any other.

use std::process::{Command, Output};

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::family::Family;
use testbed::install;
use testbed::iptables;
use testbed::module;
use testbed::netns::Netns;
use testbed::path;
use testbed::trial::test;

use crate::backend::Backend;
use crate::rules::MISSION;

/// The folders, below the target folder, of the lab's builds of the library for an iptables, and
/// whether that is an old one.
const BUILDS: [(&str, bool); 3] = [
    ("release", false),
    ("iptables-bookworm", true),
    ("iptables-testing", false),
];

/// The warning of a library that cannot be used.
const WARNING: &str = "HMARK: warning: libxt_HMARK.so is for another version of iptables";

/// Exit status of iptables for an option that it does not know.
const UNKNOWN_OPTION: i32 = 2;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let of = |backend: Backend| {
        let name = format!("{}_{backend}", path!(used_or_refused));
        test(&name, move || used_or_refused(backend))
    };
    let mut trials: Vec<_> = Backend::ALL.map(of).into();
    trials.push(test(path!(nft_translates), nft_translates));
    trials
}

/// nft, which has a version of its own, lists the rules that `iptables-nft` added, in nft syntax.
fn nft_translates() -> Result<()> {
    module::load_ours()?;
    let netns = Netns::add("hmark-nft")?;
    let program = Backend::Nft.program(Family::Ipv4, "");
    netns.run(&format!("{program} -t mangle -A PREROUTING {MISSION}"))?;
    let mut list = Command::new("nft");
    list.args(["list", "table", "ip", "mangle"]);
    let output = netns.enter(|| Ok(list.output()?))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let listed = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && !said.contains("HMARK"),
        "nft: {}: {said}",
        output.status
    );
    ensure!(
        listed.contains("meta mark set symhash mod 4 offset 100"),
        "nft lists: {listed}"
    );
    Ok(())
}

/// Each build is used by the iptables that it is for, and by no other, for both families alike.
fn used_or_refused(backend: Backend) -> Result<()> {
    module::load_ours()?;
    let is_old = iptables::is_old()?;
    let program = backend.program(Family::Ipv4, "");
    for (build, for_old) in BUILDS {
        let netns = Netns::add("hmark-versions")?;
        let tried = match for_old == is_old {
            true => used(&netns, &program, build),
            false => refused(&netns, &program, build),
        };
        tried.with_context(|| format!("{build}, iptables before 1.8.11: {is_old}"))?;
    }
    Ok(())
}

fn used(netns: &Netns, program: &str, build: &str) -> Result<()> {
    let run = |arguments: &str| run(netns, program, arguments, build);
    for arguments in [&format!("-A PREROUTING {MISSION}"), "-S"] {
        let output = run(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success() && said.is_empty(),
            "{arguments}: {}: {said}",
            output.status
        );
    }
    let saved = run("-S")?.stdout;
    ensure!(String::from_utf8_lossy(&saved).contains("--hmark-mod 4 --hmark-offset 100"));
    Ok(())
}

fn refused(netns: &Netns, program: &str, build: &str) -> Result<()> {
    // First add a rule with the library that is installed.
    netns.run(&format!("{program} -t mangle -A PREROUTING {MISSION}"))?;
    for arguments in [&format!("-A PREROUTING {MISSION}"), "-S", "-v -n -L"] {
        let output = run(netns, program, arguments, build)?;
        let said = String::from_utf8_lossy(&output.stderr);
        let status = output.status.code().context("ended by a signal")?;
        ensure!(
            said.matches(WARNING).count() == 1,
            "{arguments}: status {status}: {said}"
        );
        ensure!(
            status == UNKNOWN_OPTION || !arguments.starts_with("-A"),
            "{arguments}: status {status}: {said}"
        );
    }
    let rules = netns.run(&format!("{program} -t mangle -S"))?;
    ensure!(rules.matches("HMARK").count() == 1, "rules are: {rules}");
    Ok(())
}

/// Runs iptables with a build of the library, and no other extension.
fn run(netns: &Netns, program: &str, arguments: &str, build: &str) -> Result<Output> {
    let folder = install::target_folder().join(build);
    let mut command = Command::new(program);
    command
        .args(["-t", "mangle"])
        .args(arguments.split(' '))
        .env("XTABLES_LIBDIR", folder);
    netns.enter(|| Ok(command.output()?))
}
