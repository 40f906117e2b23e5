// SPDX-License-Identifier: GPL-2.0-only
//! Kernels of the stock kernel's source with a configuration of the lab's own.

use crate::command::{make, output};
use crate::packaged::{self, PackagedKernel};
use crate::progress::Step;
use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What to build, and of what.
pub struct Configured<'a> {
    stock: &'a PackagedKernel,
    source: &'a Path,
    /// What every `make` is told, that of a module too.
    arguments: &'static [&'static str],
}

impl<'a> Configured<'a> {
    /// A kernel of the stock kernel's `source`.
    pub fn new(
        stock: &'a PackagedKernel,
        source: &'a Path,
        arguments: &'static [&'static str],
    ) -> Self {
        Configured {
            stock,
            source,
            arguments,
        }
    }

    /// What it is made from.
    pub fn key(&self, wanted: &str) -> Result<String> {
        let mut tools = packaged::tools()?;
        if self.arguments.contains(&CLANG) {
            tools += &output("clang", &["--version"])?;
            tools.push('\n');
        }
        Ok(format!("{}\n{tools}{wanted}", self.stock.version))
    }

    /// Makes `tree`, with the configuration that is `defconfig`.
    pub fn begin(&self, step: &mut Step, tree: &Path) -> Result<()> {
        fs::create_dir(tree)?;
        step.run(&mut self.make(tree, "defconfig"))
    }

    /// Makes `tree`, with the least that a kernel has beside what is `wanted`.
    pub fn begin_with_least(&self, step: &mut Step, tree: &Path, wanted: &str) -> Result<()> {
        fs::create_dir(tree)?;
        let lines = tree.join("all.config");
        fs::write(&lines, wanted)?;
        let lines = format!("KCONFIG_ALLCONFIG={}", lines.display());
        step.run(self.make(tree, "allnoconfig").arg(lines))
    }

    /// Builds what a configured tree becomes with the configuration that is `wanted` beside its
    /// own. Its modules are put where the chroot has those of any other kernel.
    pub fn build(&self, step: &mut Step, tree: &Path, wanted: &str) -> Result<()> {
        self.configure(step, tree, wanted)?;
        step.run(&mut self.make(tree, "all"))?;
        step.run(&mut self.make(tree, "modules_install"))
    }

    fn configure(&self, step: &mut Step, tree: &Path, wanted: &str) -> Result<()> {
        let config = tree.join(".config");
        let fragment = tree.join("wanted.config");
        fs::write(&fragment, wanted)?;
        step.run(
            Command::new(self.source.join("scripts/kconfig/merge_config.sh"))
                .arg("-m")
                .arg("-O")
                .args([tree, &config, &fragment]),
        )?;
        step.run(&mut self.make(tree, "olddefconfig"))?;
        let lost = not_taken(wanted, &fs::read_to_string(&config)?);
        ensure!(
            lost.is_empty(),
            "kernel {} does not take: {}",
            self.stock.version,
            lost.join(", ")
        );
        Ok(())
    }

    /// `make` of a target of the kernel's source.
    fn make(&self, tree: &Path, target: &str) -> Command {
        let mut make = make();
        make.arg("-C").arg(self.source).args(self.arguments);
        make.arg(format!("O={}", tree.display())).arg(target);
        make
    }
}

/// For a kernel that clang builds: gcc's KASAN would not go with rustc's.
pub const CLANG: &str = "LLVM=1";

/// What every kernel has.
const NETWORK: &str = "lab/network.config";

/// The lines of a file, and of [`NETWORK`].
pub fn fragment(path: &str) -> Result<String> {
    Ok(over(&read(NETWORK)?, &read(path)?))
}

/// The lines of a fragment, and after them those of a file, which says otherwise of some.
pub fn with(fragment: &str, path: &str) -> Result<String> {
    Ok(over(fragment, &read(path)?))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

/// The lines of a fragment, and after them other lines, which say otherwise of some.
pub fn over(fragment: &str, lines: &str) -> String {
    let again = |line: &&str| {
        option(line).is_some_and(|name| lines.lines().any(|line| option(line) == Some(name)))
    };
    let mut kept: Vec<&str> = fragment.lines().filter(|line| !again(line)).collect();
    kept.extend(lines.lines());
    kept.join("\n") + "\n"
}

/// The option that a line of a configuration sets, or leaves out.
fn option(line: &str) -> Option<&str> {
    let left_out = line
        .strip_suffix(" is not set")
        .and_then(|line| line.strip_prefix("# "));
    let name = left_out.or_else(|| Some(line.split_once('=')?.0))?;
    name.starts_with("CONFIG_").then_some(name)
}

/// The lines of a configuration fragment that the configuration has not.
fn not_taken<'a>(fragment: &'a str, config: &str) -> Vec<&'a str> {
    fragment
        .lines()
        .filter(|line| option(line).is_some())
        .filter(|line| !config.lines().any(|taken| taken == *line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_options_are_named() {
        let fragment = "# Rust\nCONFIG_RUST=y\n\n# CONFIG_WERROR is not set\nCONFIG_TUN=y\n";
        let config = "CONFIG_RUST=y\nCONFIG_TUN=m\nCONFIG_WERROR=y\n";
        assert_eq!(
            not_taken(fragment, config),
            ["# CONFIG_WERROR is not set", "CONFIG_TUN=y"]
        );
        assert!(not_taken(fragment, fragment).is_empty());
    }

    #[test]
    fn each_option_is_set_once() {
        let fragment = "# A = B\nCONFIG_A=y\nCONFIG_AB=\"\"\n# CONFIG_C is not set\n";
        let lines = "CONFIG_C=y\n# CONFIG_A is not set\n";
        assert_eq!(
            over(fragment, lines),
            "# A = B\nCONFIG_AB=\"\"\nCONFIG_C=y\n# CONFIG_A is not set\n"
        );
    }
}
