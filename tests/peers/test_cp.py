"""The command line of headrace cp and headrace s3, against a store that keeps whatever it is told;
read back by boto3."""

import signal
import subprocess
import time

import pytest
from conftest import MIB, WAIT_S, bytes_of, finish, make_folder
from s3 import Store, sha256

pytest_plugins = "s3_fixtures"


@pytest.fixture
def store(servers):
    return Store(servers("moto"))


@pytest.fixture
def headrace(run_s3, store):
    """headrace(ARGUMENT…) against the store, in the test's folder."""
    return lambda *arguments, **named: run_s3(store, *arguments, **named)


def known(files):
    """{key: bytes} as Store.digests() would say it."""
    return {key: sha256(data) for key, data in files.items()}


def test_file_with_all_that_goes_with_it(headrace, store, tmp_path):
    data = bytes_of(3000, 1)
    (tmp_path / "model.json").write_bytes(data)
    run = headrace("cp", "model.json", store.at("in/"), "--metadata", "author=me",
                   "--tags", "kind=model", "--storage-class", "STANDARD_IA")
    assert run.code == 0, run.err
    assert run.out == store.at("in/model.json") + "\n"
    assert store.digests() == known({"in/model.json": data})
    head = store.head("in/model.json")
    assert head["ContentType"] == "application/json"
    assert head["Metadata"] == {"author": "me"}
    assert head["StorageClass"] == "STANDARD_IA"
    tags = store.s3.get_object_tagging(Bucket=store.bucket, Key="in/model.json")
    assert tags["TagSet"] == [{"Key": "kind", "Value": "model"}]


def test_folder_with_objects_in_parts(headrace, store, tmp_path):
    files = make_folder(tmp_path / "folder", {
        "a/small.txt": "text", "a/empty": "", "b c/ü+&.bin": bytes_of(700_000, 2),
        "large.bin": bytes_of(12 * MIB + 345, 3), "left.log": "no"})
    del files["left.log"]
    run = headrace("cp", "folder", store.at("x"), "--part-size", "5MiB", "--exclude", "*.log",
                   "--json")
    assert run.code == 0, run.err
    result = run.event("result")
    assert result["url"] == store.at("x") and result["totals"]["files"] == 4
    assert store.digests() == known({f"x/{path}": data for path, data in files.items()})
    assert store.uploads() == []


def test_skip_existing(headrace, store, tmp_path):
    files = make_folder(tmp_path / "folder", {"one": bytes_of(9000, 4), "two": bytes_of(9000, 5)})
    assert headrace("cp", "folder", store.at()).code == 0
    (tmp_path / "folder" / "two").write_bytes(bytes_of(9000, 6))
    run = headrace("cp", "folder", store.at(), "--skip-existing", "--json")
    assert run.code == 0, run.err
    assert run.event("result")["totals"]["files_unchanged"] == 1
    assert store.digests() == known({"one": files["one"], "two": bytes_of(9000, 6)})


@pytest.mark.parametrize("size", [0, 5000, 11 * MIB + 7])
def test_standard_input(headrace, store, size):
    data = bytes_of(size, 7)
    run = headrace("cp", "-", store.at("stream"), "--part-size", "5M", stdin=data)
    assert run.code == 0, run.err
    assert run.out == store.at("stream") + "\n"
    assert store.digests() == known({"stream": data})


def test_dry_run_sends_nothing(headrace, store, tmp_path):
    (tmp_path / "a").write_text("text")
    run = headrace("cp", "a", store.at("a"), "--dry-run", "--json",
                   env={"AWS_ENDPOINT_URL": "http://[::1]:1"})
    assert run.code == 0, run.err
    assert run.event("planned")["files"] == 1
    assert store.digests() == {}


def test_ctrl_c_aborts_what_was_begun(program, store, tmp_path):
    """Standard input that does not end: the parts before are up when the signal comes."""
    process = subprocess.Popen(
        [program, "cp", "-", store.at("half"), "--part-size", "5M", "--json"], cwd=tmp_path,
        env=store.environment(tmp_path), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(bytes_of(6 * MIB, 8))
    process.stdin.flush()
    until = time.monotonic() + WAIT_S
    while [key for key, _ in store.uploads()] != ["half"]:
        assert process.poll() is None and time.monotonic() < until
    process.send_signal(signal.SIGINT)
    process.wait(WAIT_S)  # with its input still open
    run = finish(process)
    assert run.code == 130 and run.error["class"] == "cancelled"
    assert store.uploads() == [] and store.digests() == {}


def test_unfinished_uploads_are_listed_and_aborted(headrace, store):
    for key in ("p/one", "p/two", "other"):
        store.s3.create_multipart_upload(Bucket=store.bucket, Key=key)
    run = headrace("s3", "ls", store.at("p/"), "--json")
    assert run.code == 0, run.err
    listed = [event["url"] for event in run.events if event["event"] == "unfinished_upload"]
    assert sorted(listed) == [store.at("p/one"), store.at("p/two")]
    assert headrace("s3", "abort", store.at("p/")).code == 0
    assert [key for key, _ in store.uploads()] == ["other"]


def test_bucket_that_is_missing(headrace, tmp_path):
    (tmp_path / "a").write_text("text")
    run = headrace("cp", "a", "s3://nobodys/a", "--json")
    assert run.code == 1, run
    assert run.error["code"] == "no_such_bucket" and run.error["status"] == 404


@pytest.mark.parametrize("arguments", [
    ["a", "peers/a"], ["a", "s3://"], ["-", "s3://peers"], ["-", "a", "s3://peers/k"],
    ["a", "s3://peers/a", "--metadata", "nothing"], ["a"]])
def test_wrong_command_lines(headrace, tmp_path, arguments):
    (tmp_path / "a").write_text("text")
    assert headrace("cp", *arguments).code == 2
