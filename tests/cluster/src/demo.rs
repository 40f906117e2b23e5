// SPDX-License-Identifier: GPL-2.0-only

//! The demo: a tutorial, played for somebody to watch, and flows through its cluster.

use std::process::ExitCode;

use anyhow::{ensure, Result};
use testbed::family::Family;
use testbed::module;

use crate::flow::Transport;
use crate::narration;
use crate::pre_load_balancer::{deliver, site};

/// Flows of each transport and family.
const FLOWS: usize = 200;

/// Runs the demo; its last line says whether HMARK works.
pub fn run() -> ExitCode {
    narration::begin();
    match demo() {
        Ok((flows, gateways)) => {
            println!("demo: ok: {flows} flows over {gateways} gateways, 0 misdelivered");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("demo: failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the numbers of flows, all of which took the right way, and of gateways.
fn demo() -> Result<(usize, usize)> {
    ensure!(
        !module::loaded(),
        "{} was loaded before any rule asked for it; run the demo in a fresh guest",
        module::NAME
    );
    let site = site()?;
    show_module()?;
    site.cluster.play("Try it")?;
    let mut flows = 0;
    for transport in [Transport::Tcp, Transport::Udp] {
        for family in Family::ALL {
            narration::step(format!("{FLOWS} flows of {transport} over {family}"));
            let account = deliver(site, transport, family, FLOWS)?;
            narration::detail(&account);
            flows += account.delivered.iter().sum::<usize>();
        }
    }
    println!("\n{}\n", site.cluster.table()?);
    Ok((flows, site.cluster.gateways.len()))
}

/// Shows the module that a rule has loaded.
fn show_module() -> Result<()> {
    let file = module::our_file()?;
    narration::step(format!(
        "loaded by a rule, with the build ID of the file: {}",
        file.display()
    ));
    for name in ["description", "license", "vermagic"] {
        let value = module::field(&file, name)?;
        narration::detail(format!("{name}: {value}"));
    }
    for name in ["taint", "refcnt", "coresize"] {
        narration::detail(format!("{name}: {}", module::attribute(name)));
    }
    Ok(())
}
