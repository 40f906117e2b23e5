// SPDX-License-Identifier: GPL-2.0-only
//! `make check-install` and `make check-testing`: builds the Debian packages, and installs them
//! as a user would, in a fresh Debian with its stock kernel. That is booted to see which module
//! and which rules are there, and has all as it was when the packages are removed.

use crate::command::shell;
use crate::debian::{in_root, Debian};
use crate::guest::{Guest, Machine, HANGS};
use crate::lab::Lab;
use crate::need::{self, Need};
use crate::packaged::PackagedKernel;
use crate::product::{self, Product};
use crate::progress::Step;
use anyhow::{bail, ensure, Context, Result};
use std::fs;
use std::path::Path;

/// Where the packages are built, and those of an upgrade kept.
const PACKAGES: &str = "target/lab/deb";
const UPGRADE: &str = "target/lab/deb-upgrade";

/// What follows the version of the upgrade.
const SUFFIX: &str = "+1";

/// Where the roots are that the packages are installed in: not under the repository, which is
/// seen in them.
const ROOTS: &str = "/var/cache/hmark-lab";

/// Where a step is run.
#[derive(Clone, Copy)]
enum Place {
    /// In the lab's chroot
    Lab,
    /// In the root, as apt and dpkg are
    Root,
    /// In a guest that boots the root
    Boot,
}

/// The steps, in order: each is a script of this name. `$V` is the version, `$K` the kernel's
/// release, `$KV` its package's version; `$EXTENSION` and `$MODULE` are the stock library and the
/// kernel's own module.
const STEPS: [(&str, Place); 16] = [
    ("packages", Place::Lab),
    ("reproducible", Place::Lab),
    ("lintian", Place::Lab),
    ("versions", Place::Lab),
    ("stock", Place::Boot),
    ("install", Place::Root),
    ("rule", Place::Boot),
    ("reboot", Place::Boot),
    ("marks", Place::Boot),
    ("signature", Place::Root),
    ("left-out", Place::Root),
    ("metadata", Place::Root),
    ("second-kernel", Place::Root),
    ("upgrade", Place::Root),
    ("remove", Place::Root),
    ("stock-again", Place::Boot),
];

/// Those that are of the packages, or of what is the same on every Debian.
const ONCE: [&str; 6] = [
    "reproducible",
    "lintian",
    "versions",
    "left-out",
    "metadata",
    "second-kernel",
];

/// Runs the steps; the last line counts those that passed and failed. One that fails ends it,
/// since the next builds on it; `from` it, all can go on in the root that it left.
pub fn check(debian: Debian, from: Option<&str>) -> Result<u8> {
    let mut passed = 0;
    let result = run(debian, from, &mut passed);
    if let Err(error) = &result {
        eprintln!("lab: error: {error:#}");
    }
    println!("{passed} passed, {} failed", usize::from(result.is_err()));
    Ok(u8::from(result.is_err()))
}

fn run(debian: Debian, from: Option<&str>, passed: &mut usize) -> Result<()> {
    let lab = Lab::open()?;
    let root = Path::new(ROOTS).join(format!("user-{debian}"));
    let steps: Vec<_> = STEPS
        .into_iter()
        .filter(|(name, _)| debian == Debian::Trixie || !ONCE.contains(name))
        .skip_while(|(name, _)| from.is_some_and(|from| from != *name))
        .collect();
    ensure!(
        !steps.is_empty(),
        "no step is called {}",
        from.unwrap_or_default()
    );
    if from.is_none() {
        debian.copy_to(&root)?;
    }
    need::make(&lab, &[Need::Product(Product::Program("hmark-system"))])?;
    fs::copy(
        product::program("hmark-system"),
        root.join("usr/local/bin/hmark-system"),
    )?;
    let kernel = PackagedKernel::newest(&root)?;
    for (name, place) in steps {
        let mut step = Step::begin(&format!("install-{name}"), format!("{debian}: {name}"))?;
        let path = format!("lab/installation/{name}.sh");
        let script = fs::read_to_string(&path).with_context(|| format!("no {path}"))?;
        let script = variables(&kernel) + &script;
        match place {
            Place::Lab => step.run(shell(&script).current_dir("/srv/hmark"))?,
            Place::Root => step.run(&mut in_root(&root, &script))?,
            Place::Boot => {
                let name = format!("initramfs-{debian}");
                boot(&lab.machine_with_root(&name, &kernel)?, &script, &step)?;
            }
        }
        step.end("1 passed, 0 failed");
        *passed += 1;
    }
    fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))
}

/// What the steps begin with.
fn variables(kernel: &PackagedKernel) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let (release, package) = (&kernel.release, &kernel.version);
    format!(
        "set -eu; V={version} K={release} KV={package} SUFFIX={SUFFIX}
         PACKAGES={PACKAGES} UPGRADE={UPGRADE}
         EXTENSION=/usr/lib/x86_64-linux-gnu/xtables/libxt_HMARK.so
         MODULE=/usr/lib/modules/{release}/kernel/net/netfilter/xt_HMARK.ko.xz\n"
    )
}

/// Boots the root, and takes what the script prints to the step's log.
fn boot(machine: &Machine, script: &str, step: &Step) -> Result<()> {
    let log = fs::File::options().append(true).open(step.log())?;
    let status = Guest::new(HANGS, &["sh", "-c", script]).run_into(machine, log)?;
    if status != 0 {
        eprintln!("{}", step.tail());
        bail!(
            "it failed with status {status}: see {}",
            step.log().display()
        );
    }
    Ok(())
}
