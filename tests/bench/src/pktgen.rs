// SPDX-License-Identifier: GPL-2.0-only

//! pktgen, the kernel's own packet generator, which makes UDP packets of many flows.
//!
//! Kernel documentation: `Documentation/networking/pktgen.rst`

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use testbed::command::run;
use testbed::family::Family;
use testbed::patience;

/// The folder of its files, in the network namespace of the thread.
const FOLDER: &str = "/proc/thread-self/net/pktgen";

/// Its thread on the first CPU.
const THREAD: &str = "kpktgend_0";

/// The packets to send.
pub struct Traffic {
    pub family: Family,
    /// The device that sends.
    pub device: &'static str,
    /// Hardware address of the receiver.
    pub receiver: String,
    pub source: &'static str,
    pub destination: &'static str,
    /// Source ports: the first one, and the one after the last one.
    pub ports: (u16, u16),
}

/// Loads pktgen, if it is a module.
///
/// # Errors
/// If the kernel has no pktgen.
pub fn load() -> Result<()> {
    if !Path::new(FOLDER).exists() {
        run("modprobe pktgen")?;
    }
    Ok(())
}

impl Traffic {
    /// Makes the device send packets of a flow for each port in turn, and returns how many it sent
    /// per second.
    ///
    /// # Errors
    /// If pktgen does not accept its settings, or does not send.
    pub fn send(&self, packets: u32) -> Result<f64> {
        let [source, destination] = match self.family {
            Family::Ipv4 => ["src_min", "dst"],
            Family::Ipv6 => ["src6", "dst6"],
        };
        write(THREAD, "rem_device_all")?;
        write(THREAD, &format!("add_device {}", self.device))?;
        for line in [
            format!("count {packets}"),
            "clone_skb 0".to_owned(),
            "pkt_size 110".to_owned(),
            "delay 0".to_owned(),
            format!("dst_mac {}", self.receiver),
            format!("{source} {}", self.source),
            format!("{destination} {}", self.destination),
            format!("udp_src_min {}", self.ports.0),
            format!("udp_src_max {}", self.ports.1),
            "udp_dst_min 9".to_owned(),
            "udp_dst_max 9".to_owned(),
        ] {
            write(self.device, &line)?;
        }
        write("pgctrl", "start")?;
        let path = Path::new(FOLDER).join(self.device);
        // On a busy machine, that returns before the thread has even begun.
        let mut rate = None;
        patience::wait("pktgen has no result", || {
            let result = fs::read_to_string(&path)?;
            let mut words = result.split_whitespace();
            rate = words.find_map(|word| Some(word.strip_suffix("pps")?.to_owned()));
            Ok(rate.is_some())
        })?;
        let rate = rate.context("there was a rate")?;
        Ok(rate.parse()?)
    }
}

fn write(file: &str, line: &str) -> Result<()> {
    let path = Path::new(FOLDER).join(file);
    fs::write(&path, line).with_context(|| format!("`{line}` to {}", path.display()))
}
