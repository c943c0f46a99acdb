#!/bin/sh
# Builds a fuzz target on stable Rust with libFuzzer's coverage and runs it: run.sh TARGET [libFuzzer arguments].
set -eu
cd "$(dirname "$0")"
target=${1:?usage: run.sh TARGET [libFuzzer arguments]}
shift
host=$(rustc -vV | sed -n 's/^host: //p')
# The flags of cargo-fuzz, without a sanitizer. --target keeps them from build scripts.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
cargo build --quiet --release --target "$host" --bin "$target"
mkdir -p "corpus/$target" "artifacts/$target"
dir=${CARGO_TARGET_DIR:-target}
exec "$dir/$host/release/$target" -artifact_prefix="artifacts/$target/" "$@" "corpus/$target"
