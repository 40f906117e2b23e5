// SPDX-License-Identifier: GPL-2.0-only

//! Datagrams of many flows, each asked again and again while something fails: which of them were lost, and
//! when.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use socket2::{SockRef, Socket};
use std::io::Read;
use testbed::patience::wait;

use crate::clients;
use crate::flow::Flow;
use crate::host::Host;

/// Pause between two rounds of questions, one of each flow.
const PAUSE: Duration = Duration::from_millis(50);

/// A flow, and its questions.
pub struct Asked {
    pub flow: Flow,
    questions: Vec<Question>,
}

struct Question {
    sent: Instant,
    is_answered: bool,
}

/// The flows while they are asked.
pub struct Watch(Mutex<Vec<Asked>>);

impl Asked {
    /// When its last lost question was sent; [`None`] if all were answered.
    pub fn last_lost(&self) -> Option<Instant> {
        let mut lost = self.questions.iter().rev().filter(|one| !one.is_answered);
        lost.next().map(|one| one.sent)
    }

    /// The number of lost questions.
    pub fn lost(&self) -> usize {
        self.questions.iter().filter(|one| !one.is_answered).count()
    }

    /// The number of questions.
    pub fn sent(&self) -> usize {
        self.questions.len()
    }

    /// Whether a question that was sent after this moment was answered.
    fn is_answered_since(&self, moment: Instant) -> bool {
        let since = self
            .questions
            .iter()
            .rev()
            .take_while(|one| one.sent > moment);
        since.into_iter().any(|one| one.is_answered)
    }

    /// Whether the last question was answered.
    fn is_settled(&self) -> bool {
        self.questions.last().is_none_or(|one| one.is_answered)
    }
}

impl Watch {
    /// Waits until each of these flows has an answer to a question sent after a moment.
    ///
    /// # Errors
    /// If one never has.
    pub fn wait_for(&self, moment: Instant, is_of: impl Fn(&Flow) -> bool) -> Result<()> {
        wait("a flow has no answers", || {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let mut all = all.iter().filter(|asked| is_of(&asked.flow));
            Ok(all.all(|asked| asked.is_answered_since(moment)))
        })
    }
}

/// Has flows ask while `work` goes on, which may look at them, and until a question of each is answered
/// afterwards.
///
/// # Errors
/// Those of `work`, or if a flow has no answer in the end.
pub fn during(
    client: &Host,
    flows: &[Flow],
    work: impl FnOnce(&Watch) -> Result<()> + Send,
) -> Result<Vec<Asked>> {
    let asked = |flow: &Flow| Asked {
        flow: *flow,
        questions: Vec::new(),
    };
    let watch = Watch(Mutex::new(flows.iter().map(asked).collect()));
    let done = AtomicBool::new(false);
    client.netns().enter(|| {
        let sockets: Vec<_> = flows.iter().map(open).collect::<Result<_>>()?;
        thread::scope(|scope| {
            let asker = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    ask(&sockets, &watch);
                    thread::sleep(PAUSE);
                    hear(&sockets, &watch);
                }
            });
            let worked = work(&watch);
            done.store(true, Ordering::Relaxed);
            asker.join().expect("a panic ends the process");
            worked
        })?;
        ask(&sockets, &watch);
        wait("a flow has no answer in the end", || {
            hear(&sockets, &watch);
            let all = watch.0.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(all.iter().all(Asked::is_settled))
        })
    })?;
    Ok(watch.0.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn open(flow: &Flow) -> Result<Socket> {
    let socket = clients::bind(flow)?;
    socket.connect(&flow.destination.into())?;
    SockRef::from(&socket)
        .set_nonblocking(true)
        .context("cannot open")?;
    Ok(socket)
}

/// Has each flow ask once. A question that cannot be sent is lost.
fn ask(sockets: &[Socket], watch: &Watch) {
    for (place, socket) in sockets.iter().enumerate() {
        let mut all = watch.0.lock().unwrap_or_else(PoisonError::into_inner);
        let questions = &mut all[place].questions;
        let number = questions.len().to_string();
        questions.push(Question {
            sent: Instant::now(),
            is_answered: false,
        });
        drop(all);
        let _ = socket.send(number.as_bytes());
    }
}

/// Takes all answers that have come, each with a server's name and the question's number.
fn hear(sockets: &[Socket], watch: &Watch) {
    let mut buffer = [0; 64];
    for (place, socket) in sockets.iter().enumerate() {
        let mut socket = socket;
        // An error that an ICMP message reported is of a question that is lost.
        while let Ok(length) = socket.read(&mut buffer) {
            let answer = String::from_utf8_lossy(&buffer[..length]);
            let number = answer
                .rsplit(' ')
                .next()
                .and_then(|word| word.parse::<usize>().ok());
            let mut all = watch.0.lock().unwrap_or_else(PoisonError::into_inner);
            let question = number.and_then(|number| all[place].questions.get_mut(number));
            if let Some(question) = question {
                question.is_answered = true;
            }
        }
    }
}
