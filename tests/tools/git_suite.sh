#!/bin/sh
# shellcheck disable=SC2016 # the dollars are those of the suite
# Runs git's own tests of signatures with keys of RSA 3072 in the place of its DSA and RSA 2048 ones.
#
# sh git_suite.sh SOURCE KEYS prints what each test says, in the Test Anything Protocol. KEYS is a
# folder with the keys that git_suite.rs makes: `committer` and `eris`, and their fingerprints.
set -eu
source=$1 keys=$2
tests='t7030-verify-tag t7510-signed-commit t7612-merge-verify-signatures'
committer=$(cat "$keys/committer.fpr") eris=$(cat "$keys/eris.fpr") subkey=$(cat "$keys/subkey.fpr")

# The source stays as it is.
mkdir suite suite/t installed
for name in "$source"/*; do
    case ${name##*/} in
        t|templates) ;;
        *) ln -s "$name" suite/ ;;
    esac
done
mkdir -p suite/templates/blt
for name in "$source"/t/test-lib*.sh "$source/t/lib-gpg.sh"; do cp "$name" suite/t/; done
ln -s "$source/t/helper" "$source/t/oid-info" "$source/t/lib-rebase.sh" suite/t/

# /usr/bin, which it would put first, has gpg in it.
ln -s /usr/bin/git* installed/
export GIT_TEST_INSTALLED="$PWD/installed"

# A key that is not trusted is not in plugsign's home as a secret key: it signs from its own.
export ERIS="$PWD/eris"
mkdir -m 700 "$ERIS"
gpg --homedir "$ERIS" --batch --import "$keys/eris" 2>/dev/null
mkdir suite/t/lib-gpg
cat "$keys/committer" "$keys/eris.public" > suite/t/lib-gpg/keyring.gpg
printf '%s:6:\n%s:3:\n' "$committer" "$eris" > suite/t/lib-gpg/ownertrust
# plugsign only makes signatures that stand alone.
sed -i 's/--sign -u committer@/--detach-sign -u committer@/' suite/t/lib-gpg.sh
cat >> suite/t/lib-gpg.sh <<'END'
# Puts new signatures in the place of those that stand in a commit.
sign_anew () {
    sed '/^gpgsig/,/END PGP/d' "$1" >payload &&
    gpg --batch --armor -u committer@example.com --detach-sign <payload | sed 's/^/ /' >signature &&
    {
        sed '/^committer/q' payload && sed '1s/^/gpgsig/' signature &&
        sed '1s/^/gpgsig-sha256/' signature && sed '1,/^committer/d' payload
    } >"$1"
}
END

for test in $tests; do
    sed -e '/B7227189/s/git \(commit\|tag\)/env GNUPGHOME="$ERIS" git \1/' \
        -e "s/73D758744BE721698EC54E8713B6F51ECDDE430D/$committer/" \
        -e "s/13B6F51ECDDE430D/${committer#????????????????????????}/" \
        -e "s/D4BE22311AD3131E5EDA29A461092E85B7227189/$eris/" \
        -e "s/F8364A59E07FFE9F4D63005A65A0EEA02E30CAD7/$subkey/" \
        -e "s/65A0EEA02E30CAD7/${subkey#????????????????????????}/" \
        -e "s/B7227189/$eris/" \
        -e "s/gpg -o double-sig2.sig -u 29472784/gpg --homedir \"\$ERIS\" -o double-sig2.sig -u $eris/" \
        -e 's/^\(\s*\)head=\$(git hash-object -t commit -w commit)/\1sign_anew commit \&\&\n&/' \
        "$source/t/$test.sh" > "suite/t/$test.sh"
    echo "# $test"
    (cd suite/t && GIT_TEST_CHAIN_LINT=0 sh "$test.sh" -v 2>&1) || true
done
