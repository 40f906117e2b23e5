// SPDX-License-Identifier: GPL-2.0-only

//! A load that fails, or is refused, leaves nothing behind and everything else as it was.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use nix::errno::Errno;
use testbed::command::run;
use testbed::family::Family;
use testbed::kernel::takes_rust;
use testbed::module;
use testbed::netns::Netns;
use testbed::trial::single;
use testbed::trials;

use crate::backend::Backend;
use crate::netfilter::Targets;
use crate::races::wait_for_packets;
use crate::rules::MISSION;

/// Name of the first two targets of `tests/kmod-init`, which our xtables layer registers.
const TARGET: &str = "HMARKINIT";

/// Number of rounds, so that loads reuse the memory of others that failed.
const TIMES: u32 = 5;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let mut trials = trials![single(refused_beside_its_namesake)];
    if takes_rust() {
        trials.extend(trials![single(fails_at_each_step)]);
    }
    trials
}

/// A module that fails before, between or after its first two targets leaves neither behind.
fn fails_at_each_step() -> Result<()> {
    module::load_ours()?;
    module::unload()?;
    for _ in 0..TIMES {
        for targets in 0..3 {
            let error = Targets::load(targets)?.err();
            ensure!(
                error == Some(Errno::ERANGE),
                "failing after {targets} targets: {error:?}"
            );
            ensure!(
                listed()? == [false; 2],
                "failing after {targets} targets left some"
            );
        }
        // If it does not fail, they are listed as long as it is loaded.
        let targets = Targets::load(3)?.context("does not load")?;
        ensure!(listed()? == [true; 2], "not listed: {:?}", listed()?);
        targets.unload()?;
        ensure!(listed()? == [false; 2], "left when unloaded");
        // This makes xtables walk its lists, and the kernel reuse memory.
        module::load_ours()?;
        rules_work()?;
        module::unload()?;
    }
    Ok(())
}

/// Whether xtables has the target for IPv4 and for IPv6.
fn listed() -> Result<[bool; 2]> {
    let listed = |path| -> Result<bool> {
        let targets = fs::read_to_string(path).context(path)?;
        Ok(targets.lines().any(|target| target == TARGET))
    };
    Ok([
        listed("/proc/net/ip_tables_targets")?,
        listed("/proc/net/ip6_tables_targets")?,
    ])
}

/// Neither the C module nor ours loads while the other is loaded, which goes on undisturbed.
fn refused_beside_its_namesake() -> Result<()> {
    let (ours, c) = (module::our_file()?, module::c_file()?);
    module::load_c()?;
    refused(&ours)?;
    module::check_c()?;
    rules_work()?;
    module::load_ours()?;
    refused(&c)?;
    module::check_ours()?;
    rules_work()?;
    module::unload()
}

fn refused(file: &Path) -> Result<()> {
    let command = format!("insmod {}", file.display());
    let said = run(&command).err().map(|error| format!("{error:#}"));
    ensure!(
        said.as_deref()
            .is_some_and(|said| said.contains("File exists")),
        "{command}: {said:?}"
    );
    Ok(())
}

/// Checks that packets pass rules of the loaded module, and that they release it afterwards.
fn rules_work() -> Result<()> {
    let netns = Netns::add("hmark-loading")?;
    netns.enter(|| {
        for (family, address) in [(Family::Ipv4, "127.0.0.1"), (Family::Ipv6, "::1")] {
            let iptables = format!("{} -t mangle", Backend::Legacy.program(family, ""));
            run(&format!("{iptables} -A OUTPUT {MISSION}"))?;
            ensure!(module::users()? > 0, "the rule does not hold the module");
            UdpSocket::bind((address, 0))?.send_to(b"ping", (address, 9))?;
            wait_for_packets(family, Backend::Legacy, 1)?;
            run(&format!("{iptables} -F"))?;
        }
        module::wait_unused()
    })
}
