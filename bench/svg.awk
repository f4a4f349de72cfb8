# SPDX-License-Identifier: MIT
# Tables (name, ours, theirs; nanoseconds, or what `unit` says; they are `theirs`, or qemu) as one SVG: a group of rows for each file, two bars a row
# on a common logarithmic scale from 1 ns. Bars that lack a figure are left out.
BEGIN {
    FS = "\t"
    left = 190; width = 560; row = 30; decades = 11
    if (theirs == "") theirs = "qemu"
}

function log10(x) { return log(x) / log(10) }

function length_of(ns) { return ns <= 1 ? 1 : width * log10(ns) / decades }

function pretty(ns) {
    if (unit != "") return ns >= 1e6 ? sprintf("%.1f M", ns / 1e6) : sprintf("%.0f", ns)
    if (ns >= 1e9) return sprintf("%.2f s", ns / 1e9)
    if (ns >= 1e6) return sprintf("%.2f ms", ns / 1e6)
    if (ns >= 1e3) return sprintf("%.2f us", ns / 1e3)
    return sprintf("%.1f ns", ns)
}

function bar(y, ns, colour) {
    if (ns !~ /^[0-9.]+$/) return ""
    return sprintf("<rect x='%d' y='%d' width='%.1f' height='10' fill='%s'/>" \
        "<text x='%.1f' y='%d' class='figure'>%s</text>\n", \
        left, y, length_of(ns), colour, left + length_of(ns) + 5, y + 9, pretty(ns))
}

FNR == 1 {
    group = FILENAME
    sub(/.*\//, "", group)
    sub(/\.tsv$/, "", group)
    y += row
    body = body sprintf("<text x='10' y='%d' class='group'>%s</text>\n", y + 38, group)
    y += 12
}

{
    y += row
    body = body sprintf("<text x='%d' y='%d' text-anchor='end'>%s</text>\n", left - 8, y + 34, $1)
    body = body bar(y + 20, $2, "#2a78c0") bar(y + 31, $3, "#d0802a")
}

END {
    printf "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' " \
        "font-family='sans-serif' font-size='13'>\n", left + width + 110, y + 70
    print "<style>.group{font-weight:bold}.figure{font-size:10px}.title{font-size:15px}</style>"
    print "<rect width='100%' height='100%' fill='#ffffff'/>"
    printf "<text x='10' y='22' class='title'>%s, logarithmic</text>\n", title
    print "<rect x='10' y='32' width='12' height='10' fill='#2a78c0'/><text x='26' y='42'>trapeze</text>"
    printf "<rect x='100' y='32' width='12' height='10' fill='#d0802a'/><text x='116' y='42'>%s</text>\n", theirs
    printf "%s</svg>\n", body
}
