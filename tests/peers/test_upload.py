"""`headrace upload` into `headrace hub`, read back by huggingface_hub 2.4.0."""

import os

import pytest
from conftest import MIB, bytes_of, make_folder

FOLDER_COMMIT = "Upload folder using headrace"


def test_folder(headrace, hub, folder, download):
    where, expected = folder
    run = headrace("upload", "me/first", where)
    assert run.code == 0, run.err
    assert run.out == f"{hub.url}/me/first/tree/main\n"
    assert f"{hub.url}/me/first/commit/" in run.err.strip().splitlines()[-1]
    assert download("me/first") == expected
    hub.check("me/first")


def test_folder_by_json(headrace, hub, folder, download):
    where, expected = folder
    run = headrace("upload", "me/json", where, "--json")
    assert run.code == 0, run.err
    assert all(event["v"] == 1 for event in run.events)
    assert [event["seq"] for event in run.events] == list(range(run.events[0]["seq"],
                                                                run.events[0]["seq"]
                                                                + len(run.events)))
    result = run.events[-1]
    assert result["event"] == "result"
    assert result["url"] == f"{hub.url}/me/json/tree/main"
    head = hub.git("me/json", "rev-parse", "main").strip()
    assert len(result["commits"]) == 1 and head in str(result["commits"][0])
    assert download("me/json") == expected


def test_one_whole_upload(headrace, hub, folder, download):
    """Also run under the thread sanitizer: every worker, every kind of file, many parts."""
    where, expected = folder
    for number in range(40):
        expected |= make_folder(where, {f"many/{number}.txt": f"text {number}\n"})
        expected |= make_folder(where, {f"blobs/{number}.bin": bytes_of(20_000, number)})
    expected |= make_folder(where, {"large/two.bin": bytes_of(9 * MIB, 7)})
    assert headrace("upload", "me/whole", where).code == 0
    assert download("me/whole") == expected
    hub.check("me/whole")


def test_file(headrace, hub, tmp_path, download):
    make_folder(tmp_path, {"one.txt": "one\n", "one.bin": b"\0\1\2"})
    run = headrace("upload", "me/file", "one.txt")
    assert (run.code, run.out) == (0, f"{hub.url}/me/file/blob/main/one.txt\n"), run.err
    run = headrace("upload", "me/file", "one.bin", "deep/er/two.bin")
    assert (run.code, run.out) == (0, f"{hub.url}/me/file/blob/main/deep/er/two.bin\n"), run.err
    assert download("me/file") == {"one.txt": b"one\n", "deep/er/two.bin": b"\0\1\2"}
    titles = hub.git("me/file", "log", "--format=%s", "main").splitlines()
    assert titles[:2] == ["Upload deep/er/two.bin with headrace",
                          "Upload one.txt with headrace"]


def test_large_file_in_parts(headrace, hub, relay, tmp_path, download):
    data = bytes_of(11 * MIB + 1, 3)
    make_folder(tmp_path, {"large.bin": data})
    run = headrace("upload", "me/large", "large.bin", "--json", endpoint=relay.url)
    assert run.code == 0, run
    assert len(relay.seen("PUT")) == 12 + run.sent_twice
    assert all("authorization" not in request.headers for request in relay.seen("PUT"))
    assert download("me/large") == {"large.bin": data}


def test_sub_path(headrace, hub, folder, download):
    where, expected = folder
    run = headrace("upload", "me/sub", where, "a/b")
    assert (run.code, run.out) == (0, f"{hub.url}/me/sub/tree/main/a/b\n"), run.err
    assert download("me/sub") == {f"a/b/{path}": data for path, data in expected.items()}


def test_implicit_paths(headrace, hub, tmp_path, download):
    make_folder(tmp_path, {"same/a.txt": "a\n", "named.txt": "b\n"})
    assert headrace("upload", "me/same").code == 0
    assert download("me/same") == {"a.txt": b"a\n"}
    assert headrace("upload", "me/named.txt").code == 0
    assert download("me/named.txt") == {"named.txt": b"b\n"}
    run = headrace("upload", "me/nothing", "--json")
    assert (run.code, run.error["code"], run.error["stage"]) == (
        2, "local_path_needed", "arguments")


def test_second_run_changes_nothing(headrace, hub, folder, relay):
    where, _ = folder
    assert headrace("upload", "me/twice", where, endpoint=relay.url).code == 0
    before, puts = hub.git("me/twice", "rev-parse", "main"), len(relay.seen("PUT"))
    run = headrace("upload", "me/twice", where, endpoint=relay.url)
    assert (run.code, run.out) == (0, f"{relay.url}/me/twice/tree/main\n"), run.err
    assert hub.git("me/twice", "rev-parse", "main") == before
    assert len(relay.seen("PUT")) == puts
    # The commit that is there already, as the official client shows it.
    there = f"{relay.url}/me/twice/commit/{before.strip()}"
    assert run.err.splitlines()[-1].endswith(f", {there}")
    result = headrace("upload", "me/twice", where, "--json", endpoint=relay.url).event("result")
    assert (result["commits"], result["commit_url"]) == ([], there)


def test_same_content_is_sent_once(headrace, hub, relay, tmp_path, download):
    data = bytes_of(300_000, 5)
    expected = make_folder(tmp_path / "f", {"a.bin": data, "b.bin": data, "c/d.bin": data})
    assert headrace("upload", "me/dup", "f", endpoint=relay.url).code == 0
    assert len(relay.seen("PUT")) == 1
    assert download("me/dup") == expected


def test_delete(headrace, hub, tmp_path, download):
    make_folder(tmp_path / "f", {"a.txt": "a\n", "old/b.txt": "b\n", "old/c.log": "c\n"})
    assert headrace("upload", "me/del", "f").code == 0
    make_folder(tmp_path / "g", {"a.txt": "new\n"})
    run = headrace("upload", "me/del", "g", "--delete", "*.txt", "--delete", "*.log")
    assert run.code == 0, run.err
    assert download("me/del") == {"a.txt": b"new\n"}
    assert hub.commits("me/del") == "3"


def test_create_pr(headrace, hub, tmp_path, download):
    make_folder(tmp_path / "f", {"a.txt": "a\n"})
    assert headrace("upload", "me/pr", "f").code == 0
    make_folder(tmp_path / "f", {"a.txt": "proposed\n", "b.bin": bytes_of(2 * MIB, 9)})
    run = headrace("upload", "me/pr", "f", "--create-pr", "--json")
    assert run.code == 0, run.err
    assert download("me/pr") == {"a.txt": b"a\n"}
    assert download("me/pr", revision="refs/pr/1") == {
        "a.txt": b"proposed\n", "b.bin": bytes_of(2 * MIB, 9)}
    hub.check("me/pr")


def test_new_revision(headrace, hub, tmp_path, download):
    make_folder(tmp_path / "f", {"a.txt": "a\n"})
    assert headrace("upload", "me/rev", "f").code == 0
    make_folder(tmp_path / "g", {"b.txt": "b\n"})
    run = headrace("upload", "me/rev", "g", "--revision", "try/two")
    assert run.code == 0, run.err
    assert run.out == f"{hub.url}/me/rev/tree/try%2Ftwo\n"
    assert download("me/rev") == {"a.txt": b"a\n"}
    assert download("me/rev", revision="try/two") == {"a.txt": b"a\n", "b.txt": b"b\n"}


def test_include_and_exclude(headrace, hub, tmp_path, download):
    make_folder(tmp_path / "f", {"a.txt": "a\n", "b.md": "b\n", "sub/c.txt": "c\n",
                                 "sub/d.log": "d\n", "logs/e.txt": "e\n"})
    run = headrace("upload", "me/filter", "f", "--include", "*.txt", "--include", "*.log",
                   "--exclude", "logs/")
    assert run.code == 0, run.err
    assert download("me/filter") == {"a.txt": b"a\n", "sub/c.txt": b"c\n", "sub/d.log": b"d\n"}
    # Several patterns after one flag, as the older command line had it.
    run = headrace("upload", "me/filter2", "f", ".", "--include", "*.md", "*.log")
    assert run.code == 0, run.err
    assert download("me/filter2") == {"b.md": b"b\n", "sub/d.log": b"d\n"}


def test_gitignore_and_housekeeping(headrace, hub, tmp_path, download):
    make_folder(tmp_path / "f", {".gitignore": "*.log\n", "a.txt": "a\n", "b.log": "b\n",
                                 ".git/config": "x\n", "sub/.git/config": "x\n",
                                 ".cache/huggingface/x": "x\n", ".hidden": "h\n"})
    assert headrace("upload", "me/ignore", "f").code == 0
    assert download("me/ignore") == {".gitignore": b"*.log\n", "a.txt": b"a\n", ".hidden": b"h\n"}


@pytest.mark.parametrize("repo_type,prefix", [
    ("dataset", "datasets/"), ("space", "spaces/"), ("kernel", "kernels/")])
def test_repo_types(headrace, hub, folder, download, repo_type, prefix):
    where, expected = folder
    run = headrace("upload", "me/typed", where, "--repo-type", repo_type)
    assert (run.code, run.out) == (0, f"{hub.url}/{prefix}me/typed/tree/main\n"), run.err
    assert download("me/typed", repo_type=repo_type) == expected


def test_private(headrace, hub, tmp_path):
    from huggingface_hub import HfApi
    make_folder(tmp_path / "f", {"a.txt": "a\n"})
    assert headrace("upload", "me/secret", "f", "--private").code == 0
    assert HfApi(endpoint=hub.url, token=hub.token).repo_info("me/secret").private is True
    assert headrace("upload", "me/open", "f").code == 0
    assert HfApi(endpoint=hub.url, token=hub.token).repo_info("me/open").private is False


def test_messages(headrace, hub, tmp_path):
    make_folder(tmp_path / "f", {"a.txt": "a\n"})
    assert headrace("upload", "me/said", "f").code == 0
    make_folder(tmp_path / "f", {"a.txt": "b\n"})
    run = headrace("upload", "me/said", "f", "--commit-message", "second: with “quotes”",
                   "--commit-description", "why\nand how")
    assert run.code == 0, run.err
    bodies = hub.git("me/said", "log", "--format=%B%x00", "main").split("\0")
    assert bodies[0].strip() == "second: with “quotes”\n\nwhy\nand how"
    assert bodies[1].strip() == FOLDER_COMMIT


@pytest.mark.parametrize("flags, asked", [
    ([], 0), (["--create-pr"], 0), (["--revision", "dev"], 1), (["--delete", "*"], 1)])
def test_dry_run_asks_nobody(headrace, relay, folder, flags, asked):
    where, expected = folder
    with open(where / "sparse.bin", "wb") as file:
        file.truncate(70 * MIB)
    run = headrace("upload", "me/dry", where, ".", *flags, "--dry-run", "--json",
                   endpoint=relay.url)
    assert run.code == 0 and not relay.requests, run
    plan = {name: run.event("planned")[name]
            for name in ("files", "bytes", "parts", "requests", "commits")}
    # The repo, its README, preupload and batch, two parts, completion and verify, the commit.
    assert plan == {"files": len(expected) + 1, "parts": 2, "requests": 9 + asked, "commits": 1,
                    "bytes": sum(map(len, expected.values())) + 70 * MIB}
    result = run.event("result")
    assert (result["dry_run"], result["url"], result["commits"]) == (True, None, [])


def test_quiet_and_colors(headrace, hub, folder):
    where, _ = folder
    run = headrace("upload", "me/quiet", where, "--quiet")
    assert (run.code, run.out, run.err) == (0, f"{hub.url}/me/quiet/tree/main\n", "")
    run = headrace("upload", "me/plain", where, env={"NO_COLOR": "1"})
    assert run.code == 0 and "\x1b" not in run.out + run.err


ODD_NAMES = ["with space.txt", "ünïcödé/日本.txt", "per%20cent.txt", "question?.txt", "hash#.txt",
             "plus+.txt", "quote'\".txt", "back\\slash.txt", "-dash.txt", "a&b=c.txt",
             "emoji 🚀.bin"]


def test_odd_names(headrace, hub, tmp_path, download):
    expected = make_folder(tmp_path / "f", {name: f"{name}\n" for name in ODD_NAMES})
    run = headrace("upload", "me/odd", "f")
    assert run.code == 0, run.err
    assert download("me/odd") == expected


def test_name_with_newline(headrace, hub, tmp_path):
    make_folder(tmp_path / "f", {"two\nlines.txt": "x\n", "fine.txt": "y\n"})
    run = headrace("upload", "me/newline", "f")
    assert run.code == 0, run
    assert '"two\\nlines.txt"' in hub.git("me/newline", "ls-tree", "-r", "main")


def test_name_of_invalid_utf8(headrace, relay, tmp_path):
    where = tmp_path / "f"
    make_folder(where, {"fine.txt": "y\n"})
    (where / os.fsdecode(b"bad\xff.txt")).write_text("x\n")
    run = headrace("upload", "me/bytes", where, "--json", endpoint=relay.url)
    assert run.code == 1
    assert (run.error["class"], run.error["code"]) == ("fail", "not_utf8")
    assert run.error["path"] == "bad\\xff.txt" and "--exclude" in run.error["hint"]
    assert not relay.requests
    run = headrace("upload", "me/bytes", where, ".", "--exclude", "bad*")
    assert run.code == 0, run


def test_empty_folder(headrace, hub, tmp_path):
    (tmp_path / "empty").mkdir()
    run = headrace("upload", "me/empty", "empty", "--json")
    # Nothing to do is what the official client calls a success as well; no commit is made.
    assert run.code == 0, run.err
    assert hub.commits("me/empty") == "1"


def test_empty_files(headrace, hub, tmp_path, download):
    expected = make_folder(tmp_path / "f", {"empty.txt": "", "empty.bin": b""})
    assert headrace("upload", "me/zero", "f").code == 0
    assert download("me/zero") == expected


def test_links_to_files_are_followed(headrace, hub, tmp_path, download):
    where = tmp_path / "f"
    make_folder(where, {"real.txt": "r\n"})
    make_folder(tmp_path / "outside", {"x.txt": "x\n"})
    (where / "link.txt").symlink_to("real.txt")
    (where / "folder").symlink_to(tmp_path / "outside")
    assert headrace("upload", "me/links", where).code == 0
    assert download("me/links") == {"real.txt": b"r\n", "link.txt": b"r\n"}


def test_many_commits(headrace, hub, tmp_path, download):
    expected = make_folder(tmp_path / "f", {f"{n:03}.txt": f"{n}\n" for n in range(25)})
    run = headrace("upload", "me/parts", "f", "--commit-files", "10", "--json")
    assert run.code == 0, run.err
    titles = hub.git("me/parts", "log", "--reverse", "--format=%s", "main").splitlines()[1:]
    assert titles == [FOLDER_COMMIT, f"{FOLDER_COMMIT} (part 2)", f"{FOLDER_COMMIT} (part 3)"]
    assert len(run.events[-1]["commits"]) == 3
    assert download("me/parts") == expected


def test_repo_and_whoami(headrace, hub):
    run = headrace("repo", "create", "me/made")
    assert run.code == 0 and f"{hub.url}/me/made" in run.out, run.err
    assert hub.repository("me/made")
    again = headrace("repo", "create", "me/made", "--json")
    assert (again.code, again.error["code"], again.error["status"]) == (1, "repo_exists", 409)
    assert headrace("repo", "create", "me/made", "--exist-ok").code == 0
    no_sdk = headrace("repo", "create", "me/app", "--type", "space", "--json")
    assert (no_sdk.code, no_sdk.error["code"]) == (2, "space_sdk_missing")
    run = headrace("repo", "create", "me/app", "--type", "space", "--space-sdk", "docker")
    assert run.code == 0 and f"{hub.url}/spaces/me/app" in run.out, run
    run = headrace("whoami")
    assert run.code == 0 and run.out == "me\n", run
    assert headrace("repo", "delete", "me/made").code == 0
    with pytest.raises(AssertionError):
        hub.repository("me/made")
    assert headrace("--version").out.strip().split()[-1][0].isdigit()
