#!/bin/sh
# Tries the Debian package of a release with lintian: no errors and no warnings but those that
# packaging/debian/lintian-overrides gives a reason for.
#
# usage: packaging/try/deb.sh [PACKAGE]
set -eu
cd "$(dirname "$0")/../.."
package=${1:-$(echo target/dist/plugsign_*.deb)}
said=$(mktemp)
trap 'rm -f "$said"' EXIT
lintian --allow-root --display-info --show-overrides --tag-display-limit 0 --fail-on none \
    "$package" > "$said" 2>&1 || { cat "$said" >&2; exit 1; }
if grep -E '^[EW]: ' "$said"; then exit 1; fi
# An override without its tag hides the next one of that name.
if grep -E 'unused-override|mismatched-override|malformed-override' "$said"; then exit 1; fi
echo "lintian: nothing, and $(grep -c '^O: ' "$said") tags that are overridden with a reason"
