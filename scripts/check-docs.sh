#!/bin/sh
# SPDX-License-Identifier: MIT
# The documentation knows the tree: each file of core has its line in docs/core.md and each line its
# file, each relative link of a page leads somewhere, and docs/command.md names each option and each
# counter of the command.
set -u
export LC_ALL=C
status=0

complain() {
    echo "check-docs: $1" >&2
    status=1
}

listed=$(sed -nE 's/^\| `(core\/[^`]+)` \|.*/\1/p' docs/core.md | sort)
for file in $(find core -name '*.[ch]' -o -name '*.def'); do
    echo "$listed" | grep -qx "$file" || complain "docs/core.md does not list $file"
done
for file in $listed; do
    [ -f "$file" ] || complain "docs/core.md lists $file, which does not exist"
done

# Links are relative to the page; `#` and what follows it name a heading.
for page in $(find . -path ./build -prune -o -name '*.md' -print); do
    for link in $(grep -oE '\]\([^)]+\)' "$page" | sed -E 's/^\]\(//; s/\)$//; s/#.*//'); do
        case $link in '' | *://*) continue ;; esac
        [ -e "$(dirname "$page")/$link" ] || complain "$page links to $link, which does not exist"
    done
done

for option in $(sed -nE 's/^    \{"([a-z-]+)", .*_argument,.*/\1/p' cli/options.c); do
    grep -q -e "--$option" docs/command.md || complain "docs/command.md does not name --$option"
done
for counter in $(sed -nE 's/.*line\((NULL|ctx), "([a-z_.]+)",.*/\2/p' host/linux/*.c engine/*/*.c); do
    grep -q "\`$counter\`" docs/command.md || complain "docs/command.md does not name $counter"
done
exit $status
