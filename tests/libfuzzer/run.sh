#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# run.sh [TARGET] [OPTION...]: fuzzes hmark with libFuzzer and these options, until it is
# stopped or fails. TARGET is walk, for rules of revision 0, v1, or for the files that the
# operator's tool reads capture, flows, ruleset or routing. It starts from
# corpus/TARGET; new inputs go to target/.
#
# This does what `cargo fuzz run --sanitizer none TARGET` does, but needs no cargo-fuzz, and
# works with any compiler. hmark has no unsafe code for a sanitizer to watch.
set -eu

fuzzed=walk
case ${1:-} in
[!-]*)
	fuzzed=$1
	shift
	;;
esac
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}/libfuzzer
mkdir -p "$target/$fuzzed/corpus" "$target/$fuzzed/artifacts"
target=$(cd "$target" && pwd)
coverage=-Cllvm-args=-sanitizer-coverage
RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1"
RUSTFLAGS="$RUSTFLAGS -Cpasses=sancov-module"
RUSTFLAGS="$RUSTFLAGS $coverage-level=4 $coverage-inline-8bit-counters $coverage-pc-table"
export RUSTFLAGS="$RUSTFLAGS $coverage-trace-compares"
# With a target given, cargo applies RUSTFLAGS to the fuzzed code, but not to build scripts.
host=$(rustc -vV | sed -n 's/^host: //p')
cd "$here"
cargo build --quiet --locked --profile tools --bin "$fuzzed" --target "$host" --target-dir "$target"
exec "$target/$host/tools/$fuzzed" -artifact_prefix="$target/$fuzzed/artifacts/" -max_len=1024 "$@" \
	"$target/$fuzzed/corpus" "corpus/$fuzzed"
