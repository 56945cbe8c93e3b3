# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# Completion for bash: ptw-sim, ptw-bench and ptw-stress. What there is to complete is read from each program's --help, so
# that it is right for the version in use. To try it: . scripts/completion.bash

# The first words of the lines below a heading of --help, such as "Policies:". $1: heading; standard input: help.
_ptw_section() {
	awk -v heading="$1" '
		/^[^ ]/ { inside = index($0, heading) == 1; next }
		!inside || /^ *$/ { next }
		/^  [^ ]+,/ { gsub(/[ ,]+/, "\n"); print; next }
		/^  [^ ]/ { print $1 }'
}

_ptw_complete() {
	local program=$1 word=${COMP_WORDS[COMP_CWORD]} before='' verb='' verbs='' words help

	case ${program##*/} in
	ptw-sim) verbs='run compare report curve make pack' ;;
	ptw-bench) verbs='case experiment list' ;;
	esac
	[ "$COMP_CWORD" = 0 ] || before=${COMP_WORDS[COMP_CWORD - 1]}
	# An option with its value: bash takes "=" as a word of its own.
	if [ "$word" = = ]; then
		word=''
	elif [ "$before" = = ] && [ "$COMP_CWORD" -gt 1 ]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [ "$COMP_CWORD" -gt 1 ] && [[ " $verbs " == *" ${COMP_WORDS[1]} "* ]]; then
		verb=${COMP_WORDS[1]}
	fi
	help=$("$program" ${verb:+"$verb"} --help 2>/dev/null </dev/null)

	case $before,$verb,${program##*/} in
	--format,*,ptw-sim | -f,*,ptw-sim) words=$(_ptw_section Formats: <<<"$help") ;;
	--policy,*,ptw-sim | -p,*,ptw-sim) words=$(_ptw_section Policies: <<<"$help") ;;
	--kernel,*) words='best portable sse2 avx2 avx512 neon' ;;
	--secondary,*) words='never evict fast always' ;;
	--look-around,*) words='none host secondary both' ;;
	--trace-format,*) words='text lackey drcachesim u32 vpn' ;;
	experiment,*,ptw-bench) words=$(_ptw_section Experiments <<<"$help") ;;
	*,case,ptw-bench) words=$(_ptw_section Cases <<<"$help") ;;
	*)
		words=''
		[[ $before == -* ]] || [ "$COMP_CWORD" != 1 ] || words=$verbs
		;;
	esac
	if [[ $word == -* ]]; then
		words=$(grep -oE -e '(^|[ [,])--[a-z][a-z-]*' <<<"$help" | tr -d ' [,')
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"
		# Traces and other files, where nothing better is known.
		[ -n "$words" ] && [[ $before != "$1" ]] || compgen -f -- "$word")
}

complete -o filenames -F _ptw_complete ptw-sim ptw-bench ptw-stress
