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
    """The run ended with an error event that has these fields, and says what to do next."""
    worth_again = fields.get("class") in ("retry", "expired")
    fields.setdefault("exit_code", TRY_AGAIN if worth_again else FAILED)
    assert run.code == fields["exit_code"], run
    error = run.error
    assert {name: error[name] for name in fields} == fields, error
    assert error["code"] and error["message"] and error["stage"] and error["hint"], error
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
    failed(upload("me/bad", "no/such/folder", endpoint=relay.url), **{"class": "fail"},
           code="no_such_path", errno=errno.ENOENT, stage="scan", path="no/such/folder")
    assert not relay.requests


def test_unreadable_file(upload, hub, texts, tmp_path):
    (tmp_path / "texts/locked.txt").write_text("secret\n")
    (tmp_path / "texts/locked.txt").chmod(0)
    # Root reads everything as long as it has the capabilities to.
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if os.geteuid() != 0:
        without = []
    run = upload("me/locked", "texts", prefix=without)
    failed(run, **{"class": "fail"}, code="open_failed", errno=errno.EACCES, stage="read",
           path="texts/locked.txt")
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
    if change == "vanish":
        expected = {"class": "fail", "code": "open_failed", "errno": errno.ENOENT}
    else:
        expected = {"class": "changed", "code": "source_changed"}
    failed(run, **expected, stage="read", path="texts/b.txt")
    assert hub.commits("me/changing") == "1"


@pytest.mark.parametrize("change", ["vanish", "grow", "shrink", "rewrite"])
def test_large_file_changes_while_its_parts_go_up(start_headrace, upload, relay, hub, tmp_path,
                                                  download, change):
    """Too large for the memory it was given, so its parts are read again; the first is held."""
    path = tmp_path / "f/large.bin"
    make_folder(tmp_path / "f", {"large.bin": bytes_of(24 * MIB, 1)})
    gate = relay.on("PUT").hold()
    process = start_headrace("upload", "me/moving", "f", "--memory-limit", "16M", "--connections",
                             "1", "--json", endpoint=relay.url)
    gate.wait()
    if change == "vanish":
        path.unlink()
    elif change == "shrink":
        with open(path, "r+b") as file:
            file.truncate(MIB)
    else:
        with open(path, "ab" if change == "grow" else "r+b") as file:
            file.write(b"more")
    gate.open()
    run = finish(process)
    error = failed(run, stage="read")
    expected = {"vanish": {"open_failed", "source_changed"},
                "shrink": {"source_changed", "source_ended_early"}}
    assert error["code"] in expected.get(change, {"source_changed"}), error
    assert error["class"] == ("fail" if error["code"] == "open_failed" else "changed")
    assert error["path"].endswith("large.bin") and error["hint"]
    assert hub.commits("me/moving") == "1"
    hub.check("me/moving")
    if change != "vanish":
        assert upload("me/moving", "f").code == 0
        assert download("me/moving") == {"large.bin": path.read_bytes()}


def test_symlink_loop(upload, hub, texts, tmp_path, download):
    (tmp_path / "texts/x").symlink_to("y")
    (tmp_path / "texts/y").symlink_to("x")
    (tmp_path / "texts/up").symlink_to("..")
    run = upload("me/loop", "texts")
    assert run.code == 0, run
    assert download("me/loop") == texts
    failed(upload("me/loop", "texts/x"), **{"class": "fail"}, code="symlink_loop",
           errno=errno.ELOOP, path="texts/x")


@pytest.mark.parametrize("path", ["..", "a/../b", ".git/hooks", "a/.git/b"])
def test_forbidden_path_in_repo(upload, relay, texts, path):
    for local, remote in (("texts/a.txt", f"{path}/a.txt"), ("texts", path)):
        run = upload("me/path", local, remote, endpoint=relay.url)
        failed(run, **{"class": "fail"}, code="bad_path_in_repo", path=remote)
    assert not relay.requests


@pytest.mark.parametrize("repo", ["a/b/c", "me/--x", "me/x..y", "me-/x", "me/x.git", "me/sp ace",
                                  "me/", "me/ünï", "me/" + "x" * 97])
def test_bad_repo_id(upload, relay, texts, repo):
    error = failed(upload(repo, "texts", endpoint=relay.url), exit_code=USAGE, **{"class": "fail"},
                   code="bad_repo_id", stage="arguments")
    assert repo in error["message"]
    assert not relay.requests


# Who are you?

def test_no_token(upload, relay, texts):
    error = failed(upload("me/anon", "texts", token=None, endpoint=relay.url), **{"class": "fail"},
                   code="not_authenticated", status=401, stage="create_repo", method="POST",
                   host=relay.url.removeprefix("http://"), url=relay.url + "/api/repos/create")
    assert "HF_TOKEN" in error["hint"] and error["request_id"]
    assert not [request for request in relay.requests if "authorization" in request.headers]
    assert not relay.seen("POST", "/commit/")


def test_wrong_token(upload, relay, texts):
    error = failed(upload("me/wrong", "texts", token="hf_wrong", endpoint=relay.url),
                   **{"class": "fail"}, code="not_authenticated", status=401, method="POST",
                   stage="create_repo", host=relay.url.removeprefix("http://"),
                   url=relay.url + "/api/repos/create")
    assert error["request_id"] and "token" in error["hint"]
    assert not relay.seen("POST", "/commit/")


def test_read_only_token(upload, relay, texts):
    refusal = {"error": "Forbidden: you need a token with write permission"}
    relay.on("POST", "/api/repos/create").answer(403, refusal, {"x-request-id": "req-403"})
    relay.on("GET", "/api/models/me/readonly").answer(403, refusal, {"x-request-id": "req-403"})
    failed(upload("me/readonly", "texts", endpoint=relay.url), **{"class": "fail"}, status=403,
           code="not_allowed", request_id="req-403", server_message=refusal["error"])


def test_read_only_token_of_the_hub(upload, hub, make_hub, texts):
    reader = "hf_peerstestreadtoken"
    other = make_hub("--token", f"{reader}:read")
    assert upload("me/readonly", "texts", endpoint=other.url).code == 0
    (hub.root.parent / "texts/new.txt").write_text("new\n")
    run = upload("me/readonly", "texts", token=reader, endpoint=other.url)
    error = failed(run, **{"class": "fail"}, code="not_allowed", status=403, method="POST")
    assert error["request_id"] and "write" in error["hint"]
    assert other.commits("me/readonly") == "2"


def test_unknown_revision(upload, hub, texts):
    assert upload("me/rev", "texts").code == 0
    run = upload("me/rev", "texts", "--revision", "no-such-branch", "--create-pr")
    failed(run, **{"class": "fail"}, code="revision_not_found", status=404)
    assert "--revision" in run.error["hint"]
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
    assert run.error["stage"] == "resolve" and run.error["host"] == "hub.invalid:1"
    assert "spelling" in run.error["hint"]


def test_500_on_a_part_twice(upload, relay, large, download):
    relay.on("PUT").after(2).answer(500, {"error": "try again"}, times=2)
    run = upload("me/parts", "large", endpoint=relay.url)
    assert run.code == 0, run
    assert len(relay.seen("PUT")) == 6 + 2 + run.sent_twice
    retried = [event for event in run.events if event["event"] == "part_retried"]
    assert [(event["status"], event["path"], event["method"]) for event in retried] == [
        (500, "large.bin", "PUT")] * 2
    assert run.event("result")["totals"]["retries"] == 2
    assert download("me/parts") == large


def test_503_with_retry_after(upload, relay, large, download):
    relay.on("POST", "/objects/batch").answer(503, b"", {"retry-after": "1"})
    relay.on("PUT").answer(503, b"", {"retry-after": "0"})
    run = upload("me/busy", "large", endpoint=relay.url)
    assert run.code == 0, run
    assert len(relay.seen("POST", "/objects/batch")) == 2
    assert (run.event("part_retried")["status"], run.event("part_retried")["retry_after_ms"]) == (
        503, 0)
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


def test_403_past_the_stated_lifetime(upload, relay, large, download):
    """The body says nothing; the batch answer had said when the URLs end."""
    def ended(status, headers, body):
        answer = json.loads(body)
        for thing in answer["objects"]:
            upload = thing["actions"]["upload"]
            upload.pop("expires_in", None)
            upload["expires_at"] = "2020-01-01T00:00:00Z"
        return status, headers, json.dumps(answer).encode()
    relay.on("POST", "/objects/batch").change_answer(ended)
    relay.on("PUT").after(2).answer(403, b"no such right", {"content-type": "text/plain"})
    run = upload("me/ended", "large", endpoint=relay.url)
    assert run.code == 0, run
    assert len(relay.seen("POST", "/objects/batch")) == 2
    # The same upload goes on: nothing confirmed is sent again.
    assert len(relay.seen("PUT")) == 6 + 1 + run.sent_twice
    assert download("me/ended") == large


def test_urls_that_always_run_out(upload, relay, large, hub):
    """Asked for anew three times without progress, then the file is given up."""
    expired = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    relay.on("PUT").answer(403, expired, {"content-type": "application/xml"}, times=1000)
    error = failed(upload("me/always", "large", endpoint=relay.url), **{"class": "expired"},
                   code="url_expired", status=403, method="PUT", path="large.bin")
    assert error["part"] >= 1 and "--connections" in error["hint"] and "?" not in error["url"]
    assert len(relay.seen("POST", "/objects/batch")) == 1 + 3
    assert hub.commits("me/always") == "1"


@pytest.mark.parametrize("status", [404, 422])
def test_completion_that_is_refused(upload, relay, large, download, status):
    """The upload is gone, or its bytes arrived wrong: all of it is sent once more."""
    relay.on("POST", "/_lfs/").answer(status, {"error": "no such upload"})
    run = upload("me/again", "large", endpoint=relay.url)
    assert run.code == 0, run
    assert len(relay.seen("POST", "/objects/batch")) == 2
    assert len(relay.seen("PUT")) == 12 + run.sent_twice
    assert download("me/again") == large


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


def test_hub_is_killed_during_a_commit(upload, relay, hub, large, download):
    relay.on("POST", "/commit/").call(lambda _: hub.kill())
    run = upload("me/killed", "large", endpoint=relay.url)
    error = failed(run, **{"class": "fail"}, code="outcome_unknown", stage="commit",
                   host=relay.url.removeprefix("http://"), method="POST")
    assert "/commits/main" in error["hint"]
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


def test_other_origins_get_what_their_entries_give(upload, hub, tmp_path, download):
    """One PUT and a verify on another origin: the fields of the batch answer, and no token."""
    files = make_folder(tmp_path / "one", {"one.bin": bytes_of(1000, 1)})
    with Relay(hub.url) as storage, Relay(hub.url) as front:
        def point_to_storage(status, headers, body):
            answer = json.loads(body)
            for thing in answer["objects"]:
                for name, action in thing["actions"].items():
                    action["href"] = action["href"].replace(front.url, storage.url)
                    action["header"] = {"Authorization": f"Basic {name}", "X-Ticket": "7"}
            return status, headers, json.dumps(answer).encode()
        front.on("POST", "/objects/batch").change_answer(point_to_storage)
        run = upload("me/given", "one", endpoint=front.url)
        assert run.code == 0, run
        given = [(request.method, request.headers.get("authorization"),
                  request.headers.get("x-ticket")) for request in storage.requests]
        assert given == [("PUT", "Basic upload", "7"), ("POST", "Basic verify", "7")]
        assert all(request.headers["authorization"] == f"Bearer {Hub.token}"
                   for request in front.requests)
    assert download("me/given") == files
