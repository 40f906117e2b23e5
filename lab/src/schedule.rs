// SPDX-License-Identifier: GPL-2.0-only
//! Runs jobs side by side: as many as there are cores, each once the jobs that it needs are done.

use anyhow::{Error, Result};
use std::sync::mpsc::channel;
use std::thread;

/// Something to run. Others are named by their place in the list of all.
pub struct Job<'a, T> {
    pub name: String,
    /// Jobs that must have succeeded before.
    pub needs: Vec<usize>,
    /// Jobs that must have ended before, however they did.
    pub after: Vec<usize>,
    /// How many cores it keeps busy. One that wants more than there are gets all.
    pub cores: usize,
    /// What only one job at a time can use.
    pub uses: Vec<&'static str>,
    pub run: Box<dyn FnOnce() -> Result<T> + Send + 'a>,
}

/// How a job ended.
#[derive(Debug)]
pub enum End<T> {
    Done(T),
    Failed(Error),
    /// It did not run, since the job of this name, which it needs, failed.
    Blocked(String),
}

/// The state of a job.
enum State<'a, T> {
    Waiting(Job<'a, T>),
    Running,
    Ended(End<T>),
}

/// What runs at the moment.
#[derive(Default)]
struct Load {
    jobs: usize,
    cores: usize,
    uses: Vec<&'static str>,
}

/// Runs all jobs, and says how each ended. Of those that could begin, the first in the list does.
/// A job that waits for itself, by way of others, is a mistake of the caller.
pub fn run<T: Send>(jobs: Vec<Job<'_, T>>, cores: usize) -> Vec<End<T>> {
    let cores = cores.max(1);
    let mut states: Vec<State<T>> = jobs.into_iter().map(State::Waiting).collect();
    let mut names = Vec::new();
    for state in &states {
        if let State::Waiting(job) = state {
            names.push(job.name.clone());
        }
    }
    let mut load = Load::default();
    let (sender, ended) = channel();
    thread::scope(|scope| loop {
        for index in block(&mut states, &names) {
            let State::Waiting(job) = std::mem::replace(&mut states[index], State::Running) else {
                continue;
            };
            let wanted = job.cores.clamp(1, cores);
            if load.cores + wanted > cores || job.uses.iter().any(|what| load.uses.contains(what)) {
                states[index] = State::Waiting(job);
                continue;
            }
            load.jobs += 1;
            load.cores += wanted;
            load.uses.extend(&job.uses);
            let sender = sender.clone();
            scope.spawn(move || {
                let end = match (job.run)() {
                    Ok(value) => End::Done(value),
                    Err(error) => End::Failed(error),
                };
                // The receiver waits as long as a job runs.
                let _ = sender.send((index, end, wanted, job.uses));
            });
        }
        if load.jobs == 0 {
            break;
        }
        let (index, end, wanted, uses) = ended.recv().expect("this thread has a sender too");
        states[index] = State::Ended(end);
        load.jobs -= 1;
        load.cores -= wanted;
        load.uses.retain(|what| !uses.contains(what));
    });
    states
        .into_iter()
        .zip(names)
        .map(|(state, name)| match state {
            State::Ended(end) => end,
            State::Waiting(_) | State::Running => panic!("{name} waits for itself"),
        })
        .collect()
}

/// Ends the jobs that need one that did not succeed. Returns those that wait for nothing but cores.
fn block<T>(states: &mut [State<T>], names: &[String]) -> Vec<usize> {
    let mut ready = Vec::new();
    let mut blocked = true;
    while blocked {
        blocked = false;
        ready.clear();
        for index in 0..states.len() {
            let State::Waiting(job) = &states[index] else {
                continue;
            };
            let lost = job.needs.iter().find_map(|&needed| match &states[needed] {
                State::Ended(End::Failed(_)) => Some(names[needed].clone()),
                State::Ended(End::Blocked(by)) => Some(by.clone()),
                _ => None,
            });
            let ended = |&other: &usize| matches!(states[other], State::Ended(_));
            if let Some(by) = lost {
                states[index] = State::Ended(End::Blocked(by));
                blocked = true;
            } else if job.needs.iter().chain(&job.after).all(ended) {
                ready.push(index);
            }
        }
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::{Barrier, Mutex};

    /// A job of one core that notes its beginning and its end.
    fn job<'a>(log: &'a Mutex<Vec<String>>, name: &str) -> Job<'a, ()> {
        let name = name.to_owned();
        let said = name.clone();
        Job {
            name,
            needs: Vec::new(),
            after: Vec::new(),
            cores: 1,
            uses: Vec::new(),
            run: Box::new(move || {
                log.lock().unwrap().push(format!("{said} begins"));
                thread::yield_now();
                log.lock().unwrap().push(format!("{said} ends"));
                Ok(())
            }),
        }
    }

    fn place(log: &Mutex<Vec<String>>, line: &str) -> usize {
        let log = log.lock().unwrap();
        log.iter().position(|said| said == line).unwrap()
    }

    /// Whether each of two jobs ran while the other did not.
    fn apart(log: &Mutex<Vec<String>>, [one, other]: [&str; 2]) -> bool {
        let at = |name: &str, what: &str| place(log, &format!("{name} {what}"));
        at(one, "ends") < at(other, "begins") || at(other, "ends") < at(one, "begins")
    }

    #[test]
    fn what_is_needed_comes_before() {
        let log = Mutex::new(Vec::new());
        let mut jobs = vec![job(&log, "lane"), job(&log, "module"), job(&log, "kernel")];
        jobs[0].needs = vec![1];
        jobs[1].needs = vec![2];
        let ends = run(jobs, 8);
        assert!(ends.iter().all(|end| matches!(end, End::Done(()))));
        assert!(place(&log, "kernel ends") < place(&log, "module begins"));
        assert!(place(&log, "module ends") < place(&log, "lane begins"));
    }

    #[test]
    fn jobs_run_side_by_side() {
        let both = Barrier::new(2);
        let log = Mutex::new(Vec::new());
        let jobs = ["a", "b"].map(|name| Job {
            run: Box::new(|| {
                both.wait();
                Ok(())
            }),
            ..job(&log, name)
        });
        assert_eq!(run(jobs.into(), 2).len(), 2);
    }

    #[test]
    fn first_in_the_list_begins_first() {
        let log = Mutex::new(Vec::new());
        run(vec![job(&log, "a"), job(&log, "b"), job(&log, "c")], 1);
        assert_eq!(
            *log.lock().unwrap(),
            ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]
        );
    }

    #[test]
    fn cores_and_shared_things_keep_jobs_apart() {
        for (cores, uses) in [(4, vec![]), (1, vec!["cargo"])] {
            let log = Mutex::new(Vec::new());
            let mut jobs = vec![job(&log, "a"), job(&log, "b")];
            for job in &mut jobs {
                job.cores = cores;
                job.uses = uses.clone();
            }
            run(jobs, 2);
            assert!(apart(&log, ["a", "b"]));
        }
    }

    #[test]
    fn failure_blocks_those_that_need_it_only() {
        let log = Mutex::new(Vec::new());
        let names = ["kernel", "module", "lane", "later", "other"];
        let mut jobs: Vec<_> = names.iter().map(|name| job(&log, name)).collect();
        jobs[0].run = Box::new(|| bail!("no compiler"));
        jobs[1].needs = vec![0];
        jobs[2].needs = vec![1];
        jobs[3].after = vec![0];
        let ends = run(jobs, 2);
        assert!(matches!(&ends[0], End::Failed(error) if error.to_string() == "no compiler"));
        for end in &ends[1..3] {
            assert!(matches!(end, End::Blocked(by) if by == "kernel"));
        }
        for end in &ends[3..] {
            assert!(matches!(end, End::Done(())));
        }
    }
}
