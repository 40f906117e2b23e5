// SPDX-License-Identifier: GPL-2.0-only
//! `make check-install`: builds the Debian packages, and installs them as a user would, in a
//! fresh Debian with the stock kernel. That is booted to see which module and which rules are
//! there, and has all as it was when the packages are removed.

use crate::command::shell;
use crate::guest::Guest;
use crate::kernel::Kernel;
use crate::lab::Lab;
use crate::progress::Step;
use crate::store::Store;
use anyhow::{bail, ensure, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the packages are built, and those of an upgrade kept.
const PACKAGES: &str = "target/lab/deb";
const UPGRADE: &str = "target/lab/deb-upgrade";

/// What the upgrade has behind its version.
const SUFFIX: &str = "+1";

/// The root that the packages are installed in: not under the repository, which is seen in it.
const ROOT: &str = "/var/cache/hmark-lab/user";

/// What makes the root one that boots the stock kernel, and builds modules for it.
const INCLUDE: &str = "systemd-sysv,udev,kmod,iproute2,iptables,iptables-persistent,\
    netfilter-persistent,linux-image-amd64/trixie-backports,linux-headers-amd64/trixie-backports,\
    linux-source/trixie-backports";

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

/// The steps, in order. `$V` is the version, `$K` the kernel's release, `$KV` its package's
/// version; `$EXTENSION` and `$MODULE` are the stock library and the kernel's own module.
const STEPS: [(&str, Place, &str); 13] = [
    (
        "packages",
        Place::Lab,
        include_str!("../installation/packages.sh"),
    ),
    (
        "reproducible",
        Place::Lab,
        include_str!("../installation/reproducible.sh"),
    ),
    (
        "lintian",
        Place::Lab,
        include_str!("../installation/lintian.sh"),
    ),
    (
        "versions",
        Place::Lab,
        include_str!("../installation/versions.sh"),
    ),
    (
        "stock",
        Place::Boot,
        include_str!("../installation/stock.sh"),
    ),
    (
        "install",
        Place::Root,
        include_str!("../installation/install.sh"),
    ),
    ("rule", Place::Boot, include_str!("../installation/rule.sh")),
    (
        "reboot",
        Place::Boot,
        include_str!("../installation/reboot.sh"),
    ),
    (
        "signature",
        Place::Root,
        include_str!("../installation/signature.sh"),
    ),
    (
        "left-out",
        Place::Root,
        include_str!("../installation/left-out.sh"),
    ),
    (
        "upgrade",
        Place::Root,
        include_str!("../installation/upgrade.sh"),
    ),
    (
        "remove",
        Place::Root,
        include_str!("../installation/remove.sh"),
    ),
    (
        "stock-again",
        Place::Boot,
        include_str!("../installation/stock-again.sh"),
    ),
];

/// Runs the steps; the last line counts those that passed and failed. One that fails ends it,
/// since the next builds on it; `from` it, all can go on in the root that it left.
pub fn check(from: Option<&str>) -> Result<u8> {
    let mut passed = 0;
    let result = run(from, &mut passed);
    if let Err(error) = &result {
        eprintln!("lab: error: {error:#}");
    }
    println!("{passed} passed, {} failed", usize::from(result.is_err()));
    Ok(u8::from(result.is_err()))
}

fn run(from: Option<&str>, passed: &mut usize) -> Result<()> {
    let lab = Lab::up()?;
    let variables = variables(lab.stock());
    let first = match from {
        None => 0,
        Some(from) => STEPS
            .iter()
            .position(|(name, ..)| *name == from)
            .with_context(|| format!("no step is called {from}"))?,
    };
    if first == 0 {
        fresh_root(lab.stock())?;
    }
    for &(name, place, script) in &STEPS[first..] {
        let script = format!("{variables}\n{script}");
        let mut step = Step::begin(&format!("install-{name}"), format!("installation: {name}"))?;
        match place {
            Place::Lab => step.run(shell(&script).current_dir("/srv/hmark"))?,
            Place::Root => step.run(&mut in_root(Path::new(ROOT), &script))?,
            Place::Boot => boot(&lab, &script, &step)?,
        }
        step.end("1 passed, 0 failed");
        *passed += 1;
    }
    fs::remove_dir_all(ROOT).with_context(|| format!("cannot remove {ROOT}"))
}

/// What the steps begin with.
fn variables(kernel: &Kernel) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let Kernel {
        release,
        version: package,
    } = kernel;
    format!(
        "set -eu; V={version} K={release} KV={package} SUFFIX={SUFFIX}
         PACKAGES={PACKAGES} UPGRADE={UPGRADE}
         EXTENSION=/usr/lib/x86_64-linux-gnu/xtables/libxt_HMARK.so
         MODULE=/usr/lib/modules/{release}/kernel/net/netfilter/xt_HMARK.ko.xz"
    )
}

/// A command in a root that sees the repository, as the lab's chroot does.
fn in_root(root: &Path, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--propagation=unchanged",
        ])
        .args(["--", "lab/chroot.sh"])
        .arg(root)
        .args(["sh", "-c", script]);
    command
}

/// Boots the root, and takes what the script prints to the step's log.
fn boot(lab: &Lab, script: &str, step: &Step) -> Result<()> {
    let log = fs::File::options().append(true).open(step.log())?;
    let machine = lab.machine_with_root(Path::new(ROOT));
    let status = Guest::new(900, &["sh", "-c", script]).run_into(&machine, log)?;
    if status != 0 {
        eprintln!("{}", step.tail());
        bail!(
            "it failed with status {status}: see {}",
            step.log().display()
        );
    }
    Ok(())
}

/// A new copy of a Debian that has the stock kernel and iptables, and not us.
fn fresh_root(kernel: &Kernel) -> Result<()> {
    let base = base(&Store::lab()?, kernel)?;
    let mut step = Step::begin("install-root", "copying a fresh Debian")?;
    step.run(Command::new("rm").args(["-rf", "--one-file-system", ROOT]))?;
    step.run(
        Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(base)
            .arg(ROOT),
    )?;
    step.end("done");
    Ok(())
}

fn base(store: &Store, kernel: &Kernel) -> Result<PathBuf> {
    let service = fs::read_to_string("lab/guest/command.service")?;
    let version = &kernel.version;
    let key = format!("{INCLUDE} {version}\n{service}");
    store.product("user-base", &key, |root| {
        let mut step = Step::begin("user-base", "making a fresh Debian 13")?;
        step.run(
            Command::new("mmdebstrap")
                .args(["--variant=minbase", "--architectures=amd64"])
                .arg(format!("--include={INCLUDE}"))
                .arg("--aptopt=/etc/apt/apt.conf.d/99mmdebstrap")
                .arg("trixie")
                .arg(root)
                .arg("/etc/apt/sources.list"),
        )?;
        let has = shell(&format!(
            "test \"$(dpkg-query --root={} -W -f '${{Version}}' linux-image-amd64)\" = '{version}'",
            root.display()
        ))
        .status()?;
        ensure!(
            has.success(),
            "the archive has a newer kernel than the lab's {version}: remove the lab, and it is made with that"
        );
        let units = root.join("etc/systemd/system");
        fs::write(units.join("command.service"), &service)?;
        // chroot.sh shows the lab's certificates there.
        fs::create_dir_all(root.join("etc/ssl/certs"))?;
        step.run(&mut in_root(
            root,
            "systemctl enable command.service; apt-get -qq update",
        ))?;
        step.end("done");
        Ok(())
    })
}
