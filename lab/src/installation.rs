// SPDX-License-Identifier: GPL-2.0-only
//! `make check-install`, `make check-own` and `make check-testing`: builds the Debian packages, and
//! installs them as a user would, in a fresh Debian with its stock kernel. That is booted to see
//! which module and which rules are there, and has all as it was when the packages are removed.

use crate::command::{output, shell};
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

/// The steps until the packages' own tests, in order: each is a script of this name. `$V` is the
/// version, `$K` the kernel's release, `$KV` its package's version, `$GLUE` is C if its module has
/// the glue in C; `$EXTENSION` and `$MODULE` are the stock library and the kernel's own module.
const BEFORE: [(&str, Place); 8] = [
    ("packages", Place::Lab),
    ("reproducible", Place::Lab),
    ("lintian", Place::Lab),
    ("versions", Place::Lab),
    ("files", Place::Root),
    ("stock", Place::Boot),
    ("install", Place::Root),
    ("rule", Place::Boot),
];

/// The steps after them.
const AFTER: [(&str, Place); 5] = [
    ("marks", Place::Boot),
    ("second-kernel", Place::Root),
    ("upgrade", Place::Root),
    ("remove", Place::Root),
    ("stock-again", Place::Boot),
];

/// Those that are of the packages, or of what is the same on every Debian.
const ONCE: [&str; 4] = ["reproducible", "lintian", "versions", "second-kernel"];

/// Those on a Debian whose kernel takes no Rust modules.
const WITHOUT_RUST: [&str; 9] = [
    "packages",
    "files",
    "install",
    "reboot",
    "signature",
    "left-out",
    "warning",
    "remove",
    "stock-again",
];

/// The packages' own tests.
const TESTS: &str = "packaging/debian/tests/control";

/// The script in `lab/installation/` that runs one of these tests.
const AUTOPKGTEST: &str = "autopkgtest";

/// Where a test finds what it has of the packages' source, in the root.
const SOURCE: &str = "root/source";

/// Where a test that reboots leaves its mark, in the root.
const MARK: &str = "root/reboot-mark";

/// A step.
struct Script {
    name: String,
    place: Place,
    /// The name of its file.
    file: String,
}

/// All steps, in order.
fn steps(control: &str) -> Vec<Script> {
    let own = |&(name, place): &(&str, Place)| Script {
        name: name.to_owned(),
        place,
        file: name.to_owned(),
    };
    let tests = tests(control).into_iter().map(|(name, place)| Script {
        name: name.to_owned(),
        place,
        file: AUTOPKGTEST.to_owned(),
    });
    let before = BEFORE.iter().map(own);
    before.chain(tests).chain(AFTER.iter().map(own)).collect()
}

/// The names in the control file of tests, and where each is run: one that needs no machine of its
/// own is run where modules are built at full speed.
fn tests(control: &str) -> Vec<(&str, Place)> {
    let mut tests = Vec::new();
    for stanza in control.split("\n\n") {
        let field = |name| stanza.lines().find_map(|line| line.strip_prefix(name));
        let place = match field("Restrictions:").is_some_and(|all| all.contains(MACHINE)) {
            true => Place::Boot,
            false => Place::Root,
        };
        let names = field("Tests:").unwrap_or_default().split([',', ' ']);
        tests.extend(
            names
                .filter(|name| !name.is_empty())
                .map(|name| (name, place)),
        );
    }
    tests
}

/// Whether a Debian has a step.
fn is_of(debian: Debian, step: &str) -> bool {
    match debian {
        Debian::Trixie => true,
        Debian::Testing => !ONCE.contains(&step),
        Debian::TrixieOwn => WITHOUT_RUST.contains(&step),
    }
}

/// The restriction of a test that needs a machine of its own.
const MACHINE: &str = "isolation-machine";

/// Runs the steps; the last line counts those that passed and failed. One that fails ends it,
/// since the next builds on it; `from` it, all can go on in the root that it left.
pub fn check(debians: &[Debian], from: Option<&str>) -> Result<u8> {
    let mut passed = 0;
    let mut debians = debians.iter();
    let result = debians.try_for_each(|&debian| run(debian, from, &mut passed));
    if let Err(error) = &result {
        eprintln!("lab: error: {error:#}");
    }
    println!("{passed} passed, {} failed", usize::from(result.is_err()));
    Ok(u8::from(result.is_err()))
}

fn run(debian: Debian, from: Option<&str>, passed: &mut usize) -> Result<()> {
    let lab = Lab::open()?;
    let root = Path::new(ROOTS).join(format!("user-{debian}"));
    let control = fs::read_to_string(TESTS).with_context(|| format!("no {TESTS}"))?;
    let steps: Vec<_> = steps(&control)
        .into_iter()
        .filter(|step| is_of(debian, &step.name))
        .skip_while(|step| from.is_some_and(|from| from != step.name))
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
    // A guest does not see the repository.
    let source = root.join(SOURCE);
    fs::create_dir_all(&source)?;
    let debian_folder = source.join("debian").display().to_string();
    output("cp", &["-rT", "packaging/debian", &debian_folder])?;
    let kernel = PackagedKernel::newest(&root)?;
    for Script { name, place, file } in steps {
        let mut step = Step::begin(&format!("install-{name}"), format!("{debian}: {name}"))?;
        let path = format!("lab/installation/{file}.sh");
        let script = fs::read_to_string(&path).with_context(|| format!("no {path}"))?;
        let script = variables(debian, &kernel, &name) + &script;
        match place {
            Place::Lab => step.run(shell(&script).current_dir("/srv/hmark"))?,
            Place::Root => step.run(&mut in_root(&root, &script))?,
            Place::Boot => {
                let name = format!("initramfs-{debian}");
                let machine = lab.machine_with_root(&name, &kernel)?;
                boot(&machine, &script, &step)?;
                while root.join(MARK).exists() {
                    boot(&machine, &script, &step)?;
                }
            }
        }
        step.end("1 passed, 0 failed");
        *passed += 1;
    }
    fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))
}

/// What the steps begin with.
fn variables(debian: Debian, kernel: &PackagedKernel, name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let (release, package) = (&kernel.release, &kernel.version);
    let glue = if debian.has_rust() { "" } else { "C" };
    format!(
        "set -eu; V={version} K={release} KV={package} SUFFIX={SUFFIX} GLUE={glue}
         PACKAGES={PACKAGES} UPGRADE={UPGRADE} TEST={name} SOURCE=/{SOURCE} MARK=/{MARK}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_run_where_they_can() {
        let control = "# Of all\n\n# One.\nTests: one\nDepends: @\n\
            Restrictions: needs-root, isolation-machine\n\nTests: two, three\n\
            Restrictions: needs-root\n";
        let tests = tests(control);
        assert!(matches!(
            tests[..],
            [
                ("one", Place::Boot),
                ("two", Place::Root),
                ("three", Place::Root)
            ]
        ));
    }

    #[test]
    fn every_step_has_its_script() {
        let control = fs::read_to_string(Path::new("..").join(TESTS)).unwrap();
        for Script { name, file, .. } in steps(&control) {
            let script = format!("../lab/installation/{file}.sh");
            assert!(Path::new(&script).exists(), "{name}");
        }
        for (name, _) in tests(&control) {
            assert!(Path::new("../packaging/debian/tests").join(name).exists());
        }
        let names: Vec<_> = steps(&control).into_iter().map(|step| step.name).collect();
        for name in WITHOUT_RUST.iter().chain(&ONCE) {
            assert!(names.iter().any(|other| other == name), "{name}");
        }
    }
}
