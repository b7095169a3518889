"""The C door into buckets: what headrace.h promises of them, and the examples, against a store that
checks signatures."""

import json
import sys
import time

import pytest
from c_door import STRICT, compile_installed
from conftest import MIB, ROOT, WAIT_S, bytes_of, make_folder, run_program
from s3 import KEY, SECRET, Store, sha256

pytest_plugins = ["c_door_fixtures", "s3_fixtures"]

SCENARIOS = ["everything", "file", "refused", "cancel", "children", "threads"]


def named_keys(home):
    """A profile whose keys come from a program."""
    answer = json.dumps({"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET})
    (home / "keys").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (home / "keys").chmod(0o755)
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text(
        f"[profile program]\nregion = us-east-1\ncredential_process = {home}/keys\n")


def assert_nothing_stays(store, told):
    """No upload but those of which it was said that they stay. A store over files would make some
    anew, for parts that it had received whole before the abort."""
    allowed = told.read_text().count("\n") if told.exists() else 0
    until = time.monotonic() + WAIT_S
    while len(store.uploads()) > allowed and time.monotonic() < until:
        time.sleep(0.05)
    assert len(store.uploads()) <= allowed


@pytest.mark.parametrize("language", ["store", "store_cpp"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_promise_of_buckets(build, servers, gateway, tmp_path, scenario, language):
    files = {"a.json": b"{}\n", "b/large.bin": bytes_of(12 * MIB + 345, 3)}
    where = tmp_path / "small"
    where.write_bytes(bytes_of(3000, 1))
    if scenario == "cancel":
        gateway = Store(servers("moto"))
    env = gateway.environment(tmp_path, PEERS_KEY=KEY, PEERS_SECRET=SECRET)
    if scenario == "everything":
        where = tmp_path / "folder"
        make_folder(where, files | {"notes.txt": "not included", "left.bin": "excluded"})
        env = {name: value for name, value in env.items() if not name.startswith("AWS_")}
    if scenario == "cancel":
        where = tmp_path / "huge.bin"
        with open(where, "wb") as huge:
            huge.truncate(40 << 30)
    if scenario == "children":
        named_keys(tmp_path)
    (tmp_path / "-").write_bytes(b"a name")
    done = run_program([str(build / "tests/capi" / language), scenario, gateway.url,
                        gateway.bucket, str(where)], env, tmp_path)
    assert (done.code, done.out, done.err) == (0, "", "")
    small = sha256(bytes_of(3000, 1))
    expected = {"everything": {f"in/{name}": sha256(data) for name, data in files.items()},
                "file": {"whole/key": small, "-": sha256(b"a name")},
                "refused": {"once": small}, "cancel": {}, "children": {"by-a-program": small}}
    assert_nothing_stays(gateway, tmp_path / "stays")
    if scenario == "threads":
        there = gateway.digests()
        assert set(there.values()) == {small}
        assert {f"thread-{number}" for number in range(200) if number % 3} <= set(there)
        return
    assert gateway.digests() == expected[scenario]
    if scenario == "everything":
        head = gateway.head("in/b/large.bin")
        assert head["ContentType"] == "application/x-peers"
        assert head["Metadata"] == {"author": "me", "formula": "a=b"}
        assert head["ChecksumCRC32C"]
        tags = gateway.s3.get_object_tagging(Bucket=gateway.bucket, Key="in/a.json")["TagSet"]
        assert tags == [{"Key": "kind", "Value": "model"}]


@pytest.fixture
def folder(tmp_path):
    """Where files are, and what they are to be below s3://BUCKET/in."""
    files = make_folder(tmp_path / "folder", {"a/notes.txt": "text", "empty": "",
                                              "large.bin": bytes_of(17 * MIB + 99, 4)})
    return tmp_path / "folder", {f"in/{path}": sha256(data) for path, data in files.items()}


def test_c_example(prefix, sanitized, gateway, tmp_path, folder):
    if sanitized:
        pytest.skip("a sanitizer's library has no strangers")
    where, expected = folder
    program = tmp_path / "upload"
    libraries = compile_installed(prefix, ROOT / "tools/examples/upload.c", program, *STRICT)
    env = gateway.environment(tmp_path, LD_LIBRARY_PATH=libraries)
    done = run_program([str(program), gateway.at("in"), str(where)], env)
    assert done.code == 0 and done.out == gateway.at("in") + "\n", done
    assert gateway.digests() == expected
    refused = run_program([str(program), gateway.at("in"), str(where)],
                          env | {"AWS_SECRET_ACCESS_KEY": "another/secret"})
    assert refused.code == 1 and refused.out == "" and "403" in refused.err
    assert "another/secret" not in refused.err


def test_python_example(python, gateway, tmp_path, folder):
    where, expected = folder
    script = f"""
import headrace, json
account = dict(endpoint_url={gateway.url!r}, region="us-east-1", access_key_id={KEY!r})
with headrace.Engine(workers=1) as engine:
    events = []
    job = engine.copy({str(where)!r}, {gateway.at("in")!r}, metadata=["by=python"],
                      secret_access_key={SECRET!r}, **account)
    print(json.dumps([job.wait(events.append), events]))
    try:
        engine.copy({str(where)!r}, {gateway.at("in")!r}, secret_access_key="wrong",
                    **account).wait()
    except headrace.Error as error:
        print(json.dumps(error.fields))
"""
    done, error = map(json.loads, python(script, AWS_EC2_METADATA_DISABLED="true").out.splitlines())
    result, events = done
    assert result["url"] == gateway.at("in") and result["totals"]["files"] == 3
    assert {"scan_finished", "note"} <= {event["event"] for event in events}
    assert (error["class"], error["code"], error["status"]) == ("fail", "keys_refused", 403)
    assert gateway.digests() == expected
    assert gateway.head("in/large.bin")["Metadata"] == {"by": "python"}


def test_python_example_as_a_program(library, sanitized, gateway, tmp_path, folder):
    if sanitized:
        pytest.skip("a sanitizer's library has no strangers")
    where, expected = folder
    env = gateway.environment(tmp_path, HEADRACE_LIBRARY=library, PYTHONDONTWRITEBYTECODE=1)
    argv = [sys.executable, str(ROOT / "tools/examples/headrace.py"), gateway.at("in"), str(where)]
    done = run_program(argv, env)
    assert (done.code, done.out, done.err) == (0, gateway.at("in") + "\n", "")
    assert gateway.digests() == expected
