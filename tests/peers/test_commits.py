"""How operations become commits, what happens between two of them, and calls that are sent once."""

import signal

import pytest
from conftest import MIB, bytes_of, finish, make_folder

FAILED, TRY_AGAIN = 1, 5
TITLE = "Upload folder using headrace"


@pytest.fixture
def upload(headrace):
    def run(repo, *arguments, **named):
        return headrace("upload", repo, *arguments, "--json", **named)
    return run


@pytest.fixture
def texts(tmp_path):
    """A folder of 25 small texts, 100 bytes each."""
    return make_folder(tmp_path / "texts", {f"{n:03}.txt": f"{n:99}\n" for n in range(25)})


def operations_of(request):
    return [line["value"]["path"] for line in request.ndjson() if line["key"] != "header"]


def sizes_of_commits(relay):
    return [len(operations_of(commit)) for commit in relay.seen("POST", "/commit/")]


# How many commits?

def test_commits_of_so_many_files(upload, relay, hub, texts, download):
    run = upload("me/files", "texts", "--commit-files", "10", endpoint=relay.url)
    assert run.code == 0, run
    assert sizes_of_commits(relay) == [10, 10, 5]
    assert sum(map(operations_of, relay.seen("POST", "/commit/")), []) == sorted(texts)
    landed = [event for event in run.events if event["event"] == "commit_landed"]
    assert [(event["number"], event["count"]) for event in landed] == [(1, 3), (2, 3), (3, 3)]
    assert [event["oid"] for event in landed] == hub.git(
        "me/files", "rev-list", "--reverse", "main").split()[1:]
    assert download("me/files") == texts


def test_commits_of_so_many_bytes(upload, relay, texts, tmp_path, download):
    """Inline content counts; objects, which travel beside the commit, count nothing."""
    texts |= make_folder(tmp_path / "texts", {"zz.bin": bytes_of(300_000, 1)})
    run = upload("me/bytes", "texts", "--commit-bytes", "1000", endpoint=relay.url)
    assert run.code == 0, run
    assert sizes_of_commits(relay) == [10, 10, 6]
    assert download("me/bytes") == texts


def test_single_commit(upload, relay, hub, tmp_path, download):
    """1,001 files are two commits, unless one was asked for."""
    files = make_folder(tmp_path / "f", {f"{n:04}.txt": f"{n}\n" for n in range(1001)})
    assert upload("me/one", "f", "--single-commit", endpoint=relay.url).code == 0
    assert sizes_of_commits(relay) == [1001]
    assert upload("me/two", "f", endpoint=relay.url).code == 0
    assert sizes_of_commits(relay)[1:] == [1000, 1]
    titles = hub.git("me/two", "log", "--reverse", "--format=%s", "main").splitlines()[1:]
    assert titles == [TITLE, f"{TITLE} (part 2)"]
    assert download("me/one") == download("me/two") == files


def test_single_commit_that_no_hub_takes(upload, relay, tmp_path):
    (tmp_path / "f").mkdir()
    for number in range(25_001):
        (tmp_path / f"f/{number}").touch()
    run = upload("me/much", "f", "--single-commit", endpoint=relay.url)
    assert run.code == FAILED, run
    assert run.error["code"] == "single_commit_too_large" and run.error["class"] == "limit"
    assert "--single-commit" in run.error["hint"]
    assert not relay.requests


def test_deletions_go_first(upload, relay, texts, tmp_path, download):
    assert upload("me/first", "texts").code == 0
    new = make_folder(tmp_path / "new", {"a.txt": "a\n", "b.txt": "b\n"})
    run = upload("me/first", "new", ".", "--delete", "*.txt", "--commit-files", "20",
                 endpoint=relay.url)
    assert run.code == 0, run
    commits = [operations_of(commit) for commit in relay.seen("POST", "/commit/")]
    assert commits == [sorted(texts)[:20], [*sorted(texts)[20:], "a.txt", "b.txt"]]
    assert download("me/first") == new


# A file that fails, and a run that stops.

def test_a_file_that_fails_stops_the_commit(upload, relay, hub, texts, tmp_path):
    make_folder(tmp_path / "texts", {"bad.bin": bytes_of(1000, 1), "good.bin": bytes_of(1000, 2)})
    relay.on("PUT").answer(400, {"error": "no"})
    run = upload("me/stops", "texts", endpoint=relay.url)
    assert run.code == FAILED and run.error["status"] == 400, run
    assert run.error["path"] in ("bad.bin", "good.bin") and run.error["code"] == "part_refused"
    assert hub.commits("me/stops") == "1"
    # What was sent stays: both contents go through the relay once, and one was refused.
    assert upload("me/stops", "texts", endpoint=relay.url).code == 0
    sent = [request for request in relay.seen("PUT") if request.status == 200]
    assert len({request.path for request in sent}) == len(sent) == 2


def test_keep_going(upload, relay, hub, texts, tmp_path, download):
    """The others go in; the exit code and the result say what did not, and a second run adds it."""
    texts |= make_folder(tmp_path / "texts", {"bad.bin": bytes_of(1000, 1)})
    relay.on("PUT").answer(400, {"error": "no"}, {"x-request-id": "req-400"})
    run = upload("me/keeps", "texts", "--keep-going", endpoint=relay.url)
    assert run.code == FAILED, run
    (failure,) = run.events[-1]["failures"]
    assert (failure["path"], failure["status"], failure["request_id"]) == (
        "bad.bin", 400, "req-400")
    assert run.events[-1]["totals"]["files_failed"] == 1
    assert download("me/keeps") == {path: data for path, data in texts.items()
                                    if path != "bad.bin"}
    assert upload("me/keeps", "texts").code == 0
    assert download("me/keeps") == texts
    assert hub.commits("me/keeps") == "3"


def test_keep_going_past_a_file_that_is_gone(start_headrace, relay, hub, texts, tmp_path, download):
    gate = relay.on("POST", "/api/repos/create").hold()
    process = start_headrace("upload", "me/gone", "texts", "--keep-going", "--json",
                             endpoint=relay.url)
    gate.wait()
    (tmp_path / "texts/003.txt").unlink()
    gate.open()
    run = finish(process)
    assert run.code == FAILED, run
    (failure,) = run.events[-1]["failures"]
    assert failure["path"].endswith("003.txt") and failure["code"] == "open_failed"
    assert download("me/gone") == {path: data for path, data in texts.items()
                                   if path != "003.txt"}


@pytest.mark.parametrize("end", ["refused", "lost", "unreached"])
def test_a_run_that_stops_between_two_commits(upload, relay, hub, texts, download, end):
    """It says which commits are in; the next run makes the others, and those only."""
    second = relay.on("POST", "/commit/").after(1)
    if end == "refused":
        second.answer(400, {"error": "not today"}, {"x-request-id": "req-2"})
    elif end == "lost":
        second.lose_answer()
    else:
        second.answer(503, {"error": "the gateway gave up"})
    run = upload("me/between", "texts", "--commit-files", "10", endpoint=relay.url)
    assert run.code == FAILED, run
    assert run.error["stage"] == "commit"
    assert (run.error["code"] == "outcome_unknown") == (end != "refused")
    (landed,) = [event for event in run.events if event["event"] == "commit_landed"]
    assert landed["url"] in run.error["hint"]
    assert hub.commits("me/between") == ("3" if end == "lost" else "2")
    assert len(relay.seen("POST", "/commit/")) == 2
    hub.check("me/between")
    assert upload("me/between", "texts", "--commit-files", "10", endpoint=relay.url).code == 0
    again = [operations_of(commit) for commit in relay.seen("POST", "/commit/")[2:]]
    left = sorted(texts)[20 if end == "lost" else 10:]
    assert sum(again, []) == left
    assert download("me/between") == texts


def test_ctrl_c_between_two_commits(start_headrace, upload, relay, hub, texts, download):
    """It says which commit is in, and where to look whether the other is."""
    arguments = ["me/stopped", "texts", "--commit-files", "15"]
    gate = relay.on("POST", "/commit/").after(1).hold()
    process = start_headrace("upload", *arguments, "--json", endpoint=relay.url)
    gate.wait()
    process.send_signal(signal.SIGINT)
    run = finish(process)
    gate.open()
    assert run.code == 130 and run.error["class"] == "cancelled", run
    assert run.error["code"] == "outcome_unknown"
    (landed,) = [event for event in run.events if event["event"] == "commit_landed"]
    assert landed["url"] in run.error["hint"] and "look at" in run.error["hint"]
    assert upload(*arguments).code == 0
    assert download("me/stopped") == texts
    hub.check("me/stopped")


# Calls that are repeated, and meanwhile others go on.

REPEATED = {
    "revision": ("GET", "/revision/"),
    "listing": ("GET", "/tree/"),
    "readme": ("POST", "/api/validate-yaml"),
    "preupload": ("POST", "/preupload/"),
    "batch": ("POST", "/objects/batch"),
    "part": ("PUT", "part=1"),
    "single PUT": ("PUT", "/_lfs/(?!.*upload=)"),
    "completion": ("POST", "/_lfs/.*upload="),
    "verify": ("POST", "/_lfs/(?!.*upload=)"),
}


@pytest.mark.parametrize("call", REPEATED)
def test_calls_that_are_repeated(upload, relay, tmp_path, download, call):
    files = make_folder(tmp_path / "f", {"README.md": "# f\n", "one.bin": bytes_of(1000, 1),
                                         "parts.bin": bytes_of(2 * MIB - 1, 2)})
    rule = relay.on(*REPEATED[call]).answer(503, b"busy", {"retry-after": "0"}, times=2)
    run = upload("me/again", "f", ".", "--revision", "new", "--delete", "x", endpoint=relay.url)
    assert run.code == 0 and rule.used == 2, run
    assert run.event("result")["totals"]["retries"] == 2
    assert download("me/again", revision="new") == files


def test_a_part_that_waits_holds_no_connection(start_headrace, relay, tmp_path):
    """One connection, and a part that is to come again in minutes: the others go up meanwhile."""
    make_folder(tmp_path / "f", {"large.bin": bytes_of(5 * MIB + 1, 1)})
    relay.on("PUT").answer(503, b"busy", {"retry-after": "290"})
    last = relay.on("PUT").after(4).hold()
    process = start_headrace("upload", "me/waits", "f", "--connections", "1", "--workers", "1",
                             "--json", endpoint=relay.url)
    last.wait()
    assert len({request.query[-3] for request in relay.seen("PUT")}) == 6
    process.terminate()
    assert finish(process).code == 130


# Calls that are not repeated: where the answer is lost, the person looks.

LOST = {
    "create": ("/api/repos/create", [], "create_repo", ""),
    "branch": ("/branch/", ["--revision", "new"], "create_branch", ""),
    "pull request": ("/commit/", ["--create-pr"], "commit", "/discussions"),
    "commit": ("/commit/", [], "commit", "/commits/main"),
}


@pytest.mark.parametrize("call", LOST)
def test_lost_answer(upload, relay, hub, texts, download, call):
    pattern, arguments, stage, where = LOST[call]
    relay.on("POST", pattern).lose_answer()
    run = upload("me/lost", "texts", *arguments, endpoint=relay.url)
    assert run.code == FAILED, run
    error = run.error
    assert (error["code"], error["class"], error["stage"]) == ("outcome_unknown", "fail", stage)
    assert f"{relay.url}/me/lost{where} " in error["hint"] and "may have been done" in error[
        "message"]
    assert error["host"] and error["method"] == "POST" and error["url"].startswith(relay.url)
    assert len(relay.seen("POST", pattern)) == 1
    # It had been done, and whoever runs it again gets what they wanted.
    assert upload("me/lost", "texts", *arguments, endpoint=relay.url).code == 0
    revision = {"branch": "new", "pull request": "refs/pr/2"}.get(call, "main")
    assert download("me/lost", revision=revision) == texts
    hub.check("me/lost")


def test_commit_that_reaches_nobody(upload, relay, hub, texts, download):
    """Nothing was done, so it is worth running again."""
    def leave(*answer):
        relay.stop_listening()
        return answer
    relay.on("POST", "/preupload/").change_answer(leave)
    run = upload("me/away", "texts", endpoint=relay.url)
    assert run.code == TRY_AGAIN, run
    assert (run.error["class"], run.error["stage"]) == ("retry", "connect")
    assert "run the same command again" in run.error["hint"]
    assert hub.commits("me/away") == "1"
    assert upload("me/away", "texts").code == 0
    assert download("me/away") == texts
