// SPDX-License-Identifier: GPL-2.0-only
//! The UML kernel: the stock kernel's source as a plain process.

use crate::configured::{fragment, with, Configured, CLANG};
use crate::kernel::Kernel;
use crate::progress::Step;
use crate::store::Store;
use anyhow::Result;
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

/// A part of the network stack that a kernel may be built without.
#[derive(Clone, Copy)]
pub enum Part {
    Conntrack,
    Ipv6,
}

impl Part {
    /// The line of the configuration that leaves it out.
    fn line(self) -> &'static str {
        match self {
            Part::Conntrack => "# CONFIG_NF_CONNTRACK is not set",
            Part::Ipv6 => "# CONFIG_IPV6 is not set",
        }
    }

    /// What a release without it ends in.
    fn suffix(self) -> &'static str {
        match self {
            Part::Conntrack => "-no-conntrack",
            Part::Ipv6 => "-no-ipv6",
        }
    }
}

/// The build tree of the UML kernel, with the kernel as `linux` in it.
pub fn kernel(store: &Store, stock: &Kernel, source: &Path) -> Result<PathBuf> {
    let wanted = fragment(CONFIG)?;
    let kernel = Configured::new(stock, source, ARGUMENTS);
    store.product("uml", &kernel.key(&wanted)?, |tree| {
        let mut step = Step::begin("uml", "building the UML kernel (6 minutes on 2 CPUs)")?;
        kernel.begin(&mut step, tree)?;
        kernel.build(&mut step, tree, &wanted)?;
        step.end("done");
        Ok(())
    })
}

/// The same without some parts, which its release names.
pub fn without(store: &Store, stock: &Kernel, source: &Path, parts: &[Part]) -> Result<PathBuf> {
    let suffix = parts.iter().map(|part| part.suffix()).collect::<String>();
    let lines = parts.iter().map(|part| part.line()).collect::<Vec<_>>();
    variant(store, stock, source, &suffix, &lines.join("\n"))
}

/// The same optimised for size.
pub fn for_size(store: &Store, stock: &Kernel, source: &Path) -> Result<PathBuf> {
    variant(
        store,
        stock,
        source,
        "-size",
        "CONFIG_CC_OPTIMIZE_FOR_SIZE=y",
    )
}

/// The same with other `lines` in its configuration. What these do not touch is not built again.
fn variant(
    store: &Store,
    stock: &Kernel,
    source: &Path,
    suffix: &str,
    lines: &str,
) -> Result<PathBuf> {
    let whole = kernel(store, stock, source)?;
    let lines = format!("CONFIG_LOCALVERSION=\"{suffix}\"\n{lines}\n");
    let kernel = Configured::new(stock, source, ARGUMENTS);
    let key = format!("{}{lines}", kernel.key(&fragment(CONFIG)?)?);
    store.product(&format!("uml{suffix}"), &key, |tree| {
        let what = format!("building the UML kernel{suffix} (3 to 6 minutes on 2 CPUs)");
        let mut step = Step::begin(&format!("uml{suffix}"), what)?;
        step.run(Command::new("cp").arg("--archive").arg(&whole).arg(tree))?;
        kernel.build(&mut step, tree, &lines)?;
        step.end("done");
        Ok(())
    })
}

/// The same with KASAN, UBSAN and kmemleak.
pub fn debug(store: &Store, stock: &Kernel, source: &Path) -> Result<PathBuf> {
    let wanted = with(&fragment(CONFIG)?, DEBUG_CONFIG)?;
    let kernel = Configured::new(stock, source, DEBUG_ARGUMENTS);
    store.product("uml-debug", &kernel.key(&wanted)?, |tree| {
        let what = "building the UML debug kernel (9 minutes on 2 CPUs)";
        let mut step = Step::begin("uml-debug", what)?;
        kernel.begin(&mut step, tree)?;
        kernel.build(&mut step, tree, &wanted)?;
        step.end("done");
        Ok(())
    })
}
