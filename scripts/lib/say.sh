# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# Messages. Sourced by the scripts beside this folder.

say() {
	printf '%s\n' "$*"
}

# Something the user must do first: one line, exit status 2.
give_up() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 2
}
