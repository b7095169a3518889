"""Servers that lie, cut, and make no sense: what becomes of each, field by field.

The relay stands between headrace and a hub that is sound, and answers in its place where told to.
"""

import itertools
import json
import os

import pytest
from conftest import MIB, Hub, bytes_of, make_folder
from relay import Relay

FAILED, TRY_AGAIN = 1, 5
FOR_EVER = 1000
PARTS = 3
# method, pattern of the target; the stage an error of it is told with.
ENDPOINTS = {
    "create_repo": ("POST", "/api/repos/create"),
    "preupload": ("POST", "/preupload/"),
    "lfs_batch": ("POST", "/objects/batch"),
    "part": ("PUT", ""),
    "complete": ("POST", r"/_lfs/.*&upload="),
    "commit": ("POST", "/commit/"),
}
NOT_REPEATED = ("create_repo", "commit")


@pytest.fixture
def data(tmp_path):
    """A text, and a file that takes three parts."""
    return make_folder(tmp_path / "data", {"a.txt": "a\n", "large.bin": bytes_of(3 * MIB - 5, 3)})


@pytest.fixture
def upload(headrace, relay, data):
    """A run against the relay; nothing that a run shows holds a secret."""
    def run(*arguments, endpoint=None, repo="me/hostile"):
        done = headrace("upload", repo, "data", "--json", *arguments,
                        endpoint=endpoint or relay.url)
        assert Hub.token not in done.out + done.err
        return done
    return run


def check_error(run, relay, code, **fields):
    """The run ended with this error; it says where, and what may be done."""
    error = run.error
    shown = {name: error.get(name) for name in fields}
    assert (error["code"], shown) == (code, fields), error
    assert run.code == (TRY_AGAIN if error["class"] in ("retry", "expired") else FAILED), run
    assert error["exit_code"] == run.code and error["message"]
    assert error["host"] == relay.url.removeprefix("http://"), error
    assert error["url"].startswith(relay.url) and "?" not in error["url"], error
    return error


# Every status, on every call of an upload.

def expected(endpoint, status):
    """code and class; None where the run succeeds."""
    if endpoint == "create_repo" and status == 409:
        return None  # it is there already
    if endpoint == "create_repo" and status in (401, 403):
        return None  # who may not create may write to what is there
    if endpoint == "commit" and status >= 500:
        return "outcome_unknown", "fail"
    if endpoint == "complete" and status == 403:
        return "url_expired", "expired"
    code = "part_refused" if endpoint == "part" else CODES.get(status, "http_status")
    return code, "retry" if status in RETRIED else "fail"


RETRIED = (429, 500, 502, 504)
CODES = {401: "not_authenticated", 403: "not_allowed", 429: "rate_limited"}
STATUSES = (401, 403, 404, 409, 412, 413, 422, 429, 500, 502, 504)


@pytest.mark.parametrize("endpoint, status", list(itertools.product(ENDPOINTS, STATUSES)))
def test_status(headrace, upload, relay, hub, endpoint, status):
    if endpoint == "create_repo" and status in (401, 403, 409):
        assert headrace("repo", "create", "me/hostile").code == 0
    headers = {"x-request-id": f"r-{status}"}
    if status == 429:
        headers["ratelimit"] = '"api";r=0;t=0'
    elif status in RETRIED:
        headers["retry-after"] = "0"
    rule = relay.on(*ENDPOINTS[endpoint]).answer(status, {"error": "said so"}, headers, FOR_EVER)
    run = upload()
    what = expected(endpoint, status)
    if what is None:
        assert run.code == 0, run
        return
    code, kind = what
    error = check_error(run, relay, code, **{"class": kind}, status=status, stage=endpoint,
                        request_id=f"r-{status}", method=ENDPOINTS[endpoint][0])
    assert "said so" in (error["server_message"] or ""), error
    if kind == "retry" and endpoint not in NOT_REPEATED:
        assert error["attempts"] == 5
    if code in CODES.values():
        assert error["hint"]
    if endpoint in NOT_REPEATED:
        assert rule.used == 1
    if endpoint != "create_repo":
        assert hub.commits("me/hostile") == "1"


# Calls that the upload above does not make; all statuses of them with HEADRACE_FULL.
OTHERS = {
    "revision": ("GET", "/revision/dev"),
    "create_branch": ("POST", "/branch/dev"),
    "validate_yaml": ("POST", "/api/validate-yaml"),
    "single": ("PUT", ""),
    "verify": ("POST", "/_lfs/(?!.*&upload=)"),
}
OTHER_STATUSES = STATUSES if os.environ.get("HEADRACE_FULL") == "1" else (401, 409, 429, 502)


@pytest.mark.parametrize("call, status", list(itertools.product(OTHERS, OTHER_STATUSES)))
def test_status_of_other_calls(headrace, relay, hub, tmp_path, call, status):
    make_folder(tmp_path / "all", {"README.md": "# x\n", "small.bin": bytes_of(999, 1)})
    headers = {"x-request-id": f"r-{status}", "retry-after": "0"}
    rule = relay.on(*OTHERS[call]).answer(status, {"error": "said so"}, headers, FOR_EVER)
    run = headrace("upload", "me/hostile", "all", ".", "--revision", "dev", "--json",
                   endpoint=relay.url)
    if call == "create_branch" and status == 409:
        # Somebody was quicker to make it, says the relay; it is not there, says the hub.
        check_error(run, relay, "revision_not_found", **{"class": "fail"}, status=404)
        return
    if call == "verify" and status in (403, 404, 422):
        # The way to a new batch call; there the hub says that it has the content.
        assert run.code == 0 and rule.used == 1, run
        assert len(relay.seen("POST", "/objects/batch")) == 2 and relay.seen("POST", "/commit/")
        return
    retried = status in RETRIED
    stage, code = call, CODES.get(status, "http_status")
    if call == "single":
        stage, code = "part", "part_refused"
    error = check_error(run, relay, code, **{"class": "retry" if retried else "fail"},
                        status=status, stage=stage, request_id=f"r-{status}",
                        method=OTHERS[call][0], address=relay.url.removeprefix("http://"))
    assert "said so" in (error["server_message"] or ""), error
    tries = 5 if retried and call != "create_branch" else 1
    assert rule.used == tries == (error["attempts"] or 1), (rule.used, error)
    assert not relay.seen("POST", "/commit/")
    if call == "single":
        assert error["path"] == "small.bin"


# JSON.

NONSENSE = {
    "malformed": b'{"files": [{"path": ',
    "wrong shape": b'{"files": 3, "objects": "none", "commitOid": 7}',
    "a list": b"[]",
    "empty": b"",
    "html": b"<html><body>Sign in to the hotel's network</body></html>",
    "deep": b'{"files": ' + b"[" * 400_000 + b"]" * 400_000 + b"}",
    "not UTF-8": b'{"files": "\xff\xfe"}',
}


@pytest.mark.parametrize("endpoint", ["create_repo", "preupload", "lfs_batch", "commit"])
@pytest.mark.parametrize("kind", NONSENSE)
def test_json_that_makes_no_sense(upload, relay, hub, endpoint, kind):
    relay.on(*ENDPOINTS[endpoint]).answer(200, NONSENSE[kind], {"x-request-id": "r-json"}, FOR_EVER)
    code = "outcome_unknown" if endpoint == "commit" else "bad_answer"
    check_error(upload(), relay, code, **{"class": "fail"}, status=200, stage=endpoint,
                request_id="r-json")
    if endpoint != "create_repo":
        assert hub.commits("me/hostile") == "1"


@pytest.mark.parametrize("endpoint", ["create_repo", "preupload", "lfs_batch", "complete",
                                      "commit"])
def test_answer_beyond_all_bounds(upload, relay, endpoint):
    """It is not read to its end, stated length or not; where what it answers cannot be undone,
    nobody knows what became of that."""
    code = "outcome_unknown" if endpoint in NOT_REPEATED else "answer_too_large"
    block, taken = b"x" * MIB, []

    def endless():
        yield b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        for _ in range(10 * 1024):
            yield b"100000\r\n" + block + b"\r\n"
            taken.append(MIB)

    relay.on(*ENDPOINTS[endpoint]).raw(endless())
    error = check_error(upload(), relay, code, **{"class": "fail"}, stage=endpoint)
    assert "larger than" in error["message"], error
    assert sum(taken) < 64 * MIB
    relay.on(*ENDPOINTS[endpoint]).raw(
        b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n{")
    error = check_error(upload(), relay, code, **{"class": "fail"}, stage=endpoint)
    assert "larger than" in error["message"], error


def test_answer_of_sixteen_mib(upload, relay, data, download):
    """The largest that is accepted, to the byte; one more is not."""
    def padded(size):
        def change(status, headers, body):
            start, end = body[:-1] + b', "padding": "', b'"}'
            return status, headers, start + b"x" * (size - len(start) - len(end)) + end
        return change
    for endpoint in ("preupload", "lfs_batch"):
        relay.on(*ENDPOINTS[endpoint]).change_answer(padded(16 * MIB))
    assert upload().code == 0
    assert download("me/hostile") == data
    relay.on(*ENDPOINTS["lfs_batch"]).change_answer(padded(16 * MIB + 1))
    check_error(upload(repo="me/larger"), relay, "answer_too_large", **{"class": "fail"},
                stage="lfs_batch")


# Heads and framing.

FRAMES = {
    "two lengths": (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
                    "bad_http", "retry"),
    "length and chunks": (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"
                          b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                          "bad_http", "retry"),
    "length that is none": (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
                            "bad_http", "retry"),
    "chunked garbage": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhello\r\n",
                        "bad_http", "retry"),
    "huge chunk": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                   b"fffffffffffffffff\r\n", "bad_http", "retry"),
    "unknown coding": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nxx",
                       "bad_http", "retry"),
    "body too short": (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}",
                       "connection_closed", "retry"),
    "injected line": (b"HTTP/1.1 200 OK\r\nx: a\nset-cookie: b\r\ncontent-length: 2\r\n\r\n{}",
                      "bad_http", "retry"),
    "zero in a field": (b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 2\r\n\r\n{}",
                        "bad_http", "retry"),
    "folded line": (b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\n{}",
                    "bad_http", "retry"),
    "no HTTP": (b"220 mail.example ESMTP ready\r\n", "bad_http", "retry"),
    "TLS alert": (b"\x15\x03\x01\x00\x02\x02\x46", "tls_wanted", "fail"),
    "many fields": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"\r\n", "http_limit", "fail"),
    "long line": (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 40_000 + b"\r\n\r\n", "http_limit", "fail"),
    "endless head": (b"HTTP/1.1 200 OK\r\n" + (b"x: " + b"y" * 1000 + b"\r\n") * 100,
                     "http_limit", "fail"),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_framing(headrace, relay, kind):
    """whoami is a plain GET, so what is seen is the answer's reading alone."""
    data, code, family = FRAMES[kind]
    rule = relay.on("GET", "/api/whoami-v2").raw(data, FOR_EVER)
    run = headrace("whoami", "--json", endpoint=relay.url)
    error = check_error(run, relay, code, **{"class": family}, stage="whoami", method="GET")
    assert rule.used == (5 if family == "retry" else 1) == (error["attempts"] or 1)
    assert error["hint"] or family == "retry"


@pytest.mark.parametrize("kind", ["two lengths", "chunked garbage", "body too short",
                                  "endless head"])
@pytest.mark.parametrize("endpoint", ["lfs_batch", "part", "complete", "commit"])
def test_framing_passes(upload, relay, hub, endpoint, kind):
    """What comes once is asked again, but for a commit, whose answer is lost then."""
    data, code, family = FRAMES[kind]
    rule = relay.on(*ENDPOINTS[endpoint]).raw(data)
    run = upload()
    assert rule.used == 1
    if endpoint == "commit":
        check_error(run, relay, "outcome_unknown", **{"class": "fail"}, stage="commit")
    elif family == "fail":
        check_error(run, relay, code, **{"class": "fail"}, stage=endpoint)
    else:
        assert run.code == 0, run
        hub.check("me/hostile")


def test_body_longer_than_its_length(headrace, relay):
    """What lies behind an answer is no answer, and its connection is not used again."""
    body = b'{"name": "me", "type": "user", "orgs": []}'
    relay.on("GET", "/api/whoami-v2").raw(
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%sHTTP/1.1 500 No\r\n\r\n"
        % (len(body), body))
    run = headrace("whoami", "--json", endpoint=relay.url)
    assert run.code == 0 and run.event("result")["name"] == "me", run


# Parts, their tags, and completion.

def test_completion_that_answers_200_with_an_error(upload, relay, hub, data, download):
    error = (b'<?xml version="1.0"?><Error><Code>InternalError</Code>'
             b"<Message>We encountered an internal error. Please try again.</Message></Error>")
    relay.on(*ENDPOINTS["complete"]).answer(200, error, {"content-type": "application/xml"})
    run = upload()
    assert run.code == 0, run
    assert len(relay.seen(*ENDPOINTS["complete"])) == 2
    assert download("me/hostile") == data


@pytest.mark.parametrize("body", [b"<Error><Code>InternalError</Code><Message>no</Message></Error>",
                                  b'{"error": "no"}'])
def test_completion_that_never_stops_answering_200_with_an_error(upload, relay, hub, body):
    relay.on(*ENDPOINTS["complete"]).answer(200, body, {"x-request-id": "r-200"}, FOR_EVER)
    error = check_error(upload(), relay, "completion_refused", **{"class": "retry"}, status=200,
                        stage="complete", request_id="r-200", attempts=5)
    assert "no" in error["server_message"]
    assert hub.commits("me/hostile") == "1"


def changed_tag(tag):
    """An answer to a part with another ETag; None: without one."""
    def change(status, headers, body):
        kept = [(name, value) for name, value in headers if name.lower() != "etag"]
        return status, kept + ([("etag", tag)] if tag else []), body
    return change


@pytest.mark.parametrize("tag", ['"0123456789abcdef"', 'W/"0123456789abcdef"',
                                 '"' + "x" * 20_000 + '"'])
def test_wrong_tags(upload, relay, hub, tag):
    """Only the storage can tell; it refuses to make an object of them."""
    relay.on("PUT").change_answer(changed_tag(tag), FOR_EVER)
    error = check_error(upload(), relay, "http_status", **{"class": "fail"}, stage="complete")
    assert error["status"] in (400, 422), error
    assert hub.commits("me/hostile") == "1"


def test_wrong_tags_once(upload, relay, hub, data, download):
    relay.on("PUT").change_answer(changed_tag('"0"'))
    assert upload().code == 0
    assert download("me/hostile") == data


def test_missing_tags(upload, relay, hub):
    relay.on("PUT").change_answer(changed_tag(None), FOR_EVER)
    error = check_error(upload(), relay, "no_etag", status=200, stage="part")
    assert error["part"] >= 1 and error["path"] == "large.bin" and error["attempts"] == 5
    assert hub.commits("me/hostile") == "1"


def change_parts(function):
    """A batch answer whose part map is made anew by function({number: url})."""
    def change(status, headers, body):
        answer = json.loads(body)
        for thing in answer["objects"]:
            header = thing["actions"]["upload"]["header"]
            parts = {name: header.pop(name) for name in list(header) if name.isdigit()}
            header.update(function(parts))
        return status, headers, json.dumps(answer).encode()
    return change


def renumbered(form):
    return lambda parts: {form(int(name)): url for name, url in parts.items()}


SOUND = {
    "reversed": lambda parts: dict(reversed(parts.items())),
    "without zeros": renumbered(str),
    "with many zeros": renumbered("{:012}".format),
}


@pytest.mark.parametrize("kind", SOUND)
def test_part_urls_in_any_order(upload, relay, data, download, kind):
    relay.on(*ENDPOINTS["lfs_batch"]).change_answer(change_parts(SOUND[kind]))
    assert upload().code == 0
    assert download("me/hostile") == data


UNSOUND = {
    "too few": lambda parts: dict(list(parts.items())[:-1]),
    "too many": lambda parts: parts | {"00009": parts["00001"]},
    "one twice": lambda parts: parts | {"1": parts["00002"]},
    "none": lambda parts: {},
    "from zero": renumbered(lambda number: f"{number - 1:05}"),
    "a file": lambda parts: parts | {"00002": "file:///etc/passwd"},
    "no address": lambda parts: parts | {"00002": "not an address"},
    "a number": lambda parts: parts | {"00002": 2},
    "no host": lambda parts: parts | {"00002": "http:///x"},
    "with a line break": lambda parts: parts | {"00002": parts["00002"] + "\r\nx: y"},
}


@pytest.mark.parametrize("kind", UNSOUND)
def test_part_urls_that_make_no_sense(upload, relay, hub, kind):
    relay.on(*ENDPOINTS["lfs_batch"]).change_answer(change_parts(UNSOUND[kind]), FOR_EVER)
    run = upload()
    assert run.code == FAILED and run.error["class"] == "fail", run
    assert run.error["code"] in ("bad_answer", "bad_url", "bad_header"), run.error
    assert not any(request.path.startswith("/x") for request in relay.requests)
    assert hub.commits("me/hostile") == "1"


@pytest.mark.parametrize("name, value", [("x-a", "b\r\nx-evil: 1"), ("x-a", "b\x00c"),
                                         ("x-a\r\nx-evil", "1"), ("x-a: 1\r\nx-evil", "1"),
                                         ("", "1"), ("x a", "1")])
def test_batch_that_injects_fields(headrace, relay, hub, tmp_path, name, value):
    """What cannot be one field of a request is not sent at all."""
    make_folder(tmp_path / "small", {"small.bin": bytes_of(999, 1)})

    def change(status, headers, body):
        answer = json.loads(body)
        for thing in answer["objects"]:
            thing["actions"]["upload"]["header"] = {name: value}
        return status, headers, json.dumps(answer).encode()
    relay.on(*ENDPOINTS["lfs_batch"]).change_answer(change, FOR_EVER)
    run = headrace("upload", "me/hostile", "small", "--json", endpoint=relay.url)
    check_error(run, relay, "bad_answer", **{"class": "fail"}, status=200, stage="lfs_batch")
    assert not any("x-evil" in request.headers for request in relay.requests)
    assert not relay.seen("PUT") and hub.commits("me/hostile") == "1"


def test_batch_that_states_an_end_long_past(upload, relay, data, download):
    """A clock an hour off, here or there, is no reason to give up: the storage judges its URLs."""
    def change(status, headers, body):
        answer = json.loads(body)
        for thing in answer["objects"]:
            thing["actions"]["upload"]["expires_at"] = "2001-01-01T00:00:00Z"
        return status, headers, json.dumps(answer).encode()
    relay.on(*ENDPOINTS["lfs_batch"]).change_answer(change, FOR_EVER)
    assert upload().code == 0
    assert download("me/hostile") == data


# Redirects.

def redirect(relay, method, pattern, location, status=307, times=FOR_EVER):
    return relay.on(method, pattern).answer(status, b"", {"location": location}, times)


def test_redirects_without_an_end(headrace, relay):
    rule = redirect(relay, "GET", "/api/whoami-v2", "/api/whoami-v2?again")
    run = headrace("whoami", "--json", endpoint=relay.url)
    check_error(run, relay, "too_many_redirects", **{"class": "fail"}, status=307, stage="whoami")
    assert rule.used == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://",
                                      "//user:pw@127.0.0.1/x"])
def test_redirects_to_what_is_no_web_address(headrace, relay, location):
    redirect(relay, "GET", "/api/whoami-v2", location)
    run = headrace("whoami", "--json", endpoint=relay.url)
    error = check_error(run, relay, run.error["code"], **{"class": "fail"}, stage="whoami")
    assert error["code"] in ("bad_url", "redirect_refused"), error
    assert "pw" not in run.out + run.err


@pytest.mark.parametrize("method, pattern", [("POST", "/preupload/"), ("GET", "/api/whoami-v2")])
def test_redirects_to_another_host_without_the_token(headrace, hub, data, method, pattern):
    with Relay(hub.url) as other, Relay(hub.url) as front:
        redirect(front, method, pattern, other.url + "/elsewhere")
        verb = ["whoami"] if method == "GET" else ["upload", "me/hostile", "data"]
        run = headrace(*verb, "--json", endpoint=front.url)
        assert run.code == FAILED, run
        assert "authorization" in front.seen(method, pattern)[0].headers
        [seen] = other.requests
        assert seen.path == "/elsewhere" and "authorization" not in seen.headers
        check_error(run, other, run.error["code"], **{"class": "fail"}, status=404)


@pytest.mark.parametrize("status", [301, 302, 303])
def test_redirects_that_would_lose_a_body(upload, relay, status):
    redirect(relay, "POST", "/preupload/", "/elsewhere", status)
    check_error(upload(), relay, "redirect_refused", **{"class": "fail"}, status=status,
                stage="preupload")
    assert not relay.seen(None, "/elsewhere")
