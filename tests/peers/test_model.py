"""bench/model on figures that can be followed by hand."""

import json
import math
import re
import subprocess
import sys

import pytest
from conftest import ROOT, WAIT_S, clean_environment

GIB = 1 << 30
GB10, GB25, GB100 = (gigabits * 1e9 / 8 / GIB * 0.94 for gigabits in (10, 25, 100))


def finding(name, gib):
    return {"v": 1, "seq": 1, "event": "finding", "about": "machine", "name": name,
            "numbers": {"bytes_per_second": gib * GIB}}


def model(tmp_path, text, *flags):
    """What it printed, and the cells of each upload's table: (GiB/s, what bounds it) or words."""
    (tmp_path / "measured").write_text(text)
    done = subprocess.run([sys.executable, ROOT / "bench/model", tmp_path / "measured", *flags],
                          env=clean_environment(PYTHONDONTWRITEBYTECODE="1"), check=True,
                          capture_output=True, text=True, timeout=WAIT_S)
    found, table = {}, None
    for line in done.stdout.splitlines():
        if title := re.match(r"\*\*(.*)\*\*: GiB/s", line):
            table = found.setdefault(title[1], {})
        elif re.match(r"\| (\d+|needed) \|", line):
            name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            table[name] = [(float(cell.split(", ")[0]), cell.split(", ")[1]) if ", " in cell else
                           cell for cell in cells]
    return done.stdout, found


@pytest.fixture
def rates():
    return {"disk": 3.0, "sha256": 1.6, "sha256_lanes": 3.2, "crc64": 20.0, "tls_aes128": 4.0,
            "tls_aes256": 2.5, "send": 4.0}


def lines_of(rates):
    return "".join(json.dumps(finding(*pair), separators=(",", ":")) + "\n"
                   for pair in rates.items())


def test_rates_of_headrace_bench(tmp_path, rates):
    text, found = model(tmp_path, lines_of(rates), "--disk", "50")
    assert "Assumed:" in text and "upper bound" in text
    urls = found["to given URLs, http"]
    assert urls["16"] == [(round(rate, 2), "line") for rate in (GB10, GB25, GB100)]
    # 100 Gb/s are 10.94 GiB/s, a core sends 4 of them at 0.9, memory moves 1 a core.
    assert urls["needed"] == ["2", "3", "11"]
    # By hand: 1 / 3.2 + 1 / 4 + 1 / 2.5 = 0.9625 CPU-s/GiB.
    many = found["many large files to the Hub, https"]
    assert many["needed"][1] == str(math.ceil(GB25 * 0.9625 / 0.9))
    one = found["one large file to the Hub, http"]
    assert one["64"][2] == (round(1 / (1 / 1.6 + 1 / GB100), 2), "one core")
    # Memory lets one core move 1 GiB/s, and the line of 10 Gb/s takes a little more.
    assert one["needed"] == ["2", "none: one core", "none: one core"]


def test_slow_disk_and_memory(tmp_path, rates):
    _, found = model(tmp_path, lines_of(rates))
    assert found["to S3, with CRC64-NVME, http"]["32"] == [
        (round(GB10, 2), "line"), (round(GB25, 2), "line"), (3.0, "disk")]
    _, found = model(tmp_path, lines_of(rates), "--disk", "50", "--memory", "1")
    assert found["to given URLs, http"]["16"][2] == (4.0, "memory")
    assert found["to given URLs, http"]["needed"][2] == "44"


def test_more_never_makes_it_slower(tmp_path, rates):
    _, found = model(tmp_path, lines_of(rates), "--disk", "8")
    assert len(found) == 8
    for table in found.values():
        rows = [[cell[0] for cell in table[cores]] for cores in ("16", "32", "64")]
        for row in rows:
            assert row == sorted(row)
        for column in zip(*rows):
            assert list(column) == sorted(column)


def test_figures_of_versus(tmp_path):
    def workload(name, **costs):
        return {"name": name, "bytes": 4 * GIB, "gib_per_second": {}, "clients": {
            client.replace("_", " "): [{"cpu_s_per_gib": cost, "wall_s": 2.0}]
            for client, cost in costs.items()}}
    told = {"machine": {"cores": 2}, "workloads": [
        workload("upload-4GiB-1x-urls", headrace=0.25),
        workload("upload-4GiB-1x-urls-tls", headrace=0.75),
        workload("upload-4GiB-1x-s3-cold", device=0.01),
        {"name": "sha256-16MiB-64x", "bytes": GIB, "clients": {},
         "gib_per_second": {"OpenSSL x cores": 3.5}}]}
    text, found = model(tmp_path, json.dumps(told, indent=1))
    assert set(found) == {"to given URLs, https", "to given URLs, http"}
    assert "**to S3, with CRC64-NVME**: not measured" in text
    assert "one file hashed with 1.75 GiB/s" in text
    # The device read 4 GiB in 2 s.
    assert found["to given URLs, https"]["16"][1:] == [(2.0, "disk"), (2.0, "disk")]
