// SPDX-License-Identifier: GPL-2.0-only

//! Tests of the module's netfilter layer, by the targets of `tests/kmod-init` in rules of stock
//! iptables: the arguments that targets get, the data of a rule, and restrictions.

use std::ffi::CString;
use std::fs::File;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use anyhow::{ensure, Context, Result};
use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::kmod::{delete_module, finit_module, DeleteModuleFlags, ModuleInitFlags};
use testbed::command::run;
use testbed::family::Family;
use testbed::install;
use testbed::kernel;
use testbed::netns::Netns;
use testbed::note;
use testbed::patience::wait;
use testbed::trial::single;
use testbed::trials;

use crate::backend::Backend;
use crate::trial::backends;

/// Number of times that a rule is added and removed under traffic, for each family and backend.
const ROUNDS: u32 = 10;

/// The tests here.
pub fn trials() -> Vec<Trial> {
    trials![
        backends(targets_get_what_c_gets, rules_keep_data_under_traffic),
        single(targets_are_restricted)
    ]
}

/// The module of these targets, which is unloaded on drop.
pub struct Targets;

impl Targets {
    /// Loads the module, which is to fail after this number of targets; never, for 3 and more.
    pub fn load(fail: u32) -> Result<Result<Self, Errno>> {
        // These hold the lists of targets. They are present already if they are not modules.
        if !kernel::is_uml() {
            run("modprobe --all ip_tables ip6_tables")?;
        }
        let path = install::built_module("init", "hmark_init");
        let file =
            File::open(&path).with_context(|| format!("{}: is it built?", path.display()))?;
        let parameters = CString::new(format!("fail={fail}"))?;
        let loaded = finit_module(file, &parameters, ModuleInitFlags::empty());
        Ok(loaded.map(|()| Self))
    }

    /// Unloads the module once the kernel has released the rules of removed namespaces.
    pub fn unload(self) -> Result<()> {
        // Even if this fails there is nothing to drop: it would fail again.
        std::mem::forget(self);
        wait("rules still use hmark_init", || {
            match delete_module(c"hmark_init", DeleteModuleFlags::O_NONBLOCK) {
                Err(Errno::EAGAIN | Errno::EBUSY) => Ok(false),
                result => result.map(|()| true).context("hmark_init does not unload"),
            }
        })
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        let _ = delete_module(c"hmark_init", DeleteModuleFlags::O_NONBLOCK);
    }
}

/// Loads all targets.
fn load() -> Result<Targets> {
    Targets::load(u32::MAX)?.context("hmark_init does not load")
}

/// The module's lines in the kernel log that begin with this word.
fn said(word: &str) -> Result<Vec<String>> {
    let log = run("dmesg --notime")?;
    let said = log
        .lines()
        .filter_map(|line| line.strip_prefix("hmark_init: "));
    let said = said.filter(|line| line.starts_with(word));
    Ok(said.map(str::to_owned).collect())
}

/// The address of the loopback device.
fn loopback(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "127.0.0.1",
        Family::Ipv6 => "::1",
    }
}

/// Runs a command for a rule with the target that counts, for UDP, in the chain.
fn counted(family: Family, backend: Backend, command: &str, chain: &str) -> Result<()> {
    let iptables = backend.program(family, "");
    run(&format!(
        "{iptables} -t mangle {command} {chain} -p udp -j LED --led-trigger-id hmark"
    ))?;
    Ok(())
}

/// `check` gets the table, family, hooks, and whether the rule comes through nft_compat; `target`
/// gets the hook, devices and offsets.
fn targets_get_what_c_gets(family: Family, backend: Backend) -> Result<()> {
    let targets = load()?;
    let netns = Netns::add("hmark-netfilter")?;
    run("dmesg --clear")?;
    netns.enter(|| {
        for chain in ["PREROUTING", "OUTPUT"] {
            counted(family, backend, "-A", chain)?;
        }
        let address = loopback(family);
        UdpSocket::bind((address, 0))?.send_to(b"ping", (address, 9))?;
        run(&format!("{} -t mangle -F", backend.program(family, "")))?;
        Ok(())
    })?;
    drop(netns);
    targets.unload()?;

    let (number, header) = match family {
        Family::Ipv4 => (2, 20),
        Family::Ipv6 => (10, 40),
    };
    let nft = backend == Backend::Nft;
    let mut checked = said("check ")?;
    checked.dedup();
    // Legacy iptables checks the first rule again when the second is added.
    checked.sort();
    checked.dedup();
    let check = |hook: u32| {
        format!(
            "check table=mangle family={number} hooks={:#x} nft={nft}",
            1 << hook
        )
    };
    let (prerouting, output) = (0, 3);
    ensure!(
        checked == [check(prerouting), check(output)],
        "checked {checked:#?}"
    );
    // The packet goes out through OUTPUT first, and then comes in through PREROUTING.
    let packets = said("packet ")?;
    let packet = |hook, inward, outward| {
        format!("packet hook={hook} in={inward} out={outward} transport={header} fragment=0")
    };
    ensure!(
        packets == [packet(output, false, true), packet(prerouting, true, false)],
        "packets {packets:#?}"
    );
    Ok(())
}

/// Each rule has data of its own from its check until it is removed, and none of it is left over,
/// although rules are added and removed while packets pass.
fn rules_keep_data_under_traffic(family: Family, backend: Backend) -> Result<()> {
    let targets = load()?;
    let netns = Netns::add("hmark-netfilter")?;
    run("dmesg --clear")?;
    let over = AtomicBool::new(false);
    let sent = netns.enter(|| {
        let address = loopback(family);
        let socket = UdpSocket::bind((address, 0))?;
        thread::scope(|scope| {
            let traffic = scope.spawn(|| {
                let mut sent = 0_u64;
                while !over.load(Relaxed) {
                    // This may fail with the ICMP error for an earlier packet: nobody listens.
                    sent += u64::from(socket.send_to(b"ping", (address, 9)).is_ok());
                }
                sent
            });
            let rounds = rounds(family, backend);
            over.store(true, Relaxed);
            let sent = traffic.join().unwrap_or(0);
            rounds.map(|()| sent)
        })
    })?;
    drop(netns);
    targets.unload()?;

    let (checked, destroyed) = (said("check ")?.len(), said("destroy ")?);
    let mut counted = 0;
    for line in &destroyed {
        let (packets, strangers) = line
            .strip_prefix("destroy packets=")
            .and_then(|line| line.split_once(" strangers="))
            .with_context(|| format!("{line}: not understood"))?;
        counted += packets.parse::<u64>()?;
        ensure!(strangers == "0", "a packet of another namespace: {line}");
    }
    note!("{family} {backend}: {checked} rules checked, {counted} packets counted of {sent} sent");
    ensure!(
        checked == destroyed.len() && checked >= 2 * ROUNDS as usize,
        "{checked} rules were checked, and {} destroyed",
        destroyed.len()
    );
    ensure!(counted > 0, "no packet met a rule");
    let live = said("unload ")?;
    ensure!(live == ["unload live=0"], "data is left: {live:?}");
    Ok(())
}

fn rounds(family: Family, backend: Backend) -> Result<()> {
    for _ in 0..ROUNDS {
        counted(family, backend, "-A", "OUTPUT")?;
        // Legacy iptables checks the first rule again, and destroys its old copy.
        counted(family, backend, "-I", "OUTPUT")?;
        // User space does not see the pointer to the data, so the rule is found by its options.
        counted(family, backend, "-C", "OUTPUT")?;
        counted(family, backend, "-D", "OUTPUT")?;
        run(&format!("{} -t mangle -F", backend.program(family, "")))?;
    }
    Ok(())
}

/// A target that is only for UDP before routing in the mangle table is refused anywhere else.
fn targets_are_restricted() -> Result<()> {
    let targets = load()?;
    let netns = Netns::add("hmark-netfilter")?;
    let iptables = Backend::Legacy.program(Family::Ipv4, "");
    let rule = |rule: &str| netns.run(&format!("{iptables} -w {rule} -j TRACE"));
    rule("-t mangle -A PREROUTING -p udp")?;
    for (elsewhere, reason) in [
        ("-t raw -A PREROUTING -p udp", "only valid in mangle table"),
        ("-t mangle -A OUTPUT -p udp", "only usable from PREROUTING"),
        (
            "-t mangle -A PREROUTING -p tcp",
            "only valid for protocol 17",
        ),
        ("-t mangle -A PREROUTING", "only valid for protocol 17"),
    ] {
        run("dmesg --clear")?;
        ensure!(rule(elsewhere).is_err(), "accepted: {elsewhere}");
        let log = run("dmesg")?;
        ensure!(log.contains(reason), "{elsewhere}: not '{reason}': {log}");
    }
    drop(netns);
    targets.unload()
}
