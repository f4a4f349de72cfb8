#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the packages that a level (run, test, check) needs and this machine lacks; without the
# right to, prints the line that does and fails. usage: install.sh LEVEL
set -eu
cd "$(dirname "$0")/.."

case $1 in
run) levels='run' ;;
test) levels='run|test' ;;
check) levels='run|test|check' ;;
*)
    echo "usage: install.sh run|test|check" >&2
    exit 2
    ;;
esac

missing=
for package in $(sed -nE "s/^([^# ]+) ($levels)\$/\1/p" scripts/packages.txt); do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        as_root=sudo
    else
        echo "These packages are needed first. As root:" >&2
        echo "apt-get update && apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -q update
# The names are separate words on purpose.
$as_root apt-get -q install -y --no-install-recommends $missing
