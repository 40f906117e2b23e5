// SPDX-License-Identifier: GPL-2.0-only
//! Guests: one command, run as root under a kernel of its own, on the chroot with
//! a layer over it that goes with the guest.

use crate::command::cpus;
use crate::console::first_fault;
use crate::cpu::Cpu;
use crate::iptables::Release;
use crate::progress::{last_lines, log_folder};
use crate::store::Store;
use anyhow::{bail, Context, Result};
use clap::Args;
use nix::sys::signal::{killpg, Signal};
use nix::unistd::Pid;
use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep, JoinHandle};
use std::time::{Duration, Instant};

/// The first process of every guest. Both kernels see it at this path.
const INIT: &str = "/srv/hmark/lab/guest/init.sh";

/// Runs a command with another iptables.
const WITH_IPTABLES: &str = "lab/guest/iptables.sh";

/// Runs a command with Ansible.
const WITH_ANSIBLE: &str = "lab/guest/ansible.sh";

/// Runs a command, and asks a debug kernel what it has seen.
const WATCHED: &str = "lab/guest/watched.sh";

/// The kernel's log, in the guest's folder. qemu writes it itself.
const LOG: &str = "console.log";

/// A guest that hangs is ended after these seconds. No lane takes as long, on any machine: what a
/// lane tells must not depend on how fast that is.
pub const HANGS: u64 = 7200;

/// Exit status for a guest that its time limit ended, as timeout(1) has it.
const TIMED_OUT: u8 = 124;

/// What a guest runs on.
pub enum Machine {
    /// A virtual machine
    Qemu {
        /// What it is.
        platform: &'static Platform,
        /// The boot image.
        kernel: PathBuf,
        /// What takes it to its root.
        initramfs: PathBuf,
        /// As qemu names it.
        accelerator: &'static str,
        /// The chroot, or another root.
        root: PathBuf,
        /// The root's own first process, which may write to the root, in place of [`INIT`].
        init: Option<&'static str>,
    },
    /// A process
    Uml {
        /// The program.
        kernel: PathBuf,
        /// Whether it does without ptrace: `auto` where the machine lets it, or `off`.
        seccomp: &'static str,
    },
}

/// A computer that qemu emulates.
pub struct Platform {
    program: &'static str,
    arguments: [&'static str; 4],
    /// How its serial ports are named, but for their numbers.
    serial: &'static str,
}

/// Like those that the lab runs on.
pub const AMD64: Platform = Platform {
    program: "qemu-system-x86_64",
    // With 5-level page tables, for which it asks the CPU again, KASAN takes an interrupt for a
    // fault while the kernel identifies its first CPU.
    arguments: ["-machine", "q35", "-cpu", "max,la57=off"],
    serial: "ttyS",
};

pub const ARM64: Platform = Platform {
    program: "qemu-system-aarch64",
    // Newer ones sign pointers, which takes emulation long.
    arguments: ["-machine", "virt", "-cpu", "cortex-a57"],
    serial: "ttyAMA",
};

/// How a guest ended.
enum End {
    /// Its command ended with this status.
    Status(u8),
    /// The kernel log has this line.
    Fault(String),
    /// Its time was over.
    TimedOut,
    /// It powered off or died with its command under way.
    Early,
}

/// A guest that runs one command.
#[derive(Args)]
pub struct Guest {
    /// The guest is ended after this long
    #[arg(long, value_name = "SECONDS", default_value_t = HANGS)]
    timeout: u64,
    /// UML has one always
    #[arg(long, value_name = "N", default_value_t = cpus().min(4))]
    cpus: usize,
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    memory: u32,
    /// qemu counts instructions: by the guest's clock, each takes a nanosecond
    #[arg(long)]
    count_instructions: bool,
    /// Take what the command leaves in /run/lab/result, if it succeeds
    #[arg(long, value_name = "FILE")]
    result: Option<PathBuf>,
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl Guest {
    /// A guest of the usual size.
    pub fn new(timeout: u64, command: &[&str]) -> Guest {
        Guest {
            timeout,
            cpus: cpus().min(4),
            memory: 1024,
            count_instructions: false,
            result: None,
            command: command.iter().map(|word| word.to_string()).collect(),
        }
    }

    /// The guest, with the unpacked `packages` of a release over its own iptables.
    pub fn with_iptables(mut self, release: Release, packages: &Path) -> Guest {
        let words = [
            WITH_IPTABLES.to_string(),
            release.to_string(),
            packages.display().to_string(),
        ];
        self.command.splice(..0, words);
        self
    }

    /// The guest, with the unpacked packages of Ansible.
    pub fn with_ansible(mut self, packages: &Path) -> Guest {
        let words = [WITH_ANSIBLE.to_string(), packages.display().to_string()];
        self.command.splice(..0, words);
        self
    }

    /// The guest, with a clock that counts instructions: one CPU, however long it takes.
    pub fn counting_instructions(mut self) -> Guest {
        self.count_instructions = true;
        self
    }

    /// The guest, with what its command leaves in `/run/lab/result` taken to `file`.
    pub fn with_result(mut self, file: &str) -> Guest {
        self.result = Some(file.into());
        self
    }

    /// The guest, which fails as well if a debug kernel has memory leaked or sees no more.
    pub fn watched(mut self) -> Guest {
        self.command.insert(0, WATCHED.to_string());
        self
    }

    /// Boots the guest and passes on what its command prints. Returns the command's
    /// exit status. A kernel fault is an error, whatever the command's status.
    pub fn run(&self, machine: &Machine) -> Result<u8> {
        self.run_into(machine, io::stdout())
    }

    /// As `run`; what the command prints goes to `output`.
    pub fn run_into(&self, machine: &Machine, output: impl Write + Send + 'static) -> Result<u8> {
        let folder = new_folder(&log_folder()?)?;
        let log = folder.join(LOG);
        match self.boot(machine, &folder, output)? {
            End::Status(0) => {
                if let Some(file) = &self.result {
                    fs::copy(folder.join("result"), file)
                        .with_context(|| format!("no result for {}", file.display()))?;
                }
                fs::remove_dir_all(&folder)?;
                Ok(0)
            }
            End::Status(status) => {
                eprintln!("lab: kernel log: {}", log.display());
                Ok(status)
            }
            End::TimedOut => {
                let seconds = self.timeout;
                eprintln!(
                    "lab: error: the guest was ended after {seconds} s: see {}",
                    log.display()
                );
                Ok(TIMED_OUT)
            }
            End::Fault(line) => bail!("kernel fault: {line}: see {}", log.display()),
            End::Early => {
                eprintln!("{}", last_lines(&log, 20));
                bail!(
                    "the guest ended before its command did: see {}",
                    log.display()
                )
            }
        }
    }

    /// Whether the guest boots and its command succeeds; nothing is left of it.
    pub fn succeeds(&self, machine: &Machine) -> Result<bool> {
        let folder = new_folder(&log_folder()?)?;
        let end = self.boot(machine, &folder, io::stdout())?;
        fs::remove_dir_all(&folder)?;
        Ok(matches!(end, End::Status(0)))
    }

    /// Boots the guest and waits for its end. The guest shares `folder`: it finds
    /// its command there and leaves the status.
    fn boot(
        &self,
        machine: &Machine,
        folder: &Path,
        output: impl Write + Send + 'static,
    ) -> Result<End> {
        let log = folder.join(LOG);
        fs::write(folder.join("command"), script(&self.command))?;

        let shared = env::current_dir()?.join(folder);
        let cpu = match machine {
            Machine::Qemu { .. } => None,
            Machine::Uml { .. } => Cpu::take(&Store::lab()?)?,
        };
        let mut command = match machine {
            Machine::Qemu {
                platform,
                kernel,
                initramfs,
                accelerator,
                root,
                init,
            } => {
                let mut qemu = self.qemu(platform, *init, root, &shared);
                qemu.arg("-kernel").arg(kernel);
                qemu.arg("-initrd").arg(initramfs);
                qemu.args(self.processor(accelerator));
                qemu
            }
            Machine::Uml { kernel, seccomp } => {
                let program = cpu
                    .as_ref()
                    .map_or(Command::new(kernel), |cpu| cpu.runs(kernel));
                self.uml(program, seccomp, &shared)
            }
        };
        let mut child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {:?}", command.get_program()))?;
        let log_end = File::options().create(true).append(true).open(&log)?;
        let printed = pass_on(child.stdout.take(), output);
        let logged = pass_on(child.stderr.take(), log_end);
        let in_time = self.wait(&mut child)?;
        // UML has more processes than the one that was started.
        let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
        child.wait()?;
        let _ = (printed.join(), logged.join());

        if let Some(line) = first_fault(&String::from_utf8_lossy(&fs::read(&log)?)) {
            return Ok(End::Fault(line.to_string()));
        }
        if !in_time {
            return Ok(End::TimedOut);
        }
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        Ok(status.trim().parse().map_or(End::Early, End::Status))
    }

    /// Waits for the guest's end. False when its time was over before.
    fn wait(&self, child: &mut Child) -> Result<bool> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(self.timeout) {
            if child.try_wait()?.is_some() {
                return Ok(true);
            }
            sleep(Duration::from_millis(20));
        }
        Ok(false)
    }

    /// What qemu is told of the guest's processor.
    fn processor(&self, accelerator: &str) -> Vec<String> {
        let words = match self.count_instructions {
            true => "-accel tcg -smp 1 -icount shift=0,sleep=off".to_owned(),
            false => format!("-accel {accelerator} -smp {}", self.cpus),
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// qemu: the kernel log goes to the first serial port, what the command prints to the second.
    fn qemu(&self, platform: &Platform, init: Option<&str>, root: &Path, shared: &Path) -> Command {
        let (init, access) = match init {
            None => (String::new(), "readonly=on"),
            Some(init) => (format!(" LAB_INIT={init} LAB_ACCESS=rw"), "readonly=off"),
        };
        let serial = platform.serial;
        let mut qemu = Command::new(platform.program);
        qemu.args(["-nodefaults", "-no-user-config", "-no-reboot"])
            .args(["-display", "none"])
            .args(platform.arguments)
            .args(["-m", &self.memory.to_string()])
            .args(["-chardev", &format!("file,id=log,path={LOG},append=on")])
            .args(["-serial", "chardev:log", "-serial", "stdio"])
            .arg("-append")
            .arg(format!(
                "console={serial}0 panic=-1 LAB_TTY={serial}1 LAB_TYPE=9p \
                 LAB_OPTIONS=trans=virtio,version=9p2000.L{init}"
            ))
            // The repository is a mount of its own in the chroot, hence remap.
            .arg("-virtfs")
            .arg(format!(
                "local,path={},mount_tag=root,security_model=none,{access},multidevs=remap",
                root.display()
            ))
            .arg("-virtfs")
            .arg(format!(
                "local,path={},mount_tag=run,security_model=none",
                shared.display()
            ));
        qemu
    }

    /// UML: the kernel log goes to standard error, what the command prints to ttyS1.
    fn uml(&self, mut uml: Command, seccomp: &str, shared: &Path) -> Command {
        uml.arg(format!("mem={}M", self.memory))
            // Processes start in about half the time where the machine lets UML do without ptrace.
            .arg(format!("seccomp={seccomp}"))
            .args(["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"])
            .arg(format!("init={INIT}"))
            .args(["con=null", "con0=null,fd:2", "ssl=null", "ssl1=null,fd:1"])
            .arg(format!("uml_dir={}", shared.display()))
            .args(["panic=-1", "LAB_TTY=ttyS1"])
            .arg("LAB_TYPE=hostfs")
            .arg(format!("LAB_OPTIONS=hostfs={}", shared.display()));
        uml
    }
}

/// A folder that no other guest has: they may run at once.
fn new_folder(parent: &Path) -> Result<PathBuf> {
    let mut number = 1;
    loop {
        let folder = parent.join(format!("guest-{number}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot make {}", folder.display()))
            }
        }
    }
}

/// Copies what a guest writes until it closes the pipe.
fn pass_on(
    from: Option<impl Read + Send + 'static>,
    mut to: impl Write + Send + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let Some(mut from) = from else { return };
        let mut bytes = [0; 8192];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            // The guest goes on where nobody reads what it prints.
            let _ = to.write_all(&bytes[..count]).and_then(|()| to.flush());
        }
    })
}

/// The shell script that runs `command` in the guest.
fn script(command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    format!(
        "export HOME=/root LANG=C.UTF-8 TERM=dumb CARGO_TARGET_DIR=/srv/hmark/target/lab\n\
         export PATH=$PATH:/srv/hmark/target/lab/release\n\
         cd /srv/hmark\n\
         exec {}\n",
        words.join(" ")
    )
}

/// A word as the shell takes it literally.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::output;

    #[test]
    fn words_reach_the_command_as_they_are() {
        let words = ["a b", "it's", "$HOME", "", "-n", "new\nline", r"\"];
        let line = words.map(quoted).join(" ");
        let echoed = output("sh", &["-c", &format!("printf '<%s>' {line}")]).unwrap();
        assert_eq!(echoed, words.map(|word| format!("<{word}>")).concat());
    }
}
