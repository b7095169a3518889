"""What goes wrong outside of us: each case ends with an exit code, an error whose fields say what
happened and where, and a repository that holds whole commits only."""

import json
import os
import errno
import signal
import socket
import threading

import pytest
from conftest import MIB, Hub, bytes_of, finish, make_folder
from relay import Relay

FAILED, USAGE, CTRL_C, TRY_AGAIN = 1, 2, 130, 5


def failed(run, **fields):
    """The run ended with an error event that has these fields, and a hint or a place to look."""
    assert run.code == (TRY_AGAIN if fields.get("class") in ("retry", "expired") else FAILED), run
    error = run.error
    shown = {name: error.get(name) for name in fields}
    assert shown == fields, error
    assert error["code"] and error["message"], error
    assert Hub.token not in run.out + run.err
    return error


@pytest.fixture
def upload(headrace):
    def run(repo, *arguments, **named):
        return headrace("upload", repo, *arguments, "--json", **named)
    return run


@pytest.fixture
def texts(tmp_path):
    return make_folder(tmp_path / "texts", {"a.txt": "a\n", "b.txt": "b\n" * 1000})


@pytest.fixture
def large(tmp_path):
    """A folder whose one file takes six parts."""
    return make_folder(tmp_path / "large", {"large.bin": bytes_of(5 * MIB + 99, 6)})


# On this side of the wire.

def test_missing_path(upload, relay):
    error = failed(upload("me/bad", "no/such/folder", endpoint=relay.url), **{"class": "fail"})
    assert "no/such/folder" in error["path"] and error["errno"] in (0, None, errno.ENOENT)
    assert not relay.seen("PUT")


def test_unreadable_file(upload, hub, texts, tmp_path):
    (tmp_path / "texts/locked.txt").write_text("secret\n")
    (tmp_path / "texts/locked.txt").chmod(0)
    # Root reads everything as long as it has the capabilities to.
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if os.geteuid() != 0:
        without = []
    run = upload("me/locked", "texts", prefix=without)
    error = failed(run, **{"class": "fail"}, errno=errno.EACCES)
    assert "locked.txt" in error["path"]
    assert hub.commits("me/locked") == "1"


@pytest.mark.parametrize("change", ["vanish", "grow", "shrink", "rewrite"])
def test_file_changes_before_it_is_committed(start_headrace, relay, hub, texts, tmp_path, change):
    """Held when its digest is known; its content is read again for the commit."""
    gate = relay.on("POST", "/preupload/").hold()
    process = start_headrace("upload", "me/changing", "texts", "--json", endpoint=relay.url)
    gate.wait()
    path = tmp_path / "texts/b.txt"
    if change == "vanish":
        path.unlink()
    else:
        contents = {"grow": b"b\n" * 2000, "shrink": b"b\n", "rewrite": b"c\n" * 1000}
        path.write_bytes(contents[change])
    gate.open()
    run = finish(process)
    error = failed(run)
    assert error["class"] in (("changed", "fail") if change == "vanish" else ("changed",)), error
    assert "b.txt" in error["path"]
    assert hub.commits("me/changing") == "1"


def test_symlink_loop(upload, hub, texts, tmp_path, download):
    (tmp_path / "texts/x").symlink_to("y")
    (tmp_path / "texts/y").symlink_to("x")
    (tmp_path / "texts/up").symlink_to("..")
    run = upload("me/loop", "texts")
    assert run.code == 0, run
    assert download("me/loop") == texts
    error = failed(upload("me/loop", "texts/x"), **{"class": "fail"})
    assert "texts/x" in error["path"]


@pytest.mark.parametrize("path", ["..", "a/../b", ".git/hooks", "a/.git/b"])
def test_forbidden_path_in_repo(upload, relay, texts, path):
    run = upload("me/path", "texts/a.txt", f"{path}/a.txt", endpoint=relay.url)
    assert run.code in (FAILED, USAGE), run
    assert run.error["class"] == "fail" and path in run.error["path"] + run.error["message"]
    assert not relay.seen("POST", "/commit/")


@pytest.mark.parametrize("repo", ["a/b/c", "me/--x", "me/x..y", "me-/x", "me/x.git", "me/sp ace",
                                  "me/", "me/ünï", "me/" + "x" * 97])
def test_bad_repo_id(upload, relay, texts, repo):
    run = upload(repo, "texts", endpoint=relay.url)
    assert run.code in (FAILED, USAGE), run
    assert run.error["class"] == "fail"
    assert not relay.requests


# Who are you?

def test_no_token(upload, relay, texts):
    error = failed(upload("me/anon", "texts", token=None, endpoint=relay.url), **{"class": "fail"})
    assert "HF_TOKEN" in error["hint"]
    assert not relay.seen("POST", "/commit/")


def test_wrong_token(upload, relay, texts):
    error = failed(upload("me/wrong", "texts", token="hf_wrong", endpoint=relay.url),
                   **{"class": "fail"}, status=401, host=relay.url.removeprefix("http://"))
    assert error["hint"] and error["method"] == "POST"
    assert error["url"].startswith(relay.url) and "?" not in error["url"]


def test_read_only_token(upload, relay, texts):
    refusal = {"error": "Forbidden: you need a token with write permission"}
    relay.on("POST", "/api/repos/create").answer(403, refusal, {"x-request-id": "req-403"})
    relay.on("GET", "/api/models/me/readonly").answer(403, refusal, {"x-request-id": "req-403"})
    error = failed(upload("me/readonly", "texts", endpoint=relay.url), **{"class": "fail"},
                   status=403, request_id="req-403")
    assert error["hint"]


def test_unknown_revision(upload, hub, texts):
    assert upload("me/rev", "texts").code == 0
    run = upload("me/rev", "texts", "--revision", "no-such-branch", "--create-pr")
    assert run.code in (FAILED, USAGE), run
    assert run.error["class"] == "fail"
    assert hub.commits("me/rev") == "2"


# The way there.

def test_hub_not_running(upload, texts):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        run = upload("me/down", "texts", endpoint=f"http://{host}")
    error = failed(run, **{"class": "retry"}, stage="connect", errno=errno.ECONNREFUSED)
    assert error["host"] == host and "run the same command again" in error["hint"]


def test_name_does_not_resolve(upload, texts):
    """For good where a name service says so; for now where none can be asked."""
    run = upload("me/nowhere", "texts", endpoint="http://hub.invalid:1")
    assert (run.code, run.error["code"]) in ((1, "name_not_found"), (5, "name_lookup_failed")), run
    assert run.error["stage"] == "resolve" and "hub.invalid" in run.error["host"]


def test_500_on_a_part_twice(upload, relay, large, download):
    relay.on("PUT").after(2).answer(500, {"error": "try again"}, times=2)
    run = upload("me/parts", "large", endpoint=relay.url)
    assert run.code == 0, run
    assert len(relay.seen("PUT")) == 6 + 2
    assert download("me/parts") == large


def test_503_with_retry_after(upload, relay, large, download):
    relay.on("POST", "/objects/batch").answer(503, b"", {"retry-after": "1"})
    relay.on("PUT").answer(503, b"", {"retry-after": "0"})
    run = upload("me/busy", "large", endpoint=relay.url)
    assert run.code == 0, run
    assert len(relay.seen("POST", "/objects/batch")) == 2
    assert download("me/busy") == large


def test_500_for_ever(upload, relay, large, hub):
    relay.on("PUT").answer(500, {"error": "broken"}, {"x-request-id": "req-500"}, times=1000)
    error = failed(upload("me/broken", "large", endpoint=relay.url), **{"class": "retry"},
                   status=500, method="PUT", request_id="req-500", attempts=5)
    assert error["part"] >= 1 and "large.bin" in error["path"] and "?" not in error["url"]
    assert hub.commits("me/broken") == "1"


def test_expired_part_url(upload, relay, large, download):
    expired = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    relay.on("PUT").after(2).answer(403, expired, {"content-type": "application/xml"})
    run = upload("me/expired", "large", endpoint=relay.url)
    assert run.code == 0, run
    assert len(relay.seen("POST", "/objects/batch")) == 2
    assert download("me/expired") == large


def test_other_403_on_a_part(upload, relay, large, hub):
    relay.on("PUT").answer(403, b"no such right", {"content-type": "text/plain"}, times=1000)
    failed(upload("me/forbidden", "large", endpoint=relay.url), **{"class": "fail"}, status=403,
           method="PUT")
    assert len(relay.seen("POST", "/objects/batch")) == 1
    assert hub.commits("me/forbidden") == "1"


def test_server_closes_in_the_middle_of_a_part(upload, relay, large, download):
    relay.on("PUT").cut_request(after_bytes=200_000, times=2)
    run = upload("me/cut", "large", endpoint=relay.url)
    assert run.code == 0, run
    assert download("me/cut") == large


@pytest.mark.parametrize("after_bytes", [0, 30, 150])
def test_server_closes_in_the_middle_of_an_answer(upload, relay, large, download, after_bytes):
    for method, pattern in (("POST", "/preupload/"), ("POST", "/objects/batch"), ("PUT", "")):
        relay.on(method, pattern).cut_answer(after_bytes)
    run = upload("me/answers", "large", endpoint=relay.url)
    assert run.code == 0, run
    assert download("me/answers") == large


# Others at the same time, and ends from outside.

def test_two_uploads_at_once(start_headrace, hub, tmp_path, download):
    expected, processes = {}, []
    for name in "ab":
        expected |= make_folder(tmp_path / name, {
            f"{name}.bin": bytes_of(3 * MIB, ord(name)), f"{name}.txt": f"{name}\n"})
        processes.append(start_headrace("upload", "me/both", name, "--json"))
    for process in processes:
        run = finish(process)
        assert run.code == 0, run
    assert download("me/both") == expected
    hub.check("me/both")


STAGES = {"create": ("POST", "/api/repos/create"), "preupload": ("POST", "/preupload/"),
          "batch": ("POST", "/objects/batch"), "part": ("PUT", ""), "commit": ("POST", "/commit/")}


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c(start_headrace, upload, relay, hub, large, tmp_path, download, stage):
    gate = relay.on(*STAGES[stage]).hold()
    process = start_headrace("upload", "me/stopped", "large", "--json", endpoint=relay.url)
    gate.wait()
    process.send_signal(signal.SIGINT)
    # The relay still holds the request: what ends the run is the signal alone.
    run = finish(process)
    assert run.code == CTRL_C, run
    assert run.error["class"] == "cancelled"
    gate.open()
    assert upload("me/stopped", "large").code == 0
    assert download("me/stopped") == large
    hub.check("me/stopped")


def test_hub_is_killed_during_a_commit(upload, relay, hub, large, download):
    relay.on("POST", "/commit/").call(lambda _: hub.kill())
    run = upload("me/killed", "large", endpoint=relay.url)
    assert run.code in (FAILED, TRY_AGAIN), run
    assert run.error["stage"] == "commit"
    hub.start()
    assert hub.commits("me/killed") in ("1", "2")
    hub.check("me/killed")
    assert upload("me/killed", "large").code == 0
    assert hub.commits("me/killed") == "2"
    assert download("me/killed") == large


def test_hub_is_killed_at_any_time_and_comes_back(upload, relay, hub, large, download):
    """Killed during the third part; back at once; the same run goes on."""
    back = threading.Event()

    def restart(_):
        hub.kill()
        hub.start()
        back.set()

    relay.on("PUT").after(2).call(restart)
    run = upload("me/back", "large", endpoint=relay.url)
    assert back.is_set() and run.code == 0, run
    assert download("me/back") == large


def test_answers_that_make_no_sense(upload, relay, large, hub):
    relay.on("POST", "/objects/batch").answer(200, b"not json", times=1000)
    failed(upload("me/noise", "large", endpoint=relay.url), **{"class": "fail"}, status=200)
    assert hub.commits("me/noise") == "1"


def test_token_does_not_leave_its_origin(upload, hub, large, download):
    """Part URLs on another origin get no credentials of ours."""
    with Relay(hub.url) as storage, Relay(hub.url) as front:
        def point_to_storage(status, headers, body):
            answer = json.loads(body)
            for thing in answer["objects"]:
                header = thing["actions"]["upload"]["header"]
                for name, value in header.items():
                    header[name] = value.replace(front.url, storage.url)
            return status, headers, json.dumps(answer).encode()
        front.on("POST", "/objects/batch").change_answer(point_to_storage)
        run = upload("me/origin", "large", endpoint=front.url)
        assert run.code == 0, run
        assert len(storage.seen("PUT")) == 6
        assert not any("authorization" in request.headers for request in storage.seen("PUT"))
    assert download("me/origin") == large
