// SPDX-License-Identifier: GPL-2.0-only

//! The cost of a set of HMARK rules: parsing only, restoring, and saving, with our library and the
//! stock one, both with the same kernel module.
//!
//! Times are wall-clock times: UML counts CPU time in ticks of 10 ms, and its one CPU has nothing
//! else to do.

use std::array;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{ensure, Context, Result};
use testbed::family::{Commands, Family};
use testbed::side::Side;
use testbed::{install, module};

use crate::progress::Progress;
use crate::report::{Ratio, Row, Table};
use crate::series::Series;

/// Rules in the set.
const RULES: usize = 50_000;

/// Pairs measured. One more pair before them is not counted.
const ROUNDS: usize = 11;

/// The folder for the set of rules and the libraries.
const FOLDER: &str = "/run/hmark-bench";

const BACKENDS: [&str; 2] = ["legacy", "nft"];

/// Options as both libraries save them. `%` stands for the bits of an address.
const OPTIONS: [&str; 8] = [
    "--hmark-src-prefix % --hmark-dst-prefix % --hmark-sport-mask 0xffff \
     --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 \
     --hmark-mod 4 --hmark-offset 100",
    "--hmark-src-prefix % --hmark-dst-prefix % --hmark-rnd 0xfeedcafe --hmark-mod 70 \
     --hmark-offset 1000",
    "--hmark-src-prefix 24 --hmark-dst-prefix 16 --hmark-rnd 0x00000001 --hmark-mod 10",
    "--hmark-src-prefix % --hmark-rnd 0x00000002 --hmark-mod 2 --hmark-offset 1",
    "--hmark-sport-mask 0xff00 --hmark-dport-mask 0x00ff --hmark-proto-mask 0x11 \
     --hmark-rnd 0x12345678 --hmark-mod 256",
    "--hmark-dst-prefix % --hmark-dport-mask 0xffff --hmark-sport 0x1f90 \
     --hmark-rnd 0x0badf00d --hmark-mod 16 --hmark-offset 4096",
    "--hmark-src-prefix % --hmark-dst-prefix % --hmark-spi-mask 0xffffff00 \
     --hmark-rnd 0x00c0ffee --hmark-mod 8",
    "--hmark-src-prefix % --hmark-dst-prefix % --hmark-sport-mask 0xffff \
     --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0xc175a3b8 \
     --hmark-mod 4 --hmark-offset 100 --hmark-tuple ct",
];

/// Options of revision 1 that go with each of [`OPTIONS`].
const NEW_OPTIONS: [&str; 8] = [
    "--hmark-from 3",
    "--hmark-weight 12=50,35=0,64-69=25",
    "--hmark-mask 0x3f00",
    "--hmark-reverse-errors",
    "--hmark-inner gtpu,vxlan,geneve,gre,ipip",
    "--hmark-mask 0xff000",
    "--hmark-from 8",
    "--hmark-mask 0x7fffffff",
];

/// Measures all backends and families.
pub fn run(progress: &mut Progress) -> Result<Table> {
    progress.phase("install: make install-files");
    install::install()?;
    module::load_ours()?;
    fs::create_dir(FOLDER)?;
    for (side, library) in [
        (Side::Ours, install::extension()?),
        (Side::Stock, install::stock_extension()),
    ] {
        install::link_extensions(&extensions(side), &library)?;
    }
    let mut rows = Vec::new();
    for backend in BACKENDS {
        for family in Family::ALL {
            progress.phase(&format!(
                "{family}, {backend}: {RULES} rules, {ROUNDS} rounds and one to warm up"
            ));
            let programs = Programs::new(family, backend)?;
            let [parse, restore, save] = programs.measure(progress)?;
            for (what, series) in [
                ("parse alone", parse),
                ("restore", restore),
                ("save", save),
                ("restore, revisions", programs.compare_revisions(progress)?),
            ] {
                rows.push(Row {
                    name: format!("{family} {backend} {what}"),
                    of: format!("{RULES} rules"),
                    series,
                    floor: Vec::new(),
                });
            }
        }
    }
    Ok(Table {
        benchmark: "rules",
        title: "Rules: our library and the stock one, with our module under both; and rules of revision 1 and of revision 0, with our library.",
        unit: "s",
        ratio: Ratio::OursByOther,
        rows,
    })
}

/// The folder that iptables loads a library from. The two folders are laid out alike.
fn extensions(side: Side) -> PathBuf {
    Path::new(FOLDER).join(match side {
        Side::Ours => "ours",
        Side::Stock => "stock",
    })
}

/// iptables-restore and iptables-save of a family and backend, and the rules for them.
struct Programs {
    restore: String,
    save: String,
    rules: PathBuf,
    /// The same with options of revision 1.
    new_rules: PathBuf,
    no_rules: PathBuf,
    /// The text that both libraries must save.
    expected: String,
}

impl Programs {
    fn new(family: Family, backend: &str) -> Result<Self> {
        let iptables = family.iptables();
        let expected = rules(family, &OPTIONS.map(str::to_owned));
        let rules = Path::new(FOLDER).join("rules");
        let new_rules = Path::new(FOLDER).join("new-rules");
        let no_rules = Path::new(FOLDER).join("no-rules");
        fs::write(&rules, format!("*mangle\n{expected}COMMIT\n"))?;
        let new: [_; 8] = array::from_fn(|at| format!("{} {}", OPTIONS[at], NEW_OPTIONS[at]));
        fs::write(
            &new_rules,
            format!("*mangle\n{}COMMIT\n", self::rules(family, &new)),
        )?;
        fs::write(&no_rules, "*mangle\nCOMMIT\n")?;
        Ok(Self {
            restore: format!("{iptables}-{backend}-restore"),
            save: format!("{iptables}-{backend}-save"),
            rules,
            new_rules,
            no_rules,
            expected,
        })
    }

    /// The times to parse only, to restore into an empty table, and to save.
    fn measure(&self, progress: &mut Progress) -> Result<[Series; 3]> {
        let mut all = <[Series; 3]>::default();
        for round in 0..=ROUNDS {
            progress.step(&format!("round {round} of {ROUNDS}"));
            let [parse, restore, save] = &mut all;
            let order = match round % 2 {
                0 => [Side::Ours, Side::Stock],
                _ => [Side::Stock, Side::Ours],
            };
            // The two sides alternate, and each starts from the same tables.
            self.flush()?;
            for side in order {
                let time = self.time(side, &self.restore, &["--test"], &self.rules)?;
                add(parse, side, round, time);
            }
            for side in order {
                self.flush()?;
                let time = self.time(side, &self.restore, &[], &self.rules)?;
                add(restore, side, round, time);
                if round == 0 {
                    self.check(side)?;
                }
            }
            for side in order {
                let time = self.time(side, &self.save, &["-t", "mangle"], &self.no_rules)?;
                add(save, side, round, time);
            }
        }
        self.flush()?;
        Ok(all)
    }

    /// The times to restore rules of revision 1, and those of revision 0 that they are made of.
    fn compare_revisions(&self, progress: &mut Progress) -> Result<Series> {
        let mut series = Series::default();
        for round in 0..=ROUNDS {
            progress.step(&format!("revisions, round {round} of {ROUNDS}"));
            let mut order = [
                (&mut series.ours, &self.new_rules),
                (&mut series.other, &self.rules),
            ];
            if round % 2 == 1 {
                order.reverse();
            }
            for (times, rules) in order {
                self.flush()?;
                let time = self.time(Side::Ours, &self.restore, &[], rules)?;
                if round > 0 {
                    times.push(time);
                }
            }
        }
        self.flush()?;
        Ok(series)
    }

    /// Removes all rules, and waits until the kernel has released them.
    fn flush(&self) -> Result<()> {
        self.time(Side::Ours, &self.restore, &[], &self.no_rules)?;
        module::wait_unused()
    }

    /// The time that a program takes, in seconds.
    fn time(&self, side: Side, program: &str, arguments: &[&str], input: &Path) -> Result<f64> {
        let errors = Path::new(FOLDER).join("errors");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("XTABLES_LIBDIR", extensions(side))
            .stdin(File::open(input)?)
            .stdout(Stdio::null())
            .stderr(File::create(&errors)?);
        let begun = Instant::now();
        let status = command
            .status()
            .with_context(|| format!("cannot run {program}"))?;
        let time = begun.elapsed();
        ensure!(
            status.success(),
            "{program} {}: {status}: {}",
            arguments.join(" "),
            fs::read_to_string(&errors)?.trim()
        );
        Ok(time.as_secs_f64())
    }

    /// Checks that the restored rules are saved as they were given.
    fn check(&self, side: Side) -> Result<()> {
        let output = Command::new(&self.save)
            .args(["-t", "mangle"])
            .env("XTABLES_LIBDIR", extensions(side))
            .output()?;
        let saved = String::from_utf8_lossy(&output.stdout);
        let saved = saved.lines().filter(|line| line.starts_with("-A "));
        let mut pairs = saved.clone().zip(self.expected.lines());
        if let Some((saved, expected)) = pairs.find(|(saved, expected)| saved != expected) {
            anyhow::bail!("{}: `{expected}` is saved as `{saved}`", self.save);
        }
        ensure!(saved.count() == RULES, "{}: rules are missing", self.save);
        Ok(())
    }
}

/// Adds a measurement, unless it is of the first round, which only warms up.
fn add(series: &mut Series, side: Side, round: usize, time: f64) {
    if round > 0 {
        match side {
            Side::Ours => series.ours.push(time),
            Side::Stock => series.other.push(time),
        }
    }
}

/// The rules as they are saved, each for an address of its own.
fn rules(family: Family, options: &[String; 8]) -> String {
    let bits = family.address_bits().to_string();
    let options = options
        .each_ref()
        .map(|options| options.replace('%', &bits));
    let mut text = String::new();
    for number in 0..RULES {
        let [high, low] = [number / 250 + 1, number % 250 + 1];
        let address = match family {
            Family::Ipv4 => format!("10.{}.{}.{low}", high / 250 + 1, high % 250 + 1),
            Family::Ipv6 => format!("2001:db8::{high:x}:{low:x}"),
        };
        let options = &options[number % options.len()];
        let _ = writeln!(text, "-A PREROUTING -d {address}/{bits} -j HMARK {options}");
    }
    text
}
