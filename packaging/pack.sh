#!/bin/sh
# Packs a program that is built into FOLDER: plugsign-VERSION-TRIPLE.tar.gz, the same bytes for the
# same program. What it holds beside the program, pages and the like, stays in FOLDER.parts.
#
# usage: packaging/pack.sh PROGRAM TRIPLE FOLDER [RUNNER]
#        RUNNER runs a program for another processor: qemu-aarch64
set -eu
program=$1 triple=$2 folder=$3 runner=${4:-}
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
version=$(packaging/version.sh)

made=$folder.parts
rm -rf "$made"
mkdir -p "$made/man" "$folder"
$runner "$program" man --out "$made/man" >/dev/null
$runner "$program" completions bash > "$made/plugsign.bash"
$runner "$program" completions zsh > "$made/_plugsign"
$runner "$program" completions fish > "$made/plugsign.fish"
$runner "$program" completions powershell > "$made/plugsign.ps1"
packaging/documents.sh "$made/documents"
packaging/licences.sh "$triple" > "$made/THIRD-PARTY-LICENSES.txt"

name=plugsign-$version-$triple
mkdir "$made/$name"
cp "$program" LICENSE-APACHE LICENSE-MIT "$made/THIRD-PARTY-LICENSES.txt" "$made/$name/"
cp -R "$made/man" "$made/documents/." "$made/$name/"
mkdir "$made/$name/completions"
cp "$made/plugsign.bash" "$made/_plugsign" "$made/plugsign.fish" "$made/plugsign.ps1" \
    "$made/$name/completions/"
tar --sort=name --mode=u=rwX,go=rX --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    -C "$made" -cf - "$name" | gzip -n > "$folder/$name.tar.gz"
rm -r "${made:?}/$name"
