// SPDX-License-Identifier: GPL-2.0-only

//! Rules, namespaces and the module come and go while packets flow on every CPU.
//!
//! `HMARK_ROUNDS` sets the number of rounds. `make check` has few, since each starts several
//! processes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, ensure, Context, Result};
use handover::Variable;
use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::kmod::{delete_module, finit_module, DeleteModuleFlags, ModuleInitFlags};
use nix::sched::{sched_setaffinity, unshare, CloneFlags, CpuSet};
use nix::unistd::{gettid, Pid};
use testbed::command::{run, run_with};
use testbed::family::Family;
use testbed::module;
use testbed::netns::Netns;
use testbed::note;
use testbed::patience::PATIENCE;
use testbed::trial::single;
use testbed::trials;

use crate::backend::Backend;
use crate::memory;

/// The default number of rounds: each family with each backend, twice.
const ROUNDS: u32 = 8;
/// Rounds before memory is measured, for the kernel to make what it makes once or keeps for later.
const WARM_UP: u32 = 8;
/// Number of times in succession that memory must have grown to count as lost.
const TRIES: u32 = 4;
/// Attempts to unload the module from under its rules, each time that there are any.
const ATTEMPTS: u32 = 20;

/// The options of most rules here.
const OPTIONS: &str =
    "--hmark-tuple src,dst,sport,dport,proto --hmark-mod 4 --hmark-offset 100 --hmark-rnd 1";

/// The test here.
pub fn trials() -> Vec<Trial> {
    trials![single(under_traffic)]
}

/// Rounds of all these changes cause no fault, and leave nothing behind.
fn under_traffic() -> Result<()> {
    let rounds = Variable::Rounds.number(ROUNDS)?;
    // The modules that ours needs stay loaded.
    module::load_ours()?;
    module::unload()?;
    check_gone()?;
    let world = World::new()?;
    let traffic = Traffic::default();
    thread::scope(|scope| {
        // Stops the threads however this ends, since the scope waits for them.
        let _stop = Stop(&traffic.over);
        let cpus = thread::available_parallelism()?.get();
        for cpu in 0..cpus {
            traffic.start(scope, &world.near, cpu);
        }

        let mut numbers = 0..;
        let mut some = |count: u32| {
            for number in numbers.by_ref().take(count as usize) {
                round(&world, number).with_context(|| format!("round {number}"))?;
                if number % 100 == 99 {
                    eprintln!("{} rounds", number + 1);
                }
            }
            anyhow::Ok(())
        };
        if memory::is_counted() {
            some(WARM_UP)?;
        }
        let mut before = traffic.in_silence(memory::settled)?;
        // Memory that grows once may be the kernel's own. Memory that rounds leak grows each time.
        let mut lost = BTreeMap::new();
        for attempt in 0..TRIES {
            let (packets, begun) = (traffic.sent.load(Relaxed), Instant::now());
            some(rounds)?;
            let (took, packets) = (begun.elapsed(), traffic.sent.load(Relaxed) - packets);
            let after = traffic.in_silence(memory::settled)?;
            let mut more = after.more_than(&before, rounds);
            more.retain(|name, _| attempt == 0 || lost.contains_key(name));
            note!(
                "{rounds} rounds in {:.1} s, {packets} packets sent on {cpus} CPUs; \
                 more memory afterwards: {more:?}",
                took.as_secs_f64()
            );
            if more.is_empty() {
                return Ok(());
            }
            lost = more;
            before = after;
        }
        bail!("the kernel does not have its memory back: each time, there is more of {lost:?}")
    })?;
    check_gone()
}

/// Two namespaces with a link between them. Packets flow over it from `near` to `far`, and ICMP
/// errors flow back.
struct World {
    near: Netns,
    _far: Netns,
    /// Our module's file.
    module: PathBuf,
}

impl World {
    fn new() -> Result<Self> {
        let (near, far) = (Netns::add("hmark-near")?, Netns::add("hmark-far")?);
        near.ip("link add far type veth peer name near netns hmark-far\n\
                 link set far up\n\
                 addr add 10.7.0.1/24 dev far\n\
                 addr add fd07::1/64 dev far nodad\n")?;
        far.ip("link set near up\n\
                addr add 10.7.0.2/24 dev near\n\
                addr add fd07::2/64 dev near nodad\n")?;
        // An ICMP error for each packet to a closed port.
        far.sysctl("ipv4/icmp_ratelimit", "0")?;
        far.sysctl("ipv6/icmp/ratelimit", "0")?;
        Ok(Self {
            near,
            _far: far,
            module: module::our_file()?,
        })
    }
}

/// The destinations of packets: closed ports here, at the far end, and in the namespace of a round,
/// which exists only for a while.
const DESTINATIONS: [&str; 6] = [
    "127.0.0.1:9",
    "[::1]:9",
    "10.7.0.2:9",
    "[fd07::2]:9",
    "10.9.0.2:9",
    "[fd09::2]:9",
];

/// Threads that send packets.
#[derive(Default)]
struct Traffic {
    sent: AtomicU64,
    paused: AtomicBool,
    over: AtomicBool,
}

/// Tells the threads to end.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Traffic {
    /// Sends on one CPU, from `near`, until it is over.
    fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        near: &'scope Netns,
        cpu: usize,
    ) {
        scope.spawn(move || {
            near.enter(|| self.send(cpu))
                .unwrap_or_else(|error| eprintln!("traffic on CPU {cpu}: {error:#}"));
        });
    }

    fn send(&self, cpu: usize) -> Result<()> {
        let mut cpus = CpuSet::new();
        cpus.set(cpu)?;
        sched_setaffinity(Pid::from_raw(0), &cpus)?;
        let ipv4 = UdpSocket::bind("0.0.0.0:0")?;
        let ipv6 = UdpSocket::bind("[::]:0")?;
        // The longer one is sent in fragments.
        let payloads = [&[0x5a; 64][..], &[0xa5; 3000]];
        for payload in payloads.iter().cycle() {
            if self.over.load(Relaxed) {
                break;
            }
            let begun = Instant::now();
            if !self.paused.load(Relaxed) {
                for to in DESTINATIONS {
                    let socket = if to.starts_with('[') { &ipv6 } else { &ipv4 };
                    // There may be no route to it at the moment.
                    let sent = socket.send_to(payload, to).is_ok();
                    self.sent.fetch_add(u64::from(sent), Relaxed);
                }
            }
            // Leaves time for the changes that race with this, even if each packet takes long.
            thread::sleep(Duration::from_millis(1).max(2 * begun.elapsed()));
        }
        Ok(())
    }

    /// Does `work` while nothing is sent.
    fn in_silence<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.paused.store(true, Relaxed);
        let result = work();
        self.paused.store(false, Relaxed);
        result
    }
}

/// Loads the module, has rules of two namespaces that come and go use it, and unloads it.
fn round(world: &World, number: u32) -> Result<()> {
    let family = Family::ALL[number as usize % 2];
    let backend = Backend::ALL[number as usize / 2 % 2];
    // Every other time, the first rule loads it.
    if number % 8 < 4 {
        load(&world.module)?;
    }
    thread::scope(|scope| {
        let namespace = scope.spawn(|| namespace(&world.near, family, backend));
        let rules = world.near.enter(|| rules(family, backend));
        let namespace = namespace
            .join()
            .map_err(|_| anyhow!("the namespace's thread panicked"))?;
        rules.context("rules").and(namespace.context("namespace"))
    })?;
    module::wait_unused()?;
    delete_module(c"xt_HMARK", DeleteModuleFlags::O_NONBLOCK).context("cannot unload it")?;
    check_gone()
}

/// Loads our module, without modprobe.
fn load(module: &Path) -> Result<()> {
    let file = File::open(module)?;
    finit_module(file, c"", ModuleInitFlags::empty()).context("cannot load it")
}

/// Restores, adds, replaces, deletes and flushes rules in the namespace of this thread.
fn rules(family: Family, backend: Backend) -> Result<()> {
    let icmp = match family {
        Family::Ipv4 => "icmp",
        Family::Ipv6 => "ipv6-icmp",
    };
    let restore = backend.program(family, "-restore");
    let all = format!(
        "*raw\n\
         -A PREROUTING -j HMARK {OPTIONS}\n\
         -A OUTPUT -j HMARK {OPTIONS}\n\
         COMMIT\n\
         *mangle\n\
         -A PREROUTING -m conntrack --ctstate INVALID\n\
         -A PREROUTING -j HMARK --hmark-tuple ct,src,dst --hmark-mod 7 --hmark-rnd 2\n\
         -A PREROUTING -p {icmp} -j HMARK {OPTIONS}\n\
         -A OUTPUT -j HMARK {OPTIONS}\n\
         COMMIT\n"
    );
    run_with(&restore, &all, &[])?;
    refuses_to_go()?;
    // Each COMMIT is a change of its own.
    let changes = format!(
        "*mangle\n-A PREROUTING -j HMARK {OPTIONS}\nCOMMIT\n\
         *mangle\n-R PREROUTING 2 -j HMARK --hmark-tuple ct,sport --hmark-mod 9 --hmark-rnd 3\n\
         COMMIT\n\
         *mangle\n-R OUTPUT 1 -j HMARK --hmark-tuple dst --hmark-mod 9 --hmark-rnd 3\nCOMMIT\n\
         *mangle\n-D PREROUTING -j HMARK {OPTIONS}\nCOMMIT\n"
    );
    run_with(&format!("{restore} --noflush"), &changes, &[])?;
    refuses_to_go()?;
    wait_for_packets(family, backend, 5)?;
    run_with(&restore, "*raw\nCOMMIT\n*mangle\nCOMMIT\n", &[])?;
    Ok(())
}

/// Makes a namespace with rules, which is removed while packets flow into it.
///
/// It belongs to the thread, so that nothing holds it after the thread has ended.
fn namespace(near: &Netns, family: Family, backend: Backend) -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let restore = backend.program(family, "-restore");
    let all = format!(
        "*raw\n-A PREROUTING -j HMARK {OPTIONS}\nCOMMIT\n\
         *mangle\n-A PREROUTING -j HMARK --hmark-tuple src,dst --hmark-mod 5 --hmark-rnd 4\nCOMMIT\n"
    );
    // With a lock of its own, this need not wait for the other namespace's rules.
    run_with(&restore, &all, &[("XTABLES_LOCKFILE", "/run/round.lock")])?;
    // With a static entry, nobody has to ask the peer for its address.
    let peer = "02:00:00:00:00:02";
    near.ip(&format!(
        "link add round type veth peer name peer address {peer} netns /proc/{}/task/{}/ns/net\n\
         link set round up\n\
         addr add 10.9.0.1/24 dev round\n\
         addr add fd09::1/64 dev round nodad\n\
         neigh replace 10.9.0.2 lladdr {peer} dev round\n\
         neigh replace fd09::2 lladdr {peer} dev round\n",
        process::id(),
        gettid(),
    ))?;
    run("ip link set peer up")?;
    wait_for_packets(family, backend, 2)
}

/// Waits until each of the `expected` HMARK rules of this namespace has seen a packet.
pub fn wait_for_packets(family: Family, backend: Backend, expected: usize) -> Result<()> {
    let save = format!("{} --counters", backend.program(family, "-save"));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let saved = run(&save)?;
        let rules: Vec<_> = saved
            .lines()
            .filter(|line| line.contains("-j HMARK"))
            .collect();
        ensure!(
            rules.len() == expected,
            "{} rules instead of {expected}:\n{saved}",
            rules.len()
        );
        if !rules.iter().any(|rule| rule.starts_with("[0:")) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("rules that no packet passes:\n{saved}");
        }
    }
}

/// Checks that the module cannot be unloaded while a rule uses it, however often it is tried.
fn refuses_to_go() -> Result<()> {
    for _ in 0..ATTEMPTS {
        let result = delete_module(c"xt_HMARK", DeleteModuleFlags::O_NONBLOCK);
        ensure!(
            result == Err(Errno::EAGAIN),
            "asked to go while a rule uses it: {result:?}"
        );
    }
    ensure!(module::users()? > 0, "the rules do not hold the module");
    Ok(())
}

/// Checks that neither the module nor any of its targets is left.
fn check_gone() -> Result<()> {
    ensure!(!module::loaded(), "sysfs has the module");
    let modules = fs::read_to_string("/proc/modules")?;
    ensure!(!modules.contains("HMARK"), "loaded: {modules}");
    for path in [
        "/proc/net/ip_tables_targets",
        "/proc/net/ip6_tables_targets",
    ] {
        // This file exists only while the module for legacy tables is loaded.
        if Path::new(path).exists() {
            let targets = fs::read_to_string(path)?;
            ensure!(!targets.contains("HMARK"), "{path} has HMARK");
        }
    }
    Ok(())
}
