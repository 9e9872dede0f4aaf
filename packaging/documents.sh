#!/bin/sh
# Copies the documents that packages have into FOLDER. Links to what is not among them lead to this
# version's files in the repository.
#
# usage: packaging/documents.sh FOLDER
set -eu
folder=$1
cd "$(dirname "$0")/.."
mkdir -p "$folder"
cp README.md CHANGELOG.md SECURITY.md "$folder/"
cp -R docs templates "$folder/"
address=$(sed -n 's/^repository = "\(.*\)"$/\1/p' Cargo.toml)
version=$(packaging/version.sh)
root=$(pwd -P)

# Prints where in the repository a file's link leads: from the file's folder, to the link's path.
leads_to() { (cd "$1/$(dirname "$2")" && printf '%s/%s\n' "$(pwd -P)" "$(basename "$2")"); }

find "$folder" -name '*.md' | while IFS= read -r file; do
    from=$(dirname "${file#"$folder/"}")
    { grep -o '](\([^) ]*\))' "$file" || true; } | sed 's/^](//; s/)$//' | sort -u |
        while IFS= read -r link; do
            case $link in *:* | \#*) continue ;; esac
            path=${link%%#*}
            if [ -e "$folder/$from/$path" ]; then continue; fi
            to=$(leads_to "$from" "$path")
            [ -e "$to" ] || { echo "documents: $file: no such file: $link" >&2; exit 1; }
            kind=blob
            if [ -d "$to" ]; then kind=tree; fi
            sed "s,](${link%%#*}\([)#]\),]($address/$kind/v$version/${to#"$root/"}\1,g" "$file" > "$file.new"
            mv "$file.new" "$file"
        done
done
