# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # what the caller sets
# For tests of tests: a copy of the sources, one mistake at a time planted in it, what depends on it built
# again. Sourced. The caller sets `cc`, `cflags`, `program` (what is linked) and, if wanted, `libs`.
#
#   plant_copy SOURCE_DIR PATH...    copies the paths and goes there; $work goes away at exit
#   sources=(FILE...)                what the program is made of; then:
#   plant_build                      all of it, unchanged; the program is $objects/$program
#   plant FILE SED_ARGUMENT...       changes FILE by sed -i and builds $changed/$program, or says in
#                                    $work/why what was in the way
#   plant_undo                       takes the change back
#   report STATUS TEXT...            a line of TAP; $failed counts those that are not ok
#   explain FILE                     its first lines as diagnostics

number=0
failed=0
libs=()
sources=()

report() {
	local status=$1
	shift

	number=$((number + 1))
	[ "$status" = 0 ] || failed=$((failed + 1))
	[ "$status" = 0 ] && echo "ok $number - $*" || echo "not ok $number - $*"
}

explain() {
	head -n 20 "$1" | sed 's/^/# /'
}

plant_copy() {
	local from=$1
	shift

	work=$(mktemp -d) || exit 2
	trap 'rm -rf "$work"' EXIT
	objects=$work/objects
	changed=$work/changed
	mkdir "$work/tree" "$objects" || exit 2
	(cd "$from" && cp -r --parents "$@" "$work/tree") || exit 2
	cd "$work/tree" || exit 2
}

object_of() {
	echo "${1//\//_}.o"
}

# Compiles the named sources into folder $1, two at a time.
compile() {
	local dir=$1 file
	shift

	for file; do
		printf '%s\0%s\0' "$dir/$(object_of "$file")" "$file"
	done | xargs -0 -n 2 -P 2 "$cc" "${cflags[@]}" -I. -Iinclude -MMD -c -o 2>"$work/errors"
}

# Links what is in folder $1, and the unchanged objects where it has none.
link() {
	local dir=$1 file list=()

	for file in "${sources[@]}"; do
		file=$(object_of "$file")
		[ -f "$dir/$file" ] && list+=("$dir/$file") || list+=("$objects/$file")
	done
	"$cc" -pthread -o "$dir/$program" "${list[@]}" "${libs[@]}" 2>>"$work/errors"
}

plant_build() {
	compile "$objects" "${sources[@]}" && link "$objects"
}

# Changes file $1 by sed with the other arguments.
plant_change() {
	local file=$1
	shift

	cp "$file" "$work/original" && echo "$file" >"$work/planted" && sed -i "$@" "$file" || return 1
	cmp -s "$file" "$work/original" || return 0
	echo "the expression no longer finds anything in $file" >"$work/why"
	return 1
}

plant_undo() {
	[ ! -f "$work/planted" ] || mv "$work/original" "$(cat "$work/planted")"
	rm -f "$work/planted"
}

plant() {
	local file=$1 source list=()

	rm -rf "$changed" && mkdir "$changed" || return 1
	plant_change "$@" || return 1
	for source in "${sources[@]}"; do
		grep -qE "(^| )$file( |$)" "$objects/$(basename "$(object_of "$source")" .o).d" &&
			list+=("$source")
	done
	compile "$changed" "${list[@]}" && link "$changed" && return 0
	echo "the changed file does not build" >"$work/why"
	cat "$work/errors" >>"$work/why"
	return 1
}
