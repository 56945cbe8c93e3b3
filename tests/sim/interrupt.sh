# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Ctrl-C and the like: no file, or the old one, never half of one; processes are gone. Part of run.sh.

# In the background of a script Ctrl-C is ignored otherwise, and under nohup what hangs up.
begin() { # ARGUMENT...
	env --default-signal=INT,HUP,TERM "$sim" "$@" > "$scratch/out" 2> "$scratch/err" &
	running=$!
}

# Tries a command for a minute.
soon() {
	for _ in $(seq 1200); do
		! "$@" || return 0
		sleep 0.05
	done
	return 1
}

children() {
	cat "/proc/$running/task/$running/children" 2> /dev/null
}

has_children() {
	[ -n "$(children)" ]
}

has_temporary() {
	compgen -G "$box/.ptw-sim-*.tmp" > /dev/null
}

all_gone() { # PID...
	for pid in "$@"; do
		[ ! -e "/proc/$pid" ] || return 1
	done
}

ends_by() { # SIGNAL STATUS
	local status
	kill "-$1" "$running"
	wait "$running" 2> /dev/null
	status=$?
	same "status $status" "status $2" && same "$(cat result 2> /dev/null)$(ls -A "$box")" oldresult
}

is_begun() {
	[ "$(readlink "/proc/$running/exe")" = "$(realpath "$sim")" ]
}

# The program has begun; that it works, nothing but time tells.
interrupted() { # SIGNAL STATUS ARGUMENT...
	local signal=$1 status=$2
	shift 2
	echo -n old > result
	begin "$@"
	soon is_begun || same "another program" "$sim" || return 1
	sleep 0.3
	ends_by "$signal" "$status"
}

for verb in "run $redis --memory 10%" "run $redis --guest $redis" "curve $redis" "compare --jobs 1 $redis"; do
	# shellcheck disable=SC2086
	check "Ctrl-C in ${verb%% *} leaves the old file" interrupted INT 130 $verb --json result
done
# shellcheck disable=SC2086
check "SIGTERM in run does, too" interrupted TERM 143 run $redis --memory 10% --json result

merge_waits() {
	mkfifo "$scratch/late.json"
	interrupted INT 130 merge "$scratch/late.json" --json result
}
check "Ctrl-C in merge leaves the old file" merge_waits

# Compressing takes seconds: the file is half there when the signal comes.
half_written() { # SIGNAL STATUS
	echo -n old > result
	begin make zipf --pages 100000 --length 5000000 --output result
	soon has_temporary || same "no temporary file" "one" || return 1
	ends_by "$1" "$2"
}
check "Ctrl-C while a file is being written removes what there is of it" half_written INT 130
check "SIGTERM does, too" half_written TERM 143
check "SIGHUP does, too" half_written HUP 129

# Only the parent is told, as by a time limit; KILL it cannot answer.
orphans() { # SIGNAL
	local pids
	begin compare "$redis" --jobs 2 --json result
	soon has_children || same "no children" "some" || return 1
	pids=$(children)
	kill "-$1" "$running"
	wait "$running" 2> /dev/null
	# shellcheck disable=SC2086
	soon all_gone $pids
}
check "the processes of compare go with it" orphans TERM
check "whatever ends it" orphans KILL
rm -f result
