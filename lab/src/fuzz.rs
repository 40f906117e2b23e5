// SPDX-License-Identifier: GPL-2.0-only
//! `make fuzz`: our target compared by random packets and rules, in a UML guest for
//! each CPU: revision 0 with the kernel's own C target, revision 1 with the naive
//! implementation.

use crate::command::cpus;
use crate::guest::{Guest, Machine, HANGS};
use crate::kernel::Kernel;
use crate::lab::Lab;
use crate::need;
use crate::product::{self, Module, Product};
use anyhow::{ensure, Result};
use clap::Args;
use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The program that compares, in a guest.
const PROGRAM: &str = "hmark-fuzz";

/// Fewer packets a guest are not worth its boot.
const FEWEST: u64 = 1_000_000;

/// Packets a second that any machine compares.
const SLOWEST: u64 = 10_000;

/// Cases of one guest are this far from those of the next: none has so many.
const APART: u64 = 1 << 40;

/// How often a line shows what has been compared.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// What to compare.
#[derive(Args)]
pub struct Fuzz {
    /// How many packets to compare of each revision, at least
    #[arg(long, value_name = "N", default_value_t = 100_000_000)]
    packets: u64,
    /// The first case, as a mismatch names it; the clock chooses one otherwise
    #[arg(long, value_name = "N")]
    case: Option<u64>,
    /// Do not build what is compared
    #[arg(long)]
    built: bool,
}

impl Fuzz {
    /// Compares; the last line says how much was, and whether all was equal.
    pub fn run(&self) -> Result<u8> {
        Ok(match self.try_run() {
            Ok(line) => {
                println!("fuzz: ok: {line}");
                0
            }
            Err(error) => {
                println!("fuzz: failed: {error:#}");
                1
            }
        })
    }

    fn try_run(&self) -> Result<String> {
        let lab = Lab::open()?;
        if !self.built {
            let products = [
                Product::Module(Module::Hmark, Kernel::Uml),
                Product::Module(Module::Fuzz, Kernel::Uml),
                Product::Program(PROGRAM),
            ];
            need::make_for(&lab, Kernel::Uml, &products)?;
        }
        let machine = lab.machine(Kernel::Uml)?;
        let first = self.case.unwrap_or_else(clock);
        let guests = self.packets.div_ceil(FEWEST).clamp(1, cpus() as u64);
        eprintln!(
            "lab: comparing {} packets of each revision in {guests} guests, from case {first} on",
            self.packets
        );

        let begun = Instant::now();
        let mut total = Total::default();
        let (sender, lines) = channel();
        thread::scope(|scope| {
            let mut running = Vec::new();
            for guest in 0..guests {
                let case = first.wrapping_add(guest * APART);
                let packets = self.packets.div_ceil(guests);
                let (lines, machine) = (Lines::new(sender.clone()), &machine);
                running.push(scope.spawn(move || compare(machine, case, packets, lines)));
            }
            drop(sender);
            let mut shown = Instant::now();
            loop {
                match lines.recv_timeout(HEARTBEAT) {
                    Ok(line) => total.take(&line),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if shown.elapsed() > HEARTBEAT {
                    shown = Instant::now();
                    eprintln!("lab: compared {}", total.line(begun.elapsed()));
                }
            }
            for guest in running {
                let status = guest.join().expect("a guest's thread does not panic")?;
                ensure!(
                    status == 0,
                    "{}; a guest ended with status {status}",
                    total.line(begun.elapsed())
                );
            }
            Ok(())
        })?;
        ensure!(
            total.fewest() >= self.packets && total.mismatches == 0,
            "{}",
            total.line(begun.elapsed())
        );
        Ok(total.line(begun.elapsed()))
    }
}

/// A number that is another one each time.
fn clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos() as u64)
}

/// Runs one guest, and returns its exit status.
fn compare(machine: &Machine, case: u64, packets: u64, lines: Lines) -> Result<u8> {
    let [case, count] = [case, packets].map(|number| number.to_string());
    let timeout = HANGS + packets / SLOWEST;
    Guest::new(timeout, &[&product::program(PROGRAM), &case, &count]).run_into(machine, lines)
}

/// What all guests have compared so far.
#[derive(Default)]
struct Total {
    /// Of revision 0 and of revision 1.
    revisions: [Compared; 2],
    mismatches: u64,
}

/// What has been compared of a revision.
#[derive(Default)]
struct Compared {
    packets: u64,
    bases: u64,
    rules: u64,
}

impl Total {
    /// Adds what a guest says of one portion; shows anything else that it says.
    fn take(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("compared ") else {
            println!("{line}");
            self.mismatches += u64::from(line.starts_with("mismatch "));
            return;
        };
        let counts = || counts.split(' ').filter_map(|word| word.split_once('='));
        let revision = counts().find(|&(name, _)| name == "revision");
        let compared = match revision {
            Some((_, "1")) => &mut self.revisions[1],
            _ => &mut self.revisions[0],
        };
        for (name, number) in counts() {
            let number: u64 = number.parse().unwrap_or(0);
            match name {
                "packets" => compared.packets += number,
                "bases" => compared.bases += number,
                "rules" => compared.rules += number,
                _ => {}
            }
        }
    }

    /// The number of packets that were compared of each revision.
    fn fewest(&self) -> u64 {
        let [v0, v1] = &self.revisions;
        v0.packets.min(v1.packets)
    }

    fn line(&self, time: Duration) -> String {
        let [v0, v1] = &self.revisions;
        format!(
            "{v0} of revision 0, {v1} of revision 1, {} mismatches, {:.1} M packets a second",
            self.mismatches,
            (v0.packets + v1.packets) as f64 / time.as_secs_f64() / 1e6
        )
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} packets ({} base packets, {} rules)",
            self.packets, self.bases, self.rules
        )
    }
}

/// Sends what a guest prints, line by line.
struct Lines {
    begun: Vec<u8>,
    to: Sender<String>,
}

impl Lines {
    fn new(to: Sender<String>) -> Lines {
        Lines {
            begun: Vec::new(),
            to,
        }
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            if byte == b'\n' {
                let line = String::from_utf8_lossy(&self.begun).into_owned();
                self.begun.clear();
                self.to.send(line).map_err(io::Error::other)?;
            } else {
                self.begun.push(byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_are_summed() {
        let (sender, lines) = channel();
        let mut to = Lines::new(sender);
        to.write_all(
            b"compared revision=0 packets=3 bases=1 rules=2 refused=1 milliseconds=9\ncompa",
        )
        .unwrap();
        to.write_all(
            b"red revision=0 packets=4 bases=1 rules=2\nmismatch in case 7: C leaves it\n",
        )
        .unwrap();
        to.write_all(b"compared revision=1 packets=6 bases=1 rules=3\n")
            .unwrap();
        drop(to);
        let mut total = Total::default();
        lines.iter().for_each(|line| total.take(&line));
        assert_eq!(total.fewest(), 6);
        assert_eq!(
            total.line(Duration::from_secs(1)),
            "7 packets (2 base packets, 4 rules) of revision 0, 6 packets (1 base packets, 3 rules) of \
             revision 1, 1 mismatches, 0.0 M packets a second"
        );
    }
}
