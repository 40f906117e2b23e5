// SPDX-License-Identifier: GPL-2.0-only

//! Sends packets through a TUN device into PREROUTING, and collects the mark of each rule.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::{ensure, Context, Result};
use hmark_cli::host::Host;
use testbed::command::{run, run_with};
use testbed::family::Family;
use testbed::module;
use testbed::netns::Netns;
use testbed::side::Side;

use crate::backend::Backend;
use crate::nflog::{Logged, Nflog, GROUP};
use crate::prediction;
use crate::ruleset::{self, Entry};
use crate::traffic;

/// The mark of a packet that HMARK left alone: set before each HMARK rule.
pub const LEFT_ALONE: u32 = 0xdead_beef;

/// Number of packets that are sent before their marks are read.
const CHUNK: usize = 50;

/// The connections of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// None is tracked.
    Untracked,
    /// They are tracked.
    Tracked,
    /// They are tracked, and some are translated.
    Translated,
}

/// A set of rules, and the packets that they mark.
pub struct Experiment {
    pub family: Family,
    pub backend: Backend,
    pub rules: Vec<Entry>,
    pub packets: Vec<Vec<u8>>,
    pub connections: Connections,
}

impl Experiment {
    /// Runs the experiment. Returns, for each packet that reaches PREROUTING and each rule, in this
    /// order, the mark that the packet had after the rule; and the host as the operator's tool sees it.
    ///
    /// # Errors
    /// If a packet is refused by the kernel, or a log message is lost.
    pub fn run(&self, side: Side) -> Result<(Vec<Logged>, Host)> {
        side.load_module()?;
        let netns = Netns::add("hmark-marks")?;
        let marks = netns.enter(|| self.mark(side))?;
        // A namespace may linger, and as long as it has rules the module cannot be unloaded.
        for table in ["raw", "mangle"] {
            netns.run(&format!("{} -t {table} -F", self.program("")))?;
        }
        module::unload()?;
        Ok(marks)
    }

    fn program(&self, suffix: &str) -> String {
        self.backend.program(self.family, suffix)
    }

    fn mark(&self, side: Side) -> Result<(Vec<Logged>, Host)> {
        let mut tun = open_tun()?;
        let mut nflog = Nflog::open()?;
        if self.connections != Connections::Untracked {
            self.track()?;
        }
        run_with(
            &format!("{} --noflush", self.program("-restore")),
            &ruleset::restore_input(&self.rules, around),
            side.variables(),
        )?;
        side.check_module()?;
        let host = prediction::host(self.backend)?;

        // A packet has passed PREROUTING when its write returns. The sentinel flushes the log.
        let sentinel = traffic::sentinel(self.family);
        let last = &self.rules.last().context("no rules")?.name;
        let mut marks = Vec::new();
        for chunk in self.packets.chunks(CHUNK) {
            for packet in chunk.iter().chain([&sentinel]) {
                let written = tun.write(packet).context("TUN refuses a packet")?;
                ensure!(written == packet.len(), "TUN takes a part of a packet");
            }
            let start = marks.len();
            let is_last = |logged: &Logged| logged.rule == *last && logged.packet == sentinel;
            while !marks[start..].iter().any(is_last) {
                nflog.receive(&mut marks)?;
            }
            marks.retain(|logged| logged.packet != sentinel);
        }
        Ok((marks, host))
    }

    /// Has the kernel track connections, confirm them on their way out, and translate some if it is to.
    fn track(&self) -> Result<()> {
        let translated = match self.family {
            Family::Ipv4 => "10.8.0.1",
            Family::Ipv6 => "2001:db8:8::1",
        };
        // `conntrack` makes the kernel track; translation makes the reply tuple differ.
        let mut rules = "*mangle\n-A FORWARD -m conntrack --ctstate INVALID\nCOMMIT\n".to_owned();
        if self.connections == Connections::Translated {
            write!(
                rules,
                "*nat\n\
                 -A PREROUTING -p udp --dport 32768:65535 -j DNAT --to-destination {translated}\n\
                 COMMIT\n"
            )?;
        }
        run_with(
            &format!("{} --noflush", self.program("-restore")),
            &rules,
            &[],
        )?;
        run_with(
            "ip -batch -",
            "link add out0 type dummy\nlink set out0 up\n",
            &[],
        )?;
        let (version, any) = match self.family {
            Family::Ipv4 => ("ipv4", "0.0.0.0/0"),
            Family::Ipv6 => ("ipv6", "::/0"),
        };
        run(&format!("ip route add {any} dev out0"))?;
        for (path, value) in [
            (format!("{version}/conf/all/forwarding"), "1"),
            ("netfilter/nf_conntrack_checksum".to_owned(), "0"),
        ] {
            let path = format!("/proc/sys/net/{path}");
            std::fs::write(&path, value).context(path)?;
        }
        Ok(())
    }
}

/// The rules before and after an HMARK rule.
fn around(entry: &Entry) -> [String; 2] {
    [
        format!("-A PREROUTING -j MARK --set-mark {LEFT_ALONE:#x}\n"),
        format!(
            "-A PREROUTING -j NFLOG --nflog-group {GROUP} --nflog-prefix {}\n",
            entry.name
        ),
    ]
}

/// Opens a TUN device in the namespace of this thread.
fn open_tun() -> Result<tun::Device> {
    if !std::fs::exists("/dev/net/tun")? {
        run("modprobe tun")?;
    }
    let mut configuration = tun::configure();
    configuration.tun_name("tun0").up();
    tun::create(&configuration).context("cannot make a TUN device")
}
