#!/bin/sh
# Fails if a document below FOLDER has a link to a file that is not there.
#
# usage: packaging/try/links.sh FOLDER
set -eu
cd "$1"
dead=$(find . -name '*.md' | while IFS= read -r file; do
    { grep -o '](\([^) ]*\))' "$file" || true; } | sed 's/^](//; s/)$//' | while IFS= read -r link; do
        case $link in *:* | \#*) continue ;; esac
        [ -e "$(dirname "$file")/${link%%#*}" ] || echo "$file: no such file: $link"
    done
done)
[ -z "$dead" ] || { printf '%s\n' "$dead" >&2; exit 1; }
[ -n "$(find . -name README.md)" ] || { echo "links: $1 has no documents" >&2; exit 1; }
