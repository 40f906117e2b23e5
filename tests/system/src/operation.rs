// SPDX-License-Identifier: GPL-2.0-only

//! The operator's tool on a running host: `hmark weight` changes rules of our module, and `hmark watch` counts
//! what they mark.

use std::env;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use libtest_mimic::Trial;
use testbed::command::{output, run};
use testbed::family::{Commands, Family};
use testbed::module;
use testbed::netns::Netns;
use testbed::patience::wait;
use testbed::trial::{single, test};
use testbed::{path, trials};

use crate::backend::Backend;

/// The packets that are sent, each from a port of its own.
const PACKETS: u16 = 400;

/// The intervals in seconds in which they may be.
const INTERVALS: [u64; 3] = [5, 30, 120];

/// The tests here.
pub fn trials() -> Vec<Trial> {
    let of = |backend: Backend| {
        let name = format!("{}_{backend}", path!(weights_change_in_place));
        test(&name, move || weights_change_in_place(backend))
    };
    let mut trials: Vec<_> = Backend::ALL.map(of).into();
    trials.extend(trials![single(marks_are_counted), single(no_table_is_left)]);
    trials
}

/// A namespace with a rule of each family, whose packets it sends to itself.
struct Host {
    netns: Netns,
    /// The programs that the tool finds first.
    programs: PathBuf,
    backend: Backend,
}

impl Host {
    fn new(backend: Backend) -> Result<Self> {
        module::load_ours()?;
        let programs = env::temp_dir().join(format!("hmark-programs-{}", std::process::id()));
        fs::create_dir_all(&programs)?;
        let host = Self {
            netns: Netns::add("hmark-operation")?,
            programs,
            backend,
        };
        for family in Family::ALL {
            for suffix in ["", "-save", "-restore"] {
                let link = host.programs.join(format!("{}{suffix}", family.iptables()));
                let own = backend.program(family, suffix);
                let _ = fs::remove_file(&link);
                symlink(PathBuf::from("/usr/sbin").join(own), link)?;
            }
            let program = backend.program(family, "");
            for rule in [
                "-A OUTPUT -p udp -m comment --comment before",
                "-A OUTPUT -p udp -j HMARK --hmark-mod 4 --hmark-offset 100",
                "-A OUTPUT -p udp -m comment --comment after",
            ] {
                host.netns.run(&format!("{program} -t mangle {rule}"))?;
            }
        }
        Ok(host)
    }

    fn tool(&self, arguments: &str) -> Command {
        let mut command = Command::new("hmark");
        let path = env::var("PATH").unwrap_or_default();
        command
            .args(arguments.split(' '))
            .env("PATH", format!("{}:{path}", self.programs.display()));
        command
    }

    /// The output of the tool, which must succeed.
    fn hmark(&self, arguments: &str) -> Result<String> {
        let output = self.netns.enter(|| Ok(self.tool(arguments).output()?))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        ensure!(
            output.status.success(),
            "hmark {arguments}: {}: {}",
            output.status,
            text(&output.stderr)
        );
        Ok(text(&output.stdout))
    }

    fn start(&self, arguments: &str) -> Result<Child> {
        let mut command = self.tool(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        self.netns.enter(|| Ok(command.spawn()?))
    }

    /// Sends packets of both families.
    fn send(&self) -> Result<()> {
        self.netns.enter(|| {
            for (from, to) in [("127.0.0.1", "127.0.0.1:9"), ("::1", "[::1]:9")] {
                for port in 0..PACKETS {
                    let socket = UdpSocket::bind((from, 10_000 + port))?;
                    socket.send_to(b"x", to)?;
                }
            }
            Ok(())
        })
    }

    /// The lines of the mangle table with their counters, without comments.
    fn rules(&self, family: Family) -> Result<Vec<String>> {
        let program = self.backend.program(family, "-save");
        let text = self.netns.run(&format!("{program} -c -t mangle"))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(lines.map(str::to_owned).collect())
    }

    /// What the tool has counted, once all packets are sent. On a slow machine, one interval may be too short.
    fn counted(&self) -> Result<String> {
        for interval in INTERVALS {
            let begun = Instant::now();
            let mut watch = self.start(&format!("watch --prometheus --interval {interval}"))?;
            // The table is there before its last rule is.
            wait("no rules", || {
                let rules = self.netns.run("nft list ruleset")?;
                let is_there = rules.contains("hmark-watch-");
                let is_complete = is_there && rules.matches("jump ipv6").count() == 2;
                Ok(is_complete || watch.try_wait()?.is_some())
            })?;
            self.send()?;
            let was_in_time = begun.elapsed() < Duration::from_secs(interval);
            let output = watch.wait_with_output()?;
            ensure!(output.status.success(), "{}", output.status);
            if was_in_time {
                return Ok(String::from_utf8(output.stdout)?);
            }
        }
        bail!("{PACKETS} packets are not sent in {INTERVALS:?} seconds")
    }

    fn tables(&self) -> Result<String> {
        self.netns.run("nft list tables")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.programs);
    }
}

/// A mark goes out and comes back in both families: no other rule is touched, and no counter lost.
fn weights_change_in_place(backend: Backend) -> Result<()> {
    let host = Host::new(backend)?;
    host.send()?;
    let before: Vec<_> = Family::ALL
        .map(|family| host.rules(family))
        .into_iter()
        .collect::<Result<_>>()?;
    let counted = format!("[{PACKETS}:");
    ensure!(
        before
            .iter()
            .flatten()
            .filter(|line| line.starts_with(&counted))
            .count()
            == 6,
        "not all were counted: {before:?}"
    );
    let shown = host.hmark("weight 2=0")?;
    ensure!(
        shown.contains("of 2 (mark 102)") && shown.contains("moves      25."),
        "{shown}"
    );
    for (family, before) in Family::ALL.into_iter().zip(&before) {
        let after = host.rules(family)?;
        ensure!(after.len() == before.len(), "{family}: {after:?}");
        for (before, after) in before.iter().zip(&after) {
            let expected = match before.contains("HMARK") {
                true => format!("{before} --hmark-weight 2=0"),
                false => before.clone(),
            };
            ensure!(*after == expected, "{family}: {after}, and not {expected}");
        }
    }
    let again = host.hmark("weight 2=0")?;
    ensure!(again.contains("Nothing changes"), "{again}");
    host.hmark("weight 2=100")?;
    for (family, before) in Family::ALL.into_iter().zip(&before) {
        let after = host.rules(family)?;
        ensure!(after == *before, "{family}: {after:?}, and not {before:?}");
    }
    Ok(())
}

/// Packets are counted once, by the mark that HMARK gave them, and marks that are out get none.
fn marks_are_counted() -> Result<()> {
    let host = Host::new(Backend::Nft)?;
    host.hmark("weight 2=0")?;
    let output = host.counted()?;
    for family in Family::ALL {
        let name = family.name();
        let mut sum = 0.0;
        for mark in 100..104 {
            let head = format!(
                "hmark_mark_packets_total{{family=\"{name}\",mark=\"{mark}\",gateway=\"\"}} "
            );
            let line = output.lines().find_map(|line| line.strip_prefix(&head));
            let packets: f64 = line
                .with_context(|| format!("no {head}: {output}"))?
                .parse()?;
            ensure!(
                (packets == 0.0) == (mark == 102),
                "{name} {mark}: {packets}"
            );
            sum += packets;
        }
        ensure!(sum == f64::from(PACKETS), "{name}: {sum} packets: {output}");
    }
    wait("a table is left", || {
        Ok(!host.tables()?.contains("hmark-watch"))
    })
}

/// However the tool ends, the kernel removes its table.
fn no_table_is_left() -> Result<()> {
    let host = Host::new(Backend::Nft)?;
    for signal in ["TERM", "KILL"] {
        let mut watch = host.start("watch --once --interval 3600")?;
        wait("no table", || Ok(host.tables()?.contains("hmark-watch-")))?;
        let pid = watch.id();
        let denied = host
            .netns
            .enter(|| output(&format!("nft delete table inet hmark-watch-{pid}"), "", &[]))?;
        ensure!(!denied.status.success(), "somebody else removed the table");
        run(&format!("kill -{signal} {pid}"))?;
        watch.wait()?;
        wait("a table is left", || {
            Ok(!host.tables()?.contains("hmark-watch"))
        })?;
    }
    Ok(())
}
