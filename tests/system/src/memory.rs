// SPDX-License-Identifier: GPL-2.0-only

//! The memory that the kernel uses for itself, to find out whether a test left any behind.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::kernel;

/// Fields of `/proc/meminfo` for memory that is in no slab cache, in KiB.
const SIZES: [&str; 2] = ["VmallocUsed", "Percpu"];

/// The growth of a cache that does not count as a leak: three objects, since a thread that the
/// kernel starts takes three of one cache, and one more for every 16 rounds.
const OBJECTS: u64 = 3;
const ROUNDS: u64 = 16;

/// KiB of growth that are allowed for each such object, such as a thread's stack.
const KIB: u64 = 8;

/// The number of readings and the time between them. The kernel frees much memory with a delay.
const READINGS: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(100);

/// The number of objects in each slab cache, and the KiB of each of the [`SIZES`].
///
/// The pages of slabs would say less. They stay until the last of their objects is freed, so that
/// the same objects take up more of them the longer the kernel runs.
pub struct Memory(BTreeMap<String, u64>);

impl Memory {
    /// The names and amounts of everything that has grown since `before` by more than it varies
    /// anyway in this number of rounds.
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

/// Whether memory is counted. It is not on a debug kernel, which would take long to free the memory
/// that it holds back, and has kmemleak to find leaks.
pub fn is_counted() -> bool {
    !kernel::is_debug()
}

/// The memory in use after the kernel has freed what it can: of each kind, the least of several
/// readings. Empty if memory is not counted.
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

/// The number of objects in use, by cache.
fn slabs() -> Result<BTreeMap<String, u64>> {
    // Objects that a CPU keeps for its next allocations would count as in use.
    for cache in fs::read_dir("/sys/kernel/slab")? {
        let path = cache?.path().join("shrink");
        fs::write(&path, "1").with_context(|| format!("cannot write {}", path.display()))?;
    }
    let text = fs::read_to_string("/proc/slabinfo")?;
    let mut counts = BTreeMap::new();
    // The first two lines are the version and the names of the columns.
    for line in text.lines().skip(2) {
        let mut words = line.split_whitespace();
        let (name, count) = (words.next(), words.next());
        let (name, count) = name
            .zip(count)
            .context("/proc/slabinfo has an empty line")?;
        // Caches of different namespaces have the same name.
        *counts.entry(name.to_owned()).or_default() += count.parse::<u64>()?;
    }
    Ok(counts)
}
