// SPDX-License-Identifier: GPL-2.0-only

//! The terminal while a screen is shown on it, and signals. However the command ends, but for SIGKILL, the
//! terminal is as it was.

use std::io::{stdin, stdout, IsTerminal, Write};
use std::os::fd::AsFd;
use std::panic;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Result;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{raise, SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{tcgetattr, tcsetattr, LocalFlags, SetArg, Termios};

use crate::commands::Status;

/// The terminal's settings before a screen was shown.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The other screen, without a cursor, and the way back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Signals that end the command, or say that the terminal has another size.
const SIGNALS: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGTSTP,
    Signal::SIGWINCH,
];

/// Signals that wait until they are asked for.
pub struct Signals(SignalFd);

/// What came while the command waited.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A key, or the first bytes of several.
    Key(Vec<u8>),
    /// A signal.
    Signal(Signal),
    /// Nothing.
    Nothing,
}

impl Signals {
    /// Has signals wait. Threads that are started from now on do not get them either.
    pub fn block() -> Result<Self> {
        let mut set = SigSet::empty();
        SIGNALS.into_iter().for_each(|signal| set.add(signal));
        set.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self(SignalFd::with_flags(&set, flags)?))
    }

    /// Waits for a signal that ends the command.
    pub fn wait(&self, patience: Duration) -> Result<Option<Signal>> {
        let deadline = std::time::Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            match self.event(left, false)? {
                Event::Signal(signal) if is_end(signal) => return Ok(Some(signal)),
                Event::Nothing if left.is_zero() => return Ok(None),
                _ => {}
            }
        }
    }

    /// Waits for a signal or, with `keys`, for a key.
    pub fn event(&self, patience: Duration, keys: bool) -> Result<Event> {
        let input = stdin();
        let mut ready = vec![PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        if keys {
            ready.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
        }
        let milliseconds = u16::try_from(patience.as_millis()).unwrap_or(u16::MAX);
        // A moment too early is early enough: the caller looks at the clock.
        match poll(&mut ready, PollTimeout::from(milliseconds)) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |at: usize| {
            let ready: Option<&PollFd> = ready.get(at);
            ready.and_then(PollFd::any).unwrap_or(false)
        };
        if is_ready(0) {
            if let Some(signal) = self.0.read_signal()? {
                let number = i32::try_from(signal.ssi_signo).unwrap_or(0);
                return Ok(Signal::try_from(number).map_or(Event::Nothing, Event::Signal));
            }
        }
        if is_ready(1) {
            let mut bytes = [0; 16];
            let length = nix::unistd::read(input.as_fd(), &mut bytes).unwrap_or(0);
            let key = bytes.get(..length).unwrap_or_default();
            return Ok(Event::Key(key.to_vec()));
        }
        Ok(Event::Nothing)
    }
}

/// Whether a signal ends the command.
pub fn is_end(signal: Signal) -> bool {
    !matches!(signal, Signal::SIGWINCH | Signal::SIGTSTP)
}

/// Ends by a signal that waited, so that whoever started the command sees why. Everything must be left as it
/// is to be.
pub fn end_by(signal: Signal) -> Result<Status> {
    let mut set = SigSet::empty();
    set.add(signal);
    set.thread_unblock()?;
    raise(signal)?;
    Ok(Status::Fine)
}

/// A screen on the terminal, for as long as this is kept.
pub struct Screen {
    /// Whether keys can be read.
    pub has_keys: bool,
}

impl Screen {
    /// Shows an empty screen, and has keys come at once.
    pub fn enter() -> Result<Self> {
        let has_keys = stdin().is_terminal();
        if has_keys {
            let before = tcgetattr(stdin())?;
            let mut raw = before.clone();
            // Keys that end it are read as such, and SIGINT is for whoever sends it.
            raw.local_flags.remove(
                LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG | LocalFlags::IEXTEN,
            );
            if let Ok(mut saved) = BEFORE.lock() {
                *saved = Some(before);
            }
            tcsetattr(stdin(), SetArg::TCSANOW, &raw)?;
        }
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            leave();
            told(panic);
        }));
        let screen = Self { has_keys };
        screen.write(ENTER)?;
        Ok(screen)
    }

    /// Shows these lines from the top, and nothing else.
    pub fn show(&self, lines: &[String]) -> Result<()> {
        let mut text = "\x1b[H".to_owned();
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                text += "\r\n";
            }
            text += line;
            text += "\x1b[K";
        }
        text += "\x1b[J";
        self.write(&text)
    }

    /// The columns and rows of the terminal.
    pub fn size(&self) -> (usize, usize) {
        match terminal_size::terminal_size() {
            Some((columns, rows)) => (columns.0.into(), rows.0.into()),
            None => (80, 24),
        }
    }

    fn write(&self, text: &str) -> Result<()> {
        let mut out = stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Makes the terminal what it was.
fn leave() {
    let mut out = stdout();
    // A terminal that is gone needs nothing.
    let _ = out.write_all(LEAVE.as_bytes()).and_then(|()| out.flush());
    let before = BEFORE.lock().ok().and_then(|mut saved| saved.take());
    if let Some(before) = before {
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &before);
    }
}
