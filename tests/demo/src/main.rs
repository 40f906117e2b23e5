// SPDX-License-Identifier: GPL-2.0-only

//! Demonstrates the main use case as a user would: installs module and library, lets one iptables
//! rule for each family load the module, sends flows through a selector and four gateways, and
//! counts them.

mod gateway;
mod report;
mod topology;
mod traffic;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{bail, ensure, Context, Result};
use hmark::rule::v0::Info;
use testbed::family::{Commands, Family};
use testbed::{install, module, options};

use report::Account;
use topology::{Topology, GATEWAYS};

/// Flows of each protocol and family.
const FLOWS: usize = 200;

fn main() -> ExitCode {
    match demo() {
        Ok(flows) => {
            println!("demo: ok: {flows} flows over {GATEWAYS} gateways, 0 misdelivered");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("demo: failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the number of flows, all of which took the right way.
fn demo() -> Result<usize> {
    let start = Instant::now();
    let progress = |phase: &str| println!("[{:5.1} s] {phase}", start.elapsed().as_secs_f32());

    progress("install: make install-files");
    install::install()?;
    ensure!(
        !module::loaded(),
        "{} was loaded before any rule asked for it; run the demo in a fresh guest",
        module::NAME
    );

    progress("topology: clients - selector - 4 gateways - server, in network namespaces");
    let topology = Topology::build()?;

    let mut rules = Vec::new();
    for family in Family::ALL {
        let command = topology::command(family);
        progress(&format!("selector: {command}"));
        topology.selector.run(&command)?;
        module::check_ours().context("the rule did not bring our module in")?;
        topology.server.run(&topology::server_command(family))?;
        rules.push(saved_rule(&topology, family)?);
    }
    show_module(&module::our_file()?)?;

    let mut flows = 0;
    let mut misdelivered = 0;
    for (family, rule) in Family::ALL.into_iter().zip(rules) {
        progress(&format!(
            "traffic: {FLOWS} TCP and {FLOWS} UDP flows over {family}"
        ));
        let sent = traffic::run(&topology, family, FLOWS)?;
        progress("account: reading the conntrack tables of the gateways");
        let account = Account::of(&sent, &gateway::read(&topology, family)?, &rule)?;
        print!("{account}");
        flows += account.flows();
        misdelivered += account.misdelivered();
        if let Some(gateway) = account.unused_gateway() {
            bail!("gw{gateway} got no flow over {family}");
        }
    }
    if misdelivered > 0 {
        bail!("{misdelivered} of {flows} flows misdelivered");
    }
    progress("done");
    Ok(flows)
}

/// The selector's rule as the kernel lists it, with defaults filled in.
fn saved_rule(topology: &Topology, family: Family) -> Result<Info> {
    let saved = topology
        .selector
        .run(&format!("{}-save -t mangle", family.iptables()))?;
    let mut rules = saved.lines().filter(|line| line.contains("-j HMARK"));
    let (Some(rule), None) = (rules.next(), rules.next()) else {
        bail!("expected one HMARK rule in the selector, found: {saved}");
    };
    println!("          saved: {rule}");
    options::parse(rule, family)
}

fn show_module(file: &Path) -> Result<()> {
    println!("          modinfo {}", file.display());
    for name in ["description", "author", "license", "alias", "vermagic"] {
        let value = module::field(file, name)?.replace('\n', ", ");
        println!("            {name}: {value}");
    }
    println!("          /sys/module/{}", module::NAME);
    for name in ["taint", "refcnt", "coresize"] {
        println!("            {name}: {}", module::attribute(name));
    }
    println!("            its build ID is that of the file above");
    Ok(())
}
