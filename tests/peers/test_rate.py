"""--limit-rate: never faster, by every road of the content, and lifted while it runs. How near the
rate an upload comes is measured by bench/limit_rate."""

import signal
import time

import pytest
from conftest import KIB, MIB, bytes_of, finish, make_folder


@pytest.mark.parametrize("files", [
    {"parts.bin": bytes_of(3 * MIB, 1)},
    {f"{n}.bin": bytes_of(300 * KIB, n) for n in range(10)},
    {f"{n}.txt": bytes_of(300 * KIB, n).hex()[:300 * KIB] for n in range(10)},
], ids=["parts", "objects", "texts in the commit"])
def test_never_faster(headrace, hub, tmp_path, download, files):
    files = make_folder(tmp_path / "f", files)
    begin = time.monotonic()
    run = headrace("upload", "me/slow", "f", "--limit-rate", "1M")
    took = time.monotonic() - begin
    assert run.code == 0, run
    # 20 ms of what was not used may go at once.
    assert took > sum(map(len, files.values())) / MIB - 0.1
    assert download("me/slow") == files


def test_sigusr2_lifts_it_and_ends_nothing(start_headrace, relay, tmp_path, download):
    """At the limit this would take three minutes and more."""
    files = make_folder(tmp_path / "f", {"large.bin": bytes_of(3 * MIB, 2)})
    process = start_headrace("upload", "me/lifted", "f", "--limit-rate", "16K", "--json",
                             endpoint=relay.url)
    while not relay.seen("PUT"):
        assert process.poll() is None, finish(process)
        time.sleep(0.05)
    begin = time.monotonic()
    process.send_signal(signal.SIGUSR2)
    run = finish(process)
    assert run.code == 0, run
    assert time.monotonic() - begin < 100
    assert any("rate limit is off" in event.get("text", "") for event in run.events), run
    assert download("me/lifted") == files


def test_sigusr2_without_a_limit_ends_nothing(start_headrace, relay, hub, tmp_path, download):
    files = make_folder(tmp_path / "f", {"large.bin": bytes_of(3 * MIB, 3)})
    gate = relay.on("PUT").hold()
    process = start_headrace("upload", "me/unlimited", "f", endpoint=relay.url)
    gate.wait()
    process.send_signal(signal.SIGUSR2)
    gate.open()
    assert finish(process).code == 0
    assert download("me/unlimited") == files
