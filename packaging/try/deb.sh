#!/bin/sh
# Tries the Debian package of a release with lintian: no errors and no warnings but those that
# packaging/debian/lintian-overrides gives a reason for. Its documents have no dead links and all licences.
#
# usage: packaging/try/deb.sh [PACKAGE]
set -eu
cd "$(dirname "$0")/../.."
package=${1:-$(echo target/dist/plugsign_*.deb)}
tried=$(mktemp -d)
trap 'rm -rf "$tried"' EXIT
said=$tried/said
lintian --allow-root --display-info --show-overrides --tag-display-limit 0 --fail-on none \
    "$package" > "$said" 2>&1 || { cat "$said" >&2; exit 1; }
if grep -E '^[EW]: ' "$said"; then exit 1; fi
# An override without its tag hides the next one of that name.
if grep -E 'unused-override|mismatched-override|malformed-override' "$said"; then exit 1; fi

dpkg-deb -x "$package" "$tried/unpacked"
documents=$tried/unpacked/usr/share/doc/plugsign
packaging/try/links.sh "$documents"
# What the program holds of others, from the first crate to the C library.
gzip -dc "$documents/THIRD-PARTY-LICENSES.txt.gz" > "$tried/licences"
for named in 'adler2 [0-9.]*, ' 'sequoia-openpgp [0-9.]*, LGPL' 'GNU LIBRARY GENERAL PUBLIC LICENSE' \
    'aws-lc-sys-[0-9.]*:$' '^The Rust standard library:$' '^The GNU C Library:$'; do
    grep -q -- "$named" "$tried/licences" || { echo "deb: no $named among the licences" >&2; exit 1; }
done
echo "lintian: nothing, and $(grep -c '^O: ' "$said") tags that are overridden with a reason"
