// SPDX-License-Identifier: GPL-2.0-only

//! A process of nft that owns the table of counters.
//!
//! It is nft's interactive mode, which reads commands from a pipe and keeps its socket open. However this
//! process ends, the pipe closes then, nft ends, and the kernel removes the table.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};

use super::{table, Counted, Group};
use crate::host::program::{command, Failure};

/// The time that nft may take for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time that nft may take for an answer after a complaint.
const AFTER_COMPLAINT: Duration = Duration::from_millis(500);

/// The longest line in bytes that nft may say: a thousand times what is expected.
const LONGEST: u64 = 1 << 28;

/// Counters in the kernel. They are gone when this is dropped, and when this process ends.
pub struct Counter {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
    complaints: Receiver<String>,
    table: String,
    groups: usize,
}

impl Counter {
    /// Begins to count packets with the marks of these groups.
    ///
    /// # Errors
    ///
    /// In one line: there is no nft, or it refuses, as it does without root and on kernels before 5.12.
    pub fn start(groups: &[Group]) -> Result<Self> {
        let table = format!("hmark-watch-{}", std::process::id());
        let mut nft = command("nft");
        nft.args(["--json", "--numeric", "--interactive"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // It keeps a history of its commands here, and so nowhere.
            .env("HOME", "/dev/null")
            .env("TERM", "dumb")
            // What the terminal sends its foreground processes is not for nft.
            .process_group(0);
        let mut child = match nft.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Failure::Missing("nft".to_owned()).into());
            }
            Err(error) => return Err(error).context("nft"),
        };
        let input = child.stdin.take();
        let answers = lines(child.stdout.take());
        let complaints = lines(child.stderr.take());
        let mut counter = Self {
            child,
            input,
            answers,
            complaints,
            table,
            groups: groups.len(),
        };
        counter.say(&table::commands(&counter.table, groups))?;
        counter.read()?;
        Ok(counter)
    }

    /// The counts until now.
    ///
    /// # Errors
    ///
    /// In one line, what nft says in their place.
    pub fn read(&mut self) -> Result<Counted> {
        self.say(&table::list(&self.table))?;
        let answer = self.answer()?;
        match table::read(&answer, self.groups) {
            Ok(counted) => Ok(counted),
            // What it complained about is why something is missing.
            Err(error) => match self.complaint() {
                Some(complaint) => bail!("nft: {complaint}"),
                None => Err(error),
            },
        }
    }

    fn say(&mut self, commands: &str) -> Result<()> {
        let input = self.input.as_mut().context("nft has no input")?;
        let said = input
            .write_all(commands.as_bytes())
            .and_then(|()| input.flush());
        match said {
            Ok(()) => Ok(()),
            Err(error) => match self.complaint() {
                Some(complaint) => bail!("nft: {complaint}"),
                None => Err(error).context("nft has ended"),
            },
        }
    }

    /// The next line of JSON.
    fn answer(&mut self) -> Result<String> {
        let mut deadline = Instant::now() + PATIENCE;
        let mut complaint: Option<String> = None;
        loop {
            match self.answers.recv_timeout(Duration::from_millis(20)) {
                // Anything else is a prompt, or an echo.
                Ok(line) => match line.find('{').and_then(|begin| line.get(begin..)) {
                    Some(json) => return Ok(json.to_owned()),
                    None => continue,
                },
                Err(RecvTimeoutError::Disconnected) => deadline = Instant::now(),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if complaint.is_none() {
                complaint = self.complaint();
                if complaint.is_some() {
                    deadline = deadline.min(Instant::now() + AFTER_COMPLAINT);
                }
            }
            if Instant::now() >= deadline {
                match complaint {
                    Some(complaint) => bail!("nft: {complaint}"),
                    None => bail!("nft: it has ended, or does not answer"),
                }
            }
        }
    }

    /// The first line of what nft complained about since the last time; the rest is dropped.
    fn complaint(&self) -> Option<String> {
        let mut lines = self.complaints.try_iter();
        let line = lines.find(|line| !line.trim().is_empty());
        lines.for_each(drop);
        line.map(|line| line.trim().trim_start_matches("Error: ").to_owned())
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        drop(self.input.take());
        // It may hang, and the table must go.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream, as they come.
fn lines(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(stream) = stream {
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            loop {
                let mut line = Vec::new();
                let length = stream.by_ref().take(LONGEST).read_until(b'\n', &mut line);
                let line = String::from_utf8_lossy(&line).into_owned();
                if !matches!(length, Ok(1..)) || sender.send(line).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}
