#!/bin/sh
# Writes the address of the repository wherever it stands: Cargo.toml, the recipes, the templates.
# Until then it is https://plugsign.invalid/plugsign, which leads nowhere. cargo-binstall, the
# recipes and the templates look for a release below URL/releases/download/vVERSION/. The e-mail
# address of the maintainers stands in Cargo.toml alone.
#
# usage: packaging/fill.sh URL [E-MAIL]
set -eu
cd "$(dirname "$0")/.."
case ${1:-} in
    https://?*[!/]) ;;
    *) echo 'usage: packaging/fill.sh https://HOST/PATH [E-MAIL], without a / at its end' >&2; exit 2 ;;
esac
case $1 in
    *.git | *[!A-Za-z0-9._~/:-]*) echo 'fill: give the address of the page, not of the .git' >&2; exit 2 ;;
esac
case ${2-one@two} in
    *@*@* | *[!A-Za-z0-9.@+_-]* | @* | *@) echo 'fill: that is no e-mail address' >&2; exit 2 ;;
    *@*) ;;
    *) echo 'fill: that is no e-mail address' >&2; exit 2 ;;
esac
if [ $# -gt 1 ]; then
    sed -i.old "s/^\(maintainer = .*<\).*>/\1$2>/" Cargo.toml
    rm Cargo.toml.old
fi
old=$(sed -n 's/^repository = "\(.*\)"$/\1/p' Cargo.toml)
grep -rlF "$old" Cargo.toml packaging templates tests/templates | while IFS= read -r file; do
    # This one says what the address was at first.
    [ "$file" = packaging/fill.sh ] && continue
    sed -i.old "s,$(printf %s "$old" | sed 's/[.]/\\./g'),$1,g" "$file"
    rm "$file.old"
    echo "$file"
done
