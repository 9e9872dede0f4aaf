#!/bin/sh
# Builds plugsign, signs a copy of the example's dist/ with the example's key, and verifies it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
cargo build --locked
plugsign=${CARGO_TARGET_DIR:-target}/debug/plugsign

release=$(mktemp -d)
trap 'rm -rf "$release"' EXIT
cp -R "$here/dist" "$release/dist"
rm -f "$release"/dist/*.sig

"$plugsign" sign --key-file "$here/organisation.secret.asc" \
    --passphrase-file "$here/passphrase" "$release/dist"
"$plugsign" verify --key "$here/organisation.asc" "$release/dist"
