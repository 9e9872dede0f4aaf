#!/bin/sh
# Builds plugsign for Linux on aarch64 as release.sh does for this machine, runs it under qemu, and
# packs it into target/dist. See RELEASING.md: `release.sh --aarch64` calls it and signs the result.
#
# usage: packaging/aarch64.sh
#        Where a package that it needs is missing, it names the package and builds nothing.
set -eu
cd "$(dirname "$0")/.."
triple=aarch64-unknown-linux-gnu
# A folder of its own: another compiler would build everything beside it anew.
target_dir=${PLUGSIGN_AARCH64_DIR:-target/aarch64}

need() {
    if ! command -v "$1" >/dev/null; then
        echo "skipped: aarch64: there is no $1 (Debian's $2)"
        exit 0
    fi
}
need aarch64-linux-gnu-gcc 'gcc-aarch64-linux-gnu and libc6-dev-arm64-cross'
need qemu-aarch64 qemu-user

# The standard library: rustup's, if it is there, or else Debian's with the compiler that it fits.
has_std() { [ -n "$(find "$1" -name 'libstd-*.rlib' 2>/dev/null)" ]; }
cargo=cargo
flags='-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"'
if ! has_std "$(rustc --print target-libdir --target "$triple")"; then
    need /usr/bin/cargo 'cargo-web and rustc-web'
    version=$(dpkg-query --show --showformat '${Version}' rustc-web 2>/dev/null || true)
    if [ -z "$version" ]; then
        echo "skipped: aarch64: there is no rustc-web, nor a target $triple of rustup"
        exit 0
    fi
    # Unpacked and not installed, with lists of its own: the system knows nothing of arm64.
    sysroot=$PWD/target/aarch64-std/$version
    if ! has_std "$sysroot/usr/lib/rustlib/$triple/lib"; then
        rm -rf "$sysroot"
        mkdir -p "$sysroot/lists/partial" "$sysroot/cache/archives/partial"
        (
            cd "$sysroot"
            # apt checks the signature of Debian's archive.
            for act in update "download libstd-rust-web-dev:arm64=$version"; do
                # shellcheck disable=SC2086 # two words
                apt-get -qq -o APT::Architectures::=arm64 -o "Dir::State::lists=$PWD/lists" \
                    -o "Dir::Cache=$PWD/cache" -o APT::Sandbox::User= $act
            done
            dpkg-deb -x libstd-rust-web-dev_*_arm64.deb .
            rm -rf lists cache ./*.deb
        )
    fi
    cargo=/usr/bin/cargo
    export RUSTC=/usr/bin/rustc
    flags="$flags --sysroot $sysroot/usr"
fi

CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CARGO_TARGET_DIR=$target_dir RUSTFLAGS=$flags \
    env -u SOURCE_DATE_EPOCH "$cargo" auditable build --release --locked --target "$triple"
program=$target_dir/$triple/release/plugsign

# Under qemu: the example signed and verified, a key made.
tried=$(mktemp -d)
trap 'rm -rf "$tried"' EXIT
export PLUGSIGN_HOME="$tried/home"
run() { env -u SOURCE_DATE_EPOCH qemu-aarch64 "$program" "$@"; }
run --version
cp -R keys-example/dist "$tried/dist"
rm -f "$tried"/dist/*.sig
run sign --key-file keys-example/organisation.secret.asc \
    --passphrase-file keys-example/passphrase "$tried/dist"
run verify --key keys-example/organisation.asc "$tried/dist"
rm "$tried"/dist/*.sig
run keygen --user-id 'Example <example@example.org>' --no-passphrase
run sign "$tried/dist"
run verify "$tried/dist"

packaging/pack.sh "$program" "$triple" target/dist qemu-aarch64
packaging/image.sh "$program" "$triple" target/dist target/dist.parts/THIRD-PARTY-LICENSES.txt
