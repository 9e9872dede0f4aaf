#!/bin/sh
# Builds a release of plugsign into target/dist: a static binary in a tarball, a Debian package,
# the sources, and signs it all with plugsign itself. See RELEASING.md.
#
# usage: packaging/release.sh [--key-file FILE --passphrase-file FILE | -u KEY]
#        the arguments go to `plugsign sign`; without any, it finds the key as it always does
set -eu
cd "$(dirname "$0")/.."
target_dir=${CARGO_TARGET_DIR:-target}
triple=$(rustc -vV | sed -n 's/^host: //p')
version=$(cargo metadata --no-deps --format-version 1 --locked |
    sed 's/.*"name":"plugsign","version":"\([^"]*\)".*/\1/')
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"

# Static, so that it runs on any Linux of this architecture; it asks neither resolver nor user
# database. It carries the list of what it was built from, for `cargo audit bin`.
RUSTFLAGS='-C target-feature=+crt-static' \
    cargo auditable build --release --locked --target "$triple"
plugsign=$target_dir/$triple/release/plugsign

# What cargo-deb packs, where Cargo.toml says that it is.
made=target/packaging
rm -rf "$made" target/dist
mkdir -p "$made/man" target/dist
"$plugsign" man --out "$made/man" >/dev/null
"$plugsign" completions bash > "$made/plugsign.bash"
"$plugsign" completions zsh > "$made/_plugsign"
"$plugsign" completions fish > "$made/plugsign.fish"
"$plugsign" completions powershell > "$made/plugsign.ps1"
cargo deb --no-build --no-strip --locked --target "$triple" --output target/dist/ >/dev/null

name=plugsign-$version-$triple
mkdir "$made/$name"
cp "$plugsign" README.md CHANGELOG.md SECURITY.md LICENSE-APACHE LICENSE-MIT "$made/$name/"
cp -R "$made/man" docs templates "$made/$name/"
mkdir "$made/$name/completions"
cp "$made/plugsign.bash" "$made/_plugsign" "$made/plugsign.fish" "$made/plugsign.ps1" \
    "$made/$name/completions/"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    -C "$made" -cf - "$name" | gzip -n > "target/dist/$name.tar.gz"
git archive --format=tar --prefix="plugsign-$version/" HEAD | gzip -n \
    > "target/dist/plugsign-$version.tar.gz"

# The software bill of materials is what the binary says of itself.
auditable2cdx "$plugsign" > "target/dist/plugsign-$version.cdx.json"

"$plugsign" sign --checksums --include '*.tar.gz' --include '*.deb' --include '*.cdx.json' \
    "$@" target/dist
