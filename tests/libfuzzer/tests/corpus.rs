// SPDX-License-Identifier: GPL-2.0-only

//! Checks the corpus without the fuzzer: the inputs that together reach all of the walk.

use hmark_libfuzzer::{check, Found};
use std::fs;
use std::path::Path;

#[test]
fn corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/walk");
    let mut counts = [0; 7];
    for entry in fs::read_dir(corpus).expect("a corpus") {
        let path = entry.expect("an input").path();
        let input = fs::read(&path).expect("an input's bytes");
        println!("{}", path.display()); // shown if the check panics
        let kind = match (input.first(), check(&input)) {
            (Some(b'4'), Some(Found::Untouched)) => 0,
            (Some(b'4'), Some(Found::Tuple(_))) => 1,
            (Some(b'6'), Some(Found::Untouched)) => 2,
            (Some(b'6'), Some(Found::Nothing)) => 3,
            (Some(b'6'), Some(Found::Tuple(_))) => 4,
            (_, None) => 5,
            _ => 6,
        };
        counts[kind] += 1;
    }
    assert!(counts[..6].iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(counts[6], 0, "{counts:?}");
}
