"""headrace doctor: on a good day all is ok; on a bad one each line says what is wrong and what to
do, and the exit code says whether it may pass."""

import email.utils
import socket
import time

import pytest


def doctor(headrace, *arguments, **named):
    """The run, its findings by name, and all of them."""
    run = headrace("doctor", *arguments, "--json", **named)
    found = [event for event in run.events if event["event"] == "finding"]
    for finding in found:
        assert finding["text"] and finding["about"], finding
        assert (finding["verdict"] == "ok") or finding["advice"], finding
    counts = run.event("result")
    for verdict in ("ok", "warn", "fail"):
        assert counts[verdict] == str(sum(each["verdict"] == verdict for each in found))
    return run, {finding["name"]: finding for finding in found}, found


def test_a_good_day(headrace, hub, tmp_path):
    assert headrace("repo", "create", "me/well").code == 0
    run, named, found = doctor(headrace, "me/well")
    assert run.code == 0 and all(each["verdict"] == "ok" for each in found), found
    assert set(named) >= {"io_uring", "cores", "memory", "limits", "sha256", "disk", "bottleneck",
                          "resolve", "connect", "answer", "clock", "token", "repo", "write",
                          "storage"}
    host = hub.url.removeprefix("http://")
    assert named["connect"]["about"] == named["storage"]["about"] == host
    assert named["connect"]["numbers"]["ms"] < 10_000
    assert named["sha256"]["numbers"]["bytes_per_second"] > 1e6
    assert named["disk"]["numbers"]["bytes_per_second"] > 1e6
    assert abs(named["clock"]["numbers"]["ahead_s"]) < 60
    assert hub.commits("me/well") == "1"
    assert not list(tmp_path.glob(".headrace-*"))


def test_for_people(headrace, hub):
    run = headrace("doctor")
    assert run.code == 0, run
    lines = run.out.splitlines()
    assert any(line.startswith("ok   machine: io_uring works") for line in lines), run.out
    assert lines[-1].endswith("0 failed")
    assert hub.token not in run.out + run.err


def test_hub_down(headrace):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        run, named, _ = doctor(headrace, "me/down", endpoint=f"http://{host}")
    assert run.code == 5
    connect = named["connect"]
    assert (connect["verdict"], connect["about"]) == ("fail", host)
    assert connect["error"]["code"] == "connect_failed" and connect["error"]["errno"]
    assert "token" not in named and "repo" not in named


def test_name_that_does_not_resolve(headrace):
    run, named, _ = doctor(headrace, endpoint="http://hub.invalid:1")
    assert run.code in (1, 5)
    assert named["resolve"]["verdict"] == "fail"
    assert named["resolve"]["error"]["code"] in ("name_not_found", "name_lookup_failed")


def test_no_token(headrace):
    run, named, _ = doctor(headrace, token=None)
    assert run.code == 0 and named["token"]["verdict"] == "warn"
    assert "HF_TOKEN" in named["token"]["advice"]


def test_wrong_token(headrace):
    run, named, _ = doctor(headrace, token="hf_wrongwrongwrong")
    assert run.code == 1 and named["token"]["verdict"] == "fail"
    assert named["token"]["error"]["status"] == 401
    assert "wrongwrong" not in run.out + run.err


def test_no_such_repo(headrace):
    run, named, _ = doctor(headrace, "me/nowhere")
    assert run.code == 0 and named["repo"]["verdict"] == "warn"


def test_token_that_may_only_read(headrace, make_hub):
    hub = make_hub("--token", "hf_readreadread:read")
    assert headrace("repo", "create", "me/read", endpoint=hub.url).code == 0
    run, named, _ = doctor(headrace, "me/read", endpoint=hub.url, token="hf_readreadread")
    assert run.code == 1, run
    assert named["token"]["verdict"] == "warn" and "read" in named["token"]["text"]
    assert named["write"]["verdict"] == "fail" and named["write"]["error"]["status"] == 403


@pytest.mark.parametrize("ahead_s", [-3600, 3600])
def test_clock_an_hour_off(headrace, relay, ahead_s):
    def change(status, headers, body):
        kept = [pair for pair in headers if pair[0].lower() != "date"]
        return status, [*kept, ("date", email.utils.formatdate(time.time() - ahead_s,
                                                               usegmt=True))], body
    relay.on("GET", "/api/whoami-v2").change_answer(change)
    run, named, _ = doctor(headrace, endpoint=relay.url)
    assert run.code == 0 and named["clock"]["verdict"] == "warn"
    assert abs(named["clock"]["numbers"]["ahead_s"] - ahead_s) < 60


def test_something_else_listens_there(headrace, relay):
    relay.on("GET", "/api/whoami-v2").raw(b"220 mail.example ESMTP\r\n")
    run, named, _ = doctor(headrace, "me/x", endpoint=relay.url)
    assert run.code == 5 and named["http"]["error"]["code"] == "bad_http"
    assert "repo" not in named


def test_offline(headrace):
    run, named, _ = doctor(headrace, env={"HF_HUB_OFFLINE": "1"})
    assert run.code == 1 and named["offline"]["error"]["code"] == "offline_mode"


def test_folder_that_cannot_be_written(headrace):
    run, named, _ = doctor(headrace, cwd="/proc")
    assert run.code == 0 and named["disk"]["verdict"] == "warn"
    assert "bottleneck" not in named
