#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# run.sh [OPTION...]: fuzzes hmark's walk with libFuzzer, given these options, until
# stopped or failed. It starts from corpus/walk; what it adds stays in target/.
#
# As `cargo fuzz run --sanitizer none walk`, without cargo-fuzz: any compiler will do,
# and hmark has no unsafe code for a sanitizer to watch.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}/fuzz
mkdir -p "$target/walk/corpus" "$target/walk/artifacts"
target=$(cd "$target" && pwd)
coverage=-Cllvm-args=-sanitizer-coverage
RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1"
RUSTFLAGS="$RUSTFLAGS -Cpasses=sancov-module"
RUSTFLAGS="$RUSTFLAGS $coverage-level=4 $coverage-inline-8bit-counters $coverage-pc-table"
export RUSTFLAGS="$RUSTFLAGS $coverage-trace-compares"
# Flags are for the fuzzed, not for build scripts, where a target is given.
host=$(rustc -vV | sed -n 's/^host: //p')
cd "$here"
cargo build --quiet --locked --profile tools --bin walk --target "$host" --target-dir "$target"
exec "$target/$host/tools/walk" -artifact_prefix="$target/walk/artifacts/" -max_len=1024 "$@" \
	"$target/walk/corpus" corpus/walk
