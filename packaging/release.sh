#!/bin/sh
# Builds a release of plugsign into target/dist: a static binary in a tarball and in an image, a
# Debian package, the sources, recipes for those who build them, and signs it all with plugsign
# itself. See RELEASING.md.
#
# usage: packaging/release.sh [--build | --aarch64] [--key-file FILE --passphrase-file FILE | -u KEY]
#        --build builds the binary and ends
#        --aarch64 adds what packaging/aarch64.sh makes
#        the other arguments go to `plugsign sign`; without any, it finds the key as it always does
set -eu
cd "$(dirname "$0")/.."
only_build='' with_aarch64=''
case ${1:-} in
    --build) only_build=yes && shift ;;
    --aarch64) with_aarch64=yes && shift ;;
esac
target_dir=${CARGO_TARGET_DIR:-target}
triple=$(packaging/host.sh)
version=$(packaging/version.sh)

# Static, so that it runs on any Linux of this architecture; it asks neither resolver nor user
# database. Random numbers come from the kernel's call: the crates that ask for them look for it in a
# shared library, and would read /dev/urandom, which a bare chroot does not have. It carries the list
# of what it was built from, for `cargo audit bin`.
RUSTFLAGS='-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"' \
    cargo auditable build --release --locked --target "$triple"
plugsign=$target_dir/$triple/release/plugsign
if [ -n "$only_build" ]; then exit; fi

# After the build: C code is compiled anew when this variable changes, and no date is in it.
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
rm -rf target/dist
packaging/pack.sh "$plugsign" "$triple" target/dist

# What else cargo-deb packs, where Cargo.toml says that it is.
gzip -9n < CHANGELOG.md > target/dist.parts/changelog.gz
licences=target/dist.parts/THIRD-PARTY-LICENSES.txt
gzip -9n < "$licences" > "$licences.gz"
maintainer=$(packaging/maintainer.sh)
sed "s/@MAINTAINER@/$maintainer/" packaging/debian/copyright > target/dist.parts/copyright
cat > target/dist.parts/debian-changelog <<END
plugsign ($version-1) unstable; urgency=medium

  * Release $version. changelog.gz, beside this file, has what changed.

 -- $maintainer  $(LC_ALL=C date -u -d "@$SOURCE_DATE_EPOCH" -R)
END
cargo deb --no-build --no-strip --locked --target "$triple" --output target/dist/ >/dev/null

packaging/image.sh "$plugsign" "$triple" target/dist "$licences"

# The sources, and the recipes that build them.
sources=target/dist/plugsign-$version.tar.gz
git archive --format=tar --prefix="plugsign-$version/" HEAD | gzip -n > "$sources"
packaging/recipes.sh "$sources" target/dist

# The software bill of materials is what the binary says of itself.
auditable2cdx "$plugsign" > "target/dist/plugsign-$version.cdx.json"

if [ -n "$with_aarch64" ]; then
    packaging/aarch64.sh
    # It names what it misses, and then the release is not whole.
    [ -e "target/dist/plugsign-$version-aarch64-unknown-linux-gnu.tar.gz" ]
fi

"$plugsign" sign --checksums --include '*.tar.gz' --include '*.oci.tar' --include '*.deb' \
    --include '*.cdx.json' --include plugsign.rb --include PKGBUILD "$@" target/dist
if grep -q 'plugsign\.invalid' Cargo.toml; then
    echo 'Do not publish this: packaging/fill.sh has not written all addresses into Cargo.toml.'
fi
