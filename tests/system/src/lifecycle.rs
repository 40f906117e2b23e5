// SPDX-License-Identifier: GPL-2.0-only

//! Loading and unloading of the module: by autoload, by modprobe, by rmmod.

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::command::run;
use testbed::family::Family;
use testbed::module::{self, NAME};
use testbed::netns::Netns;
use testbed::trial::single;
use testbed::trials;

use crate::backend::Backend;
use crate::rules::MISSION;
use crate::trial::backends;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![
        single(loads_and_unloads),
        backends(autoloads, outlives_namespace)
    ]
}

/// A rule loads the module and holds it; without the rule it can be unloaded. This works twice.
fn autoloads(family: Family, backend: Backend) -> Result<()> {
    let iptables = backend.program(family, "");
    for _ in 0..2 {
        module::unload()?;
        let netns = Netns::add("hmark-autoload")?;
        netns.run(&format!("{iptables} -t mangle -I PREROUTING {MISSION}"))?;
        module::check_ours()?;
        ensure!(module::users()? > 0, "the rule does not hold the module");
        let refused = run(&format!("rmmod {NAME}"));
        ensure!(
            refused.is_err() && module::loaded(),
            "rmmod took the module from under a rule"
        );
        netns.run(&format!("{iptables} -t mangle -F"))?;
        module::wait_unused().context("the flushed rule still holds the module")?;
        run(&format!("rmmod {NAME}"))?;
        ensure!(!module::loaded(), "the module is still there");
    }
    Ok(())
}

/// modprobe loads it by name and by either alias; rmmod and modprobe -r unload it.
fn loads_and_unloads() -> Result<()> {
    module::unload()?;
    for (name, unload) in [
        (NAME, "rmmod"),
        ("ipt_HMARK", "modprobe -r"),
        ("ip6t_HMARK", "rmmod"),
        (NAME, "modprobe -r"),
    ] {
        run(&format!("modprobe {name}"))?;
        module::check_ours().with_context(|| format!("modprobe {name}"))?;
        ensure!(module::users()? == 0, "the unused module has users");
        run(&format!("{unload} {NAME}"))?;
        ensure!(!module::loaded(), "{unload} left the module");
    }
    Ok(())
}

/// A namespace that is removed takes its rules along, and they release the module.
fn outlives_namespace(family: Family, backend: Backend) -> Result<()> {
    module::load_ours()?;
    let netns = Netns::add("hmark-removed")?;
    let iptables = backend.program(family, "");
    netns.run(&format!("{iptables} -t mangle -I PREROUTING {MISSION}"))?;
    ensure!(module::users()? > 0, "the rule does not hold the module");
    drop(netns);
    module::unload()
}
