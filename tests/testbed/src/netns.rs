// SPDX-License-Identifier: GPL-2.0-only

//! Network namespaces, made like those of `ip netns`.

use std::fs::{self, File};
use std::thread;

use anyhow::{anyhow, Context, Result};
use nix::sched::{setns, CloneFlags};

use crate::command;

/// A named network namespace with its loopback device up; removed on drop.
pub struct Netns {
    name: String,
    file: File,
}

impl Netns {
    /// Makes the namespace `name`.
    ///
    /// # Errors
    /// If it exists, or iproute2 fails.
    pub fn add(name: &str) -> Result<Self> {
        command::run(&format!("ip netns add {name}"))?;
        let path = format!("/run/netns/{name}");
        let file = File::open(&path).with_context(|| path)?;
        let netns = Self {
            name: name.to_owned(),
            file,
        };
        netns.run("ip link set lo up")?;
        Ok(netns)
    }

    /// The name in `ip netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` in a thread inside the namespace; threads and commands that it starts are inside
    /// too.
    ///
    /// # Errors
    /// Those of `work`, or if the namespace cannot be entered.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let inside = || {
            setns(&self.file, CloneFlags::CLONE_NEWNET)
                .with_context(|| format!("cannot enter namespace {}", self.name))?;
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .map_err(|_| anyhow!("the thread in namespace {} panicked", self.name))?
    }

    /// Runs `command` inside, as [`command::run`] does.
    ///
    /// # Errors
    /// As [`command::run`].
    pub fn run(&self, command: &str) -> Result<String> {
        self.enter(|| command::run(command))
    }

    /// Runs each line of `batch` as an `ip` command.
    ///
    /// # Errors
    /// As [`command::run`].
    pub fn ip(&self, batch: &str) -> Result<()> {
        self.enter(|| command::run_with("ip -batch -", batch, &[]))?;
        Ok(())
    }

    /// Sets a parameter of this namespace: `key` is a path below `/proc/sys/net`.
    ///
    /// # Errors
    /// If the kernel has no such parameter, or refuses the value.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        self.enter(|| {
            let path = format!("/proc/sys/net/{key}");
            fs::write(&path, value).with_context(|| format!("cannot write {value} to {path}"))
        })
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // A failure cannot be handled here; the next `add` of the name would report it.
        let _ = command::run(&format!("ip netns del {}", self.name));
    }
}
