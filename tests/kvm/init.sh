#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# The first process of the machine in which tests/kvm/run.sh runs its checks.
# It mounts, takes processors away and powers off: nothing for a machine that somebody works on.
[ $$ = 1 ] || {
	echo "$0: this is the first process of a machine made for it, and runs nowhere else" >&2
	exit 2
}
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
# Nobody else may age or join pages meanwhile: khugepaged sleeps as long as it can.
echo 4294967295 >/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs
echo 1 >/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan
echo 0 >/sys/kernel/mm/transparent_hugepage/khugepaged/defrag
for module in irqbypass kvm ccp kvm-amd kvm-intel; do
	[ ! -e "/lib/$module.ko" ] || insmod "/lib/$module.ko" || echo "not ok - insmod $module"
done

# KVM patches the scheduler's code when the first machine comes and when the last one goes. If
# another processor gets there just then, QEMU (7.2) may keep its translation of the breakpoint that
# stands there meanwhile, and that processor takes it for ever. So the first machine is one that does
# nothing, and it comes and goes while one processor is alone.
others() {
	for file in /sys/devices/system/cpu/cpu[1-9]*/online; do
		[ ! -e "$file" ] || echo "$1" >"$file" || echo "not ok - $file cannot be made $1"
	done
}

# Checks that end early leave the reason in the kernel's log.
checks() {
	/bin/kvm-checks "$1" || dmesg | tail -n 100 | sed 's/^/# /'
}

others 0
mkfifo /tmp/held
/bin/kvm-checks hold >/tmp/held &
holder=$!
read -r line </tmp/held
[ "$line" = held ] || echo "not ok - the first machine: $line"
others 1
# $1: what is checked; the others: what vmm-min is given. Its own judgement is that the copy equals the guest.
migrates() {
	what=$1
	shift
	# A guest that got no processor in its milliseconds is started again.
	for _ in 1 2 3 4 5 6; do
		said=$(/bin/vmm-min --json "$@" 2>&1)
		status=$?
		[ $status = 0 ] && [ "$(echo "$said" | sed 's/.*"writes": \([0-9]*\).*/\1/')" -le 100 ] || break
	done
	if [ $status = 0 ] && echo "$said" | grep -q '"equal": true' &&
		[ "$(echo "$said" | sed 's/.*"writes": \([0-9]*\).*/\1/')" -gt 100 ]; then
		echo "ok - vmm-min: $what"
	else
		echo "not ok - vmm-min: $what"
	fi
	echo "# $said"
}

if [ -e /bin/vmm-min ]; then
	migrates "a guest that writes is copied, by the dirty bitmap" --log bitmap
	migrates "the same with 4096 hot pages" --log bitmap --hot 4096
	migrates "by the dirty ring" --log ring
	migrates "the same with 4096 hot pages" --log ring --hot 4096
	/bin/vmm-min --log no 2>/dev/null
	[ $? = 2 ] && echo "ok - vmm-min: bad input ends with status 2" || echo "not ok - vmm-min: bad input"
fi
if insmod /lib/libptw.ko && insmod /lib/kvm-age.ko; then
	checks /bin/kvm-age
	rmmod kvm-age && rmmod libptw || echo "not ok - the modules cannot be taken out"
else
	echo "not ok - the modules cannot be loaded"
fi
if [ -e /lib/libptw-wrong.ko ]; then
	insmod /lib/libptw-wrong.ko && insmod /lib/kvm-age.ko && checks wrong
fi
others 0
kill "$holder"
wait "$holder" 2>/dev/null # the shell would say that it was killed
# Shadow paging, whose tables go without a grace period; EPT without accessed bits.
for unfit in 'kvm-amd npt=0' 'kvm-intel eptad=0'; do
	module=${unfit% *}
	if [ -e "/lib/$module.ko" ]; then
		rmmod "$module" && insmod "/lib/$module.ko" "${unfit#* }" && checks unfit
	fi
done
if dmesg | grep -e 'WARNING:' -e 'BUG:' -e 'detected.*stall' -e 'kvm-age:.*ended' -e 'cannot attach'; then
	echo "not ok - the kernel complains"
	dmesg | tail -n 60 | sed 's/^/# /'
else
	echo "ok - the kernel has nothing to complain about"
fi
echo "init: done"
# What the console has not sent yet is lost when the power goes.
sleep 1
poweroff -f
