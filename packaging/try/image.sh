#!/bin/sh
# Tries the image of a release: its bytes again, what it holds, and how it runs, as the user and in
# the folder that it names. Needs root for chroot, umoci and jq.
#
# usage: packaging/try/image.sh [PROGRAM TRIPLE]
#        Without them it asks rustc, which root may not have: name both then.
set -eu
cd "$(dirname "$0")/../.."
if [ $# -eq 2 ]; then
    program=$1 triple=$2
elif [ $# -eq 0 ]; then
    triple=$(packaging/host.sh)
    program=${CARGO_TARGET_DIR:-target}/$triple/release/plugsign
else
    echo 'usage: packaging/try/image.sh [PROGRAM TRIPLE]' >&2
    exit 2
fi
version=$(packaging/version.sh)
name=plugsign-$version-$triple.oci.tar
fail() { echo "image: $1" >&2; exit 1; }
for tool in umoci jq chroot; do
    command -v "$tool" >/dev/null || fail "there is no $tool"
done
chroot=$(command -v chroot)

tried=$(mktemp -d)
trap 'rm -rf "$tried"' EXIT
# Those of the release, if there is one: root may not have cargo.
packed=plugsign-$version-$triple
if [ -e "target/dist/$packed.tar.gz" ]; then
    tar -xzOf "target/dist/$packed.tar.gz" "$packed/THIRD-PARTY-LICENSES.txt" > "$tried/licences"
else
    packaging/licences.sh "$triple" > "$tried/licences"
fi
for again in one two; do
    (umask "$([ "$again" = one ] && echo 022 || echo 077)"
        packaging/image.sh "$program" "$triple" "$tried/$again" "$tried/licences" >/dev/null)
done
cmp "$tried/one/$name" "$tried/two/$name"
[ ! -e "target/dist/$name" ] || cmp "$tried/one/$name" "target/dist/$name"

mkdir "$tried/layout"
tar -xf "$tried/one/$name" -C "$tried/layout"
# What Docker reads without containerd: the same configuration and layer, and the layer's own digest.
(
    cd "$tried/layout"
    from_docker=$(jq -c '[length, .[0].Config, .[0].Layers, .[0].RepoTags]' manifest.json)
    manifest=$(jq -r '.manifests[0].digest | "blobs/" + sub(":"; "/")' index.json)
    from_oci=$(jq -c --arg tag "plugsign:$version" '
        def blob: "blobs/" + sub(":"; "/");
        [1, (.config.digest | blob), [.layers[].digest | blob], [$tag]]' "$manifest")
    [ "$from_docker" = "$from_oci" ] || fail "manifest.json says $from_docker and not $from_oci"
    unpacked=$(gzip -dc "$(jq -r '.[0].Layers[0]' manifest.json)" | sha256sum | cut -d ' ' -f 1)
    layers=$(jq -r '.rootfs.diff_ids[]' "$(jq -r '.[0].Config' manifest.json)")
    [ "$layers" = "sha256:$unpacked" ] || fail "the layer is not $layers"
)
umoci unpack --image "$tried/layout:plugsign:$version" "$tried/bundle" >/dev/null
root=$tried/bundle/rootfs
(cd "$root" && find . -mindepth 1 -printf '%M %U %P\n' | sort -k 3) > "$tried/held"
cat > "$tried/expected" <<END
drwx------ 65532 keys
drwxr-xr-x 0 usr
drwxr-xr-x 0 usr/bin
-rwx--x--x 0 usr/bin/plugsign
drwxr-xr-x 0 usr/share
drwxr-xr-x 0 usr/share/doc
drwxr-xr-x 0 usr/share/doc/plugsign
-rw-r--r-- 0 usr/share/doc/plugsign/LICENSE-APACHE
-rw-r--r-- 0 usr/share/doc/plugsign/LICENSE-MIT
-rw-r--r-- 0 usr/share/doc/plugsign/THIRD-PARTY-LICENSES.txt
drwxr-xr-x 65532 work
END
diff "$tried/expected" "$tried/held"

# As a runtime would: the user, the folder, the environment and the program that the image names.
process() { jq -r ".process.$1" "$tried/bundle/config.json"; }
user=$(process 'user.uid'):$(process 'user.gid')
[ "$user" = 65532:65532 ] || fail "it runs as $user"
run() {
    # shellcheck disable=SC2046 # words without blanks
    env -i $(process 'env[]') "$chroot" --userspec "$user" "$root" "$(process 'args[0]')" "$@"
}
# chroot begins in /; the image, in this folder.
work=$(process cwd)
run --version
cp -R keys-example/dist keys-example/organisation.asc keys-example/organisation.secret.asc \
    keys-example/passphrase "$root/work/"
rm -f "$root"/work/dist/*.sig
chown -R 65532:65532 "$root/work"
run sign --key-file "$work/organisation.secret.asc" --passphrase-file "$work/passphrase" "$work/dist"
run verify --key "$work/organisation.asc" "$work/dist"
# A key of its own, in the volume.
run keygen --user-id 'Image <image@example.org>' --no-passphrase
rm "$root"/work/dist/*.sig
run sign "$work/dist"
run verify "$work/dist"
# A CI's key and another user, as docs/ci.md has it.
rm "$root"/work/dist/*.sig
chown -R 1234:1234 "$root/work"
user=1234:1234
PLUGSIGN_KEY=$(cat keys-example/organisation.secret.asc)
PLUGSIGN_PASSPHRASE=$(cat keys-example/passphrase)
PLUGSIGN_HOME=$(process 'env[]' | sed -n 's/^PLUGSIGN_HOME=//p')
export PLUGSIGN_KEY PLUGSIGN_PASSPHRASE PLUGSIGN_HOME
env -u SOURCE_DATE_EPOCH "$chroot" --userspec "$user" "$root" "$(process 'args[0]')" sign "$work/dist"
run verify --key "$work/organisation.asc" "$work/dist"
[ -n "$(find "$root/keys" -type f -uid 65532)" ] || fail 'no key is in /keys'
echo "$name: $(stat -c %s "$tried/one/$name") bytes"
