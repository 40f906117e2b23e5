// SPDX-License-Identifier: GPL-2.0-only
//! The outcome of lanes: how many tests passed and failed, and which failed for what reason, as
//! the test programs print it.

use std::fmt;

/// The most characters of a failed test's reason.
const MOST_OF_A_REASON: usize = 240;

/// The outcome of one or more lanes. Ignored tests have neither passed nor failed.
#[derive(Default, Debug, PartialEq)]
pub struct Outcome {
    /// The number of tests that passed.
    pub passed: usize,
    /// The number of those that failed, among them each lane that failed or ran nothing.
    pub failed: usize,
    /// A line for each failed test, as far as it has a name: lane, test and reason.
    pub failures: Vec<String>,
}

impl Outcome {
    /// The outcome of a lane that could not run, for this reason.
    pub fn failure(lane: &str, reason: &str) -> Self {
        Self {
            passed: 0,
            failed: 1,
            failures: vec![format!("{lane}: {}", shortened(reason))],
        }
    }

    /// The outcome of a lane with this output: one test, unless it `counts` them by result lines; but
    /// a lane that failed or passed no test has a failure at least.
    pub fn of(lane: &str, succeeded: bool, counts: bool, output: &str) -> Self {
        let mut outcome = match counts {
            false => Self {
                passed: usize::from(succeeded),
                ..Self::default()
            },
            true => Self {
                failures: failures(lane, output),
                ..results(output)
            },
        };
        if outcome.failed == 0 && (!succeeded || outcome.passed == 0) {
            outcome.failed = 1;
        }
        if outcome.failed > 0 && outcome.failures.is_empty() {
            let reason = complaint(output).unwrap_or("it ran no test");
            outcome
                .failures
                .push(format!("{lane}: {}", shortened(reason)));
        }
        outcome
    }

    /// Adds the outcome of another lane.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The sum of all `test result: ok. 3 passed; 0 failed; ...` lines.
fn results(output: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in output.lines() {
        let Some(result) = line.trim().strip_prefix("test result: ") else {
            continue;
        };
        let words: Vec<&str> = result.split([' ', ';']).collect();
        for pair in words.windows(2) {
            let number = pair[0].parse().unwrap_or(0);
            match pair[1] {
                "passed" => outcome.passed += number,
                "failed" => outcome.failed += number,
                _ => {}
            }
        }
    }
    outcome
}

/// The failed tests of a lane, each with the lines between its `---- name ----` and the next empty
/// line: its reason.
fn failures(lane: &str, output: &str) -> Vec<String> {
    let mut failures = Vec::new();
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        let title = line
            .strip_prefix("---- ")
            .and_then(|line| line.strip_suffix(" ----"));
        let Some(title) = title else { continue };
        let name = title.strip_suffix(" stdout").unwrap_or(title);
        let reason: Vec<&str> = lines
            .by_ref()
            .map(str::trim)
            .skip_while(|line| line.is_empty())
            .take_while(|line| !line.is_empty())
            .collect();
        failures.push(format!("{lane}: {name}: {}", shortened(&reason.join(" "))));
    }
    failures
}

/// The first line that begins with the word error, as most programs' do; without one, the last line.
fn complaint(output: &str) -> Option<&str> {
    let mut lines = output
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let mut last = None;
    lines
        .find(|&line| {
            last = Some(line);
            line.starts_with("error")
        })
        .or(last)
}

/// The beginning of a reason, on one line.
fn shortened(reason: &str) -> String {
    let line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_OF_A_REASON) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "running 3 tests\ntest a ... ok\n\
        test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
        test result: FAILED. 41 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";

    fn outcome(succeeded: bool, output: Option<&str>) -> (usize, usize) {
        let outcome = Outcome::of("lane", succeeded, output.is_some(), output.unwrap_or(""));
        assert_eq!(outcome.failures.is_empty(), outcome.failed == 0);
        (outcome.passed, outcome.failed)
    }

    #[test]
    fn result_lines_are_summed() {
        assert_eq!(outcome(false, Some(OUTPUT)), (44, 2));
    }

    #[test]
    fn lane_without_counts_is_one_test() {
        assert_eq!(outcome(true, None), (1, 0));
        assert_eq!(outcome(false, None), (0, 1));
    }

    #[test]
    fn lane_that_broke_off_has_failed() {
        let passed = "test result: ok. 3 passed; 0 failed; 0 ignored\n";
        assert_eq!(outcome(false, Some(passed)), (3, 1));
        assert_eq!(outcome(false, Some("error: could not compile")), (0, 1));
    }

    #[test]
    fn lane_that_ran_nothing_has_failed() {
        let ignored = "test result: ok. 0 passed; 0 failed; 5 ignored\n";
        assert_eq!(outcome(true, Some(ignored)), (0, 1));
        assert_eq!(outcome(true, Some("")), (0, 1));
    }

    #[test]
    fn failed_tests_are_named() {
        let output = "test a::b ... FAILED\n\nfailures:\n\n---- a::b ----\nno answer: \n\
            Resource temporarily unavailable\n\n---- c stdout ----\n\nthread 'c' panicked at x.rs:1:2:\n\
            it is 3\nnote: run with `RUST_BACKTRACE=1`\n\n\nfailures:\n    a::b\n    c\n\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored\n";
        let mut outcome = Outcome::of("lane", false, true, output);
        outcome.add(Outcome::failure("another", "it needs\nlinux"));
        let expected = [
            "lane: a::b: no answer: Resource temporarily unavailable",
            "lane: c: thread 'c' panicked at x.rs:1:2: it is 3 note: run with `RUST_BACKTRACE=1`",
            "another: it needs linux",
        ];
        assert_eq!(outcome.failures, expected);
        assert_eq!((outcome.passed, outcome.failed), (1, 3));
        let compiled = Outcome::of("lane", false, false, "Checking\nerror[E1]: no\n --> x\n");
        assert_eq!(compiled.failures, ["lane: error[E1]: no"]);
        let script = Outcome::of("lane", false, false, "+ \"sh\"\nbroken link\n\n");
        assert_eq!(script.failures, ["lane: broken link"]);
        let long = format!("---- a ----\n{}\n", "ä".repeat(1000));
        let failures = failures("lane", &long);
        assert_eq!(failures, [format!("lane: a: {} ...", "ä".repeat(240))]);
    }
}
