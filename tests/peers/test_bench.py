"""The benches' counterpart is a Hub to real clients too, and the benches run: scaled down, so that
they say nothing of speed here."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from conftest import MIB, ROOT, WAIT_S, clean_environment, make_folder


@pytest.fixture
def build(program):
    where = Path(program).resolve().parents[2]
    if not (where / "bench/sink").exists():
        pytest.skip("this build has no benches")
    return where


@pytest.fixture
def sink(build):
    argv = [build / "bench/sink", "--multipart-threshold", str(MIB), "--part-size", str(MIB)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()

    def calls():
        answer = json.load(build_opener(ProxyHandler({})).open(url + "/", timeout=WAIT_S))
        return answer["calls"], answer["bytes"]

    yield url, calls
    process.kill()
    process.communicate()


def make_mixed_folder(where):
    make_folder(where, {
        "README.md": "---\nlicense: mit\n---\n",
        "a.txt": "text\n",
        "small.bin": bytes(1000),
        "large.bin": bytes(3 * MIB + 1),
    })


@pytest.mark.parametrize("flags", [[], ["--revision", "dev"],
                                   ["--create-pr", "--repo-type", "dataset"]])
def test_both_clients_upload_a_folder_to_the_sink(sink, headrace, client_2_4_0, tmp_path, flags):
    url, calls = sink
    make_mixed_folder(tmp_path / "mixed")
    client_2_4_0("hf", "upload", "me/r", "mixed", *flags, endpoint=url)
    seen, size = calls()
    assert (seen["content"], seen["completion"], seen["verify"], seen["commit"]) == (5, 1, 2, 1)
    assert size > 3 * MIB
    assert headrace("upload", "me/r", "mixed", *flags, endpoint=url).code == 0
    again, _ = calls()
    assert {call: again[call] - seen[call] for call in ("content", "completion", "verify")} == {
        "content": 5, "completion": 1, "verify": 2}
    assert again["commit"] == 2


def test_a_store_s_client_may_upload_to_the_sink(sink):
    url, calls = sink

    def call(method, target, data):
        request = Request(url + target, data=data, method=method)
        return build_opener(ProxyHandler({})).open(request, timeout=WAIT_S)

    assert b"<UploadId>sink</UploadId>" in call("POST", "/bucket/a/key?uploads", b"").read()
    part = call("PUT", "/bucket/a/key?partNumber=1&uploadId=sink", b"bytes")
    assert re.fullmatch(r'"[0-9a-f]{32}"', part.headers["etag"])
    answer = call("POST", "/bucket/a/key?uploadId=sink", b"<CompleteMultipartUpload/>").read()
    assert b"<Bucket>bucket</Bucket><Key>a/key</Key><ETag>" in answer
    assert calls()[0]["content"] == 1


def test_versus_says_what_each_client_took(build, tmp_path):
    """Of the peers only those that other tests install already."""
    argv = [sys.executable, ROOT / "bench/versus", "--only", "lfs-64MiB-64x", "--scale", "0.001",
            "--rounds", "1", "--build", build, "--out", tmp_path / "out"]
    done = subprocess.run(argv, env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
                          capture_output=True, text=True, timeout=WAIT_S)
    # 0 and 1 are both fine: goals are no matter of a test.
    assert done.returncode in (0, 1), done
    figures = json.loads((tmp_path / "out/versus.json").read_text())
    clients = figures["workloads"][0]["clients"]
    assert len(clients) == 3
    for costs in clients.values():
        assert costs[0]["wall_s"] > 0 and costs[0]["cpu_s"] > 0 and costs[0]["peak_bytes"] > MIB
    assert {row["measure"] for row in figures["goals"]} == {"cpu_s", "wall_s", "peak"}
    assert "| lfs-64MiB-64x | wall |" in done.stdout
    assert (tmp_path / "out/versus.svg").read_text().count("<rect") == 4


@pytest.mark.parametrize("command, verdicts", [
    (["upload_memory", "--gib", "0.01", "--files", "300"], 3),
    (["many_files", "--files", "600", "--rounds", "1"], 3),
    (["stall", "--seconds", "0.1", "--rounds", "1"], 0),
    (["plateau", "--seconds", "0.5"], 0),
    (["limit_rate", "--seconds", "4"], 0),
])
def test_bench_runs(build, command, verdicts):
    argv = [sys.executable, ROOT / "bench" / command[0], *command[1:], "--build", build]
    done = subprocess.run(argv, env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
                          capture_output=True, text=True, timeout=WAIT_S)
    # Of the CPU nothing is asked: it is too little to be measured.
    assert len(re.findall(r"\bok\b", done.stdout)) >= verdicts, done
