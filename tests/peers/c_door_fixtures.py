"""The library that was built and what is made of it: a plugin, for files that say
`pytest_plugins = "c_door_fixtures"`."""

import subprocess
from pathlib import Path

import pytest
from c_door import symbols
from conftest import ROOT


@pytest.fixture(scope="session")
def build(program):
    return Path(program).resolve().parents[2]


@pytest.fixture(scope="session")
def library(build):
    return build / "engine/libheadrace.so.0"


@pytest.fixture(scope="session")
def sanitized(library):
    """Whether the library wants a sanitizer's runtime, which strangers don't have."""
    return any(name.startswith(("__asan_", "__tsan_")) for name, kind in symbols(library)
               if kind == "U")


@pytest.fixture(scope="session")
def prefix(build, tmp_path_factory):
    """What `meson install` leaves, below a folder that stands for the root."""
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", root],
                   check=True, stdout=subprocess.PIPE)
    return root


@pytest.fixture
def python(library, sanitized, client_2_4_0):
    """Runs a script that may import tools/examples/headrace.py."""
    if sanitized:
        pytest.skip("a sanitizer's library has no strangers")

    def run(script, **env):
        return client_2_4_0(script=script, PYTHONPATH=ROOT / "tools/examples",
                            PYTHONDONTWRITEBYTECODE=1, HEADRACE_LIBRARY=library, **env)

    return run
