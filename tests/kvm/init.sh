#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# The first process of the machine in which tests/kvm/run.sh runs its checks.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
# Nobody else may age or join pages meanwhile.
echo 0 >/sys/kernel/mm/transparent_hugepage/khugepaged/defrag
for module in irqbypass kvm ccp kvm-amd kvm-intel; do
	[ ! -e "/lib/$module.ko" ] || insmod "/lib/$module.ko" || echo "not ok - insmod $module"
done
if insmod /lib/libptw.ko && insmod /lib/kvm-age.ko; then
	/bin/kvm-checks /bin/kvm-age
	rmmod kvm-age && rmmod libptw || echo "not ok - the modules cannot be taken out"
else
	echo "not ok - the modules cannot be loaded"
fi
if [ -e /lib/libptw-wrong.ko ]; then
	insmod /lib/libptw-wrong.ko && insmod /lib/kvm-age.ko && /bin/kvm-checks wrong
fi
# Shadow paging, whose tables go without a grace period; EPT without accessed bits.
for unfit in 'kvm-amd npt=0' 'kvm-intel eptad=0'; do
	module=${unfit% *}
	if [ -e "/lib/$module.ko" ]; then
		rmmod "$module" && insmod "/lib/$module.ko" "${unfit#* }" && /bin/kvm-checks unfit
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
