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

/// A machine as the lab describes it.
#[derive(Clone)]
pub struct Machine {
    /// The name that qemu has for it.
    name: String,
    /// Debian's packages for it, unpacked.
    root: PathBuf,
    /// A folder with our library and `libtables.so`.
    built: PathBuf,
}

impl Machine {
    /// The machine that the lab's environment variables describe.
    pub fn of_lab() -> Result<Self> {
        let value = |variable: Variable| {
            let value = variable.value();
            value.with_context(|| format!("{variable} is not set: `make check` sets it"))
        };
        Ok(Self {
            name: value(Variable::Machine)?,
            root: value(Variable::Root)?.into(),
            built: value(Variable::Foreign)?.into(),
        })
    }

    /// Its iptables for a family, with an empty table of this name.
    pub fn iptables(&self, family: Family, name: &str) -> Result<Emulated> {
        let table = self.built.join(format!("{name}-{}", family.name()));
        if table.exists() {
            fs::remove_file(&table)?;
        }
        Ok(Emulated {
            machine: self.clone(),
            family,
            table,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// iptables of another machine, with a table in a file.
pub struct Emulated {
    machine: Machine,
    family: Family,
    table: PathBuf,
}

impl Iptables for Emulated {
    fn run(&self, library: Side, suffix: &str, arguments: &str, input: &str) -> Result<String> {
        let Machine { name, root, built } = &self.machine;
        // Both programs look for extensions in these folders.
        let stock = format!("{}/usr/lib/{name}-linux-gnu/xtables", root.display());
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
            "qemu-{name} -L {root} -E {} {root}/usr/sbin/xtables-{program}-multi {}{suffix} {arguments}",
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
