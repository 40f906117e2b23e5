// SPDX-License-Identifier: GPL-2.0-only

//! The running kernel, and the parts that it was built without, which the lab names in its release,
//! such as `7.3.4-no-conntrack-no-ipv6`.

use std::fs;
use std::path::Path;

use anyhow::{ensure, Result};
pub use handover::Part;

use crate::command::run;

/// Files that exist if the kernel has IPsec, and SCTP.
const IPSEC: &str = "/proc/sys/net/core/xfrm_acq_expires";
const SCTP: &str = "/proc/sys/net/sctp";

/// The series of the kernels that Debian releases came with, and their names in the lab.
const OLDER: [(&str, &str); 2] = [("6.12.", "debian13"), ("6.1.", "debian12")];

/// Where the kernel shows that bridges can call iptables.
const BRIDGE: &str = "/proc/sys/net/bridge";

/// A file that exists if the kernel has the part.
fn path(part: Part) -> &'static str {
    match part {
        Part::Conntrack => "/proc/sys/net/netfilter/nf_conntrack_max",
        Part::Ipv6 => "/proc/sys/net/ipv6",
    }
}

/// Whether the kernel has a part.
pub fn has(part: Part) -> bool {
    !release().contains(part.suffix())
}

/// Whether the kernel has all parts.
pub fn has_all() -> bool {
    Part::ALL.into_iter().all(has)
}

/// Whether this is a User Mode Linux kernel, which runs as a process of the machine.
pub fn is_uml() -> bool {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    cpus.contains("User Mode Linux")
}

/// Loads SCTP, if it is a module.
///
/// # Errors
/// If the kernel has no SCTP.
pub fn load_sctp() -> Result<()> {
    load("sctp", SCTP)
}

/// Loads what lets bridges call iptables, if it is a module.
///
/// # Errors
/// If the kernel has none of it.
pub fn load_br_netfilter() -> Result<()> {
    load("br_netfilter", BRIDGE)
}

/// Loads a module, unless it is there and so has made `path`.
fn load(module: &str, path: &str) -> Result<()> {
    if !Path::new(path).exists() {
        run(&format!("modprobe {module}"))?;
    }
    Ok(())
}

/// Whether the guest is for arm64, and not the machine that builds: its module, library and tests
/// come from the lab's cross compiler.
pub fn is_foreign() -> bool {
    cfg!(target_arch = "aarch64")
}

/// Whether the kernel takes Rust modules, as those of tests are. Those that Debian releases came with
/// do not.
pub fn takes_rust() -> bool {
    older().is_none()
}

/// The name of a kernel that a Debian release came with.
fn older() -> Option<&'static str> {
    let release = release();
    let mut all = OLDER.iter();
    all.find(|(series, _)| release.starts_with(series))
        .map(|(_, name)| *name)
}

/// Whether this is a kernel that watches memory and locks, which its release shows too.
pub fn is_debug() -> bool {
    release().trim().ends_with("-debug")
}

/// The kernel's name in the lab: `stock`, `debian13`, `debian12`, `arm64`, `uml`, `uml` with the parts
/// that it lacks or its optimisation, or one of the debug kernels.
pub fn name() -> String {
    match (is_uml(), is_debug()) {
        (false, false) if is_foreign() => return "arm64".to_owned(),
        (false, false) => return older().unwrap_or("stock").to_owned(),
        (false, true) => return "x86-debug".to_owned(),
        (true, true) => return "uml-debug".to_owned(),
        (true, false) => {}
    }
    if release().trim().ends_with("-size") {
        return "uml-size".to_owned();
    }
    let lacking = Part::ALL.into_iter().filter(|&part| !has(part));
    let suffixes: String = lacking.map(Part::suffix).collect();
    format!("uml{suffixes}")
}

fn release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()
}

/// Checks that the kernel has IPsec, SCTP, and exactly the parts that its release does not rule
/// out.
///
/// # Errors
/// If it has other parts.
pub fn check_parts() -> Result<()> {
    load_sctp()?;
    for path in [IPSEC, SCTP] {
        ensure!(Path::new(path).exists(), "the kernel has no {path}");
    }
    for part in Part::ALL {
        let named = has(part);
        if named && part == Part::Conntrack && !is_uml() {
            run("modprobe nf_conntrack")?;
        }
        ensure!(
            named == Path::new(path(part)).exists(),
            "kernel {}: has {part:?} by its name: {named}, but not by {}",
            release().trim(),
            path(part)
        );
    }
    Ok(())
}
