#!/bin/sh
# Prints the licences of what a released program holds of others: the crates that are linked for
# TRIPLE, Rust's standard library and the C library. A text that many have stands once. The same bytes
# for the same Cargo.lock and toolchain.
#
# usage: packaging/licences.sh TRIPLE
#        Needs the sources of the crates, as a build does, and no network.
set -eu
export LC_ALL=C
triple=$1
cargo=${CARGO:-cargo} rustc=${RUSTC:-rustc}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# Each crate: `NAME VERSION|LICENCE`.
"$cargo" tree --locked --offline --target "$triple" --edges normal,no-proc-macro --prefix none \
    --format '{p}|{l}' > "$made/tree"
sed -n 's/ ([*])$//; s/^\([^ ]*\) v\([^ |]*\)[^|]*|/\1 \2|/p' "$made/tree" |
    grep -v '^plugsign ' | sort -u > "$made/crates"

# Where its texts are: in its sources, and here for a crate that comes without one.
"$cargo" metadata --locked --offline --filter-platform "$triple" --format-version 1 > "$made/metadata"
grep -o '"manifest_path":"[^"]*/Cargo.toml"' "$made/metadata" |
    sed 's/.*:"//; s,/Cargo.toml"$,,' > "$made/folders"
find packaging/licences -mindepth 1 >> "$made/folders"
awk -F '[ |]' 'FNR == NR { wanted[$1 "-" $2]; next }
    { name = $0; sub(/.*\//, "", name); sub(/\.txt$/, "", name) }
    name in wanted' "$made/crates" "$made/folders" | sort > "$made/places"
tr '\n' '\0' < "$made/places" | xargs -0 sh -c 'find "$@" -type f ! -name "*.rs" \
    \( -path "packaging/*" -o -iname "licen[cs]e*" -o -iname "unlicen[cs]e*" -o -iname "copying*" \
    -o -iname "notice*" -o -iname "copyright*" \)' find |
    sort | tr '\n' '\0' | xargs -0 sha256sum > "$made/texts"

line=$(printf '%078d' 0 | tr 0 -)
heading() { printf '\n%s\n\n%s\n\n' "$line" "$1"; }

echo 'plugsign itself is under the MIT licence or the Apache License 2.0: LICENSE-MIT, LICENSE-APACHE.
The program also holds what follows, under the licences that are named here. Their texts are below.

  The GNU C Library, LGPL-2.1-or-later, in a program that is linked statically
  The Rust standard library, MIT OR Apache-2.0'
sed 's/^/  /; s/|/, /' "$made/crates"
echo '
Some of it is under the LGPL. With the sources of a release, anybody can build the program with other
versions of those libraries.'

# Lines of `texts` are a checksum and a path, in the order of crates.
awk -v crates="$made/crates" -v places="$made/places" -v rule="$line" '
    BEGIN {
        while ((getline place < places) > 0) {
            name = place; sub(/.*\//, "", name); sub(/\.txt$/, "", name); is_of[place] = name
        }
    }
    {
        sum = $1; path = place = substr($0, 67)
        while (!(place in is_of) && sub(/\/[^\/]*$/, "", place)) continue
        name = is_of[place]; has_text[name]
        if (!(sum in texts)) { texts[sum] = path; order[++count] = sum }
        if (!((sum, name) in seen)) { seen[sum, name]; holders[sum] = holders[sum] ", " name }
    }
    END {
        while ((getline crate < crates) > 0) {
            sub(/\|.*/, "", crate); sub(/ /, "-", crate)
            if (!(crate in has_text)) {
                print "licences: " crate " comes without a text: write packaging/licences/" crate \
                    ".txt" > "/dev/stderr"
                exit 1
            }
        }
        for (place = 1; place <= count; place++) {
            sum = order[place]
            printf "\n%s\n\n%s:\n\n", rule, substr(holders[sum], 3)
            while ((getline line < texts[sum]) > 0) { sub(/\r$/, "", line); print line }
        }
    }' "$made/texts"

# What a toolchain says of its own libraries, if it does.
first() { for file; do if [ -e "$file" ]; then echo "$file"; return; fi; done; }
notices=$(first "$("$rustc" --print sysroot)/share/doc/rust/COPYRIGHT-library.html" \
    /usr/share/doc/libstd-rust-web-dev/copyright /usr/share/doc/libstd-rust-dev/copyright)
if [ -n "$notices" ]; then
    heading 'The Rust standard library:'
    sed 's/<[^>]*>//g; s/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&#34;/"/g; s/&#60;/</g
        s/&#62;/>/g; s/&#38;/\&/g; s/&#39;/'"'"'/g; s/&amp;/\&/g' "$notices" | cat -s
else
    echo "licences: the notices of Rust's standard library are not on this machine" >&2
fi
notices=$(first /usr/share/doc/libc6-dev/copyright /usr/share/doc/libc6-dev-*-cross/copyright)
lgpl=$(first /usr/share/common-licenses/LGPL-2.1)
if [ -n "$notices" ] && [ -n "$lgpl" ]; then
    heading 'The GNU C Library:'
    cat "$notices"
    heading 'The GNU Lesser General Public License, version 2.1:'
    cat "$lgpl"
else
    echo 'licences: the notices of the GNU C Library are not on this machine' >&2
fi
