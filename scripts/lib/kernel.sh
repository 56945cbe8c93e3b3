# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# The distribution's stock kernel: fetched, built against, booted. Nothing is installed on the host.
#
# Sourced by scripts that have sourced say.sh. ARCH is amd64 or arm64; CACHE is a folder that
# kernel_fetch fills:
#
#   kernel_fetch ARCH CACHE              kernel image, headers, kbuild and a static busybox; does nothing
#                                        if all of it is there
#   kernel_build ARCH CACHE MODULES ...  external modules of the folder MODULES; the other arguments go to
#                                        make (C=2, KBUILD_EXTRA_SYMBOLS=...); a warning is a failure
#   kernel_mirror FROM TO                the files of folder FROM into folder TO; those that are the same there
#                                        stay as they are, so that make has less to do
#   kernel_forget FROM TO                sources in TO that FROM has not: they are of an older tree, and go
#   kernel_module CACHE NAME             path of one of the kernel's own modules (KVM and what it needs)
#   kernel_initramfs ARCH CACHE OUT INIT [NAME=PATH ...]
#                                        busybox with all its names, INIT as /init, files under their names
#   kernel_boot ARCH CACHE INITRAMFS SECONDS [QEMU_ARGUMENT...]
#                                        the guest's console on standard output; status 1 if it did not
#                                        power itself off in time (said on standard error), or panicked;
#                                        more of the kernel's command line in $kernel_append
#
# Another ARCH, or a folder that is not there, is refused on standard error with status 2.
#
# CACHE holds: abi (as 6.1.0-50-amd64), root/ (what the packages unpacked), vmlinuz, headers, busybox.

# Packages of the host that these functions need.
# shellcheck disable=SC2034 # for whoever sources this
kernel_packages_amd64='bc cpio file gcc libelf1 make qemu-system-x86 sparse xz-utils'
# shellcheck disable=SC2034
kernel_packages_arm64='bc cpio file gcc-aarch64-linux-gnu libelf1 make qemu-system-arm sparse xz-utils'

kernel_known() {
	case $1 in
	amd64 | arm64) return 0 ;;
	esac
	printf "no kernel for architecture '%s'; there are amd64 and arm64\n" "$1" >&2
	return 2
}

# An apt that knows only what is below $1, for architecture $2.
kernel_apt_config() {
	local dir=$1 arch=$2 host
	host=$(dpkg --print-architecture) || return 1

	mkdir -p "$dir"/{state/lists/partial,cache/archives/partial} || return 1
	cat >"$dir/apt.conf" <<-END
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; "$host"; };
		APT::Sandbox::User "root";
		Dir::State "$dir/state";
		Dir::State::status "/dev/null";
		Dir::Cache "$dir/cache";
		Dir::Log "$dir";
	END
}

# What the package $2 depends on that begins with $3, first of them; by the apt of $1.
kernel_depends() {
	APT_CONFIG=$1/apt.conf apt-cache depends "$2" |
		awk -v want="$3" '$1 == "Depends:" && index($2, want) == 1 { print $2; exit }'
}

# Unpacks the archives of $1 into $2 for architecture $3; of the image only what is booted and KVM's
# modules (arm64 has KVM built in).
kernel_unpack() {
	local archive parts=('./boot/*' './lib/modules/*/modules.*' '*/kernel/arch/*')

	[ "$3" = arm64 ] || parts+=('*/kernel/virt/*' '*/kernel/drivers/crypto/ccp/*')

	for archive in "$1"/*.deb; do
		case ${archive##*/} in
		linux-image-*)
			mkdir -p "$2" && dpkg-deb --fsys-tarfile "$archive" |
				tar -x -C "$2" --wildcards "${parts[@]}"
			;;
		*) dpkg-deb -x "$archive" "$2" ;;
		esac || return 1
	done
}

kernel_fetch() {
	local arch=$1 cache work abi kbuild host root
	cache=$(realpath -m "$2") || return 1

	kernel_known "$arch" || return 2
	[ -e "$cache/complete" ] && return 0
	mkdir -p "$cache" || return 1
	(
		# Another script may be at it: the second one finds everything there.
		flock 9
		[ -e "$cache/complete" ] && exit 0
		work=$cache/new
		rm -rf "$work"
		host=$(dpkg --print-architecture)
		kernel_apt_config "$work" "$arch" || exit 1
		APT_CONFIG=$work/apt.conf apt-get -q update || exit 1

		# The ABI number moves with every security update.
		abi=$(kernel_depends "$work" "linux-image-$arch" linux-image-)
		abi=${abi#linux-image-}
		kbuild=$(kernel_depends "$work" "linux-headers-$abi" linux-kbuild-)
		if [ -z "$abi" ] || [ -z "$kbuild" ]; then
			echo "the package lists know no kernel for $arch" >&2
			exit 1
		fi
		mkdir -p "$work/archives" && cd "$work/archives" || exit 1
		APT_CONFIG=$work/apt.conf apt-get -q download "linux-image-$abi" \
			"linux-headers-$abi" "linux-headers-${abi%-*}-common" \
			"${kbuild%:*}:$host" busybox-static || exit 1

		root=$work/root
		kernel_unpack "$work/archives" "$root" "$arch" || exit 1
		# Both name each other by absolute paths: once moved, they are below $cache.
		sed -i "s|/usr/src/|$cache/root/usr/src/|g" "$root/usr/src/linux-headers-$abi/Makefile" &&
			ln -sfn "../../lib/${kbuild%:*}/scripts" "$root/usr/src/linux-headers-$abi/scripts" &&
			ln -sfn "../../lib/${kbuild%:*}/tools" "$root/usr/src/linux-headers-$abi/tools" &&
			ln -sfn "../../lib/${kbuild%:*}/scripts" \
				"$root/usr/src/linux-headers-${abi%-*}-common/scripts" &&
			ln -sfn "../../lib/${kbuild%:*}/tools" \
				"$root/usr/src/linux-headers-${abi%-*}-common/tools" || exit 1

		rm -rf "$cache/root"
		mv "$root" "$cache/root" &&
			ln -sfn "root/boot/vmlinuz-$abi" "$cache/vmlinuz" &&
			ln -sfn "root/usr/src/linux-headers-$abi" "$cache/headers" &&
			ln -sfn root/bin/busybox "$cache/busybox" &&
			echo "$abi" >"$cache/abi" || exit 1
		rm -rf "$work"
		: >"$cache/complete"
	) 9>"$cache/lock" </dev/null >"$cache/fetch.log" 2>&1 || {
		tail -n 5 "$cache/fetch.log" >&2
		printf 'the stock kernel for %s could not be fetched; see %s\n' "$arch" \
			"$cache/fetch.log" >&2
		return 1
	}
}

kernel_build() {
	local arch=$1 cache=$2 modules status log make_arch cross=''
	kernel_known "$arch" || return 2
	if [ ! -d "$3" ]; then
		printf "kernel_build: no folder '%s' of modules to build\n" "$3" >&2
		return 2
	fi
	if [ ! -d "$cache/headers" ]; then
		printf "kernel_build: no kernel headers in '%s'; kernel_fetch puts them there\n" "$cache" >&2
		return 2
	fi
	modules=$(realpath "$3") || return 1
	shift 3

	case $arch in
	amd64) make_arch=x86_64 ;;
	arm64) make_arch=arm64 ;;
	esac
	[ "$arch" = "$(dpkg --print-architecture)" ] || case $arch in
	amd64) cross=x86_64-linux-gnu- ;;
	arm64) cross=aarch64-linux-gnu- ;;
	esac
	log=$(mktemp) || return 1
	# Nobody reads the debugging information, which is most of a module and of the time to build and load it.
	make -C "$cache/headers" M="$modules" ARCH="$make_arch" CROSS_COMPILE="$cross" \
		KCFLAGS=-g0 -j "$(nproc)" "$@" modules >"$log" 2>&1 </dev/null
	status=$?
	# The kernel's makefile tells when the compiler is another release than the kernel's own, and says
	# what it leaves out for want of vmlinux. Neither is about the module.
	if [ $status = 0 ] && grep -v -e '^warning: the compiler differs' -e '^Skipping BTF' "$log" |
		grep -q -i -e 'warning:' -e '^WARNING' -e 'error:'; then
		status=1
	fi
	[ $status = 0 ] || cat "$log" >&2
	rm -f "$log"
	return $status
}

kernel_mirror() {
	local file

	mkdir -p "$2" || return 1
	while IFS= read -r -d '' file; do
		cmp -s "$1/$file" "$2/$file" || {
			mkdir -p "$(dirname "$2/$file")" && cp "$1/$file" "$2/$file"
		} || return 1
	done < <(cd "$1" && find . -type f -print0)
}

kernel_forget() {
	local file

	while IFS= read -r -d '' file; do
		# The kernel's makefile has made these.
		[ -e "$1/$file" ] || [[ $file == *.mod.c ]] || rm -f "$2/$file" || return 1
	done < <(cd "$2" && find . -type f -name '*.[ch]' -print0)
}

kernel_module() {
	local found

	found=$(find "$1/root/lib/modules" -name "$2.ko" -print -quit)
	if [ -z "$found" ]; then
		printf 'no module %s below %s\n' "$2" "$1/root/lib/modules" >&2
		return 1
	fi
	printf '%s\n' "$found"
}

kernel_initramfs() {
	local cache=$2 out=$3 init=$4 tree file status
	kernel_known "$1" || return 2
	shift 4

	tree=$(mktemp -d) || return 1
	mkdir -p "$tree"/{bin,dev,proc,sys,tmp} && cp "$cache/busybox" "$tree/bin/busybox" &&
		cp "$init" "$tree/init" && chmod 755 "$tree/init" &&
		ln -s busybox "$tree/bin/sh"
	status=$?
	for file in "$@"; do
		[ $status = 0 ] || break
		mkdir -p "$tree/$(dirname "${file%%=*}")" && cp "${file#*=}" "$tree/${file%%=*}"
		status=$?
	done
	if [ $status = 0 ]; then
		(
			set -o pipefail
			cd "$tree" && find . -print0 | cpio --null --quiet -o -H newc -R 0:0 | gzip -1
		) >"$out"
		status=$?
	fi
	rm -rf "$tree"
	return $status
}

# A console without carriage returns, each line at once (mawk would wait for 4 KiB of them); status 1 after a panic, 3 if
# nothing at all was said in time: then QEMU, whose number is in the file $1, is ended.
kernel_console() {
	local line='' bad=0 status

	IFS= read -r -t "$kernel_silence" line
	status=$?
	if [ $status -gt 128 ] && [ -z "$line" ]; then
		kill "$(cat "$1")"
		return 3
	fi
	while [ $status = 0 ] || [ -n "$line" ]; do
		printf '%s\n' "${line%$'\r'}"
		[[ $line != *'Kernel panic - not syncing'* ]] || bad=1
		IFS= read -r line
		status=$?
	done
	return $bad
}

# What the kernel waits before it complains of a processor or a task that does not get on. By its defaults (about 20 s
# for processors) an emulator that gets little of a busy host is enough for a complaint. The most that it takes, except
# for tasks: a real lockup ends in complaints all the same, or in the limit of the boot. Expedited grace periods have a
# limit of their own, which cannot be raised: they are ordinary ones.
kernel_patience='rcupdate.rcu_cpu_stall_timeout=300 rcupdate.rcu_normal_after_boot=1 watchdog_thresh=60'
kernel_patience+=' sysctl.kernel.hung_task_timeout_secs=600'

# So long a guest may say nothing, in seconds. Rarely a stock kernel on emulated processors stops in the middle of its
# start, before any line of ours: that is no result, and it is started once more.
kernel_silence=400

kernel_boot() {
	local status

	kernel_known "$1" || return 2
	kernel_boot_once "$@"
	status=$?
	if [ $status = 3 ]; then
		printf 'the guest said nothing for %s s; it is started once more\n' "$kernel_silence" >&2
		kernel_boot_once "$@"
		status=$?
	fi
	return $status
}

# Status 3: it said nothing.
kernel_boot_once() {
	local arch=$1 cache=$2 initramfs=$3 seconds=$4 qemu console ended number
	shift 4

	case $arch in
	amd64)
		qemu=(qemu-system-x86_64 -M q35 -cpu max)
		# On a busy host the kernel's test of the timer may find no tick in time, and panics.
		console='ttyS0 no_timer_check'
		;;
	arm64)
		# Pointer authentication by QEMU's own function: the architected one takes 11 s of a boot.
		qemu=(qemu-system-aarch64 -M virt -cpu "max,pauth-impdef=on")
		console=ttyAMA0
		;;
	esac
	# An oops is a panic, and a panic reboots at once, which -no-reboot makes the end of the run. QEMU then
	# says the same as after a power-off, so the console is read. What stands in "$@" comes last, and of
	# two options QEMU takes the last one.
	# In the foreground, or Ctrl-C would end everybody but QEMU.
	number=$(mktemp) || return 1
	timeout --foreground -k 5 "$seconds" "${qemu[@]}" -pidfile "$number" \
		-accel "tcg,thread=multi" -m 512 -smp 2 -no-reboot -nic none -monitor none -serial stdio -display none \
		-kernel "$cache/vmlinuz" -initrd "$initramfs" \
		-append "console=$console quiet oops=panic panic=-1 $kernel_patience ${kernel_append:-}" \
		"$@" </dev/null | kernel_console "$number"
	ended=("${PIPESTATUS[@]}")
	rm -f "$number"
	[ "${ended[1]}" != 3 ] || return 3
	# 137: it had to be killed.
	case ${ended[0]} in
	124 | 137) printf 'the guest did not power itself off within %s s\n' "$seconds" >&2 ;;
	esac
	[ "${ended[*]}" = '0 0' ]
}
