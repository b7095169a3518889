"""The tables that the unit tests of S3 read are what botocore says today."""

import subprocess

import pytest
from conftest import ROOT, clean_environment, client_bin


@pytest.mark.parametrize("name", ["settings", "sigv4", "urls"])
def test_table(name):
    folder = ROOT / "tests/engine/s3"
    made = subprocess.run([client_bin("s3") / "python", folder / f"make_{name}_table.py"],
                          env=clean_environment(), capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    assert made.stdout == (folder / f"{name}_table.inc").read_text()
