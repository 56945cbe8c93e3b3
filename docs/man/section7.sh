#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# A manual page of section 7 out of a page of docs/.
#
# section7.sh NAME VERSION PAGE.md   writes it to standard output. The page's title and what stands in its first
#                                    line after "man:" become the NAME section; its headings move up by one.
name=$1 version=$2 page=$3
what=$(sed -n '1,5s/.*<!-- man: \(.*\) -->.*/\1/p' "$page")
[ -n "$what" ] || {
	echo "$page: no line <!-- man: what it is about --> near the top" >&2
	exit 1
}
command -v lowdown >/dev/null || {
	echo "section7.sh: lowdown is missing: apt-get install lowdown" >&2
	exit 2
}
# REUSE-IgnoreStart: the licence line of the page
printf '.\\" SPDX-License-Identifier: GPL-2.0-only OR MIT\n'
# REUSE-IgnoreEnd
printf '.TH "%s" "7" "" "libptw %s" "libptw manual"\n.nh\n.ad l\n.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n' \
	"$name" "$version" "$name" "$what"
# Names in code are bold: not every device knows \fC. Long ones may be broken after / and _, for columns of tables.
sed -e '/^<!--.*-->$/d' -e '/^# /d' -e 's/^##/#/' "$page" |
	lowdown -Tman --parse-no-intraemph |
	sed -e 's/\\fC/\\fB/g' -e '/^\.\\" -\*-/d' -e '/^\./!s#\([a-z0-9]\)\([/_]\)\([a-z]\)#\1\2\\:\3#g'
