"""What headrace shows of itself: requests as curl commands, and a trace."""

import json
import re
import shlex

import pytest
from conftest import MIB, Hub, bytes_of, make_folder


@pytest.fixture
def folder_with_parts(tmp_path):
    make_folder(tmp_path / "data", {"a.txt": "a\n", "large.bin": bytes_of(3 * MIB + 5, 7)})
    return "data"


def curl_lines(text):
    return re.findall(r"request (\d+): (curl .*)", text)


def check_requests(text, relay):
    """A curl command and an outcome for each request; no secret; each can be read by a shell."""
    commands = dict(curl_lines(text))
    assert len(commands) == len(relay.requests)
    for number, command in commands.items():
        assert re.search(rf"request {number}: \d+ in \d+ ms, request id \S+, \d+ bytes", text), text
        words = shlex.split(command)
        assert words[:2] == ["curl", "-X"] and words[-1].startswith(relay.url), command
        if "/_lfs/" not in command:
            assert "authorization: <SECRET>" in words, command
    assert Hub.token not in text and "sig=" not in text
    return list(commands.values())


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_requests_as_curl_commands(headrace, relay, folder_with_parts, how):
    flags, env = (["-vv"], None) if how == "flag" else ([], {"HF_DEBUG": "1"})
    run = headrace("upload", "me/shown", folder_with_parts, *flags, endpoint=relay.url, env=env)
    assert run.code == 0, run
    commands = check_requests(run.err, relay)
    assert sum("PUT" in command for command in commands) == 4
    assert any("/commit/main" in command for command in commands)
    assert run.out.count("\n") == 1


def test_requests_in_json(headrace, relay, folder_with_parts):
    run = headrace("upload", "me/shown", folder_with_parts, "-vv", "--json", endpoint=relay.url)
    assert run.code == 0, run
    text = "\n".join(event["text"] for event in run.events
                     if event["event"] == "note" and event["level"] == "debug")
    check_requests(text, relay)
    assert "curl" not in headrace("upload", "me/shown", folder_with_parts, "-v").err


def test_requests_of_single_calls(headrace, relay):
    run = headrace("whoami", "-vv", endpoint=relay.url)
    assert run.code == 0, run
    assert "/api/whoami-v2" in check_requests(run.err, relay)[0]


def test_requests_without_an_answer(headrace, relay):
    relay.on("GET", "/api/whoami-v2").lose_answer(times=9)
    run = headrace("whoami", "-vv", endpoint=relay.url)
    assert run.code == 5, run
    assert len(curl_lines(run.err)) == 5
    assert len(re.findall(r"no answer in \d+ ms: .*\(\w+\), connection \d+", run.err)) == 5


# The trace.

def spans_of(path):
    return [event for event in json.loads(path.read_text()) if event["ph"] == "X"]


def check_nesting(spans):
    """Within a row a span lies in another, or beside it."""
    rows = {}
    for span in spans:
        rows.setdefault((span["pid"], span["tid"]), []).append(span)
    for row in rows.values():
        open_ends = []
        for span in sorted(row, key=lambda span: (span["ts"], -span["dur"])):
            end = span["ts"] + span["dur"]
            while open_ends and open_ends[-1] <= span["ts"] + 0.002:
                open_ends.pop()
            assert not open_ends or end <= open_ends[-1] + 0.002, span
            open_ends.append(end)
    return rows


def test_trace(headrace, relay, folder_with_parts, tmp_path):
    run = headrace("upload", "me/trace", folder_with_parts, "--trace", "trace.json",
                   endpoint=relay.url)
    assert run.code == 0, run
    text = (tmp_path / "trace.json").read_text()
    assert Hub.token not in text and "sig=" not in text and "?" not in text
    spans = spans_of(tmp_path / "trace.json")
    assert all(span["dur"] >= 0 for span in spans)
    rows = check_nesting(spans)
    found = {(span["cat"], span["name"]) for span in spans}
    assert found >= {("read", "read"), ("digest", "digest"), ("file", "read and digest"),
                     ("wait", "wait for work"), ("wait", "connect"), ("send", "send"),
                     ("wait", "wait for the answer"), ("part", "part"), ("part", "send part"),
                     ("control", "preupload"), ("control", "lfs_batch"), ("control", "complete"),
                     ("control", "commit"), ("control", "scan")}, found
    parts = [span for span in spans if (span["pid"], span["name"]) == (2, "part")]
    assert len(parts) == 4 and all(span["args"]["status"] == 200 for span in parts)
    assert sorted(span["args"]["subject"].split()[-1] for span in parts) == list("1234")
    named = {(event["pid"], event["tid"]) for event in json.loads(text)
             if event["name"] == "thread_name"}
    assert set(rows) <= named


def test_trace_of_a_failure(headrace, relay, folder_with_parts, tmp_path):
    relay.on("PUT").answer(404, {"error": "gone"}, times=99)
    run = headrace("upload", "me/trace", folder_with_parts, "--trace", "trace.json",
                   endpoint=relay.url)
    assert run.code == 1, run
    spans = spans_of(tmp_path / "trace.json")
    check_nesting(spans)
    assert any(span["args"].get("status") == 404 for span in spans)


def test_trace_nowhere(headrace, folder_with_parts):
    run = headrace("upload", "me/trace", folder_with_parts, "--trace", "no/such/trace", "--json")
    assert run.code == 1 and run.error["code"] == "trace_failed"
    assert run.error["path"] == "no/such/trace" and run.error["hint"]


def test_trace_on_a_full_disk(headrace, folder_with_parts):
    """It costs the trace, not the upload."""
    assert headrace("upload", "me/full", folder_with_parts, "--trace", "/dev/full").code == 0
