#!/bin/sh
# Builds plugin-api and a plugin with the oldest compiler that they support, Rust 1.85: that of Debian 13, in a root file
# system made from that suite. Needs root and 2 GB. Usage: tests/oldest-compiler.sh FOLDER; the library is then
# FOLDER/libtopology_nodebase.so.
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
workspace=$(cd "$(dirname "$0")/.." && pwd)
root=$folder/trixie

# A crate outside of this workspace, as an author has it, with a lock file of today.
crate=$folder/work
rm -rf "$crate"
mkdir -p "$crate/plugins" "$crate/topologies"
cp -R "$workspace/plugin-api" "$crate/plugin-api"
cp -R "$workspace/plugins/nodebase" "$crate/plugins/nodebase"
cp -R "$workspace/topologies/topology_nodebase" "$crate/topologies/topology_nodebase"
cd "$crate/plugins/nodebase"
mkdir .cargo
CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS=fallback cargo generate-lockfile --quiet
cargo vendor --quiet --locked vendor
cat >.cargo/config.toml <<'END'
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "vendor"
END

if ! test -x "$root/usr/bin/cargo"; then
  if ! command -v mmdebstrap >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mmdebstrap >/dev/null
  fi
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/$')
  mmdebstrap --quiet --variant=minbase --include=cargo,rustc,gcc,libc6-dev trixie "$root" "$mirror"
fi
mkdir -p "$root/work"
rm -rf "$root/work"
mv "$crate" "$root/work"
env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" sh -c '
  cd /work/plugins/nodebase && rustc --version && cargo build --quiet --offline --locked'
cp "$root/work/plugins/nodebase/target/debug/libtopology_nodebase.so" "$folder"
