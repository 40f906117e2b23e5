// SPDX-License-Identifier: GPL-2.0-only

//! The findings, as lines in the kernel log.

use kernel::fmt;
use kernel::prelude::*;

use crate::case::{Count, Mismatch, Outcome};
use crate::rule::{v0, v1};
use crate::targets::{Revision, CONTINUE};

/// Bytes of a packet in one line: the kernel cuts off long lines.
const ROW: usize = 64;

/// A rule that can be logged, in as many lines as it needs.
pub(crate) trait Logged {
    fn log(&self);
}

impl Logged for v0::Info {
    fn log(&self) {
        pr_err!("{self:x?}\n");
    }
}

impl Logged for v1::Info {
    fn log(&self) {
        let Self {
            masked,
            from,
            key,
            gtpu_port,
            vxlan_port,
            geneve_port,
            inner,
            reserved,
            less,
        } = self;
        pr_err!("{masked:x?}\n");
        pr_err!(
            "from {from:#x}, key {}, inner {inner:#x}, ports {gtpu_port} {vxlan_port} {geneve_port}, \
             reserved {reserved:x?}\n",
            Hex(key)
        );
        rows("less", less);
    }
}

/// Logs a difference between our target and the reference of this name, and how to reproduce it.
pub(crate) fn mismatch<R: Logged + Revision>(
    case: u64,
    name: &str,
    mismatch: &Mismatch<R>,
    packet: &[u8],
) {
    let revision = R::NUMBER;
    match mismatch {
        Mismatch::Check {
            rule,
            reference,
            ours,
        } => {
            pr_err!(
                "mismatch in case {case}: revision {revision}: checkentry of {name} gives {reference}, \
                 of Rust {ours}\n"
            );
            rule.log();
        }
        Mismatch::Packet {
            rule,
            layout,
            conntrack,
            before,
            reference,
            ours,
        } => {
            let before = *before;
            let [reference, ours] = [reference, ours].map(|outcome| Did { outcome, before });
            pr_err!(
                "mismatch in case {case}: revision {revision}: {name} {reference}, Rust {ours}\n"
            );
            rule.log();
            pr_err!("{conntrack:x?}\n");
            pr_err!("{layout:?}\n");
            rows("packet", &packet[..layout.len.min(packet.len())]);
        }
        Mismatch::Bytes => {
            pr_err!(
                "mismatch in case {case}: revision {revision}: a target changes bytes outside of the \
                 linear part\n"
            );
        }
    }
}

/// Logs bytes in lines that are short enough.
fn rows(name: &str, bytes: &[u8]) {
    for (row, bytes) in bytes.chunks(ROW).enumerate() {
        pr_err!("{name} {:04}: {}\n", row * ROW, Hex(bytes));
    }
}

/// Logs how much was compared of a revision.
pub(crate) fn count(revision: u8, count: &Count) {
    pr_info!(
        "compared revision={revision} packets={} bases={} rules={} refused={} unmarked={} inside={} \
         milliseconds={}\n",
        count.packets,
        count.bases,
        count.rules,
        count.refused,
        count.unmarked,
        count.inside,
        count.nanoseconds / 1_000_000
    );
}

/// The result of a target for a packet with the mark `before`, in words.
struct Did<'a> {
    outcome: &'a Outcome,
    before: u32,
}

impl fmt::Display for Did<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome {
            verdict,
            mark,
            intact,
        } = *self.outcome;
        if mark == self.before {
            write!(f, "leaves the mark {mark:#010x}")?;
        } else {
            write!(f, "marks {mark:#010x}")?;
        }
        if verdict != CONTINUE {
            write!(f, " with verdict {verdict:#x}")?;
        }
        if !intact {
            f.write_str(" and changes more than the mark")?;
        }
        Ok(())
    }
}

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
