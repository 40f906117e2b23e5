// SPDX-License-Identifier: GPL-2.0-only

//! A machine that qemu-user emulates for one process, and Debian's iptables for it.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use handover::Variable;
use testbed::command::run_with;
use testbed::family::{Commands, Family};
use testbed::install;
use testbed::side::Side;
use testbed::text::runner::Iptables;

/// iptables of another machine, with a table in a file.
pub struct Emulated {
    /// The name that qemu has for the machine.
    machine: String,
    /// Debian's packages for it, unpacked.
    root: PathBuf,
    /// A folder with our library and `libtables.so`.
    built: PathBuf,
    family: Family,
    table: PathBuf,
}

impl Emulated {
    /// The iptables of the machine that the lab's environment variables describe, with an empty
    /// table of this name.
    pub fn new(family: Family, name: &str) -> Result<Self> {
        let value = |variable: Variable| {
            let value = variable.value();
            value.with_context(|| format!("{variable} is not set: `make check` sets it"))
        };
        let built = PathBuf::from(value(Variable::Foreign)?);
        let table = built.join(format!("{name}-{}", family.name()));
        if table.exists() {
            fs::remove_file(&table)?;
        }
        Ok(Self {
            machine: value(Variable::Machine)?,
            root: value(Variable::Root)?.into(),
            built,
            family,
            table,
        })
    }
}

impl fmt::Display for Emulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.machine, self.family)
    }
}

impl Iptables for Emulated {
    fn run(&self, library: Side, suffix: &str, arguments: &str, input: &str) -> Result<String> {
        let Self {
            machine,
            root,
            built,
            ..
        } = self;
        // Both programs look for extensions in these folders.
        let stock = format!("{}/usr/lib/{machine}-linux-gnu/xtables", root.display());
        let extensions = match library {
            Side::Ours => format!("{}:{stock}", built.display()),
            Side::Stock => stock,
        };
        let program = match suffix.contains("translate") {
            true => "nft",
            false => "legacy",
        };
        let variables = [
            format!("LD_PRELOAD={}", built.join("libtables.so").display()),
            format!("{}={}", Variable::Table, self.table.display()),
            format!("XTABLES_LOCKFILE={}.lock", self.table.display()),
            format!("XTABLES_LIBDIR={extensions}"),
        ];
        let root = root.display();
        let command = format!(
            "qemu-{machine} -L {root} -E {} {root}/usr/sbin/xtables-{program}-multi {}{suffix} {arguments}",
            variables.join(" -E "),
            self.family.iptables(),
        );
        run_with(&command, input, &[])
    }
}

/// The output of this machine's own iptables, with our library built for it.
pub fn native(family: Family, suffix: &str, arguments: &str, input: &str) -> Result<String> {
    let folder = install::built_extension();
    let folder = folder.parent().context("no folder")?.display();
    let extensions = format!("{folder}:{}", install::extensions()?.display());
    run_with(
        &format!("{}{suffix} {arguments}", family.iptables()),
        input,
        &[("XTABLES_LIBDIR", &extensions)],
    )
}
