# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# Debian packages: installs what is missing and nothing else.

# The names among the arguments that are not installed.
missing_packages() {
	local name

	for name in "$@"; do
		# db:Status-Status is "installed" or something less; unknown names print nothing.
		case " $(dpkg-query -W -f '${db:Status-Status} ' "$name" 2>/dev/null) " in
		*" installed "*) ;;
		*) printf '%s ' "$name" ;;
		esac
	done
}

# Makes sure that the named packages are installed; ends the script with status 2 if it cannot.
need_packages() {
	local missing as_root=()

	command -v dpkg-query >/dev/null ||
		give_up "this is no Debian system; install what these packages stand for: $*"
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null || ! { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
			give_up "packages are missing; as root: apt-get install $missing"
		fi
		as_root=(sudo)
	fi
	say "installing: $missing"
	local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
		apt-get -q -y -o DPkg::Lock::Timeout=300)
	# shellcheck disable=SC2086 # a list of names
	if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends $missing; } \
		</dev/null >build/install-packages.log 2>&1; then
		tail -n 20 build/install-packages.log >&2
		give_up "installation failed; by hand: apt-get install $missing"
	fi
}

# A private arm64 root under build/, so that the host's package state stays as it is.
# $1: folder; the other arguments: packages.
make_arm64_sysroot() {
	local root=$1 conf=$1.apt
	shift

	[ "$(cat "$root/.packages" 2>/dev/null)" = "$*" ] && return 0
	rm -rf "$root" "$conf"
	mkdir -p "$root" "$conf"/{state/lists/partial,cache/archives/partial} || return 1
	cat >"$conf/apt.conf" <<-END
		APT::Architecture "arm64";
		APT::Architectures { "arm64"; };
		APT::Sandbox::User "root";
		Dir::State "$conf/state";
		Dir::State::status "/dev/null";
		Dir::Cache "$conf/cache";
		Dir::Log "$conf";
	END
	(
		export APT_CONFIG=$conf/apt.conf
		apt-get -q update &&
			apt-get -q -y --no-install-recommends --download-only install "$@"
	) </dev/null || return 1
	local package
	for package in "$conf"/cache/archives/*.deb; do
		dpkg-deb -x "$package" "$root" || return 1
	done
	rm -rf "$conf"
	echo "$*" >"$root/.packages"
}
