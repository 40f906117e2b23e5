// SPDX-License-Identifier: GPL-2.0-only

//! A rule's key is where root has put it and in the rules that root lists, and nowhere else: in no
//! log, in no message, and in no file that others may read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{ensure, Result};
use libtest_mimic::Trial;
use testbed::command::run;
use testbed::family::Family;
use testbed::side::Side;
use testbed::text::runner::Iptables;
use testbed::trials;

use crate::backend::Backend;
use crate::firewall::{Firewall, PARAMETER_PROBLEM};
use crate::trial::backends;

/// The key, which is in no file yet: this program's text has it in two parts.
const KEY: [&str; 2] = ["5ec0de0123456789", "a1b2c3d4e5f60718"];

/// Folders with files that programs write.
const FOLDERS: [&str; 4] = ["/etc", "/run", "/tmp", "/var/log"];

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![backends(is_in_no_log_or_file)]
}

/// Adds a rule with a key, has others refused by the library and by the kernel, and looks for the key.
fn is_in_no_log_or_file(family: Family, backend: Backend) -> Result<()> {
    let firewall = Firewall::new(family, backend)?;
    let key = KEY.concat();
    let rule = |options: &str| format!("-A PREROUTING -j HMARK --hmark-mod 4 {options}");
    let added = firewall.mangle(Side::Ours, &rule(&format!("--hmark-key {key}")))?;
    ensure!(added.status == 0, "{}", added.stderr);
    let listed = firewall.rules(Side::Ours)?.concat();
    ensure!(listed.contains(&key), "root cannot read the key: {listed}");

    let mut said = added.stderr + &added.stdout;
    for wrong in [
        format!("--hmark-key {key}0"),
        format!("--hmark-key {}g", &key[1..]),
        format!("--hmark-key {key} --hmark-key {key}"),
        format!("--hmark-key {key} --hmark-rnd 1"),
        format!("--hmark-rnd 1 --hmark-key {key}"),
        format!("--hmark-key {key} --hmark-from 5"),
        format!("--hmark-key {key} --hmark-colour 1"),
    ] {
        let refused = firewall.mangle(Side::Ours, &rule(&wrong))?;
        ensure!(refused.status == PARAMETER_PROBLEM, "{wrong} is taken");
        said += &refused.stderr;
        // iptables-restore reports to whoever started it, such as a service, whose output is logged.
        let lines = format!("*mangle\n{}\nCOMMIT\n", rule(&wrong));
        let refused = firewall.answer(Side::Ours, "-restore", "--noflush", &lines)?;
        ensure!(refused.status != 0, "{wrong} is restored");
        said += &refused.stderr;
    }
    // The kernel refuses a rule with a key in a table that it does not have.
    let refused = firewall.answer(
        Side::Ours,
        "",
        &format!("-t nosuch {}", rule(&format!("--hmark-key {key}"))),
        "",
    )?;
    said += &refused.stderr;
    for (place, text) in [
        ("what iptables says", said),
        ("the kernel's log", run("dmesg")?),
    ] {
        ensure!(!has_key(text.as_bytes()), "{place} has the key: {text}");
    }
    FOLDERS
        .iter()
        .try_for_each(|folder| search(Path::new(folder)))?;
    firewall.run(Side::Ours, "", "-t mangle -F", "")?;
    Ok(())
}

/// Whether a text has half of the key, as digits or as bytes.
fn has_key(text: &[u8]) -> bool {
    let has = |part: &[u8]| text.windows(part.len()).any(|bytes| bytes == part);
    let lower = text.to_ascii_lowercase();
    KEY.iter().any(|half| {
        let digits = half.as_bytes();
        let bytes = u64::from_str_radix(half, 16).unwrap_or_default();
        lower.windows(digits.len()).any(|part| part == digits) || has(&bytes.to_be_bytes())
    })
}

/// Checks that no file below a folder that others may read has the key.
fn search(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            search(&path)?;
        } else if kind.is_file() && entry.metadata()?.permissions().mode() & 0o004 != 0 {
            let has = fs::read(&path).is_ok_and(|text| has_key(&text));
            ensure!(!has, "{} has the key", path.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn key_is_found_as_digits_and_as_bytes() {
        let key = KEY.concat();
        assert!(has_key(format!("a {} b", key.to_uppercase()).as_bytes()));
        assert!(has_key(&[
            0, 0x5e, 0xc0, 0xde, 0x01, 0x23, 0x45, 0x67, 0x89, 0
        ]));
        assert!(!has_key(key[1..16].as_bytes()));
    }
}
