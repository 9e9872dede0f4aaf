#!/bin/sh
# Writes the recipes that build the sources of a release, with its version and the checksum of SOURCES,
# into FOLDER.
#
# usage: packaging/recipes.sh SOURCES FOLDER
set -eu
sources=$1 folder=$2
version=$(packaging/version.sh)
fail() { echo "recipes: $1" >&2; exit 1; }
[ "${sources##*/}" = "plugsign-$version.tar.gz" ] || fail "$sources is not named after $version"
# They are a commit's, the version is the checkout's.
tar -xzOf "$sources" "plugsign-$version/Cargo.toml" | grep -qxF "version = \"$version\"" ||
    fail "$sources has another version than $version. Commit Cargo.toml first."
sha256=$(sha256sum "$sources" | cut -d ' ' -f 1)
maintainer=$(packaging/maintainer.sh)

fill() {
    sed -e "s/@VERSION@/$version/g" -e "s/@SHA256@/$sha256/g" -e "s/@MAINTAINER@/$maintainer/" \
        "packaging/$1" > "$folder/${1##*/}"
}
# A line of a recipe, without blanks at its start.
has() {
    sed 's/^ *//' "$folder/$1" | grep -qxF "$2" || fail "$1 has no line $2"
}
address=$(sed -n 's/^repository = "\(.*\)"$/\1/p' Cargo.toml)
fill plugsign.rb
has plugsign.rb "url \"$address/releases/download/v$version/plugsign-$version.tar.gz\""
has plugsign.rb "sha256 \"$sha256\""
fill aur/PKGBUILD
has PKGBUILD "# Maintainer: $maintainer"
has PKGBUILD "pkgver=$version"
has PKGBUILD "url='$address'"
has PKGBUILD "sha256sums=('$sha256')"
