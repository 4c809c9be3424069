#!/bin/sh
# Lists all that build/bundle.ts reads, each file with what changes when its content does. No tool can set a ctime back.
root=$(CDPATH= cd -- "${0%/*}/.." && pwd -P) || exit 1
exec find "$root/src" "$root/package-lock.json" "$root/build/bundle.ts" "$root/build/sources.sh" \
  ! -type d -printf '%p %i %s %C@\n'
