// SPDX-License-Identifier: GPL-2.0-only
//! qemu's accelerator: KVM where it works, emulation elsewhere.

use crate::command::output;
use crate::guest::{Guest, Machine, AMD64};
use crate::packaged::PackagedKernel;
use crate::store::Store;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// A boot that shows that KVM works is ended after these seconds: where it does not, it may hang.
/// Even a machine that is busy with much else boots a guest of its own speed in less.
const PROBE_SECONDS: u64 = 120;

const KVM: &str = "kvm";
/// Works everywhere.
pub const TCG: &str = "tcg,thread=multi";

/// The accelerator to use. That `/dev/kvm` is there does not say that a stock kernel
/// boots on it, so that is tried once.
pub fn choose(store: &Store, stock: &PackagedKernel, initramfs: &Path) -> Result<&'static str> {
    if !Path::new("/dev/kvm").exists() {
        return Ok(TCG);
    }
    let cpus = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let cpu = cpus.lines().find(|line| line.starts_with("model name"));
    let host = output("uname", &["--kernel-release"])?;
    let key = format!("{}\n{host}\n{}", stock.version, cpu.unwrap_or_default());
    let answer = store.entry("accelerator", &key, |answer| {
        let machine = Machine::Qemu {
            platform: &AMD64,
            kernel: stock.image(),
            initramfs: initramfs.to_path_buf(),
            accelerator: KVM,
            root: "/".into(),
            init: None,
        };
        let (accelerator, outcome) =
            match Guest::new(PROBE_SECONDS, &["true"]).succeeds(&machine)? {
                true => (KVM, "works"),
                false => (TCG, "does not work on this machine: guests are emulated"),
            };
        eprintln!("lab: KVM {outcome}");
        Ok(fs::write(answer, accelerator)?)
    })?;
    Ok(match fs::read_to_string(answer)?.as_str() {
        KVM => KVM,
        _ => TCG,
    })
}
