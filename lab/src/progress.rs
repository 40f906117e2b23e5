// SPDX-License-Identifier: GPL-2.0-only
//! Steps that take time: a line on the terminal or in a CI log that counts
//! seconds, and the whole output in a log file.

use anyhow::{bail, Context, Result};
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How many of a failed step's last lines are shown.
const TAIL_LINES: usize = 40;

/// Without a terminal, a line this often shows that a step is still alive.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The folder of log files: in the repository, so that its path means the same
/// inside and outside the chroot.
pub fn log_folder() -> Result<PathBuf> {
    let folder = PathBuf::from("target/lab/log");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// One step, of one or more commands.
pub struct Step {
    what: String,
    log: PathBuf,
    begun: Instant,
    shown: Instant,
    ended: bool,
}

impl Step {
    /// Announces the step. Its log is `NAME.log`, begun anew.
    pub fn begin(name: &str, what: impl Into<String>) -> Result<Step> {
        let what = what.into();
        let log = log_folder()?.join(format!("{name}.log"));
        File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        if !io::stderr().is_terminal() {
            eprintln!("lab: {what} ...");
        }
        let now = Instant::now();
        Ok(Step {
            what,
            log,
            begun: now,
            shown: now,
            ended: false,
        })
    }

    /// The step's log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Runs `command` to its end, output into the log, and says whether it succeeded.
    pub fn try_run(&mut self, command: &mut Command) -> Result<bool> {
        let mut log = File::options().append(true).open(&self.log)?;
        writeln!(log, "+ {command:?}")?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot run {:?}", command.get_program()))?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status.success());
            }
            self.show();
            sleep(Duration::from_millis(100));
        }
    }

    /// Runs `command`; its failure is an error with the log's last lines.
    pub fn run(&mut self, command: &mut Command) -> Result<()> {
        if self.try_run(command)? {
            return Ok(());
        }
        self.end("failed");
        eprintln!("{}", self.tail());
        bail!("{} failed: see {}", self.what, self.log.display());
    }

    /// The last lines of the log.
    pub fn tail(&self) -> String {
        last_lines(&self.log, TAIL_LINES)
    }

    /// Ends the step's line with `outcome` and its time.
    pub fn end(&mut self, outcome: &str) {
        self.ended = true;
        let start = if io::stderr().is_terminal() {
            "\r\x1b[K"
        } else {
            ""
        };
        let seconds = self.begun.elapsed().as_secs();
        eprintln!("{start}lab: {}: {outcome} ({seconds} s)", self.what);
    }

    fn show(&mut self) {
        let terminal = io::stderr().is_terminal();
        let pause = if terminal {
            Duration::from_secs(1)
        } else {
            HEARTBEAT
        };
        if self.shown.elapsed() < pause {
            return;
        }
        self.shown = Instant::now();
        let seconds = self.begun.elapsed().as_secs();
        if terminal {
            eprint!("\r\x1b[Klab: {} ... {seconds} s", self.what);
        } else {
            eprintln!("lab: {} ... {seconds} s", self.what);
        }
    }
}

impl Drop for Step {
    /// A step that an error left is told as failed.
    fn drop(&mut self) {
        if !self.ended {
            self.end("failed");
        }
    }
}

/// The last `count` lines of a file; none if it cannot be read.
pub fn last_lines(path: &Path, count: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
