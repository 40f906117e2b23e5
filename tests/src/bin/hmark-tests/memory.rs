// SPDX-License-Identifier: GPL-2.0-only

//! What memory the kernel holds for itself, to find what a test left behind.

use std::fmt;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use tests::kernel;

/// The kinds of memory in `/proc/meminfo` that rules, namespaces and modules are in.
const KINDS: [&str; 3] = ["SUnreclaim", "VmallocUsed", "Percpu"];

/// What may be more, in KiB: slab pages that are not full. Eight namespaces take more.
const TOLERANCE: u64 = 512;

/// How often it is read, since the kernel frees much of it later, and how long in between.
const READINGS: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(100);

/// Memory in KiB, by [`KINDS`].
pub struct Memory([u64; 3]);

impl Memory {
    fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB (", self.total())?;
        for (kind, size) in KINDS.iter().zip(self.0) {
            write!(f, " {kind} {size}")?;
        }
        f.write_str(" )")
    }
}

/// The memory in use when the kernel has freed what it can.
pub fn settled() -> Result<Memory> {
    let mut least = now()?;
    for _ in 0..READINGS {
        fs::write("/proc/sys/vm/drop_caches", "3")?;
        thread::sleep(BETWEEN);
        let memory = now()?;
        if memory.total() < least.total() {
            least = memory;
        }
    }
    Ok(least)
}

/// Checks that no more memory is in use than before. A debug kernel holds freed memory back and
/// notes who took what, so that it is in use for longer; but kmemleak sees there what is lost.
pub fn ensure_back(before: &Memory, after: &Memory) -> Result<()> {
    ensure!(
        kernel::is_debug() || after.total() <= before.total() + TOLERANCE,
        "the kernel does not have its memory back: {before} before, {after} after"
    );
    Ok(())
}

fn now() -> Result<Memory> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let mut sizes = [0; 3];
    for (kind, size) in KINDS.iter().zip(&mut sizes) {
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(kind)?.strip_prefix(':'))
            .with_context(|| format!("/proc/meminfo has no {kind}"))?;
        *size = value.trim().trim_end_matches(" kB").parse()?;
    }
    Ok(Memory(sizes))
}
