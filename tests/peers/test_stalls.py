"""What stands still is named: its host, its address, its part, how far it had come and for how
long; and it is left, for another connection or within its deadline."""

import os
import socket

import pytest
from conftest import MIB, bytes_of, make_folder

FULL = os.environ.get("HEADRACE_FULL") == "1"


@pytest.fixture
def by_name(relay):
    """The relay under a name that leads to one address."""
    address = relay.url.removeprefix("http://")
    relay.url = relay.url.replace("127.0.0.1", "localhost")
    return address


@pytest.fixture
def large(tmp_path):
    """A folder whose one file takes twelve parts."""
    return make_folder(tmp_path / "large", {"large.bin": bytes_of(12 * MIB, 6)})


def test_a_part_that_stands_still_is_named_and_sent_elsewhere(headrace, relay, by_name, large,
                                                              download):
    """The relay reads no byte of its body before the upload is over."""
    relay.on("PUT").after(5).hold()
    run = headrace("upload", "me/stalled", "large", "--json", "--connections", "4",
                   endpoint=relay.url)
    assert run.code == 0, run
    held = int(dict(relay.seen("PUT")[5].query)["part"])
    [late] = [event for event in run.events
              if event["event"] == "part_late" and event["part"] == held]
    assert late["path"] == "large.bin" and late["host"] == relay.url.removeprefix("http://"), late
    assert late["address"] == by_name and late["seconds"] > 0, late
    assert 0 < late["bytes"] <= MIB
    sent = [int(dict(request.query)["part"]) for request in relay.seen("PUT")]
    assert sent.count(held) == 2 and set(sent) == set(range(1, 13)), sent
    assert download("me/stalled") == large


def test_a_late_part_is_told_to_a_person(headrace, relay, by_name, large):
    relay.on("PUT").after(5).hold()
    run = headrace("upload", "me/stalled", "large", "-v", "--connections", "4", endpoint=relay.url)
    assert run.code == 0, run
    line = next(line for line in run.err.splitlines() if line.startswith("late: "))
    assert "large.bin part" in line and f"({by_name}) took " in line, line


def test_whoever_answers_is_named_by_address(headrace, relay, by_name, large):
    relay.on("PUT").answer(500, b"", {"retry-after": "0"}, times=1)
    run = headrace("upload", "me/named", "large", "--json", endpoint=relay.url)
    assert run.code == 0, run
    retried = run.event("part_retried")
    assert (retried["host"], retried["address"], retried["status"]) == (
        relay.url.removeprefix("http://"), by_name, 500), retried
    relay.on("PUT").cut_request(after_bytes=1000, times=99)
    error = headrace("upload", "me/named2", "large", "--json", endpoint=relay.url).error
    assert (error["class"], error["address"], error["attempts"]) == ("retry", by_name, 5), error
    assert error["part"] >= 1


@pytest.fixture
def silent():
    """A port where connections are accepted by the kernel, and by nobody else."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("scheme, name, code, seconds", [
    ("https", "tls", "tls_timeout", 10),
    *([("http", "http", "first_byte_timeout", 60)] if FULL else [])])
def test_a_server_that_accepts_and_never_answers(headrace, silent, scheme, name, code, seconds):
    """doctor tries it once."""
    run = headrace("doctor", "--json", endpoint=f"{scheme}://{silent}")
    [failed] = [event for event in run.events if event.get("verdict") == "fail"]
    error = failed["error"]
    assert (failed["name"], failed["about"], run.code) == (name, silent, 5), run
    assert (error["code"], error["class"]) == (code, "retry"), error
    assert (error["host"], error["address"]) == (silent, silent), error
    assert f"{silent}" in error["message"] and f"{seconds} s" in error["message"], error
