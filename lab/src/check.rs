// SPDX-License-Identifier: GPL-2.0-only
//! `make demo`, `make check`, `make check-debug` and `make check-large`: all of it, ending in one
//! line that counts.

use crate::architecture::Architecture;
use crate::command::{make, shell};
use crate::guest::Guest;
use crate::iptables::Release;
use crate::lab::{Boot, Lab};
use crate::product::{self, TestModule, FUZZ, INIT};
use crate::progress::Step;
use anyhow::{Context, Result};
use std::env;
use std::fs;
use std::process::Command;

/// Shows HMARK at work on the stock kernel; the last line says whether it does.
pub fn demo() -> Result<u8> {
    let show = || {
        let lab = Lab::up()?;
        product::build(&lab, &[Boot::Stock])?;
        let machine = lab.machine(Boot::Stock)?;
        Guest::new(300, &["target/lab/tools/hmark-demo"]).run(&machine)
    };
    Ok(show().unwrap_or_else(|error| {
        println!("demo: failed: {error:#}");
        1
    }))
}

/// Runs all lanes; the last line counts passed and failed tests.
pub fn check() -> Result<u8> {
    run(prepare().and_then(|lab| lanes(&lab)))
}

/// The same with the lanes of the debug kernels.
pub fn check_debug() -> Result<u8> {
    run(prepare_debug().and_then(|()| debug_lanes()))
}

/// The same with the lanes of the kernel for arm64.
pub fn check_arm64() -> Result<u8> {
    run(prepare_arm64().and_then(|()| arm64_lanes()))
}

/// The lane of a large cluster, which takes longer than the others together.
pub fn check_large() -> Result<u8> {
    run(prepare_large().and_then(|()| large_lanes()))
}

fn run(lanes: Result<Vec<Lane>>) -> Result<u8> {
    let mut total = Count::default();
    let result = lanes.and_then(|lanes| {
        for lane in lanes {
            total.add(lane.run()?);
        }
        Ok(())
    });
    if let Err(error) = result {
        eprintln!("lab: error: {error:#}");
        total.failed += 1;
    }
    println!("{total}");
    Ok(u8::from(total.failed > 0 || total.passed == 0))
}

fn prepare() -> Result<Lab> {
    let lab = Lab::up()?;
    product::build_for(&lab, &Release::ALL)?;
    for architecture in Architecture::ALL {
        product::build_foreign(&lab, architecture)?;
    }
    product::build(&lab, &[Boot::Stock, Boot::Uml])?;
    product::build_modules(&lab, &Boot::SWITCHED)?;
    product::build_test_module(&lab, FUZZ, &[Boot::Stock, Boot::Uml])?;
    product::build_test_module(&lab, FUZZ, &Boot::SWITCHED)?;
    Ok(lab)
}

fn prepare_debug() -> Result<()> {
    let lab = Lab::up()?;
    product::build(&lab, &Boot::DEBUG)?;
    product::build_test_module(&lab, FUZZ, &[Boot::UmlDebug])
}

fn prepare_arm64() -> Result<()> {
    let lab = Lab::up()?;
    product::build_foreign(&lab, Architecture::Arm64)?;
    product::build_modules(&lab, &[Boot::Arm64])?;
    for module in [FUZZ, INIT] {
        product::build_test_module(&lab, module, &[Boot::Arm64])?;
    }
    product::build_foreign_tests(Architecture::Arm64)
}

fn prepare_large() -> Result<()> {
    product::build(&Lab::up()?, &[Boot::Uml])
}

/// Something to run that tells whether it passed.
struct Lane {
    name: &'static str,
    command: Command,
    /// Whether the output has result lines that count tests.
    counts: bool,
}

/// One test.
fn plain(name: &'static str, command: Command) -> Lane {
    Lane {
        name,
        command,
        counts: false,
    }
}

/// As many tests as the output says.
fn counted(name: &'static str, command: Command) -> Lane {
    Lane {
        name,
        command,
        counts: true,
    }
}

/// Looks over every shell script of the repository.
const SCRIPTS: &str =
    "find . -path ./target -prune -o \\( -name '*.sh' -o -path ./.ci/run \\) -print0 |
    xargs -0 shellcheck";

/// Looks over the modules' sources, which are no crates of the workspace.
const MODULE_FORMAT: &str =
    "rustfmt --edition 2021 --check xt_hmark_kmod/xt_HMARK.rs tests/kmod/fuzz.rs \
    tests/kmod/bench.rs tests/kmod-init/hmark_init.rs";

/// Fails where a module refers to what panics, or cannot be read.
const NO_PANIC: &str = "symbols=$($NM --undefined-only target/lab/kmod-$KERNEL/xt_HMARK.ko)
    echo \"$symbols\"
    echo \"$symbols\" | grep -q xt_register_target
    ! echo \"$symbols\" | grep -i panic";

/// Fails where the library of a folder is over 20 KiB, needs another library than iptables does, or
/// wants an executable stack.
const LIBRARY: &str = "for folder in release iptables-arm64 iptables-s390x; do
    library=target/lab/$folder/libxt_HMARK.so
    dynamic=$(readelf --wide --dynamic --segments $library)
    echo \"$dynamic\"
    wc -c $library
    test $(stat -c %s $library) -le 20480
    needed=$(echo \"$dynamic\" | sed -n 's/.*Shared library: .\\([a-z]*\\).*/\\1/p' | sort | xargs)
    test \"$needed\" = 'libc libxtables'
    ! echo \"$dynamic\" | grep 'GNU_STACK.* RWE' || exit 1
    done";

/// The tests of `hmark` that are for an optimised build: every hash, and every bucket of many.
const EXHAUSTIVE: &str = "test --profile tools --package hmark --lib -- --ignored";

/// The same packets in every run.
const UML_FUZZ: &str = "fuzz --built --case 0 --packets 5000000";

/// Fewer packets, for a kernel that lacks a part, or whose machine may be emulated.
fn few(kernel: Boot) -> Result<Command> {
    itself(&format!(
        "run --kernel={kernel} --timeout 300 -- target/lab/tools/hmark-fuzz 0 500000"
    ))
}

/// The set-ups of the tutorials, in a cluster of the usual size.
const CLUSTER: &str = "run --kernel uml --timeout 300 -- target/lab/tools/hmark-cluster";

/// The same on the stock kernel, with as few flows as tell where they went: it may be emulated.
const STOCK_CLUSTER: &str = "run --kernel stock --timeout 600 -- \
    env HMARK_FLOWS=20 HMARK_LOAD=200 target/lab/tools/hmark-cluster";

/// The same with as many gateways as HMARK was written for, and as many connections.
const LARGE_CLUSTER: &str = "run --kernel uml --memory 6144 --timeout 3600 -- \
    env HMARK_GATEWAYS=70 HMARK_FLOWS=2000 HMARK_LOAD=100000 target/lab/tools/hmark-cluster";

fn large_lanes() -> Result<Vec<Lane>> {
    Ok(vec![counted("large-cluster-tests", itself(LARGE_CLUSTER)?)])
}

/// Fails where a drawing is not what Graphviz makes of its source.
const DRAWINGS: &str = "for source in docs/*.dot; do
        dot -Tsvg \"$source\" | cmp - \"${source%.dot}.svg\"
    done";

/// All lanes, the quick ones first.
fn lanes(lab: &Lab) -> Result<Vec<Lane>> {
    Ok(vec![
        plain("format", cargo("fmt --all --check")),
        plain(
            "clippy",
            cargo("clippy --workspace --all-targets -- -D warnings"),
        ),
        plain("shellcheck", shell(SCRIPTS)),
        plain("drawings", shell(DRAWINGS)),
        plain("pages", shell("docs/html.sh target/lab/pages")),
        plain("module-format", shell(MODULE_FORMAT)),
        plain("module-clippy", module_clippy(lab)?),
        plain("fuzz-clippy", test_module_clippy(lab, FUZZ)?),
        plain("init-clippy", test_module_clippy(lab, INIT)?),
        plain("module-no-panic", no_panic(Boot::Stock, "nm")),
        plain("library-size", shell(LIBRARY)),
        plain("man-pages", shell("mandoc -T lint -W error man/*.8")),
        counted("host-tests", cargo("test --workspace")),
        counted("exhaustive-tests", cargo(EXHAUSTIVE)),
        counted("big-endian-tests", emulated(Architecture::S390x)),
        counted("aarch64-tests", emulated(Architecture::Arm64)),
        counted("stock-guest-tests", on(Boot::Stock)?),
        counted("uml-guest-tests", on(Boot::Uml)?),
        counted("no-conntrack-tests", on(Boot::UmlNoConntrack)?),
        counted("no-ipv6-tests", on(Boot::UmlNoIpv6)?),
        counted(
            "no-conntrack-no-ipv6-tests",
            on(Boot::UmlNoConntrackNoIpv6)?,
        ),
        counted(
            "hostile-values",
            Command::new("target/lab/tools/hmark-hostile"),
        ),
        counted(
            "instructions",
            Command::new("target/lab/tools/hmark-instructions"),
        ),
        counted("cluster-tests", itself(CLUSTER)?),
        counted("stock-cluster-tests", itself(STOCK_CLUSTER)?),
        counted("bookworm-iptables-tests", with_iptables(Release::Bookworm)?),
        counted("testing-iptables-tests", with_iptables(Release::Testing)?),
        counted("arm64-iptables-tests", foreign(lab, Architecture::Arm64)?),
        counted("s390x-iptables-tests", foreign(lab, Architecture::S390x)?),
        plain("fuzz", itself(UML_FUZZ)?),
        plain("stock-fuzz", few(Boot::Stock)?),
        plain("no-conntrack-fuzz", few(Boot::UmlNoConntrack)?),
        plain("no-ipv6-fuzz", few(Boot::UmlNoIpv6)?),
        plain(
            "no-conntrack-no-ipv6-fuzz",
            few(Boot::UmlNoConntrackNoIpv6)?,
        ),
    ])
}

/// The same packets in every run.
const DEBUG_FUZZ: &str =
    "run --kernel uml-debug --timeout 900 -- target/lab/tools/hmark-fuzz 0 10000000";

/// The lanes of the debug kernels, which fail for what such a kernel reports too.
fn debug_lanes() -> Result<Vec<Lane>> {
    // However few CPUs there are: four wait for each other's locks.
    let x86 = guest("--kernel=x86-debug --cpus=4")?;
    Ok(vec![
        plain("uml-debug-fuzz", itself(DEBUG_FUZZ)?),
        counted("uml-debug-tests", on(Boot::UmlDebug)?),
        counted("x86-debug-tests", x86),
    ])
}

/// The lanes of the kernel for arm64.
fn arm64_lanes() -> Result<Vec<Lane>> {
    let lane = |program: &str| {
        let tools = product::foreign_tests(Architecture::Arm64);
        itself(&format!(
            "run --kernel=arm64 --timeout=1800 -- {tools}/{program}"
        ))
    };
    Ok(vec![
        plain(
            "arm64-no-panic",
            no_panic(Boot::Arm64, "aarch64-linux-gnu-nm"),
        ),
        counted("arm64-guest-tests", lane("hmark-tests")?),
        plain("arm64-fuzz", lane("hmark-fuzz 0 2000000")?),
    ])
}

fn cargo(arguments: &str) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments.split(' '));
    command
}

/// Looks for panics in the module for a kernel by an `nm` that reads it.
fn no_panic(kernel: Boot, nm: &str) -> Command {
    let mut command = shell(NO_PANIC);
    command.env("KERNEL", kernel.to_string()).env("NM", nm);
    command
}

/// The tests of `hmark`, its corpus, and `hmark-text`, on another architecture.
fn emulated(architecture: Architecture) -> Command {
    product::cross(
        "test --package hmark --package hmark-fuzz --package hmark-text",
        architecture,
    )
}

/// The tests of the extension on another architecture.
fn foreign(lab: &Lab, architecture: Architecture) -> Result<Command> {
    let mut command = Command::new("target/lab/tools/hmark-foreign");
    command
        .env("HMARK_MACHINE", architecture.machine())
        .env("HMARK_ROOT", lab.foreign_iptables(architecture)?)
        .env("HMARK_FOREIGN", product::library_folder(architecture));
    Ok(command)
}

/// The module built by clippy, for which any warning is an error.
fn module_clippy(lab: &Lab) -> Result<Command> {
    let mut make = make();
    make.arg("kmod")
        .args(["CLIPPY=1", "KRUSTFLAGS=-Dwarnings"])
        .arg(format!("KDIR={}", lab.tree(Boot::Stock)?.display()))
        .arg("MO=/srv/hmark/target/lab/kmod-clippy");
    Ok(make)
}

/// As [`module_clippy`], of a module that is for tests.
fn test_module_clippy(lab: &Lab, module: TestModule) -> Result<Command> {
    let folder = format!("target/lab/{module}-clippy");
    let mut make = product::make_test_module(module, &lab.tree(Boot::Stock)?, &folder)?;
    make.args(["CLIPPY=1", "KRUSTFLAGS=-Dwarnings"]);
    Ok(make)
}

/// The lab as a process of its own, so that its log has the output.
fn itself(arguments: &str) -> Result<Command> {
    let mut command = Command::new(env::current_exe().context("cannot find lab itself")?);
    command.args(arguments.split(' '));
    Ok(command)
}

/// The tests in a guest.
fn guest(options: &str) -> Result<Command> {
    itself(&format!(
        "run --timeout=1200 {options} -- target/lab/tools/hmark-tests"
    ))
}

/// The tests on a kernel.
fn on(kernel: Boot) -> Result<Command> {
    guest(&format!("--kernel={kernel}"))
}

/// The tests of the extension, with the iptables of another release.
fn with_iptables(release: Release) -> Result<Command> {
    guest(&format!("--kernel=uml --iptables={release}"))
}

impl Lane {
    fn run(mut self) -> Result<Count> {
        let mut step = Step::begin(self.name, self.name)?;
        let succeeded = step.try_run(&mut self.command)?;
        let output = fs::read(step.log())?;
        let output = String::from_utf8_lossy(&output);
        let count = outcome(succeeded, self.counts.then_some(&*output));
        if count.failed > 0 {
            step.end(&format!("FAILED: {count}"));
            eprintln!("{}", step.tail());
            eprintln!("lab: the whole output is in {}", step.log().display());
        } else {
            step.end(&count.to_string());
        }
        Ok(count)
    }
}

/// How many tests passed and failed. Ignored ones are neither.
#[derive(Default, Debug, PartialEq)]
struct Count {
    passed: usize,
    failed: usize,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// What a lane counts for: without `output`, one test; with it, what its result
/// lines say, but a lane that failed or passed no test has a failure at least.
fn outcome(succeeded: bool, output: Option<&str>) -> Count {
    let mut count = match output {
        None => Count {
            passed: usize::from(succeeded),
            failed: 0,
        },
        Some(output) => results(output),
    };
    if count.failed == 0 && (!succeeded || count.passed == 0) {
        count.failed = 1;
    }
    count
}

/// The sum of all `test result: ok. 3 passed; 0 failed; ...` lines.
fn results(output: &str) -> Count {
    let mut count = Count::default();
    for line in output.lines() {
        let Some(result) = line.trim().strip_prefix("test result: ") else {
            continue;
        };
        let words: Vec<&str> = result.split([' ', ';']).collect();
        for pair in words.windows(2) {
            let number = pair[0].parse().unwrap_or(0);
            match pair[1] {
                "passed" => count.passed += number,
                "failed" => count.failed += number,
                _ => {}
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "running 3 tests\ntest a ... ok\n\
        test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
        test result: FAILED. 41 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";

    fn count(passed: usize, failed: usize) -> Count {
        Count { passed, failed }
    }

    #[test]
    fn result_lines_are_summed() {
        assert_eq!(results(OUTPUT), count(44, 2));
        assert_eq!(outcome(false, Some(OUTPUT)), count(44, 2));
    }

    #[test]
    fn lane_without_counts_is_one_test() {
        assert_eq!(outcome(true, None), count(1, 0));
        assert_eq!(outcome(false, None), count(0, 1));
    }

    #[test]
    fn lane_that_broke_off_has_failed() {
        let passed = "test result: ok. 3 passed; 0 failed; 0 ignored\n";
        assert_eq!(outcome(false, Some(passed)), count(3, 1));
        assert_eq!(
            outcome(false, Some("error: could not compile")),
            count(0, 1)
        );
    }

    #[test]
    fn lane_that_ran_nothing_has_failed() {
        let ignored = "test result: ok. 0 passed; 0 failed; 5 ignored\n";
        assert_eq!(outcome(true, Some(ignored)), count(0, 1));
        assert_eq!(outcome(true, Some("")), count(0, 1));
    }
}
