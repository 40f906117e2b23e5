// SPDX-License-Identifier: GPL-2.0-only
//! Steps that take time: lines on the terminal or in a CI log that count seconds, and
//! the whole output in a log file. Steps may run side by side: a terminal has one line
//! for all that do.

use anyhow::{bail, Context, Result};
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// The steps that run, for the terminal's last line.
static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

struct Running {
    log: PathBuf,
    what: String,
    begun: Instant,
}

/// One step, of one or more commands.
pub struct Step {
    what: String,
    log: PathBuf,
    begun: Instant,
    shown: Instant,
    ended: bool,
}

/// The steps that run; held as long as something is printed.
fn running() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints lines in place of the terminal's last one, and that again after them.
fn print(running: &[Running], lines: &str) {
    if !io::stderr().is_terminal() {
        eprint!("{lines}");
        return;
    }
    let steps: Vec<String> = running
        .iter()
        .map(|step| format!("{} ... {} s", step.what, step.begun.elapsed().as_secs()))
        .collect();
    let last = match steps.is_empty() {
        true => String::new(),
        // Cut off at the terminal's edge: only one line can be taken back.
        false => format!("\x1b[?7llab: {}\x1b[?7h", steps.join(", ")),
    };
    eprint!("\r\x1b[K{lines}{last}");
}

impl Step {
    /// Announces the step. Its log is `NAME.log`, begun anew.
    pub fn begin(name: &str, what: impl Into<String>) -> Result<Step> {
        let what = what.into();
        let log = log_folder()?.join(format!("{name}.log"));
        File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let now = Instant::now();
        let mut running = running();
        running.push(Running {
            log: log.clone(),
            what: what.clone(),
            begun: now,
        });
        print(&running, &heartbeat(format!("lab: {what} ...\n")));
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
        self.fail("failed");
        bail!("{} failed: see {}", self.what, self.log.display());
    }

    /// Ends the step's line, and shows the end of the log.
    pub fn fail(&mut self, outcome: &str) {
        self.finish(
            outcome,
            &format!(
                "{}\nlab: the whole output is in {}\n",
                self.tail(),
                self.log.display()
            ),
        );
    }

    /// The last lines of the log.
    pub fn tail(&self) -> String {
        last_lines(&self.log, TAIL_LINES)
    }

    /// Ends the step's line with `outcome` and its time.
    pub fn end(&mut self, outcome: &str) {
        self.finish(outcome, "");
    }

    fn finish(&mut self, outcome: &str, lines: &str) {
        self.ended = true;
        let mut running = running();
        running.retain(|step| step.log != self.log);
        let seconds = self.begun.elapsed().as_secs();
        let line = format!("lab: {}: {outcome} ({seconds} s)\n{lines}", self.what);
        print(&running, &line);
    }

    fn show(&mut self) {
        let pause = match io::stderr().is_terminal() {
            true => Duration::from_secs(1),
            false => HEARTBEAT,
        };
        if self.shown.elapsed() < pause {
            return;
        }
        self.shown = Instant::now();
        let seconds = self.begun.elapsed().as_secs();
        let line = format!("lab: {} ... {seconds} s\n", self.what);
        print(&running(), &heartbeat(line));
    }
}

/// A line for a log. The terminal's last line has the same.
fn heartbeat(line: String) -> String {
    match io::stderr().is_terminal() {
        true => String::new(),
        false => line,
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
