// SPDX-License-Identifier: GPL-2.0-only

//! The findings, as lines in the kernel log.

use kernel::fmt;
use kernel::prelude::*;
use kernel::time::Delta;

use crate::case::{Count, Mismatch, Outcome};
use crate::targets::CONTINUE;

/// Bytes of a packet in one line: the kernel cuts off long lines.
const ROW: usize = 64;

/// Logs a difference between the targets, and how to reproduce it.
pub(crate) fn mismatch(case: u64, mismatch: &Mismatch, packet: &[u8]) {
    match mismatch {
        Mismatch::Check { rule, c, rust } => {
            pr_err!("mismatch in case {case}: checkentry of C gives {c}, of Rust {rust}\n");
            pr_err!("{rule:x?}\n");
        }
        Mismatch::Packet {
            rule,
            layout,
            conntrack,
            before,
            c,
            rust,
        } => {
            let before = *before;
            let [c, rust] = [c, rust].map(|outcome| Did { outcome, before });
            pr_err!("mismatch in case {case}: C {c}, Rust {rust}\n");
            pr_err!("{rule:x?}\n");
            pr_err!("{conntrack:x?}\n");
            pr_err!("{layout:?}\n");
            let packet = &packet[..layout.len.min(packet.len())];
            for (row, bytes) in packet.chunks(ROW).enumerate() {
                pr_err!("packet {:04}: {}\n", row * ROW, Hex(bytes));
            }
        }
        Mismatch::Bytes => {
            pr_err!("mismatch in case {case}: a target changes bytes outside of the linear part\n");
        }
    }
}

/// Logs how much was compared.
pub(crate) fn count(count: &Count, time: Delta) {
    pr_info!(
        "compared packets={} bases={} rules={} refused={} unmarked={} milliseconds={}\n",
        count.packets,
        count.bases,
        count.rules,
        count.refused,
        count.unmarked,
        time.as_millis()
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
