"""headrace cp into stores that others have written, read back by boto3."""

import json
import signal
import socket
import subprocess
import time

import pytest
from conftest import (MIB, WAIT_S, bytes_of, clean_environment, client_bin, finish, make_folder,
                      run_program)
from kept import keep

KEY, SECRET = "AKIDFORPEERTESTS", "a-secret-that-never-shows"
# What a script finds: a client `s3` and the bucket's name.
PRELUDE = """
import base64, hashlib, json, os, sys, boto3, botocore.config
s3 = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"], region_name="us-east-1",
                  config=botocore.config.Config(retries={"max_attempts": 1}))
bucket = "peers"
"""


class Store:
    """A store on this machine, and what boto3 says of it."""

    def __init__(self, url, tmp_path):
        self.url, self.tmp_path = url, tmp_path
        self.environment = clean_environment(
            ENDPOINT=url, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET,
            AWS_EC2_METADATA_DISABLED="true", HOME=tmp_path)

    def ask(self, script):
        """What `script` gives to json.dump as `answer`."""
        done = run_program([str(client_bin("s3") / "python"), "-c",
                            PRELUDE + script + "\njson.dump(answer, sys.stdout)"],
                           self.environment)
        assert done.code == 0, done.err
        return json.loads(done.out)

    def objects(self):
        """{key: [size, SHA-256]} of all that is there."""
        return self.ask("""
answer = {}
for each in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
    body = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
    answer[each["Key"]] = [len(body), hashlib.sha256(body).hexdigest()]
""")

    def head(self, key):
        return self.ask(f"""
answer = s3.head_object(Bucket=bucket, Key={key!r}, ChecksumMode="ENABLED")
answer = {{name: value for name, value in answer.items() if isinstance(value, (str, int, dict))}}
answer.pop("ResponseMetadata")
""")

    def uploads(self):
        return self.ask("""
answer = [each["Key"] for each in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]
""")


def known(files):
    """{key: bytes} as Store.objects() would say it."""
    import hashlib
    return {key: [len(data), hashlib.sha256(data).hexdigest()] for key, data in files.items()}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moto")
    port = free_port()
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen([client_bin("s3") / "moto_server", "-H", "127.0.0.1", "-p",
                                   str(port)], env=clean_environment(HOME=folder), stdout=log,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    until = time.monotonic() + WAIT_S
    while True:
        assert server.poll() is None and time.monotonic() < until, (folder / "log").read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(WAIT_S)


@pytest.fixture
def store(moto, tmp_path):
    store = Store(moto, tmp_path)
    store.ask("""
try:
    for each in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
    for each in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=each["Key"])
except s3.exceptions.NoSuchBucket:
    s3.create_bucket(Bucket=bucket)
answer = 0
""")
    return store


@pytest.fixture
def cp(program, store, tmp_path):
    """cp(*arguments) against the store, in the test's folder."""

    def run(*arguments, verb="cp", env=None, stdin=None):
        environment = store.environment | {"AWS_ENDPOINT_URL": store.url} | (env or {})
        argv = [program, *verb.split(), *map(str, arguments)]
        if stdin is None:
            return run_program(argv, environment, tmp_path)
        done = subprocess.run(argv, env=environment, cwd=tmp_path, input=stdin,
                              capture_output=True, timeout=WAIT_S)
        keep("run", done.stdout + done.stderr)
        return done

    return run


def test_file_with_all_that_goes_with_it(cp, store, tmp_path):
    data = bytes_of(3000, 1)
    (tmp_path / "model.json").write_bytes(data)
    run = cp("model.json", "s3://peers/in/", "--metadata", "author=me", "--tags", "kind=model",
             "--storage-class", "STANDARD_IA")
    assert run.code == 0, run.err
    assert run.out == "s3://peers/in/model.json\n"
    assert store.objects() == known({"in/model.json": data})
    head = store.head("in/model.json")
    assert head["ContentType"] == "application/json"
    assert head["Metadata"] == {"author": "me"}
    assert head["StorageClass"] == "STANDARD_IA"
    tags = store.ask("answer = s3.get_object_tagging(Bucket=bucket, Key='in/model.json')['TagSet']")
    assert tags == [{"Key": "kind", "Value": "model"}]


def test_folder_with_objects_in_parts(cp, store, tmp_path):
    files = make_folder(tmp_path / "folder", {
        "a/small.txt": "text", "a/empty": "", "b c/ü+&.bin": bytes_of(700_000, 2),
        "large.bin": bytes_of(12 * MIB + 345, 3), "left.log": "no"})
    del files["left.log"]
    run = cp("folder", "s3://peers/x", "--part-size", "5MiB", "--exclude", "*.log", "--json")
    assert run.code == 0, run.err
    result = run.event("result")
    assert result["url"] == "s3://peers/x" and result["totals"]["files"] == 4
    assert store.objects() == known({f"x/{path}": data for path, data in files.items()})
    assert store.uploads() == []


def test_skip_existing(cp, store, tmp_path):
    files = make_folder(tmp_path / "folder", {"one": bytes_of(9000, 4), "two": bytes_of(9000, 5)})
    assert cp("folder", "s3://peers").code == 0
    (tmp_path / "folder" / "two").write_bytes(bytes_of(9000, 6))
    run = cp("folder", "s3://peers", "--skip-existing", "--json")
    assert run.code == 0, run.err
    assert run.event("result")["totals"]["files_unchanged"] == 1
    assert store.objects() == known({"one": files["one"], "two": bytes_of(9000, 6)})


@pytest.mark.parametrize("size", [0, 5000, 11 * MIB + 7])
def test_standard_input(cp, store, size):
    data = bytes_of(size, 7)
    done = cp("-", "s3://peers/stream", "--part-size", "5M", stdin=data)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"s3://peers/stream\n"
    assert store.objects() == known({"stream": data})


def test_dry_run_sends_nothing(cp, store, tmp_path):
    (tmp_path / "a").write_text("text")
    run = cp("a", "s3://peers/a", "--dry-run", "--json", env={"AWS_ENDPOINT_URL": "http://[::1]:1"})
    assert run.code == 0, run.err
    assert run.event("planned")["files"] == 1
    assert store.objects() == {}


def test_ctrl_c_aborts_what_was_begun(program, store, tmp_path):
    """Standard input that does not end: the parts before are up when the signal comes."""
    process = subprocess.Popen(
        [program, "cp", "-", "s3://peers/half", "--part-size", "5M", "--json"], cwd=tmp_path,
        env=store.environment | {"AWS_ENDPOINT_URL": store.url}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(bytes_of(6 * MIB, 8))
    process.stdin.flush()
    until = time.monotonic() + WAIT_S
    while store.uploads() != ["half"]:
        assert process.poll() is None and time.monotonic() < until
    process.send_signal(signal.SIGINT)
    process.wait(WAIT_S)  # with its input still open
    run = finish(process)
    assert run.code == 130 and run.error["class"] == "cancelled"
    assert store.uploads() == [] and store.objects() == {}


def test_unfinished_uploads_are_listed_and_aborted(cp, store):
    store.ask("""
for key in ("p/one", "p/two", "other"):
    s3.create_multipart_upload(Bucket=bucket, Key=key)
answer = 0
""")
    run = cp("s3://peers/p/", "--json", verb="s3 ls")
    assert run.code == 0, run.err
    listed = [event["url"] for event in run.events if event["event"] == "unfinished_upload"]
    assert sorted(listed) == ["s3://peers/p/one", "s3://peers/p/two"]
    assert cp("s3://peers/p/", verb="s3 abort").code == 0
    assert store.uploads() == ["other"]


def test_bucket_that_is_missing(cp, tmp_path):
    (tmp_path / "a").write_text("text")
    run = cp("a", "s3://nobodys/a", "--json")
    assert run.code == 1, run
    assert run.error["code"] == "no_such_bucket" and run.error["status"] == 404


@pytest.mark.parametrize("arguments", [
    ["a", "peers/a"], ["a", "s3://"], ["-", "s3://peers"], ["-", "a", "s3://peers/k"],
    ["a", "s3://peers/a", "--metadata", "nothing"], ["a"]])
def test_wrong_command_lines(cp, tmp_path, arguments):
    (tmp_path / "a").write_text("text")
    assert cp(*arguments).code == 2
