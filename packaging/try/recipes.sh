#!/bin/sh
# Tries the recipes of a release, with the program that is built in the place of a build: the
# Homebrew formula and the AUR's PKGBUILD, as packaging/release.sh filled them in. Needs Debian's
# makepkg, rubocop and shellcheck.
#
# usage: packaging/try/recipes.sh [PROGRAM]
set -eu
cd "$(dirname "$0")/../.."
here=$PWD/packaging/try
dist=$PWD/target/dist
program=${1:-}
if [ -z "$program" ]; then
    triple=$(packaging/host.sh)
    program=${CARGO_TARGET_DIR:-target}/$triple/release/plugsign
fi
TRIED=$(realpath "$program")
export TRIED
fail() { echo "recipes: $1" >&2; exit 1; }
# What a recipe prints is worth reading if it failed.
quiet() { "$@" > "$tried/printed" 2>&1 || { cat "$tried/printed" >&2; fail "failed: $*"; }; }

tried=$(mktemp -d)
trap 'rm -rf "$tried"' EXIT
chmod 755 "$tried"
mkdir "$tried/bin"
cp "$here/cargo" "$tried/bin/"
# Others run it below, who cannot look into every folder.
cp "$TRIED" "$tried/plugsign"
TRIED=$tried/plugsign

ruby -c "$dist/plugsign.rb" >/dev/null
quiet rubocop --config packaging/.rubocop.yml "$dist/plugsign.rb" packaging/try/homebrew.rb
export PATH="$tried/bin:$PATH"
quiet ruby packaging/try/homebrew.rb "$dist/plugsign.rb" "$dist"

bash -n "$dist/PKGBUILD"
# makepkg reads the names, sets $pkgdir, and stops at the first command that fails.
shellcheck --shell bash --exclude SC2034,SC2154,SC2164 "$dist/PKGBUILD"
mkdir "$tried/aur"
version=$(packaging/version.sh)
cp "$dist/PKGBUILD" "$dist/plugsign-$version.tar.gz" "$tried/aur/"
# makepkg refuses to run as root.
if [ "$(id -u)" -eq 0 ]; then
    chown -R 65534:65534 "$tried/aur"
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
else
    as_nobody() { "$@"; }
fi
cd "$tried/aur"
export HOME="$tried/aur" PKGEXT=.pkg.tar.gz
as_nobody makepkg --printsrcinfo > "$tried/srcinfo"
grep -q "pkgver = $version\$" "$tried/srcinfo" || fail 'makepkg reads another version'
quiet as_nobody makepkg --nodeps --nocolor
tar -tvzf plugsign-"$version"-1-*.pkg.tar.gz > "$tried/held"
for held in '-rwx--x--x .* usr/bin/plugsign$' ' usr/share/man/man1/plugsign-sign\.1\.gz$' \
    ' usr/share/bash-completion/completions/plugsign$' \
    ' usr/share/zsh/site-functions/_plugsign$' \
    ' usr/share/fish/vendor_completions\.d/plugsign\.fish$' \
    ' usr/share/licenses/plugsign/LICENSE-MIT$' ' usr/share/doc/plugsign/docs/ci\.md$'; do
    grep -q -- "$held" "$tried/held" || fail "the package does not hold $held"
done
mkdir "$tried/unpacked"
tar -xzf plugsign-"$version"-1-*.pkg.tar.gz -C "$tried/unpacked"
"$here/links.sh" "$tried/unpacked/usr/share/doc/plugsign"
if grep -v ' root/root ' "$tried/held"; then fail 'not all belongs to root'; fi
echo "recipes: the formula and the PKGBUILD install plugsign $version"
