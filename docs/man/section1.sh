#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# A manual page of section 1 out of what a program, or one of its verbs, says about itself.
#
# section1.sh VERSION NAME "WHAT IT DOES" PROGRAM [VERB]   writes it to standard output, by help2man
version=$1 name=$2 what=$3 program=$4 verb=${5:-}
upper=$(printf %s "$name" | tr a-z A-Z)
help2man --no-info --name="$what" --version-string="$version" --source="libptw $version" \
	"$program${verb:+ $verb}" |
	sed -e "s/^\\.TH [^ ]*/.TH $upper/" -e "s/^${name%%-"$verb"} *$verb \\\\-/$name \\\\-/" |
	grep . || exit 1
