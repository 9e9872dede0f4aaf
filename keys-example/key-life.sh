#!/bin/sh
# The life of an organisation's key, from the ceremony to its end: docs/key-life.md tells it.
#
#   sh keys-example/key-life.sh [DIR]
#
# Builds plugsign unless PLUGSIGN names one. Works in DIR, which must not exist, or in a
# temporary folder; in it, steps/ keeps the certificate as it was published after each step.
set -eu
if [ -z "${PLUGSIGN:-}" ]; then
    here=$(cd "$(dirname "$0")" && pwd)
    (cd "$here/.." && cargo build --locked)
    PLUGSIGN=$here/../${CARGO_TARGET_DIR:-target}/debug/plugsign
    case ${CARGO_TARGET_DIR:-} in /*) PLUGSIGN=$CARGO_TARGET_DIR/debug/plugsign ;; esac
fi
plugsign() { "$PLUGSIGN" "$@"; }

life=${1:-}
if [ -z "$life" ]; then
    life=$(mktemp -d)
    trap 'rm -rf "$life"' EXIT
else
    mkdir -m 700 "$life"
fi
cd "$life"
mkdir dist steps
PLUGSIGN_HOME=$PWD/home
export PLUGSIGN_HOME
# The three passphrases of the story. Yours come from a prompt, or from where you keep such.
echo 'the home, and the primary key with it' >home-passphrase
echo 'the secret of the CI' >ci-passphrase

# Keeps what is published after a step.
publish() {
    plugsign export -q "$key" -o "steps/$1.pgp"
}

# The ceremony: a primary key that only certifies, a signing subkey for a year, revocation
# certificates, and a sheet for the safe.
key=$(plugsign keygen -q --kind org --name 'Example Org' --email releases@example.org \
    --expires 5y --subkey-expires 1y --summary sheet.txt --passphrase-file home-passphrase)
echo "the key: $key"
publish 1-ceremony

# What the CI gets: the signing subkey alone, under a passphrase of its own, in one line.
plugsign export -q --ci "$key" -o ci-secret --passphrase-file home-passphrase \
    --new-passphrase-file ci-passphrase

# The primary key goes off this machine; the home keeps the subkeys.
plugsign export -q --offline-primary vault "$key" --passphrase-file home-passphrase
primary=vault/$key.secret.asc

# A release in CI: nothing but the secret and the passphrase in the environment.
echo 'the first release' >dist/first.tar
env -i PLUGSIGN_KEY="$(cat ci-secret)" PLUGSIGN_PASSPHRASE="$(cat ci-passphrase)" \
    "$PLUGSIGN" sign -q dist/first.tar
plugsign verify -q --key steps/1-ceremony.pgp dist
publish 2-first-release

# A year on: a new signing subkey. The certificate goes out before its first release.
old=$(plugsign list --json "$key" | sed -n 's/.*"fingerprint": "\(.*\)".*/\1/p' | grep -v "$key" | head -n 1)
new=$(plugsign rotate -q "$key" --expires 1y --primary "$primary" --passphrase-file home-passphrase)
publish 3-rotated
echo 'the second release' >dist/second.tar
plugsign sign -q -u "$key" --passphrase-file home-passphrase dist/second.tar
plugsign verify -q --key steps/3-rotated.pgp dist

# The end comes near: three more years for the key and the subkey in use.
plugsign extend -q "$key" --expires 8y --subkeys --primary "$primary" --passphrase-file home-passphrase
publish 4-extended
plugsign verify -q --key steps/4-extended.pgp dist

# The CI's secret leaked: the old subkey ends, and all that it signed. Sign that again.
plugsign revoke -q "$key" --subkey "$old" --reason compromised \
    --message 'read from a build log' --primary "$primary" --passphrase-file home-passphrase
publish 5-subkey-revoked
if plugsign verify -q --key steps/5-subkey-revoked.pgp dist; then exit 1; fi
plugsign verify -q --key steps/5-subkey-revoked.pgp dist/second.tar

# The key is used no more.
plugsign revoke -q "$key" --reason retired --message 'the project is done' \
    --primary "$primary" --passphrase-file home-passphrase
publish 6-key-revoked
if plugsign verify -q --key steps/6-key-revoked.pgp dist/second.tar; then exit 1; fi

echo "old subkey: $old"
echo "new subkey: $new"
echo 'a life well spent'
