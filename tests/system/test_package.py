#!/usr/bin/env python3
"""The Debian package: built from what `make dist` packs, looked at by lintian, and unpacked. Speaks TAP. Installing it is
tools/try-package's, in a Debian made for it."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from copse_harness import Skip, clean_environment, expect, expect_equal, main, rule

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = (TOP / "docs" / "operations.md").read_text(encoding="utf-8")
BUILT = pathlib.Path(os.environ.get("top_builddir", TOP / "build"))
WAIT_S = 1800
FILES = {"./usr/bin/copse", "./etc/copse/copse.conf", "./lib/systemd/system/copse.service",
         "./usr/lib/sysusers.d/copse.conf", "./usr/share/man/man1/copse.1.gz", "./usr/share/doc/copse/operations.md.gz"}
KEPT = tempfile.TemporaryDirectory(prefix="copse-test-")
DIRECTORY = pathlib.Path(KEPT.name)


def sh(line, **options):
    # What make exports to its tests is not for the makes that a package is built by.
    env = {name: value for name, value in clean_environment().items()
           if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "TMPDIR", "top_srcdir", "top_builddir", "TESTS")}
    result = subprocess.run(["sh", "-euc", line], env={**env, "DEB_BUILD_OPTIONS": "nocheck parallel=2"},
                            capture_output=True, text=True, timeout=WAIT_S, **options)
    expect_equal(result.returncode, 0, f"{line}: {(result.stdout + result.stderr)[-3000:]}")
    return result.stdout + result.stderr


def package():
    found = list(DIRECTORY.glob("copse_*.deb"))
    if not found:
        raise Skip("no package was built")
    return found[0]


@rule("what is packed builds a package, by the command of the operator's page")
def _():
    if not (TOP / ".git").exists():
        raise Skip("only from a checkout")
    for tool in ("dpkg-buildpackage", "dh"):
        if not shutil.which(tool):
            raise Skip(f"there is no {tool} here")
    sh(f"make -s -C {BUILT} distdir distdir={DIRECTORY}/copse-dist am__remove_distdir=: am__skip_length_check=:")
    build = re.search(r"^```sh package\n(.*)\n", PAGE, re.M).group(1)
    expect(build.startswith("dpkg-buildpackage"), build)
    sh(build, cwd=DIRECTORY / "copse-dist")
    expect(package().exists(), "no package")


@rule("lintian finds no error in it")
def _():
    if not shutil.which("lintian"):
        raise Skip("there is no lintian here")
    sh(f"lintian --allow-root --fail-on error {package()}")


@rule("it has the program, its manual, the service, its user and its configuration")
def _():
    listed = sh(f"dpkg-deb -c {package()}")
    names = {line.split()[5] for line in listed.splitlines()}
    expect_equal(FILES - names, set(), "files that are missing")
    root = DIRECTORY / "root"
    sh(f"dpkg-deb -x {package()} {root} && dpkg-deb -e {package()} {root}/DEBIAN")
    expect("copse" in sh(f"{root}/usr/bin/copse --version"), "the program does not run")
    sh(f"{root}/usr/bin/copse check-config --config {root}/etc/copse/copse.conf")
    unit = (root / "lib/systemd/system/copse.service").read_text()
    expect("ExecStart=/usr/bin/copse run --config /etc/copse/copse.conf\n" in unit, unit)
    expect_equal((root / "DEBIAN/conffiles").read_text(), "/etc/copse/copse.conf\n", "conffiles")
    scripts = (root / "DEBIAN/postinst").read_text()
    expect("systemd-sysusers" in scripts and "copse.service" in scripts, scripts)
    for script in ("postinst", "prerm", "postrm"):
        sh(f"sh -n {root}/DEBIAN/{script}")


main()
