// SPDX-License-Identifier: GPL-2.0-only

//! Tests under valgrind that hostile values are refused without an invalid memory access.
//!
//! iptables-translate parses and checks a rule as iptables does, but does not touch the kernel:
//! these tests need no guest, and install nothing.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{ensure, Context, Result};
use hmark_text::{Kind, Row, OPTIONS};
use libtest_mimic::{Arguments, Trial};
use testbed::family::{Commands, Family};
use testbed::trial::{self, test};
use testbed::{install, path};

/// The option that sets valgrind's exit status after an invalid access or use.
const INVALID: &str = "--error-exitcode=99";

/// Exit status of iptables for a bad value.
const REFUSED: i32 = 2;

/// The way of a value to the parser.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// As an argument, which is on the stack: valgrind cannot tell where it ends.
    Argument,
    /// In a file of rules, with up to 1023 bytes, which are copied to the heap.
    File,
}

/// An option with a hostile value.
struct Attempt {
    family: Family,
    /// An option's name or alias.
    option: &'static str,
    way: Way,
    value: Vec<u8>,
}

fn main() -> Result<ExitCode> {
    let folder = install::target_folder().join("hostile-values");
    prepare(&folder)?;
    Ok(trial::run(&Arguments::from_args(), trials(&folder)))
}

/// Recreates `folder` with the extensions, ours among them, and a place for rules.
fn prepare(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder.join("rules"))?;
    install::link_extensions(&folder.join("xtables"), &install::built_extension())
}

/// A test of each option with each value, for iptables and, where the family matters, ip6tables.
fn trials(folder: &Path) -> Vec<Trial> {
    let values = [
        (Way::File, Vec::new()),
        (Way::File, b"src,%s%n".repeat(120)),
        (Way::File, b"\x1b[2J\x01\x7f\xff\xfe\xc3\x28".to_vec()),
        (Way::File, b",".repeat(1_000)),
        (Way::File, vec![b'9'; 200]),
        (Way::File, b"-1".to_vec()),
        (Way::File, b"0x100000000".to_vec()),
        (Way::Argument, vec![b'9'; 10_000]),
        (Way::Argument, b"::,src.%n\n".repeat(1_000)),
    ];
    let mut trials = Vec::new();
    for family in Family::ALL {
        let matters = |row: &&Row| {
            let is_prefix = matches!(row.kind, Kind::Prefix(_));
            row.kind.has_value() && (family == Family::Ipv4 || is_prefix)
        };
        let names = OPTIONS.iter().filter(matters).flat_map(Row::names);
        for option in names.filter_map(|name| name.to_str().ok()) {
            for (way, value) in values.clone() {
                let attempt = Attempt {
                    family,
                    option,
                    way,
                    value,
                };
                let rules = folder.join("rules").join(trials.len().to_string());
                let extensions = folder.join("xtables");
                let name = attempt.name();
                trials.push(test(&name, move || attempt.refuse(&extensions, rules)));
            }
        }
    }
    trials
}

impl Attempt {
    fn name(&self) -> String {
        let start = &self.value[..self.value.len().min(12)];
        format!(
            "{}_{} --{} {}_bytes_\"{}\"",
            path!(Attempt::refuse),
            self.family.name(),
            self.option,
            self.value.len(),
            start.escape_ascii()
        )
    }

    /// Checks that the rule is refused; `rules` is a file for this attempt only.
    fn refuse(&self, extensions: &Path, rules: PathBuf) -> Result<()> {
        let Self { value, .. } = self;
        let option = format!("--{}", self.option);
        let iptables = self.family.iptables();
        let mut valgrind = Command::new("valgrind");
        valgrind
            .env("XTABLES_LIBDIR", extensions)
            .args(["-q", INVALID]);
        match self.way {
            Way::Argument => valgrind
                .arg(format!("{iptables}-translate"))
                .args(["-t", "mangle", "-A", "PREROUTING", "-j", "HMARK", &option])
                .arg(OsStr::from_bytes(value))
                .args(["--hmark-mod", "4"]),
            Way::File => {
                let before = format!("*mangle\n-A PREROUTING -j HMARK {option} \"");
                let after = "\" --hmark-mod 4\nCOMMIT\n";
                fs::write(
                    &rules,
                    [before.as_bytes(), value, after.as_bytes()].concat(),
                )?;
                valgrind
                    .args([&format!("{iptables}-restore-translate"), "-f"])
                    .arg(rules)
            }
        };
        let output = valgrind
            .output()
            .context("cannot run valgrind; is it installed?")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(REFUSED),
            "{}: {said}",
            output.status
        );
        ensure!(
            said.len() < 1000
                && said
                    .chars()
                    .all(|character| character == '\n' || (' '..='~').contains(&character)),
            "the error would upset a terminal: {said:?}"
        );
        // Only our library has these texts. A key is not shown.
        let ours = match self.option {
            "hmark-key" => "give 32 hexadecimal digits",
            _ => "HMARK: bad value \"",
        };
        // For an alias, the error names the option that it is the start of.
        ensure!(
            said.contains(ours) && said.contains(&format!("for option \"{option}")),
            "the error does not name value and option: {said}"
        );
        Ok(())
    }
}
