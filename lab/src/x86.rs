// SPDX-License-Identifier: GPL-2.0-only
//! The x86 debug kernel: the stock kernel's source, small, with lockdep, which UML lacks.

use crate::configured::{fragment, Configured, CLANG};
use crate::packaged::PackagedKernel;
use crate::store::Store;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// What the kernel has beside what every kernel has, and what none can do without.
const CONFIG: &str = "lab/x86-debug.config";

/// What `make` is told for it, and for its modules.
pub const ARGUMENTS: &[&str] = &[CLANG];

/// The boot image in a build tree.
pub const IMAGE: &str = "arch/x86/boot/bzImage";

/// The build tree of the kernel.
pub fn debug(store: &Store, stock: &PackagedKernel, source: &Path) -> Result<PathBuf> {
    let wanted = fragment(CONFIG)?;
    let kernel = Configured::new(stock, source, ARGUMENTS);
    let what = "building the x86 debug kernel (9 minutes on 2 CPUs)";
    store.entry_by_step("x86-debug", &kernel.key(&wanted)?, what, |step, tree| {
        kernel.begin_with_least(step, tree, &wanted)?;
        kernel.build(step, tree, &wanted)
    })
}
