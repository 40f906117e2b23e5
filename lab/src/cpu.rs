// SPDX-License-Identifier: GPL-2.0-only
//! CPUs of this machine: each UML guest has one.
//!
//! UML's kernel and each process in it are processes here, of which one runs and the others wait
//! for it. On one CPU, the next one runs at once; another CPU would sleep and have to wake up first,
//! which takes virtual machines long.

use crate::store::Store;
use anyhow::Result;
use nix::fcntl::Flock;
use nix::sched::{sched_getaffinity, CpuSet};
use nix::unistd::Pid;
use std::fs::File;
use std::path::Path;
use std::process::Command;

/// A CPU that no other guest has, as long as this exists.
pub struct Cpu {
    number: usize,
    _lock: Flock<File>,
}

impl Cpu {
    /// Takes a CPU that this process may use. There is none if other guests have all, or if the
    /// machine has more CPUs than can be listed.
    pub fn take(store: &Store) -> Result<Option<Cpu>> {
        let Ok(usable) = sched_getaffinity(Pid::from_raw(0)) else {
            return Ok(None);
        };
        for number in 0..CpuSet::count() {
            if !usable.is_set(number)? {
                continue;
            }
            if let Ok(lock) = store.try_lock(&format!("cpu-{number}"))? {
                return Ok(Some(Cpu {
                    number,
                    _lock: lock,
                }));
            }
        }
        Ok(None)
    }

    /// A program that runs on this CPU alone.
    pub fn runs(&self, program: &Path) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &self.number.to_string()]);
        command.arg(program);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::cpus;
    use std::{env, fs, iter, process};

    #[test]
    fn guests_have_cpus_of_their_own() {
        let folder = env::temp_dir().join(format!("hmark-lab-cpus-{}", process::id()));
        let store = Store::open(&folder).unwrap();
        let take = || Cpu::take(&store).unwrap();
        let mut taken: Vec<Cpu> = iter::from_fn(take).collect();
        taken.dedup_by_key(|cpu| cpu.number);
        assert_eq!(taken.len(), cpus());
        let number = taken.pop().map(|cpu| cpu.number);
        assert_eq!(take().map(|cpu| cpu.number), number);
        fs::remove_dir_all(&folder).unwrap();
    }
}
