// SPDX-License-Identifier: GPL-2.0-only
//! The UML kernel: the stock kernel's source as a plain process.

use crate::configured::{fragment, over, with, Configured, CLANG};
use crate::packaged::PackagedKernel;
use crate::store::Store;
use anyhow::Result;
use handover::Part;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the kernel has beyond its default configuration, and what every kernel has.
const CONFIG: &str = "lab/uml.config";

/// What the debug kernel has beyond that.
const DEBUG_CONFIG: &str = "lab/uml-debug.config";

/// What `make` is told for it, and for its modules.
pub const ARGUMENTS: &[&str] = &["ARCH=um"];

/// As [`ARGUMENTS`], for the debug kernel.
pub const DEBUG_ARGUMENTS: &[&str] = &["ARCH=um", CLANG];

/// The line of the configuration that leaves out a part.
fn left_out(part: Part) -> &'static str {
    match part {
        Part::Conntrack => "# CONFIG_NF_CONNTRACK is not set",
        Part::Ipv6 => "# CONFIG_IPV6 is not set",
    }
}

/// The build tree of the UML kernel, with the kernel as `linux` in it.
pub fn kernel(store: &Store, stock: &PackagedKernel, source: &Path) -> Result<PathBuf> {
    let wanted = fragment(CONFIG)?;
    let kernel = Configured::new(stock, source, ARGUMENTS);
    let what = "building the UML kernel (6 minutes on 2 CPUs)";
    store.entry_by_step("uml", &kernel.key(&wanted)?, what, |step, tree| {
        kernel.begin(step, tree)?;
        kernel.build(step, tree, &wanted)
    })
}

/// The same without some parts, which its release names. `base` is the tree of the kernel that has
/// all: objects that the missing parts do not touch are not built again.
pub fn without(
    store: &Store,
    stock: &PackagedKernel,
    source: &Path,
    base: &Path,
    parts: &[Part],
) -> Result<PathBuf> {
    let suffix = parts.iter().map(|part| part.suffix()).collect::<String>();
    let lines = parts.iter().map(|&part| left_out(part)).collect::<Vec<_>>();
    let lines = variant(&suffix, &lines.join("\n"));
    let kernel = Configured::new(stock, source, ARGUMENTS);
    let key = format!("{}{lines}", kernel.key(&fragment(CONFIG)?)?);
    let what = format!("building the UML kernel{suffix} (2 to 4 minutes on 2 CPUs)");
    store.entry_by_step(&format!("uml{suffix}"), &key, &what, |step, tree| {
        step.run(&mut copy(base, tree))?;
        kernel.build(step, tree, &lines)
    })
}

/// What the release of the kernel that is optimised for size ends in.
const SIZE: &str = "-size";

/// The other choice, which the configuration of the kernel for speed has.
const NOT_FOR_SPEED: &str = "# CONFIG_CC_OPTIMIZE_FOR_PERFORMANCE is not set\n";

/// The kernel that is optimised for size.
pub fn for_size(store: &Store, stock: &PackagedKernel, source: &Path) -> Result<PathBuf> {
    let lines = variant(SIZE, "CONFIG_CC_OPTIMIZE_FOR_SIZE=y") + NOT_FOR_SPEED;
    let wanted = over(&fragment(CONFIG)?, &lines);
    let kernel = Configured::new(stock, source, ARGUMENTS);
    let what = "building the UML kernel-size (6 minutes on 2 CPUs)";
    store.entry_by_step("uml-size", &kernel.key(&wanted)?, what, |step, tree| {
        kernel.begin(step, tree)?;
        kernel.build(step, tree, &wanted)
    })
}

/// The lines of a configuration that differ, with a release of its own.
fn variant(suffix: &str, lines: &str) -> String {
    format!("CONFIG_LOCALVERSION=\"{suffix}\"\n{lines}\n")
}

/// Copies a build tree with its times, by which `make` sees that objects are up to date.
fn copy(tree: &Path, to: &Path) -> Command {
    let mut cp = Command::new("cp");
    cp.args(["--archive", "--reflink=auto"]).arg(tree).arg(to);
    cp
}

/// The same with KASAN, UBSAN and kmemleak.
pub fn debug(store: &Store, stock: &PackagedKernel, source: &Path) -> Result<PathBuf> {
    let wanted = with(&fragment(CONFIG)?, DEBUG_CONFIG)?;
    let kernel = Configured::new(stock, source, DEBUG_ARGUMENTS);
    let what = "building the UML debug kernel (9 minutes on 2 CPUs)";
    store.entry_by_step("uml-debug", &kernel.key(&wanted)?, what, |step, tree| {
        kernel.begin(step, tree)?;
        kernel.build(step, tree, &wanted)
    })
}
