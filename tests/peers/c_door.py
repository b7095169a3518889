"""libheadrace as a stranger meets it: what it shows, and programs compiled against what was
installed."""

import os
import subprocess

STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]


def symbols(library):
    """(name, kind) of the dynamic symbols, without their versions."""
    out = subprocess.run(["llvm-nm-19", "-D", library], check=True, capture_output=True,
                         text=True).stdout
    return [(line.split()[-1].split("@")[0], line.split()[-2]) for line in out.splitlines()]


def compile_installed(prefix, source, into, *flags):
    """By pkg-config; where the libraries are, for whoever runs it."""
    where = next(prefix.rglob("headrace.pc")).parent
    env = os.environ | {"PKG_CONFIG_PATH": str(where), "PKG_CONFIG_SYSROOT_DIR": str(prefix)}
    found = subprocess.run(["pkg-config", "--cflags", "--libs", "headrace"], env=env, check=True,
                           capture_output=True, text=True).stdout.split()
    subprocess.run(["clang-19", *flags, str(source), *found, "-o", str(into)], check=True)
    return next(prefix.rglob("libheadrace.so.0")).parent
