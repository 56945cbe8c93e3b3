#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# arm64 stage 2 under QEMU's page walker: builds the program at EL2, runs it on several processors.
#
# run.sh [--build DIR] [SOURCE_DIR]
#                    TAP; status 1 if a test fails. DIR is kept, and makes the next build short;
#                    without it everything goes to a temporary directory
# run.sh --planted   see planted.sh
#
# HW_ONLY="max port" runs only those; HW_TIMEOUT=60 gives each of them that many seconds.
#
# Needs aarch64-linux-gnu-gcc and qemu-system-aarch64 (Debian: gcc-aarch64-linux-gnu,
# qemu-system-arm); gcc with ThreadSanitizer for the last few tests.
here=$(cd "$(dirname "$0")" && pwd) || exit 2
source=$(cd "$here/../../.." && pwd) || exit 2
build=
while [ $# -gt 0 ]; do
	case $1 in
	--planted)
		shift
		exec "$here/planted.sh" "$@"
		;;
	--build)
		[ -n "${2:-}" ] || {
			echo "run.sh: --build needs a directory" >&2
			exit 2
		}
		mkdir -p "$2" && build=$(cd "$2" && pwd) || exit 2
		shift 2
		;;
	-*)
		echo "usage: run.sh [--build DIR] [SOURCE_DIR] | --planted" >&2
		exit 2
		;;
	*)
		source=$(cd "$1" && pwd) || exit 2
		shift
		;;
	esac
done
if ! [ -d "$source/lib" ] || ! [ -d "$source/tests/hw/arm64" ]; then
	echo "run.sh: $source is not the source tree: no lib/ or tests/hw/arm64/ in it" >&2
	exit 2
fi
for tool in aarch64-linux-gnu-gcc qemu-system-aarch64; do
	command -v "$tool" >/dev/null || {
		echo "1..0 # SKIP no $tool: install gcc-aarch64-linux-gnu and qemu-system-arm"
		exit 0
	}
done
if [ -z "$build" ]; then
	build=$(mktemp -d) || exit 2
	trap 'rm -rf "$build"' EXIT
fi
cd "$source" || exit 2

flags=(-std=gnu11 -ffreestanding -nostdinc -O2 -g -Wall -Wextra -Werror
	-Wstrict-prototypes -Wmissing-prototypes
	-fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables
	-mgeneral-regs-only -mno-outline-atomics -mstrict-align -march=armv8-a
	-I include -I . '-DPTW_PORT_HEADER="ports/bare/port.h"')

# $1: object. True if it is older than something it was made from.
stale() {
	local from
	[ -f "$1" ] && [ -f "$1.d" ] || return 0
	while read -r from; do
		if ! [ -e "$from" ] || [ "$from" -nt "$1" ]; then
			return 0
		fi
	done < <(sed 's/^[^:]*://; s/\\$//' "$1.d" | tr -s ' ' '\n' | grep .)
	return 1
}

objects=() todo=()
while read -r file; do
	object=$build/${file//\//_}.o
	objects+=("$object")
	if stale "$object"; then
		todo+=("$file")
	fi
done < <(find lib arch ports/bare tests/hw/arm64 -name '*.[cS]' | sort)
if [ ${#todo[@]} -gt 0 ]; then
	# Two at a time. A failed compilation must not leave an old object behind.
	# shellcheck disable=SC2016 # expanded by the inner shell
	printf '%s\0' "${todo[@]}" | xargs -0 -P 2 -n 1 bash -c '
		object=$1/${!#//\//_}.o
		shift
		"$@" -MD -MF "$object.d" -o "$object" || {
			rm -f "$object"
			exit 1
		}' compile "$build" aarch64-linux-gnu-gcc "${flags[@]}" -c || {
		echo "run.sh: the program does not compile" >&2
		exit 1
	}
fi
aarch64-linux-gnu-gcc -nostdlib -static -no-pie -o "$build/hw.elf" \
	-Wl,-T,tests/hw/arm64/link.ld,--build-id=none,-z,noexecstack,-z,max-page-size=65536 \
	"${objects[@]}" || {
	echo "run.sh: the program does not link" >&2
	exit 1
}

# Lines of all runs become one TAP stream, numbered; a run that does not come to its end is a failed
# test. Fewer tests than the processor is known to allow are one too.
count=0 failed=0
run() {
	local name=$1 least=$2 line ended=0 before=$count
	shift 2
	case " ${HW_ONLY:-$name} " in
	*" $name "*) ;;
	*) return ;;
	esac
	echo "# $name"
	while IFS= read -r line; do
		line=${line%$'\r'}
		case $line in
		'ok - '* | 'not ok - '*)
			count=$((count + 1))
			[ "${line%% - *}" = ok ] || failed=$((failed + 1))
			echo "${line%% - *} $count - $name: ${line#* - }"
			;;
		'# done'*) ended=1 ;;
		*) echo "# ${line#\# }" ;;
		esac
	done < <(timeout -k 5 "${HW_TIMEOUT:-1200}" qemu-system-aarch64 -M virt,virtualization=on \
		-m 256 -nographic -no-reboot -monitor none -kernel "$build/hw.elf" "$@" \
		</dev/null 2>&1)
	if [ $ended = 0 ]; then
		count=$((count + 1)) failed=$((failed + 1))
		echo "not ok $count - $name: the program did not come to its end"
	elif [ $((count - before)) -lt "$least" ]; then
		count=$((count + 1)) failed=$((failed + 1))
		echo "not ok $count - $name: only $((count - before - 1)) tests, must be $least"
	fi
}

# The grace periods and the memory of ports/bare, on this machine, with threads for CPUs.
run_hosted() {
	local line status
	case " ${HW_ONLY:-port} " in
	*" port "*) ;;
	*) return ;;
	esac
	if ! command -v gcc >/dev/null; then
		count=$((count + 1))
		echo "ok $count - port # SKIP no gcc for this machine"
		return
	fi
	echo "# port, under ThreadSanitizer"
	# gcc says that ThreadSanitizer knows no fences; it sees the counters' releases and acquires.
	gcc -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-tsan -fsanitize=thread -pthread \
		-I include -I . '-DPTW_PORT_HEADER="ports/bare/port.h"' -o "$build/test_bare" \
		tests/hw/port/test_bare.c ports/bare/rcu.c ports/bare/pool.c || {
		count=$((count + 1)) failed=$((failed + 1))
		echo "not ok $count - port: tests/hw/port/test_bare.c does not compile"
		return
	}
	timeout -k 5 600 "$build/test_bare" >"$build/test_bare.out" 2>"$build/test_bare.err"
	status=$?
	while IFS= read -r line; do
		case $line in
		'ok - '* | 'not ok - '*)
			count=$((count + 1))
			[ "${line%% - *}" = ok ] || failed=$((failed + 1))
			echo "${line%% - *} $count - port: ${line#* - }"
			;;
		esac
	done <"$build/test_bare.out"
	count=$((count + 1))
	if [ $status = 0 ]; then
		echo "ok $count - port: ends well, no data race"
	else
		failed=$((failed + 1))
		echo "not ok $count - port: status $status"
		sed 's/^/# /' "$build/test_bare.err" | head -40
	fi
}

echo "TAP version 13"
run max 28 -cpu max -smp 2
run cortex-a76 10 -cpu cortex-a76
run cortex-a72 6 -cpu cortex-a72 -smp 2
run_hosted
echo "1..$count"
[ "$failed" = 0 ] || {
	echo "# $failed of $count failed" >&2
	exit 1
}
