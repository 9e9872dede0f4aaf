#!/bin/sh
# Puts a static program into an OCI image: the program, its licences, a folder for keys and one for
# a release. No shell, no certificates, no user 0. The same bytes for the same program and commit.
#
# usage: packaging/image.sh PROGRAM TRIPLE FOLDER LICENCES
#        LICENCES is the file with what packaging/licences.sh printed.
#        Needs umoci, and neither a daemon nor privileges. Where it is missing, there is no image.
set -eu
program=$1 triple=$2 folder=$3 licences=$4
if ! command -v umoci >/dev/null; then
    echo 'skipped: image: there is no umoci'
    exit 0
fi
case $triple in
    x86_64-*) processor=amd64 ;;
    aarch64-*) processor=arm64 ;;
    *) echo "image: $triple has no name in OCI images here. Add it to packaging/image.sh." >&2; exit 1 ;;
esac
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
made_at=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
version=$(packaging/version.sh)
value() { sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" Cargo.toml | head -n 1; }

made=$folder.parts/image
rm -rf "$made"
mkdir -p "$made/documents" "$folder"
cp LICENSE-APACHE LICENSE-MIT "$made/documents/"
cp "$licences" "$made/documents/THIRD-PARTY-LICENSES.txt"
cp "$program" "$made/plugsign"

# The layer, entry by entry: nothing depends on who runs this. The program is unreadable, as the
# Debian package has it (SECURITY.md).
user=65532
entry() {
    tar --owner="$1" --group="$1" --mode="$2" --mtime="@$SOURCE_DATE_EPOCH" --sort=name \
        --numeric-owner --transform "s,^[^/]*,$4," -C "$made" -rf "$made/layer.tar" "$3"
}
mkdir "$made/empty"
for place in usr usr/bin usr/share usr/share/doc; do entry 0 755 empty "$place"; done
entry 0 711 plugsign usr/bin/plugsign
entry 0 u=rwX,go=rX documents usr/share/doc/plugsign
entry "$user" 700 empty keys
entry "$user" 755 empty work

image=$made/layout:$version
umoci init --layout "$made/layout"
umoci new --image "$image"
umoci raw add-layer --image "$image" --history.created "$made_at" \
    --history.created_by packaging/image.sh "$made/layer.tar"
umoci config --image "$image" --no-history --created "$made_at" \
    --author 'The plugsign developers' --os linux --architecture "$processor" \
    --config.user "$user:$user" --config.entrypoint /usr/bin/plugsign \
    --config.workingdir /work --config.volume /keys \
    --config.env PATH=/usr/bin --config.env PLUGSIGN_HOME=/keys \
    --config.label org.opencontainers.image.title=plugsign \
    --config.label "org.opencontainers.image.description=$(value description)" \
    --config.label "org.opencontainers.image.licenses=$(value license)" \
    --config.label "org.opencontainers.image.source=$(value repository)" \
    --config.label "org.opencontainers.image.url=$(value homepage)" \
    --config.label "org.opencontainers.image.version=$version" \
    --config.label "org.opencontainers.image.revision=$(git rev-parse HEAD)"
umoci gc --layout "$made/layout"
# What tools that read OCI archives call it.
sed -i "s/\"\(org.opencontainers.image.ref.name\)\":\"$version\"/\"\1\":\"plugsign:$version\"/" \
    "$made/layout/index.json"
# `docker load` reads an OCI layout only where Docker keeps its images in containerd. For all others
# the archive says the same once more, in Docker's own manifest.json, as `docker save` does.
digests() { grep -o '"digest":"sha256:[0-9a-f]*"' "$1" | sed 's/.*sha256:\(.*\)"/\1/'; }
blobs=blobs/sha256
manifest=$blobs/$(digests "$made/layout/index.json")
# Of the configuration, then of the only layer.
digests "$made/layout/$manifest" > "$made/digests"
{ read -r config && read -r layer; } < "$made/digests"
printf '[{"Config":"%s","RepoTags":["%s"],"Layers":["%s"]}]\n' \
    "$blobs/$config" "plugsign:$version" "$blobs/$layer" > "$made/layout/manifest.json"
tar --sort=name --mode=u=rwX,go=rX --owner=0 --group=0 --numeric-owner \
    --mtime="@$SOURCE_DATE_EPOCH" -C "$made/layout" -cf "$folder/plugsign-$version-$triple.oci.tar" \
    blobs index.json manifest.json oci-layout
rm -rf "$made"
