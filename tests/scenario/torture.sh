#!/bin/sh
# A sample of the torture of scenarios (README.md); `make torture` runs all of it.
# Nothing here depends on a device that syncs, and many stores are made.
if [ -w /dev/shm ]; then
	TMPDIR=/dev/shm
	export TMPDIR
fi
exec "${top_builddir:-.}/test_scenarios" -T "${COPSE_TORTURE_STRIDE:-17}"
