"""headrace cp into real stores: sizes, checksums, regions, and all that goes wrong."""

import os
import re
import subprocess
import time

import pytest
from conftest import KIB, MIB, WAIT_S, bytes_of, finish, own_mounts, wrong_clock
from relay import Relay
from s3 import SECRET, Store, error_document, sha256

pytest_plugins = "s3_fixtures"


# --- what works ---

@pytest.mark.parametrize("checksum", ["crc64nvme", "crc32c", "sha256"])
@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 5 * MIB + 1, 12 * MIB + 345])
def test_sizes_and_checksums(store, cp, file, size, checksum):
    source = file(size)
    run = cp(store, source, "a/key", "--part-size", "5MiB", "--checksum", checksum)
    assert run.code == 0, run
    assert store.digests() == {"a/key": sha256(source.read_bytes())}
    assert store.uploads() == []


@pytest.mark.parametrize("key", ["plain", "a b/c+d", "ü/é.bin", "q?x=1&y", "per%25cent",
                                 "~!$'()*,;=:@", "<xml>&\""])
def test_keys(store, cp, file, key):
    source = file(2000)
    run = cp(store, source, key)
    assert run.code == 0, run
    assert store.keys() == [key]


def test_a_key_with_an_empty_segment(servers, cp, file):
    """Stores over a file system make one slash of two; moto keeps what it gets."""
    store = Store(servers("moto"))
    run = cp(store, file(2000), "a//b/./c")
    assert run.code == 0, run
    assert store.keys() == ["a//b/./c"]


def test_what_is_there_already(store, cp, file):
    source = file(3000)
    assert cp(store, source, "key").code == 0
    run = cp(store, source, "key", "--skip-existing")
    assert run.code == 0 and run.event("result")["totals"]["files_unchanged"] == 1
    source.write_bytes(bytes_of(3000, 9))
    assert cp(store, source, "key", "--skip-existing").code == 0
    assert store.digests() == {"key": sha256(source.read_bytes())}


def test_an_object_that_must_not_be_replaced(gateway, cp, file):
    source = file(3000)
    assert cp(gateway, source, "key", "--if-none-match").code == 0
    run = cp(gateway, file(3000, 2), "key", "--if-none-match")
    assert run.code == 1
    assert (run.error["code"], run.error["status"]) == ("object_exists", 412)
    assert gateway.digests() == {"key": sha256(source.read_bytes())}


def test_profiles_and_credential_process(gateway, cp, file, tmp_path):
    """Keys from a program, region and endpoint from the profile, nothing from variables."""
    keys = gateway.environment(tmp_path)
    (tmp_path / "keys").write_text(
        '#!/bin/sh\nprintf \'{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "%s"}\' '
        f"'{keys['AWS_ACCESS_KEY_ID']}' '{keys['AWS_SECRET_ACCESS_KEY']}'\n")
    (tmp_path / "keys").chmod(0o755)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(
        f"[profile peers]\nregion = us-east-1\nendpoint_url = {gateway.url}\n"
        f"credential_process = {tmp_path}/keys --for 'me'\ns3 =\n  addressing_style = path\n")
    nothing = dict.fromkeys(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION",
                             "AWS_ENDPOINT_URL"])
    run = cp(gateway, file(1000), "key", env=nothing | {"AWS_PROFILE": "peers"})
    assert run.code == 0, run
    assert gateway.keys() == ["key"]
    (tmp_path / "keys").write_text("#!/bin/sh\necho no session >&2; exit 3\n")
    run = cp(gateway, file(1000), "other", env=nothing | {"AWS_PROFILE": "peers"})
    assert run.code == 1 and run.error["code"] == "credential_process_failed"
    assert run.error["server_message"].strip() == "no session"


# --- what goes wrong, and is put right ---

def test_another_region(gateway, cp, file):
    """400 AuthorizationHeaderMalformed by a real store, which names the region."""
    run = cp(gateway, file(1000), "key", env={"AWS_REGION": "eu-west-1"})
    assert run.code == 0, run
    assert gateway.keys() == ["key"]
    assert any("us-east-1" in note["text"] for note in run.events
               if note["event"] == "note" and note["level"] == "warning"), run.out


def test_redirected_to_another_region(gateway, cp, file):
    with Relay(gateway.url) as relay:
        relay.on().answer(301, error_document("PermanentRedirect", Bucket=gateway.bucket),
                          {"x-amz-bucket-region": "us-east-1"})
        run = cp(gateway, file(1000), "key", via=relay, env={"AWS_REGION": "ap-south-1"})
        assert run.code == 0, run
        scopes = [request.headers["authorization"].split("/")[2] for request in relay.requests]
    assert scopes[0] == "ap-south-1" and set(scopes[1:]) == {"us-east-1"}


@pytest.mark.parametrize("offset", ["+1h", "-1h"])
def test_a_clock_off_by_an_hour(gateway, cp, file, offset):
    """The store says so; what comes then is signed by its time, and that is said once."""
    run = cp(gateway, file(11 * MIB), "key", "--part-size", "5MiB",
             prefix=wrong_clock(offset))
    assert run.code == 0, run
    assert gateway.keys() == ["key"]
    said = [note["text"] for note in run.events
            if note["event"] == "note" and "clock" in note["text"]]
    assert len(said) == 1 and "60 min" in said[0], run.out


@pytest.mark.parametrize("status, code", [(503, "SlowDown"), (500, "InternalError"),
                                          (429, "TooManyRequests")])
def test_a_store_that_is_busy_for_a_while(gateway, cp, file, status, code):
    source = file(11 * MIB)
    with Relay(gateway.url) as relay:
        relay.on("PUT").answer(status, error_document(code), times=3)
        run = cp(gateway, source, "key", "--part-size", "5MiB", via=relay)
    assert run.code == 0, run
    assert run.event("result")["totals"]["retries"] >= 3
    assert gateway.digests() == {"key": sha256(source.read_bytes())}


def test_an_upload_that_the_store_loses(gateway, cp, file):
    """NoSuchUpload midway: begun once more, and all of it is sent. The relay says so: versitygw
    itself takes parts of an upload that was aborted, and then refuses to complete it."""
    source = file(11 * MIB)
    with Relay(gateway.url) as relay:
        relay.on("PUT", "partNumber=2").answer(404, error_document("NoSuchUpload"))
        run = cp(gateway, source, "key", "--part-size", "5MiB", via=relay)
        begun = relay.seen("POST", r"\?uploads")
    assert run.code == 0, run
    # The first of three tries out what a store takes that nobody knows.
    assert len(begun) == 3
    assert gateway.digests() == {"key": sha256(source.read_bytes())}
    assert gateway.uploads() == []


def test_a_completion_whose_answer_is_lost(gateway, cp, file):
    source = file(11 * MIB)
    with Relay(gateway.url) as relay:
        relay.on("POST", "uploadId=").lose_answer()
        run = cp(gateway, source, "key", "--part-size", "5MiB", via=relay)
    assert run.code == 0, run
    assert gateway.digests() == {"key": sha256(source.read_bytes())}


def test_a_completion_that_holds_an_error_once(gateway, cp, file):
    source = file(11 * MIB)
    with Relay(gateway.url) as relay:
        relay.on("POST", "uploadId=").answer(200, error_document("InternalError"))
        run = cp(gateway, source, "key", "--part-size", "5MiB", via=relay)
    assert run.code == 0, run
    assert gateway.digests() == {"key": sha256(source.read_bytes())}


# --- what goes wrong, and is said ---

@pytest.mark.parametrize("variables, status", [
    ({"AWS_SECRET_ACCESS_KEY": "another/secret"}, 403),
    ({"AWS_ACCESS_KEY_ID": "AKIDUNKNOWN"}, 404)])
def test_wrong_keys(gateway, cp, file, variables, status):
    """versitygw says 404 to a key that it does not know, AWS 403."""
    run = cp(gateway, file(1000), "key", env=variables)
    assert run.code == 1
    assert (run.error["code"], run.error["status"]) == ("keys_refused", status)
    assert run.error["hint"] and gateway.keys() == []
    assert "another/secret" not in run.out + run.err


def test_an_expired_session(gateway, cp, file):
    with Relay(gateway.url) as relay:
        relay.on().answer(400, error_document("ExpiredToken", RequestId="R1"), times=1000)
        run = cp(gateway, file(1000), "key", via=relay, env={"AWS_SESSION_TOKEN": "sessiontoken"})
    assert run.code == 5
    assert (run.error["code"], run.error["class"]) == ("keys_expired", "expired")
    assert run.error["request_id"] == "R1"
    assert "sessiontoken" not in run.out + run.err


def test_a_bucket_that_is_not_there(store, cp, file):
    store.bucket = "peers-nobodys"
    run = cp(store, file(1000), "key")
    assert run.code == 1
    assert (run.error["code"], run.error["status"]) == ("no_such_bucket", 404)


def test_keys_without_the_right(gateway, cp, file):
    with Relay(gateway.url) as relay:
        relay.on("PUT").answer(403, error_document("AccessDenied", RequestId="R2"), times=1000)
        run = cp(gateway, file(1000), "key", via=relay)
    assert run.code == 1
    assert (run.error["code"], run.error["status"]) == ("access_denied", 403)
    assert run.error["request_id"] == "R2" and "as the test wants it" in run.error["server_message"]


def test_a_store_that_stays_busy(gateway, cp, file):
    with Relay(gateway.url) as relay:
        relay.on("PUT").answer(503, error_document("SlowDown"), times=1000)
        run = cp(gateway, file(1000), "key", via=relay)
    assert run.code == 5
    assert (run.error["code"], run.error["status"]) == ("slow_down", 503)
    assert run.error["attempts"] == 5


@pytest.mark.parametrize("code, ours", [("InvalidPart", "bad_part"),
                                        ("EntityTooSmall", "part_too_small")])
def test_a_completion_that_is_refused(gateway, cp, file, code, ours):
    with Relay(gateway.url) as relay:
        relay.on("POST", "uploadId=").answer(400, error_document(code), times=1000)
        run = cp(gateway, file(11 * MIB), "key", "--part-size", "5MiB", via=relay)
    assert run.code == 1
    assert (run.error["code"], run.error["status"]) == (ours, 400)
    assert gateway.keys() == [] and gateway.uploads() == []


def test_a_completion_that_always_holds_an_error(gateway, cp, file):
    with Relay(gateway.url) as relay:
        relay.on("POST", "uploadId=").answer(200, error_document("InternalError"), times=1000)
        run = cp(gateway, file(11 * MIB), "key", "--part-size", "5MiB", via=relay)
    assert run.code == 5
    assert (run.error["code"], run.error["status"]) == ("completion_refused", 200)
    assert gateway.keys() == [] and gateway.uploads() == []


HOSTILE = {
    "cut": b"<InitiateMultipartUploadResult><UploadId>u",
    "empty": b"",
    "entities": b'<!DOCTYPE A [<!ENTITY a "aaaa">]><InitiateMultipartUploadResult><UploadId>&a;'
                b"</UploadId></InitiateMultipartUploadResult>",
    "deep": b"<A>" * 10_000 + b"</A>" * 10_000,
    "without": b"<InitiateMultipartUploadResult><Key>k</Key></InitiateMultipartUploadResult>",
    "web page": b"<!DOCTYPE html><html><body>Welcome</body></html>",
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
def test_answers_that_are_no_answers(gateway, cp, file, answer):
    with Relay(gateway.url) as relay:
        relay.on("POST", r"\?uploads").answer(200, answer, times=1000)
        run = cp(gateway, file(11 * MIB), "key", "--part-size", "5MiB", via=relay)
    assert run.code == 1
    assert (run.error["code"], run.error["stage"]) == ("bad_answer", "create_upload")


@pytest.mark.parametrize("answer", [HOSTILE["cut"].replace(b"Initiate", b"Complete"), b"", b"OK"],
                         ids=["cut", "empty", "other"])
def test_a_completion_without_its_document_is_none(gateway, cp, file, answer):
    with Relay(gateway.url) as relay:
        relay.on("POST", "uploadId=").answer(200, answer, times=1000)
        run = cp(gateway, file(11 * MIB), "key", "--part-size", "5MiB", via=relay)
    assert run.code != 0
    assert run.error["code"] == "bad_answer" and run.error["stage"] == "complete"
    assert gateway.keys() == []


def test_a_checksum_that_disagrees(gateway, cp, file):
    """The object is not called done, whatever its status was."""
    def spoil(status, headers, body):
        return status, [(name, "AAAAAAAAAAA=" if name.lower() == "x-amz-checksum-crc64nvme"
                         else value) for name, value in headers], body

    with Relay(gateway.url) as relay:
        relay.on("PUT").change_answer(spoil, times=1000)
        run = cp(gateway, file(1000), "key", via=relay)
    assert run.code == 5
    assert run.error["code"] == "checksum_mismatch"


def test_bytes_that_change_on_the_way(gateway, cp, file):
    """The store compares what it got with the checksum behind it; sent again, it is whole."""
    source = file(11 * MIB)
    with Relay(gateway.url) as relay:
        assert cp(gateway, file(1000), "trial", via=relay).code == 0
        relay.on("PUT", "partNumber=2").answer(400, error_document("BadDigest"))
        run = cp(gateway, source, "key", "--part-size", "5MiB", via=relay)
    assert run.code == 0, run
    assert gateway.digests()["key"] == sha256(source.read_bytes())
    assert gateway.head("key")["ChecksumCRC64NVME"]


def test_a_source_that_shrinks(gateway, cp, file):
    source = file(21 * MIB)
    with Relay(gateway.url) as relay:
        relay.on("POST", r"\?uploads").call(lambda _: os.truncate(source, 7 * MIB))
        run = cp(gateway, source, "key", "--part-size", "5MiB", "--memory-limit", "64MiB",
                 via=relay)
    assert run.code == 1
    assert run.error["class"] == "changed"
    assert gateway.keys() == [] and gateway.uploads() == []


def stopped_by_ctrl_c(gateway, program, file, folder):
    """Both halves of the rule: gone from the store, or said to have stayed. True: gone."""
    before = gateway.uploads()
    with Relay(gateway.url) as relay:
        gate = relay.on("PUT", "partNumber=2").hold()
        process = subprocess.Popen(
            [program, "cp", str(file(16 * MIB)), f"s3://{gateway.bucket}/key", "--part-size", "5MiB",
             "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=gateway.environment(folder, AWS_ENDPOINT_URL=relay.url))
        gate.wait()
        process.send_signal(2)
        run = finish(process)
        gate.open()
    assert run.code == 130 and run.error["class"] == "cancelled"
    assert "--skip-existing" in run.error["hint"] and "commit" not in run.error["hint"]
    assert gateway.keys() == []
    if any("headrace s3 abort" in note["text"] for note in run.events if note["event"] == "note"):
        return False
    until = time.monotonic() + WAIT_S
    while gateway.uploads() != before and time.monotonic() < until:
        time.sleep(0.05)
    assert gateway.uploads() == before
    return True


def test_ctrl_c_leaves_nothing(servers, program, file, tmp_path):
    # A store over files may make an upload anew, for parts that it had received whole before.
    store = Store(servers("moto"))
    # It has 0.6 s, which a machine full of other work doesn't always keep.
    assert any(stopped_by_ctrl_c(store, program, file, tmp_path) for _ in range(5))


def test_an_upload_that_comes_back(gateway, cp, file):
    """A store of files makes the folder of an aborted upload anew for a part that comes late."""
    source = file(21 * MIB)
    with Relay(gateway.url) as relay:
        assert cp(gateway, file(600 * KIB), "trial", via=relay).code == 0
        relay.requests.clear()
        relay.on("POST", r"\?uploads").call(lambda _: os.truncate(source, 7 * MIB))
        relay.on("DELETE", "uploadId=").answer(204, b"")
        run = cp(gateway, source, "key", "--part-size", "5MiB", via=relay)
    assert run.code == 1 and run.error["class"] == "changed"
    first, again = relay.seen("DELETE")
    assert first.target == again.target
    assert gateway.keys() == ["trial"] and gateway.uploads() == []


# --- what is left unfinished ---

def test_what_the_store_has_of_unfinished_uploads(store, run_s3):
    """An upload of some parts, one without any, and one elsewhere. moto names the list in a way of
    its own, which nobody takes for one."""
    begun = {key: store.s3.create_multipart_upload(Bucket=store.bucket, Key=key)["UploadId"]
             for key in ("p/some", "p/none", "other")}
    for number in (1, 2, 7):
        store.s3.upload_part(Bucket=store.bucket, Key="p/some", UploadId=begun["p/some"],
                             PartNumber=number, Body=bytes_of(5 * MIB if number < 7 else 100))
    run = run_s3(store, "s3", "ls", store.at("p/"), "--json")
    assert run.code == 0, run
    told = {event["url"]: (event["upload_id"], event["parts"], event["bytes"])
            for event in run.events if event["event"] == "unfinished_upload"}
    listed = store.kind != "moto"
    assert told == {
        store.at("p/some"): (begun["p/some"], *((3, 10 * MIB + 100) if listed else (None, None))),
        store.at("p/none"): (begun["p/none"], *((0, 0) if listed else (None, None)))}
    line = next(line for line in run_s3(store, "s3", "ls", store.at("p/")).out.splitlines()
                if "p/some" in line)
    assert ("3 parts, 10.0 MiB" if listed else "unknown") in line and begun["p/some"] in line


def one_part(status, headers, body):
    """A list of parts cut to its first, as a store says it whose pages hold no more."""
    first, rest = body.split(b"</Part>", 1)
    number = re.search(rb"<PartNumber>(\d+)<", first)[1]
    head = re.sub(rb"<IsTruncated>.*?</IsTruncated>|<NextPartNumberMarker>.*?</NextPart"
                  rb"NumberMarker>", b"", first)
    if b"<Part>" not in rest:
        return status, headers, body
    return status, headers, (head + b"</Part><IsTruncated>true</IsTruncated><NextPartNumberMarker>"
                             + number + b"</NextPartNumberMarker></ListPartsResult>")


def test_parts_page_by_page(gateway, run_s3):
    upload = gateway.s3.create_multipart_upload(Bucket=gateway.bucket, Key="k")["UploadId"]
    for number in (1, 2, 3):
        gateway.s3.upload_part(Bucket=gateway.bucket, Key="k", UploadId=upload, PartNumber=number,
                               Body=b"x" * number)
    with Relay(gateway.url) as relay:
        relay.on("GET", "uploadId=").change_answer(one_part, times=3)
        run = run_s3(gateway, "s3", "ls", gateway.at(), "--json", via=relay)
        asked = [dict(request.query).get("part-number-marker")
                 for request in relay.seen("GET", "uploadId=")]
    told = run.event("unfinished_upload")
    assert (told["parts"], told["bytes"]) == (3, 6), run
    assert asked == [None, "1", "2"]


@pytest.mark.parametrize("status, code, shown", [(403, "AccessDenied", 1),
                                                 (404, "NoSuchUpload", 0)])
def test_parts_that_cannot_be_listed(gateway, run_s3, status, code, shown):
    """Who may not see parts sees the upload; one that has ended meanwhile is none."""
    gateway.s3.create_multipart_upload(Bucket=gateway.bucket, Key="k")
    with Relay(gateway.url) as relay:
        relay.on("GET", "uploadId=").answer(status, error_document(code))
        run = run_s3(gateway, "s3", "ls", gateway.at(), "--json", via=relay)
    told = [event["parts"] for event in run.events if event["event"] == "unfinished_upload"]
    assert run.code == 0 and told == [None] * shown, run


# --- how checksums travel ---

# What each real store takes, by a trial of it; "trailer" is what AWS takes.
WAYS = {"versitygw": "trailer", "moto": "header", "minio": "trailer"}


def test_the_way_of_checksums_by_store(store, cp, file, tmp_path):
    """Tried once, said with -v, and remembered: the second run does not try."""
    way = WAYS[store.kind]
    with Relay(store.url) as relay:
        for number, begun in enumerate((2, 3)):
            run = cp(store, file(11 * MIB), f"key{number}", "--part-size", "5MiB", "-v", via=relay)
            assert run.code == 0, run
            said = [note["text"] for note in run.events
                    if note["event"] == "note" and "checksum" in note["text"]]
            assert any(way in text for text in said), run.out
            assert len(relay.seen("POST", r"\?uploads")) == begun
        trailers = [request.headers.get("x-amz-trailer")
                    for request in relay.seen("PUT", "partNumber=")]
        memory = (tmp_path / "cache/headrace/stores").read_text()
        assert memory.startswith(f"{relay.url} {way} ") and SECRET not in memory
    # One on trial, and two times three.
    expected = "x-amz-checksum-crc64nvme" if way == "trailer" else None
    assert trailers == ["x-amz-checksum-crc64nvme", *[expected] * 6]
    assert store.uploads() == []


def checksum_fields(relay):
    """What stood in any request of the kind that some stores refuse."""
    return {name for request in relay.requests for name in request.headers
            if "checksum" in name or "trailer" in name or name == "content-encoding"}


def test_checksums_that_were_not_asked_for(gateway, cp, file):
    """request_checksum_calculation, as the AWS tools have it."""
    with Relay(gateway.url) as relay:
        needed = {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}
        for size in (11 * MIB, 2000):
            run = cp(gateway, file(size), f"key{size}", "--part-size", "5MiB", via=relay,
                     env=needed)
            assert run.code == 0, run
        assert checksum_fields(relay) == set()


# Stores that are known by their names, and the fields that they are to see.
BY_NAME = {"s3.eu-central-003.backblazeb2.com": set(),
           "s3.hf.co": set(),
           "0123abcd.r2.cloudflarestorage.com": {"x-amz-checksum-crc64nvme",
                                                 "x-amz-checksum-mode"}}


@pytest.mark.parametrize("name", BY_NAME)
def test_stores_that_are_known_by_name(gateway, cp, file, tmp_path, name):
    """None is tried, and none is told what it refuses; a file leads the name to a store here."""
    (tmp_path / "hosts").write_text(f"127.0.0.1 {name}\n")
    prefix = own_mounts(f"mount --bind {tmp_path}/hosts /etc/hosts")
    sources = {"large": file(11 * MIB), "small": file(2000)}
    with Relay(gateway.url) as relay:
        relay.url = relay.url.replace("127.0.0.1", name)
        for key, source in sources.items():
            run = cp(gateway, source, key, "--part-size", "5MiB", via=relay, prefix=prefix)
            assert run.code == 0, run
        assert len(relay.seen("POST", r"\?uploads")) == 1
        assert checksum_fields(relay) == BY_NAME[name]
    assert gateway.digests() == {key: sha256(source.read_bytes())
                                 for key, source in sources.items()}
