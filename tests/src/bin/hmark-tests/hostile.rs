// SPDX-License-Identifier: GPL-2.0-only

//! Values that no user means are refused without an invalid access, under valgrind.
//!
//! iptables-translate parses and checks a rule as iptables does, and leaves the kernel alone.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use anyhow::{ensure, Context, Result};
use tests::family::Family;

use crate::notes::note;

/// What valgrind exits with after an invalid access or use.
const INVALID: &str = "--error-exitcode=99";

/// What iptables exits with for a bad value.
const REFUSED: i32 = 2;

const PREFIXES: [&str; 2] = ["--hmark-src-prefix", "--hmark-dst-prefix"];

const OTHERS: [&str; 12] = [
    "--hmark-tuple",
    "--hmark-sport-mask",
    "--hmark-dport-mask",
    "--hmark-spi-mask",
    "--hmark-sport",
    "--hmark-dport",
    "--hmark-spi",
    "--hmark-proto-mask",
    "--hmark-rnd",
    "--hmark-mod",
    "--hmark-offset",
    "--hmark-offs",
];

/// Where a rule is put that iptables-translate reads from a file.
const FILE: &str = "/run/hmark-hostile";

/// How a value gets to the parser.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// As an argument. It lies on the stack, where valgrind does not see its end.
    Argument,
    /// In a file of rules, with up to 1023 bytes. It is copied to the heap.
    File,
}

/// Each option with each hostile value, for iptables, and where the family matters ip6tables.
pub fn refused() -> Result<()> {
    let values = [
        (Way::File, Vec::new()),
        (Way::File, b"src,%s%n".repeat(120)),
        (Way::File, b"\x1b[2J\x01\x7f\xff\xfe\xc3\x28".to_vec()),
        (Way::Argument, vec![b'9'; 10_000]),
        (Way::Argument, b"::,src.%n\n".repeat(1_000)),
    ];
    let mut count = 0;
    for family in Family::ALL {
        let others = match family {
            Family::V4 => &OTHERS[..],
            Family::V6 => &[],
        };
        for option in PREFIXES.iter().chain(others) {
            for (way, value) in &values {
                refuse(family, option, *way, value).with_context(|| {
                    let start = String::from_utf8_lossy(&value[..value.len().min(20)]);
                    format!(
                        "{family}: {option} {start:?}, {way:?}, {} bytes",
                        value.len()
                    )
                })?;
                count += 1;
            }
        }
    }
    note!("{count} hostile values refused under valgrind");
    Ok(())
}

fn refuse(family: Family, option: &str, way: Way, value: &[u8]) -> Result<()> {
    let iptables = family.iptables();
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["-q", INVALID]);
    match way {
        Way::Argument => valgrind
            .arg(format!("{iptables}-translate"))
            .args(["-t", "mangle", "-A", "PREROUTING", "-j", "HMARK", option])
            .arg(OsStr::from_bytes(value))
            .args(["--hmark-mod", "4"]),
        Way::File => {
            let before = format!("*mangle\n-A PREROUTING -j HMARK {option} \"");
            let after = "\" --hmark-mod 4\nCOMMIT\n";
            fs::write(FILE, [before.as_bytes(), value, after.as_bytes()].concat())?;
            valgrind.args([&format!("{iptables}-restore-translate"), "-f", FILE])
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
    // An alias goes by the name that it starts.
    ensure!(
        said.contains(&format!("for option \"{option}")),
        "the error does not name the option: {said}"
    );
    Ok(())
}
