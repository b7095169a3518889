"""What an upload into a bucket comes to when its end is not as it should be: wholes that disagree,
input that can't be read, a store that does not answer the abort."""

import errno
import os
import re
import socket
import struct
import subprocess
import time

import pytest
from conftest import MIB, WAIT_S, bytes_of, finish
from relay import Relay
from s3 import Store, sha256

pytest_plugins = "s3_fixtures"

PARTS = ["--part-size", "5MiB"]
WRONG = "AAAAAAAAAAA="


def spoiled(status, headers, body):
    """The same answer with another CRC64-NVME, in field and document."""
    body = re.sub(rb"<ChecksumCRC64NVME>[^<]*", b"<ChecksumCRC64NVME>" + WRONG.encode(), body)
    return status, [(name, WRONG if name.lower() == "x-amz-checksum-crc64nvme" else
                     str(len(body)) if body and name.lower() == "content-length" else value)
                    for name, value in headers], body


@pytest.mark.parametrize("call, stage", [(("PUT", "partNumber=2"), "part"),
                                         (("POST", "uploadId="), "complete"),
                                         (("HEAD",), "head")])
def test_a_checksum_that_disagrees(gateway, cp, file, call, stage):
    """In parts: that of a part, of the completion, of what is there then. None is called done."""
    with Relay(gateway.url) as relay:
        relay.on(*call).change_answer(spoiled, times=1000)
        run = cp(gateway, file(11 * MIB), "key", *PARTS, via=relay)
    assert run.code != 0
    assert (run.error["code"], run.error["stage"]) == ("checksum_mismatch", stage), run
    assert WRONG in run.error["message"]
    assert gateway.uploads() == []


def test_a_size_that_disagrees(gateway, cp, file):
    def shorter(status, headers, body):
        return status, [(name, "7" if name.lower() == "content-length" else value)
                        for name, value in headers], body

    with Relay(gateway.url) as relay:
        relay.on("HEAD").change_answer(shorter, times=1000)
        run = cp(gateway, file(11 * MIB), "key", *PARTS, via=relay)
    assert run.code == 1
    assert (run.error["code"], run.error["stage"]) == ("size_mismatch", "head")
    assert run.error["hint"]


def test_a_part_without_a_tag(gateway, cp, file):
    def untagged(status, headers, body):
        return status, [each for each in headers if each[0].lower() != "etag"], body

    with Relay(gateway.url) as relay:
        relay.on("PUT", "partNumber=2").change_answer(untagged, times=1000)
        run = cp(gateway, file(11 * MIB), "key", *PARTS, via=relay)
    assert run.code == 5
    assert (run.error["code"], run.error["part"], run.error["attempts"]) == ("no_etag", 2, 5)
    assert gateway.keys() == [] and gateway.uploads() == []


def test_input_that_can_not_be_read(gateway, program, tmp_path):
    """A folder as standard input: the read fails before the first byte."""
    folder = os.open(tmp_path, os.O_RDONLY)
    done = subprocess.run([program, "cp", "-", gateway.at("key"), "--json"], stdin=folder,
                          capture_output=True, env=gateway.environment(tmp_path), timeout=120)
    os.close(folder)
    assert done.returncode == 1
    assert b'"code":"read_failed"' in done.stdout and b'"stage":"read"' in done.stdout
    assert gateway.keys() == [] and gateway.uploads() == []


def test_input_that_fails_midway(gateway, program, tmp_path):
    """A connection that is reset after the first part: what was begun is aborted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs = listener.accept()[0]
    process = subprocess.Popen([program, "cp", "-", gateway.at("key"), *PARTS, "--json"],
                               stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=gateway.environment(tmp_path))
    theirs.close()
    ours.sendall(bytes_of(6 * MIB, 3))
    until = time.monotonic() + WAIT_S
    while [key for key, _ in gateway.uploads()] != ["key"]:
        assert process.poll() is None and time.monotonic() < until
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ours.close()
    run = finish(process)
    assert run.code != 0, run
    assert (run.error["code"], run.error["stage"]) == ("read_failed", "read")
    assert run.error["errno"] == errno.ECONNRESET
    assert gateway.keys() == [] and gateway.uploads() == []


def test_an_abort_that_nobody_answers(servers, program, run_s3, file, tmp_path):
    """Ctrl-C: the program ends all the same, and says what stays and how to be rid of it. A store
    over files would make the upload anew for the part that comes after the abort."""
    gateway = Store(servers("moto"))
    with Relay(gateway.url) as relay:
        part = relay.on("PUT", "partNumber=2").hold()
        abort = relay.on("DELETE").hold()
        process = subprocess.Popen(
            [program, "cp", str(file(16 * MIB)), gateway.at("key"), *PARTS, "--json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=gateway.environment(tmp_path, AWS_ENDPOINT_URL=relay.url,
                                    AWS_REQUEST_CHECKSUM_CALCULATION="when_required"))
        part.wait()
        process.send_signal(2)
        run = finish(process)
        assert run.code == 130 and run.error["class"] == "cancelled"
        said = [note["text"] for note in run.events
                if note["event"] == "note" and note["level"] == "warning"]
        assert any(f"headrace s3 abort {gateway.at('key')}" in text for text in said), run.out
        assert [key for key, _ in gateway.uploads()] == ["key"]
    assert run_s3(gateway, "s3", "abort", gateway.at("key")).code == 0
    assert gateway.uploads() == [] and gateway.keys() == []


def test_encryption_that_was_asked_for(servers, cp, file):
    store = Store(servers("moto"))
    source = file(3000)
    assert cp(store, source, "plain", "--sse", "AES256").code == 0
    assert cp(store, source, "kms", "--sse-kms-key-id", "a-key").code == 0
    assert store.head("plain")["ServerSideEncryption"] == "AES256"
    kms = store.head("kms")
    assert kms["ServerSideEncryption"] == "aws:kms" and "a-key" in kms["SSEKMSKeyId"]


def test_the_size_of_parts_that_a_profile_names(gateway, cp, file, tmp_path):
    """What has no effect is said."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(
        "[default]\ns3 =\n  multipart_chunksize = 6MB\n  multipart_threshold = 64MB\n")
    with Relay(gateway.url) as relay:
        run = cp(gateway, file(16 * MIB), "key", "-v", via=relay)
        parts = {dict(request.query)["partNumber"]:
                 int(request.headers["x-amz-decoded-content-length"])
                 for request in relay.seen("PUT", "partNumber=")}
    assert run.code == 0, run
    assert {parts["2"], parts["3"]} == {6 * MIB, 4 * MIB}
    assert any("multipart_threshold" in note["text"] for note in run.events
               if note["event"] == "note"), run.out


def test_several_sources(gateway, run_s3, tmp_path):
    (tmp_path / "one.txt").write_text("one")
    (tmp_path / "two").mkdir()
    for name in ("a.json", "b.log"):
        (tmp_path / "two" / name).write_text(name)
    run = run_s3(gateway, "cp", "one.txt", "two", gateway.at("in"), "--include", "*.json", "--json")
    assert run.code == 0, run
    assert gateway.digests() == {"in/one.txt": sha256(b"one"), "in/two/a.json": sha256(b"a.json")}
