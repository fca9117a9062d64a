#!/usr/bin/env bash
# What 100 tools cost the compiler, against 100 hand-written structs with serde and schemars derives.
#
#   tests/compile-time.sh [TOOLS] [ROUNDS] [COMMAND…]      default: 100 3 'check' 'build --release'
#
# Three crates with the same functions of three documented parameters: `tools` (with #[tool]), `hand`
# (a struct with both derives, a function from JSON text to JSON text and one that makes the schema)
# and `derives` (the structs alone, called by nobody). Prints the CPU seconds (user + system, the best
# of ROUNDS) of the leaf crate alone, dependencies built before, for `cargo check` and for
# `cargo build --release`, and the ratios. Needs nothing outside the workspace's lock file.
set -euo pipefail

tools=${1:-100}
rounds=${2:-3}
commands=("${@:3}")
[ ${#commands[@]} -gt 0 ] || commands=('check' 'build --release')
root=$(cd "$(dirname "$0")/.." && pwd)
work="$root/target/compile-time"
rm -rf "$work/src"
mkdir -p "$work/src"
cd "$work/src"

schemars=$(sed -n 's/^schemars = { version = "\([^"]*\)".*/\1/p' "$root/Cargo.toml")
types=(String u64 bool 'Option<String>' 'Vec<u32>' i64)

manifest() {
    mkdir -p "$1/src"
    cat > "$1/Cargo.toml" <<TOML
[package]
name = "$1"
version = "0.0.0"
edition = "2024"
[lib]
[dependencies]
$2
TOML
}
manifest empty 'countersign = { path = "'"$root"'/runtime", default-features = false }
serde = { version = "1", features = ["derive"] }
serde_json = "1"
schemars = { version = "'"$schemars"'", default-features = false, features = ["derive", "std"] }'
for crate in tools hand derives; do
    mkdir -p "$crate/src"
    sed "s/name = \"empty\"/name = \"$crate\"/" empty/Cargo.toml > "$crate/Cargo.toml"
done
echo 'pub fn nothing() {}' > empty/src/lib.rs
printf '[workspace]\nresolver = "3"\nmembers = ["empty", "tools", "hand", "derives"]\n' > Cargo.toml
cp "$root/Cargo.lock" Cargo.lock

for ((i = 0; i < tools; i++)); do
    a=${types[$((i % 6))]} b=${types[$(((i + 1 + i / 6) % 6))]} c=${types[$(((i + 3 + i / 36) % 6))]}
    cat >> tools/src/lib.rs <<RUST
/// Do number $i of the things that can be done.
#[countersign::tool]
pub fn work_$i(
    /// The first thing it needs.
    first: $a,
    /// The second thing it needs.
    second: $b,
    /// The third thing it needs.
    third: $c,
) -> Result<u64, String> {
    let _ = (first, second, third);
    Ok($i)
}
RUST
    cat >> derives/src/lib.rs <<RUST
/// Do number $i of the things that can be done.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Work$i {
    /// The first thing it needs.
    pub first: $a,
    /// The second thing it needs.
    pub second: $b,
    /// The third thing it needs.
    pub third: $c,
}
pub fn work_$i(Work$i { first, second, third }: Work$i) -> Result<u64, String> {
    let _ = (first, second, third);
    Ok($i)
}
RUST
    cat >> hand/src/lib.rs <<RUST
pub fn call_$i(arguments: &str) -> Result<String, String> {
    let arguments = serde_json::from_str::<Work$i>(arguments).map_err(|it| it.to_string())?;
    let value = work_$i(arguments)?;
    serde_json::to_string(&value).map_err(|it| it.to_string())
}
pub fn schema_$i() -> schemars::Schema {
    schemars::schema_for!(Work$i)
}
RUST
done
cat derives/src/lib.rs >> hand/src/lib.rs

export CARGO_TARGET_DIR="$work/target" CARGO_INCREMENTAL=0
cpu() { # CRATE COMMAND…: the best CPU time of building just that crate
    local crate=$1 best='' took
    shift
    cargo "$@" --offline -q -p "$crate"
    for ((round = 0; round < rounds; round++)); do
        touch "$crate/src/lib.rs"
        took=$( { TIMEFORMAT='%U %S'; time cargo "$@" --offline -q -p "$crate" 2> /dev/null; } 2>&1 | awk '{ print $1 + $2 }')
        best=$(printf '%s\n%s\n' "$took" "${best:-$took}" | sort -g | head -n 1)
    done
    echo "$best"
}
for command in "${commands[@]}"; do
    # shellcheck disable=SC2086
    nothing=$(cpu empty $command) with=$(cpu tools $command) hand=$(cpu hand $command) derives=$(cpu derives $command)
    echo "$nothing $with $hand $derives" | awk -v tools="$tools" -v command="$command" '{
        printf "cargo %s, %d tools: empty crate %.2f s, #[tool] %.2f s, by hand %.2f s, derives alone %.2f s\n", command, tools, $1, $2, $3, $4
        printf "    ratio to by hand %.2f (%.2f without the empty crate), to derives alone %.2f\n", $2 / $3, ($2 - $1) / ($3 - $1), $2 / $4
    }'
done
