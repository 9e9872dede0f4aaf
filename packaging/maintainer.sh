#!/bin/sh
# Prints the maintainer, with an e-mail address, that Cargo.toml names.
set -eu
sed -n 's/^maintainer = "\(.*\)"$/\1/p' "$(dirname "$0")/../Cargo.toml"
