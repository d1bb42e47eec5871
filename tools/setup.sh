# setup.sh: what quickstart, check and .ci/run share: installing what is missing, building, testing.
# POSIX sh, read by `.`; the caller has set `top` to the top of the tree and uses `set -eu`.

# curl is for the lines that quickstart prints and README shows; ca-certificates for https to other hosts.
BUILD_PACKAGES="gcc libc6-dev make autoconf automake pkgconf libcjson-dev libsqlite3-dev libinih-dev libhttp-parser-dev
	libcurl4-openssl-dev libxml2-dev libcbor-dev libcoap3-dev libmosquitto-dev libwebsockets-dev libssl-dev zlib1g-dev ca-certificates curl"
# patch, dpkg-dev and their like are for the tests of documents and of the package, systemd for that of the unit; a broker,
# clients, a recorder and a browser for those of the bindings.
TEST_PACKAGES="libcmocka-dev python3 python3-jsonschema libxml2-utils openssl git patch dpkg-dev debhelper lintian systemd
	mosquitto mosquitto-clients libcoap3-bin tshark chromium iproute2"

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "error: $*"
	exit 1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@" </dev/null
	else
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

apt_install() {
	as_root apt-get -y -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 install --no-install-recommends "$@" >&2
}

# need PACKAGE...: installs those that are not there. Asks only dpkg when all are, so it needs no network then.
need() {
	missing=
	command -v dpkg-query >/dev/null 2>&1 || {
		say "no dpkg here: taking for granted that these Debian packages' contents are installed: $*"
		return 0
	}
	for package in "$@"; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
		[ "$status" = installed ] || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
		die "packages are missing and there is no sudo; as root: apt-get install$missing"
	fi
	say "installing:$missing"
	as_root apt-get -q -o Acquire::Retries=3 update >&2 ||
		say "apt-get update failed; trying with the lists that are there"
	# shellcheck disable=SC2086
	apt_install $missing || die "apt-get could not install:$missing"
}

# need_command COMMAND PACKAGE: installs the package unless there is such a command, whoever brought it.
need_command() {
	command -v "$1" >/dev/null 2>&1 || need "$2"
}

# configure_in DIR [ARGUMENT...]: configures DIR (below top) unless that was done with the same arguments.
configure_in() {
	dir=$1
	shift
	if [ ! -e "$top/configure" ] || [ ! -e "$top/Makefile.in" ] ||
		[ -n "$(find "$top/configure.ac" -newer "$top/configure")" ]; then
		(cd "$top" && autoreconf -i) >&2
	fi
	mkdir -p "$top/$dir"
	stamp="$top $*"
	if [ ! -e "$top/$dir/config.status" ] || [ "$(cat "$top/$dir/.configured" 2>/dev/null)" != "$stamp" ]; then
		(cd "$top/$dir" && ../configure -q "$@") >&2 || die "configure failed; see $top/$dir/config.log"
		printf '%s\n' "$stamp" >"$top/$dir/.configured"
	fi
}

build_in() {
	make -s -C "$top/$1" --no-print-directory -j"$(nproc)" >&2 || die "the build in $1 failed"
}

# Randomisation of more than 28 bits collides with the address sanitizer's fixed shadow memory.
steady_addresses() {
	bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null) || bits=0
	if [ "$bits" -gt 28 ] && setarch "$(uname -m)" -R true 2>/dev/null; then
		setarch "$(uname -m)" -R "$@"
	else
		"$@"
	fi
}

# test_in DIR: make check; leaves "PASSED FAILED" in DIR/check-result. A build that fails counts as one failure.
test_in() {
	result=0
	find "$top/$1" -name '*.trs' -exec rm -f {} +
	VERBOSE=1 steady_addresses make -s -C "$top/$1" --no-print-directory -j2 check </dev/null || result=1
	find "$top/$1" -name '*.trs' -exec cat {} + | awk -v result="$result" '
		/^:test-result: (PASS|XFAIL)/ { passed++ }
		/^:test-result: (FAIL|XPASS|ERROR)/ { failed++ }
		END { print passed + 0, (failed || !result) ? failed + 0 : 1 }' >"$top/$1/check-result"
}

# report DIR...: the sum of their results as the last line; true if something ran and nothing failed.
report() {
	passed=0 failed=0
	for dir in "$@"; do
		read -r dir_passed dir_failed <"$top/$dir/check-result"
		passed=$((passed + dir_passed)) failed=$((failed + dir_failed))
	done
	echo "$passed passed, $failed failed"
	[ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
}
