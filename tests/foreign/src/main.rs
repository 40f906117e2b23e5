// SPDX-License-Identifier: GPL-2.0-only

//! The extension on another architecture. Debian's iptables for it, under qemu-user, accepts,
//! prints and finds the same rules with the stock library and with ours, and prints the same as
//! iptables of this machine.
//!
//! There is no kernel of that architecture: `libtables.so` keeps a table for iptables-legacy, and
//! iptables-translate needs none. Environment variables of the lab say where everything is.

mod machine;

use std::process::ExitCode;

use anyhow::{ensure, Context, Result};
use fastrand::Rng;
use libtest_mimic::Arguments;
use testbed::family::Family;
use testbed::side::Side;
use testbed::text::candidate::Candidate;
use testbed::text::files::{self, Translation};
use testbed::text::runner::{Iptables, Runner};
use testbed::text::{edges, generator};
use testbed::trial::families;
use testbed::{note, trials};

use machine::{native, Emulated};

const SEED: u64 = 0x484d_4152_4b00;

/// The numbers of handwritten and of random rules to try. Each of the handwritten ones that is
/// refused costs two processes.
const EDGES: usize = 80;
const RANDOM: usize = 1_000;
const COMMANDS: usize = 4;
const TRANSLATED: usize = 500;
const TRANSLATIONS: usize = 10;

fn main() -> ExitCode {
    let trials = trials![families(
        help,
        translate,
        translate_random,
        edges,
        random,
        revision_1,
        commands,
    )];
    testbed::trial::run(&Arguments::from_args(), trials)
}

/// The help is the same as on this machine.
fn help(family: Family) -> Result<()> {
    let iptables = Emulated::new(family, "help")?;
    let foreign = iptables.run(Side::Ours, "", "-j HMARK --help", "")?;
    let native = native(family, "", "-j HMARK --help", "")?;
    // The help of iptables itself comes first.
    let ours = |text: &str| Some(text[text.find("HMARK target: ")?..].to_owned());
    let shown = ours(&foreign).context("not our help")?;
    ensure!(
        Some(&shown) == ours(&native).as_ref(),
        "otherwise than here: {shown}"
    );
    Ok(())
}

/// iptables-translate prints some of the translations of `tests/iptables`.
fn translate(family: Family) -> Result<()> {
    let iptables = Emulated::new(family, "translate")?;
    let mut translations = files::translations(family);
    Rng::with_seed(SEED).shuffle(&mut translations);
    for Translation { command, printed } in translations.iter().take(TRANSLATIONS) {
        let (_, arguments) = command.split_once(' ').context("no arguments")?;
        let found = iptables.run(Side::Ours, "-translate", arguments, "")?;
        ensure!(
            found.trim_end() == *printed,
            "`{command}`:\n  {found}  {printed}"
        );
    }
    Ok(())
}

/// Random rules are translated as on this machine.
fn translate_random(family: Family) -> Result<()> {
    let iptables = Emulated::new(family, "translate-random")?;
    let mut rng = Rng::with_seed(SEED);
    let mut rules = String::from("*mangle\n");
    for _ in 0..TRANSLATED {
        let candidate = generator::correct(&mut rng, family);
        let protocol = *rng
            .choice(["", "-p tcp ", "-p udp ", "-p esp "].iter())
            .unwrap_or(&"");
        rules += &format!("-A PREROUTING {protocol}-j HMARK {candidate}\n");
    }
    rules += "COMMIT\n";
    let [suffix, file] = ["-restore-translate", "-f /dev/stdin"];
    let foreign = iptables.run(Side::Ours, suffix, file, &rules)?;
    let native = native(family, suffix, file, &rules)?;
    // The other lines name the version.
    let [foreign, native] = [&foreign, &native].map(|text| {
        let lines = text.lines().filter(|line| line.contains("PREROUTING"));
        lines.collect::<Vec<_>>()
    });
    for (foreign, native) in foreign.iter().zip(&native) {
        ensure!(
            foreign == native,
            "translated otherwise:\n  {foreign}\n  {native}"
        );
    }
    let hashes = foreign.iter().filter(|line| line.contains("hash ")).count();
    ensure!(
        [foreign.len(), native.len()] == [TRANSLATED; 2] && hashes > TRANSLATED / 5,
        "of {TRANSLATED} rules, {} are shown here and {} there; {hashes} are translated",
        native.len(),
        foreign.len()
    );
    note!("{iptables}: {TRANSLATED} random rules translated as here, {hashes} of them to a hash");
    Ok(())
}

/// Some of the handwritten rules have the same result with either library.
fn edges(family: Family) -> Result<()> {
    let mut candidates = edges::candidates();
    Rng::with_seed(SEED).shuffle(&mut candidates);
    candidates.truncate(EDGES);
    compare(family, "edge", &candidates)
}

/// Random rules have the same result with either library.
fn random(family: Family) -> Result<()> {
    let mut rng = Rng::with_seed(SEED);
    let candidates: Vec<_> = (0..RANDOM)
        .map(|_| generator::candidate(&mut rng, family))
        .collect();
    compare(family, "random", &candidates)
}

/// Random rules of revision 1 are saved as on this machine, restored, and deleted by the texts that they were
/// added by.
fn revision_1(family: Family) -> Result<()> {
    let iptables = Emulated::new(family, "revision-1")?;
    let mut rng = Rng::with_seed(SEED);
    let rules: Vec<_> = (0..RANDOM / 4)
        .map(|_| generator::revision_1(&mut rng, family))
        .collect();
    let change = |command: &str| {
        let lines = rules
            .iter()
            .map(|rule| format!("{command} PREROUTING -j HMARK {rule}\n"));
        let input = format!("*mangle\n{}COMMIT\n", lines.collect::<String>());
        iptables.run(Side::Ours, "-restore", "--noflush", &input)
    };
    let saved = || -> Result<_> {
        let saved = iptables.run(Side::Ours, "-save", "", "")?;
        let rules = saved
            .lines()
            .filter(|line| line.starts_with("-A"))
            .map(str::to_owned);
        Ok((rules.collect::<Vec<_>>(), saved))
    };
    change("-A")?;
    let (shown, dump) = saved()?;
    for (rule, shown) in rules.iter().zip(&shown) {
        let expected = format!("-A PREROUTING -j HMARK{}", rule.saved(family)?);
        ensure!(
            *shown == expected,
            "`{rule}` is saved as\n  {shown}, not\n  {expected}"
        );
    }
    ensure!(
        shown.len() == rules.len(),
        "{} of {} rules saved",
        shown.len(),
        rules.len()
    );
    iptables.run(Side::Ours, "-restore", "", &dump)?;
    let (again, _) = saved()?;
    ensure!(again == shown, "restored otherwise");
    change("-D")?;
    let (left, _) = saved()?;
    ensure!(left.is_empty(), "left: {left:?}");
    note!(
        "{iptables}: {} random rules of revision 1 saved as here",
        rules.len()
    );
    Ok(())
}

fn compare(family: Family, kind: &str, candidates: &[Candidate]) -> Result<()> {
    let runner = Runner::new(family, Emulated::new(family, kind)?);
    let figures = runner.compare(candidates, 500)?;
    note!(
        "{}: {} {kind} rules: {figures}",
        runner.iptables,
        candidates.len()
    );
    Ok(())
}

/// Random rules are added, found and deleted, each by a separate command.
fn commands(family: Family) -> Result<()> {
    let mut rng = Rng::with_seed(SEED);
    let candidates: Vec<_> = std::iter::repeat_with(|| generator::correct(&mut rng, family))
        .take(COMMANDS)
        .collect();
    let runner = Runner::new(family, Emulated::new(family, "commands")?);
    let tried = runner.by_command(&candidates)?;
    ensure!(tried > COMMANDS / 2, "{tried} of {COMMANDS} rules accepted");
    let iptables = &runner.iptables;
    note!("{iptables}: {tried} random rules added, found and deleted by commands");
    Ok(())
}
