# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# Boots a kernel in Bochs, whose processors have VT-x and EPT with accessed and dirty bits. Sourced.
#
#   bochs_boot VMLINUZ INITRAMFS SECONDS SCRATCH    console on standard output, as it comes; ends when
#                                                   the machine says "init: done"; status 1 otherwise
#
# Bochs loads no kernels, so one is put on a CD with isolinux.

# shellcheck disable=SC2034 # for whoever sources this
bochs_packages='bochs bochsbios vgabios isolinux syslinux-common xorriso'

bochs_boot() {
	local kernel=$1 initramfs=$2 seconds=$3 dir=$4 pid tail_pid status=1
	local cd=$dir/cd options

	mkdir -p "$cd/isolinux" || return 1
	cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 \
		"$cd/isolinux/" || return 1
	cp "$kernel" "$cd/vmlinuz" && cp "$initramfs" "$cd/initrd" || return 1
	# The clock of an emulator without any relation to real time: no watchdogs.
	options='console=ttyS0 quiet panic=-1 oops=panic nokaslr mitigations=off nowatchdog'
	options+=' rcupdate.rcu_cpu_stall_suppress=1'
	cat >"$cd/isolinux/isolinux.cfg" <<-END
		default l
		label l
		kernel /vmlinuz
		initrd /initrd
		append $options
	END
	xorriso -as mkisofs -quiet -o "$dir/boot.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
		-no-emul-boot -boot-load-size 4 -boot-info-table "$cd" >&2 || return 1

	cat >"$dir/bochsrc" <<-END
		display_library: rfb, options="timeout=0"
		romimage: file=/usr/share/bochs/BIOS-bochs-latest
		vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
		cpu: model=corei7_haswell_4770, count=1, ips=100000000, reset_on_triple_fault=0
		memory: guest=768, host=768
		ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
		ata0-master: type=cdrom, path="$dir/boot.iso", status=inserted
		boot: cdrom
		com1: enabled=1, mode=file, dev="$dir/serial"
		sound: waveoutdrv=dummy
		clock: sync=none, time0=utc
		log: "$dir/log"
		panic: action=fatal
		error: action=report
		info: action=ignore
		debug: action=ignore
	END
	# The debugger, which Debian's Bochs has built in, waits for a word.
	echo c >"$dir/go"
	: >"$dir/serial"
	tail -n +1 -f "$dir/serial" &
	tail_pid=$!
	timeout -k 5 "$seconds" bochs-bin -q -f "$dir/bochsrc" -rc "$dir/go" \
		</dev/null >"$dir/output" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		if grep -q '^init: done' "$dir/serial"; then
			status=0
			break
		fi
		grep -q 'Kernel panic' "$dir/serial" && break
		sleep 2
	done
	! grep -q '^init: done' "$dir/serial" || status=0
	# timeout passes the signal on.
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	sleep 1
	kill "$tail_pid" 2>/dev/null
	wait "$tail_pid" 2>/dev/null
	[ $status = 0 ] || tail -n 20 "$dir/output" "$dir/log" >&2
	return $status
}
