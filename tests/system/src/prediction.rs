// SPDX-License-Identifier: GPL-2.0-only

//! The operator's tool, asked about packets that the module has marked: it reads them from a capture, and
//! the rules from the host.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::{fs, process};

use anyhow::{bail, ensure, Context, Result};
use hmark::rule::v1::Info;
use hmark::Packet;
use hmark_cli::capture::Capture;
use hmark_cli::host::{self, File, Host};
use hmark_cli::marks::bits;
use hmark_cli::predict::answer::Answer;
use hmark_cli::predict::{of_capture, Alone, Asked, Judge, OfHost, MOST_FLOWS};
use hmark_cli::ruleset::{Hook, Target};
use testbed::command::run;
use testbed::family::Family;

use crate::backend::Backend;
use crate::experiment::LEFT_ALONE;
use crate::nflog::Logged;

/// The link type of captured packets without a link layer.
const RAW: u32 = 101;

/// The most differences that are shown.
const SHOWN: usize = 5;

/// The host that this thread's network namespace is.
///
/// # Errors
/// If its rules cannot be saved.
pub fn host(backend: Backend) -> Result<Host> {
    if backend == Backend::Nft {
        return Ok(Host::live());
    }
    // The tool asks for the rules of the default iptables, which is another one.
    let folder = std::env::temp_dir().join(format!("hmark-host-{}", process::id()));
    host::save(&folder)?;
    for family in Family::ALL {
        let rules = run(&backend.program(family, "-save"))?;
        fs::write(folder.join(File::Rules(family).name()), rules)?;
    }
    let host = Host::saved(&folder)?;
    fs::remove_dir_all(&folder)?;
    Ok(host)
}

/// A packet that went through a chain.
pub struct Passed {
    packet: Vec<u8>,
    /// Its marks after the HMARK rules, in their order.
    marks: Vec<u32>,
}

/// The packets that these rules have logged, each of which was logged by all of them, one after the other. With
/// several CPUs, other packets may come between.
///
/// # Errors
/// If one was not.
pub fn passed(rules: &[&str], logged: &[Logged]) -> Result<Vec<Passed>> {
    let mut all: Vec<Passed> = Vec::new();
    let mut complete = 0;
    for one in logged {
        // Those before are complete.
        let mut open = all.iter_mut().skip(complete);
        let known = open.find(|passed| {
            let next = rules.get(passed.marks.len());
            next == Some(&one.rule.as_str()) && passed.packet == one.packet
        });
        match known {
            Some(passed) => passed.marks.push(one.mark),
            None => {
                let first = rules.first() == Some(&one.rule.as_str());
                ensure!(first, "{} logged what no rule before it did", one.rule);
                all.push(Passed {
                    packet: one.packet.clone(),
                    marks: vec![one.mark],
                });
            }
        }
        let is_complete = |passed: &Passed| passed.marks.len() == rules.len();
        while all.get(complete).is_some_and(is_complete) {
            complete += 1;
        }
    }
    ensure!(complete == all.len(), "a packet did not meet all rules");
    Ok(all)
}

/// What was compared.
#[derive(Clone, Default)]
pub struct Compared {
    pub packets: usize,
    pub marks: usize,
    /// The marks of packets that HMARK left alone.
    pub left_alone: usize,
    /// The number of marks that the tool says it cannot tell, by its reason.
    pub cannot_tell: BTreeMap<String, usize>,
}

impl Compared {
    /// Checks that the tool told at least this share of the marks in per cent, and not only that HMARK left
    /// packets alone.
    ///
    /// # Errors
    /// If it told less.
    pub fn tells(&self, least: usize) -> Result<()> {
        let unknown: usize = self.cannot_tell.values().sum();
        ensure!(
            self.marks * 100 >= (self.marks + unknown) * least && self.left_alone < self.marks,
            "the tool tells less than {least} % of the marks: {self}"
        );
        Ok(())
    }

    /// Adds other comparisons to these.
    pub fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.marks += other.marks;
        self.left_alone += other.left_alone;
        for (reason, marks) in other.cannot_tell {
            *self.cannot_tell.entry(reason).or_default() += marks;
        }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            packets,
            marks,
            left_alone,
            cannot_tell,
        } = self;
        write!(
            f,
            "{packets} packets, {marks} marks compared with the operator's tool, {left_alone} of them left alone"
        )?;
        for (reason, marks) in cannot_tell {
            write!(f, "; {marks} it cannot tell: {reason}")?;
        }
        Ok(())
    }
}

/// Compares each mark with that by the rules that the host has.
///
/// # Errors
/// If the tool says another mark, or cannot read a packet.
pub fn by_host(host: &Host, input: Option<&str>, packets: &[Passed]) -> Result<Compared> {
    let mut watching = Watching {
        host: OfHost::new(host, Some(Hook::Prerouting), input),
        told: Vec::new(),
    };
    let capture = pcap(packets);
    ask(&capture, &mut watching)?;
    ensure!(
        watching.told.len() == packets.len(),
        "the tool reads {} packets of {}",
        watching.told.len(),
        packets.len()
    );
    let mut compared = Compared::default();
    let mut differences = Differences::default();
    for (passed, told) in packets.iter().zip(watching.told) {
        compared.packets += 1;
        let known = told.marks.len().min(passed.marks.len());
        compared.marks += known;
        let left_alone = passed.marks.iter().take(known);
        compared.left_alone += left_alone.filter(|mark| **mark == LEFT_ALONE).count();
        if passed.marks[..known] != told.marks {
            differences.add("the host's rules", passed, &told.marks);
        }
        match told.cannot_tell {
            // After the last HMARK rule, such as at one that translates.
            Some(_) if known == passed.marks.len() => {}
            Some(reason) => {
                *compared.cannot_tell.entry(reason).or_default() += passed.marks.len() - known
            }
            // The answer of `hmark predict` is the last rule's.
            None if known < passed.marks.len() => differences.add("all rules", passed, &told.marks),
            None => match told.answer {
                Answer::Marked(marked) if Some(&marked.mark) == passed.marks.last() => {}
                Answer::Unmarked(_) if passed.marks.last() == Some(&LEFT_ALONE) => {}
                answer => bail!("the answer {answer:?} is not that of {:x?}", told.marks),
            },
        }
    }
    differences.check(packets.len())?;
    Ok(compared)
}

/// Compares the marks of one of the rules with those by its text alone.
///
/// # Errors
/// If the tool says another mark, or cannot read a packet.
pub fn by_rule(
    options: &str,
    family: Family,
    place: usize,
    packets: &[Passed],
) -> Result<Compared> {
    let rule = hmark_cli::change::edit::read(options, family)
        .map_err(|error| anyhow::anyhow!("{options}: {error}"))?;
    let mut answering = Answering {
        judge: Alone::read(options)?,
        answers: Vec::new(),
    };
    ask(&pcap(packets), &mut answering)?;
    ensure!(
        answering.answers.len() == packets.len(),
        "the tool reads {} packets of {}",
        answering.answers.len(),
        packets.len()
    );
    let mut compared = Compared::default();
    let mut differences = Differences::default();
    for (passed, answer) in packets.iter().zip(answering.answers) {
        // The tool supposes that packets had no mark, and a rule may keep some bits.
        let told = match answer {
            Answer::Marked(marked) => (LEFT_ALONE & !bits(&rule)) | marked.mark,
            Answer::Unmarked(_) => LEFT_ALONE,
            Answer::CannotTell(reason) => {
                *compared.cannot_tell.entry(reason.to_string()).or_default() += 1;
                continue;
            }
        };
        compared.packets += 1;
        compared.marks += 1;
        let mark = *passed.marks.get(place).context("no such rule")?;
        compared.left_alone += usize::from(mark == LEFT_ALONE);
        if told != mark {
            differences.add(options, passed, &[told]);
        }
    }
    differences.check(packets.len())?;
    Ok(compared)
}

/// The packets as a capture file.
fn pcap(packets: &[Passed]) -> Vec<u8> {
    let mut file = Vec::new();
    // Magic number, version 2.4, time zone, accuracy, and the longest packet.
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, RAW] {
        file.extend(u32::to_le_bytes(word));
    }
    for Passed { packet, .. } in packets {
        let length = packet.len() as u32;
        for word in [1, 0, length, length] {
            file.extend(u32::to_le_bytes(word));
        }
        file.extend(packet);
    }
    file
}

fn ask(capture: &[u8], judge: &mut impl Judge) -> Result<()> {
    let (prediction, error) = of_capture(Capture::open(capture)?, judge, MOST_FLOWS, &mut |_| {});
    if let Some(error) = error {
        return Err(error).context("the capture");
    }
    ensure!(prediction.cut.is_none(), "the capture is cut");
    Ok(())
}

/// Packets whose marks are others than predicted.
#[derive(Default)]
struct Differences {
    count: usize,
    shown: String,
}

impl Differences {
    fn add(&mut self, rule: &str, passed: &Passed, told: &[u32]) {
        self.count += 1;
        if self.count <= SHOWN {
            let Passed { packet, marks } = passed;
            let bytes = packet.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
            let _ = write!(
                self.shown,
                "\n{bytes}\n     by {rule}: the tool says {told:x?}, the module {marks:x?}"
            );
        }
    }

    fn check(self, packets: usize) -> Result<()> {
        ensure!(
            self.count == 0,
            "{} of {packets} packets have other marks:{}",
            self.count,
            self.shown
        );
        Ok(())
    }
}

/// Answers as the tool does, and notes the mark after each HMARK rule on the way.
struct Watching<'h> {
    host: OfHost<'h>,
    told: Vec<Told>,
}

struct Told {
    marks: Vec<u32>,
    cannot_tell: Option<String>,
    answer: Answer,
}

impl Judge for Watching<'_> {
    fn tunnels(&self) -> Option<&Info> {
        self.host.tunnels()
    }

    fn rules(&self) -> Vec<Option<Info>> {
        self.host.rules()
    }

    fn answer<P: Packet>(&mut self, asked: &Asked<'_, P>) -> Answer {
        let mut marks = Vec::new();
        let left = match asked.headers() {
            Some(headers) => self
                .host
                .follow(asked, &headers, Hook::Prerouting, &mut |met| {
                    if let Target::Hmark(_) = met.place.rule.target {
                        marks.push(met.after);
                    }
                }),
            None => Err(anyhow::anyhow!("no headers")),
        };
        let answer = self.host.answer(asked);
        self.told.push(Told {
            marks,
            cannot_tell: left.err().map(|error| error.to_string()),
            answer: answer.clone(),
        });
        answer
    }
}

/// Notes the answers of a judge.
struct Answering<J> {
    judge: J,
    answers: Vec<Answer>,
}

impl<J: Judge> Judge for Answering<J> {
    fn tunnels(&self) -> Option<&Info> {
        self.judge.tunnels()
    }

    fn rules(&self) -> Vec<Option<Info>> {
        self.judge.rules()
    }

    fn answer<P: Packet>(&mut self, asked: &Asked<'_, P>) -> Answer {
        let answer = self.judge.answer(asked);
        self.answers.push(answer.clone());
        answer
    }
}
