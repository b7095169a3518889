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

    def call(method, target, data=None, **fields):
        request = Request(url + target, data=data, method=method, headers={
            name.replace("_", "-"): value for name, value in fields.items()})
        return build_opener(ProxyHandler({})).open(request, timeout=WAIT_S)

    begun = call("POST", "/bucket/a/key?uploads", b"").read().decode()
    upload = re.search("<UploadId>(.+)</UploadId>", begun)[1]
    part = call("PUT", f"/bucket/a/key?partNumber=1&uploadId={upload}", b"bytes",
                x_amz_checksum_crc32c="abcd")
    assert re.fullmatch(r'"[0-9a-f]{32}"', part.headers["etag"])
    assert part.headers["x-amz-checksum-crc32c"] == "abcd"
    chunked = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc64nvme:efgh\r\n\r\n"
    call("PUT", f"/bucket/a/key?partNumber=2&uploadId={upload}", chunked,
         x_amz_decoded_content_length="3", x_amz_trailer="x-amz-checksum-crc64nvme")
    parts = call("GET", f"/bucket/a/key?uploadId={upload}").read()
    assert b"<Size>5</Size><ChecksumCRC32C>abcd</ChecksumCRC32C>" in parts
    assert b"<Size>3</Size><ChecksumCRC64NVME>efgh</ChecksumCRC64NVME>" in parts
    answer = call("POST", f"/bucket/a/key?uploadId={upload}", b"<CompleteMultipartUpload/>",
                  x_amz_checksum_crc64nvme="ijkl").read()
    assert b"<Bucket>bucket</Bucket><Key>a/key</Key><ETag>" in answer
    assert b"<ChecksumCRC64NVME>ijkl</ChecksumCRC64NVME>" in answer
    head = call("HEAD", "/bucket/a/key").headers
    assert (head["content-length"], head["x-amz-checksum-crc64nvme"]) == ("8", "ijkl")
    assert calls()[0]["content"] == 2


def test_headrace_copies_to_the_sink_as_to_a_store(sink, headrace, tmp_path):
    url, calls = sink
    make_mixed_folder(tmp_path / "mixed")
    (tmp_path / "mixed/parts.bin").write_bytes(bytes(33 * MIB))
    env = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "benchbench",
           "AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path),
           "XDG_CACHE_HOME": str(tmp_path / "cache")}
    run = headrace("cp", "mixed", "s3://bucket/there", "-v", env=env)
    assert run.code == 0, run
    assert "checksums: trailer" in run.err
    seen, size = calls()
    # The trial of the store's checksums is one more.
    assert seen["content"] == 4 + 3 + 1 and size > 36 * MIB


def versus(build, out, *flags):
    """Of the peers only those that other tests install already."""
    argv = [sys.executable, ROOT / "bench/versus", *flags, "--build", build, "--out", out]
    done = subprocess.run(argv, env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
                          capture_output=True, text=True, timeout=WAIT_S)
    # Goals are no matter of a test, nor is whether the machine was itself.
    assert done.returncode in (0, 1, 3), done
    figures = json.loads((out / "versus.json").read_text())
    for workload in figures["workloads"]:
        assert not workload["missing"], done
        for costs in workload["clients"].values():
            for cost in costs:
                assert cost["wall_s"] > 0 and cost["cpu_s"] > 0 and cost["peak_bytes"] > MIB / 2
    return done, figures


def test_versus_says_what_each_client_took(build, tmp_path):
    name = "upload-64MiB-64x-lfs"
    done, figures = versus(build, tmp_path / "out", "--only", name, "--scale", "0.001",
                           "--rounds", "1")
    assert len(figures["workloads"][0]["clients"]) == 3
    rows = [row for row in figures["goals"] if row["workload"] == name]
    assert [row["measure"] for row in rows] == ["wall", "wall", "cpu", "peak"]
    assert all(row["ratio"] > 0 for row in rows)
    # One round is none: what it says does not count.
    assert {row["verdict"] for row in rows[:3]} == {"void"}
    others = [row for row in figures["goals"] if row["workload"] != name]
    assert len(others) == 15 and {row["verdict"] for row in others} == {"not run"}
    assert f"| {name} | wall |" in done.stdout
    for measure in ("cpu", "wall"):
        assert (tmp_path / f"out/versus-{measure}.svg").read_text().count("<rect") == 4


def test_versus_reads_from_the_disk_where_it_says_so(build, tmp_path):
    _, figures = versus(build, tmp_path / "out", "--only", "upload-4GiB-1x-s3-cold", "--only",
                        "sha256-16MiB-64x", "--scale", "0.005", "--rounds", "1")
    cold, digests = figures["workloads"]
    assert set(cold["clients"]) == {"device", "headrace, hot", "headrace, cold"}
    assert set(cold["yardsticks"]) == {"floor", "curl -T"}
    assert min(digests["gib_per_second"].values()) > 0.01


def test_each_small_benchmark_has_a_limit_to_be_held_against(build):
    argv = [sys.executable, ROOT / "bench/share", "--build", build, "--min-time", "0.001", "--json"]
    done = subprocess.run(argv, env=clean_environment(PYTHONDONTWRITEBYTECODE="1"), check=True,
                          capture_output=True, text=True, timeout=WAIT_S)
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    # A body is passed on without a look at it.
    assert [name for name, row in rows.items() if not row["limit"]] == ["parse_body"]
    assert all(row["share"] > 0 for name, row in rows.items() if name != "parse_body")
    for name in ("SHA-256/streams/16", "parse_part_answer", "write_part_head", "build_commit",
                 "parse_batch_answer/1000", "filter_path", "sign_part", "arena_block",
                 "ring_round_trip", "crc64_nvme/tables/262144"):
        assert name in rows


@pytest.mark.parametrize("command, verdicts, kept", [
    (["upload_cost", "--gib", "0.01", "--rounds", "1"], 3, 0),
    (["upload_memory", "--gib", "0.01", "--files", "300"], 3, 3),
    (["many_files", "--files", "600", "--rounds", "1"], 4, 3),
    (["stall", "--seconds", "0.1", "--rounds", "1"], 3, 0),
    (["plateau", "--seconds", "2"], 2, 0),
    (["limit_rate", "--seconds", "4"], 1, 0),
])
def test_bench_runs(build, command, verdicts, kept):
    argv = [sys.executable, ROOT / "bench" / command[0], *command[1:], "--build", build]
    done = subprocess.run(argv, env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
                          capture_output=True, text=True, timeout=WAIT_S)
    # Of time and CPU no more is asked than a verdict: it is too little to be measured.
    assert done.returncode in (0, 1, 3) and "Traceback" not in done.stderr, done
    assert len(re.findall(r"\b(?:ok|MISSED|TOO MUCH|counts from)\b", done.stdout)) == verdicts, done
    assert len(re.findall(r"\bok\b", done.stdout)) >= kept, done
