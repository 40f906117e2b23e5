// SPDX-License-Identifier: GPL-2.0-only

//! What memory the kernel holds for itself, to find what a test left behind.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tests::kernel;

/// Memory in `/proc/meminfo` that no slab cache has, in KiB.
const SIZES: [&str; 2] = ["VmallocUsed", "Percpu"];

/// Objects of a cache that may be more without being lost, and one more for so many rounds: a
/// thread that the kernel starts meanwhile has three of one cache.
const OBJECTS: u64 = 3;
const ROUNDS: u64 = 16;

/// KiB that may be more for each such object, such as the thread's stack.
const KIB: u64 = 8;

/// How often it is read, since the kernel frees much of it later, and how long in between.
const READINGS: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(100);

/// How many objects each slab cache has, and how many KiB the [`SIZES`] are.
///
/// Pages of slabs would tell less: they are there until the last of their objects goes, so that
/// the same objects take more of them the longer the kernel runs.
pub struct Memory(BTreeMap<String, u64>);

impl Memory {
    /// What there is more of than `before`, by more than comes and goes in so many rounds: its
    /// names, each with how much more.
    pub fn more_than(&self, before: &Self, rounds: u32) -> BTreeMap<String, u64> {
        let objects = OBJECTS + u64::from(rounds) / ROUNDS;
        let mut more = BTreeMap::new();
        for (name, &count) in &self.0 {
            let is_size = SIZES.contains(&&**name);
            let tolerated = if is_size { objects * KIB } else { objects };
            let grown = count.saturating_sub(before.0.get(name).copied().unwrap_or(0));
            if grown > tolerated {
                more.insert(name.clone(), grown);
            }
        }
        more
    }
}

/// Whether memory is counted: a debug kernel would search long for what it holds back, and has
/// kmemleak to see what is lost.
pub fn is_counted() -> bool {
    !kernel::is_debug()
}

/// The memory in use when the kernel has freed what it can: of each kind the least of several
/// readings. Nothing where it is not counted.
pub fn settled() -> Result<Memory> {
    if !is_counted() {
        return Ok(Memory(BTreeMap::new()));
    }
    let mut least = now()?;
    for _ in 1..READINGS {
        thread::sleep(BETWEEN);
        for (name, count) in now()?.0 {
            let least = least.0.entry(name).or_insert(count);
            *least = count.min(*least);
        }
    }
    Ok(least)
}

fn now() -> Result<Memory> {
    fs::write("/proc/sys/vm/drop_caches", "3")?;
    let mut counts = slabs()?;
    let text = fs::read_to_string("/proc/meminfo")?;
    for name in SIZES {
        let size = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .with_context(|| format!("/proc/meminfo has no {name}"))?;
        let kib = size.trim().trim_end_matches(" kB").parse()?;
        counts.insert(name.to_owned(), kib);
    }
    Ok(Memory(counts))
}

/// How many objects are in use, by cache.
fn slabs() -> Result<BTreeMap<String, u64>> {
    // What a CPU keeps for its next allocation would count as in use.
    for cache in fs::read_dir("/sys/kernel/slab")? {
        let path = cache?.path().join("shrink");
        fs::write(&path, "1").with_context(|| format!("cannot write {}", path.display()))?;
    }
    let text = fs::read_to_string("/proc/slabinfo")?;
    let mut counts = BTreeMap::new();
    // Behind the version and the names of the columns.
    for line in text.lines().skip(2) {
        let mut words = line.split_whitespace();
        let (name, count) = (words.next(), words.next());
        let (name, count) = name
            .zip(count)
            .context("/proc/slabinfo has an empty line")?;
        // Namespaces have caches of the same name.
        *counts.entry(name.to_owned()).or_default() += count.parse::<u64>()?;
    }
    Ok(counts)
}
