"""`headrace hub --s3`: LFS content in a store that others have written, sent and fetched by clients
that others have written; the hub sees none of it but to check what it is."""

import hashlib
import json
import re
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from conftest import MIB, bytes_of, make_folder, run_program
from relay import Relay
from s3 import error_document, sha256

pytest_plugins = "s3_fixtures"

# What the store takes for a part at least.
PART = 5 * MIB


@pytest.fixture
def make_s3_hub(make_hub, gateway, tmp_path):
    """Over the store, or what stands before it."""

    def make(via=None):
        return make_hub("--multipart-threshold", str(8 * MIB), "--part-size", str(PART),
                        "--s3", gateway.at("hub/of me/"), "--endpoint-url", (via or gateway).url,
                        env=gateway.environment(tmp_path, AWS_ENDPOINT_URL=None))

    return make


@pytest.fixture
def hub(make_s3_hub):
    return make_s3_hub()


@pytest.fixture
def files(tmp_path):
    return make_folder(tmp_path / "files", {
        "large.bin": bytes_of(12 * MIB + 345, 1), "small.bin": bytes_of(3000, 2),
        "one.bin": b"", "README.md": "---\nlicense: mit\n---\n# Text stays in git\n"})


def check_objects(gateway, files):
    found = gateway.digests()
    assert sorted(found.values()) == sorted(sha256(data) for path, data in files.items()
                                            if path.endswith(".bin") and data)
    for key, digest in found.items():
        assert re.fullmatch(f"hub/of me/objects/{digest[:2]}/{digest[2:4]}/{digest}/[0-9a-f]+", key)
    assert gateway.uploads() == []


# --- clients ---

def test_headrace(hub, headrace, gateway, files, download):
    with Relay(hub.url) as relay:
        run = headrace("upload", "me/model", "files", "--json", endpoint=relay.url)
        assert run.code == 0, run
        assert relay.seen("PUT") == []  # all of it went to the store
    check_objects(gateway, files)
    assert download("me/model") == files
    # What is there is not sent again.
    assert headrace("upload", "me/model", "files", "--json").event("result")["totals"][
        "bytes_sent"] == 0


UPLOAD = """
from huggingface_hub import HfApi
api = HfApi()
api.create_repo("me/theirs", exist_ok=True)
api.upload_folder(repo_id="me/theirs", folder_path={where!r})
"""
DOWNLOAD = """
from huggingface_hub import snapshot_download
snapshot_download("me/theirs", local_dir={where!r}, cache_dir={where!r} + "-cache")
"""


@pytest.mark.parametrize("client", ["client_2_4_0", "client_0_36_0", "client_0_20_3"])
def test_real_clients(hub, gateway, files, tmp_path, request, client):
    run = request.getfixturevalue(client)
    run(script=UPLOAD.format(where=str(tmp_path / "files")))
    check_objects(gateway, files)
    back = tmp_path / "back"
    run(script=DOWNLOAD.format(where=str(back)))
    assert {path: (back / path).read_bytes() for path in files} == files


def test_an_object_of_two_repositories(hub, headrace, gateway, files, download):
    """Each has its own, so that neither can change the other's."""
    for repo in ("me/one", "me/two"):
        assert headrace("upload", repo, "files").code == 0
    assert len(gateway.keys()) == 4
    assert download("me/one") == download("me/two") == files


# --- by hand: what a client may do wrong ---

class Client:
    def __init__(self, hub):
        self.hub = hub
        self.ask("/api/repos/create", {"name": "hand", "organization": "me"})

    def send(self, method, url, body, headers=()):
        request = Request(url, body, dict(headers), method=method)
        try:
            answer = build_opener(ProxyHandler({})).open(request)
        except HTTPError as error:
            return error.code, error.read(), error.headers
        return answer.status, answer.read(), answer.headers

    def ask(self, path, body):
        status, answer, _ = self.send(
            "POST", path if "://" in path else self.hub.url + path, json.dumps(body).encode(),
            {"authorization": f"Bearer {self.hub.token}", "content-type": "application/json"})
        return status, json.loads(answer)

    def batch(self, data):
        self.object = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}
        status, answer = self.ask("/me/hand.git/info/lfs/objects/batch", {
            "operation": "upload", "transfers": ["basic", "multipart"], "objects": [self.object]})
        assert status == 200, answer
        return answer["objects"][0].get("actions")

    def put(self, url, data):
        status, answer, headers = self.send("PUT", url, data)
        assert status == 200, answer
        return headers["etag"]

    def put_parts(self, actions, data):
        urls = actions["upload"]["header"]
        size = int(urls.pop("chunk_size"))
        return [{"partNumber": int(number),
                 "etag": self.put(url, data[(int(number) - 1) * size:int(number) * size])}
                for number, url in sorted(urls.items())]

    def complete(self, actions, parts):
        return self.ask(actions["upload"]["href"], {"oid": self.object["oid"], "parts": parts})

    def verify(self, actions):
        return self.ask(actions["verify"]["href"], self.object)

    def commit(self):
        lines = [{"key": "header", "value": {"summary": "by hand"}},
                 {"key": "lfsFile", "value": {"path": "a.bin", "algo": "sha256", **self.object}}]
        return self.send("POST", self.hub.url + "/api/models/me/hand/commit/main",
                         "\n".join(map(json.dumps, lines)).encode(),
                         {"authorization": f"Bearer {self.hub.token}",
                          "content-type": "application/x-ndjson"})[0]


@pytest.fixture
def client(hub):
    return Client(hub)


def test_urls_lead_to_the_store(client, gateway):
    small, large = client.batch(bytes_of(1000)), client.batch(bytes_of(9 * MIB))
    assert small["upload"]["href"].startswith(gateway.url + "/")
    assert small["verify"]["href"].startswith(client.hub.url)
    assert large["upload"]["href"].startswith(client.hub.url)
    assert sorted(large["upload"]["header"]) == ["00001", "00002", "chunk_size"]
    assert large["upload"]["header"]["00001"].startswith(gateway.url + "/")


def test_one_put_of_other_bytes(client, gateway):
    data = bytes_of(1000)
    actions = client.batch(data)
    assert client.verify(actions)[0] == 404  # nothing has come
    client.put(actions["upload"]["href"], b"x" * 1000)
    assert client.verify(actions)[0] == 422
    assert gateway.keys() == [] and client.commit() == 400
    client.put(actions["upload"]["href"], data)
    assert client.verify(actions)[0] == 200 and client.verify(actions)[0] == 200
    assert client.commit() == 200
    assert client.batch(data) is None  # it is here


def test_the_url_of_one_put_is_used_again(client, gateway, download):
    """It holds for an hour; what it brings then is not the object."""
    data = bytes_of(1000)
    actions = client.batch(data)
    client.put(actions["upload"]["href"], data)
    assert client.verify(actions)[0] == 200 and client.commit() == 200
    client.put(actions["upload"]["href"], b"x" * 1000)
    assert client.verify(actions)[0] == 200
    assert download("me/hand")["a.bin"] == data


def test_parts_of_other_bytes(client, gateway):
    data = bytes_of(9 * MIB)
    actions = client.batch(data)
    parts = client.put_parts(actions, b"x" * len(data))
    status, answer = client.complete(actions, parts)
    assert status == 422, answer
    assert gateway.keys() == [] and client.commit() == 400
    again = client.batch(data)
    assert again["upload"]["href"] != actions["upload"]["href"]
    assert client.complete(again, client.put_parts(again, data))[0] == 200
    assert client.verify(again)[0] == 200 and client.commit() == 200
    assert list(gateway.digests().values()) == [client.object["oid"]]


def test_completions_that_are_none(client, gateway):
    actions = client.batch(bytes_of(9 * MIB))
    parts = client.put_parts(actions, bytes_of(9 * MIB))
    wrong = [parts[0], parts[1] | {"etag": parts[0]["etag"]}]
    for bad in ([], parts[:1], parts[::-1], [{"partNumber": 1}, parts[1]], wrong):
        assert client.complete(actions, bad)[0] == 400, bad
    assert client.complete(actions, parts)[0] == 200
    assert client.complete(actions, parts)[0] == 200  # whose answer was lost


def test_an_upload_goes_on_after_the_hub_was_killed(client, gateway):
    data = bytes_of(9 * MIB)
    parts = client.put_parts(client.batch(data), data)
    client.hub.kill()
    client.hub.start()
    actions = client.batch(data)
    assert len(gateway.uploads()) == 1
    assert client.complete(actions, parts)[0] == 200 and client.commit() == 200


# --- the store ---

def test_a_store_that_is_busy_when_the_hub_looks(make_s3_hub, gateway):
    with Relay(gateway.url) as relay:
        client = Client(make_s3_hub(relay))
        data = bytes_of(9 * MIB)
        actions = client.batch(data)
        parts = client.put_parts(actions, data)
        busy = relay.on("HEAD").answer(503, times=1000)
        status, answer = client.complete(actions, parts)
        assert status == 503 and "store" in answer["message"], answer
        assert client.commit() == 400
        busy.times = busy.used
        # It is whole in the store already, and the same completion finds it there.
        assert client.complete(actions, parts)[0] == 200 and client.commit() == 200


def test_an_object_that_changes_before_it_is_kept(make_s3_hub, gateway):
    with Relay(gateway.url) as relay:
        client = Client(make_s3_hub(relay))
        data = bytes_of(1000)
        actions = client.batch(data)
        client.put(actions["upload"]["href"], data)
        relay.on("PUT", "/objects/").answer(412, error_document("PreconditionFailed"))
        assert client.verify(actions)[0] == 503 and client.commit() == 400
        assert client.verify(actions)[0] == 200 and client.commit() == 200


def test_a_copy_that_fails_with_200(make_s3_hub, gateway):
    """What CopyObject says after it has begun to answer."""
    with Relay(gateway.url) as relay:
        client = Client(make_s3_hub(relay))
        data = bytes_of(1000)
        actions = client.batch(data)
        client.put(actions["upload"]["href"], data)
        relay.on("PUT", "/objects/").answer(200, error_document("AccessDenied"))
        status, answer = client.verify(actions)
        assert status == 503 and "access_denied" in answer["message"], answer
        assert client.verify(actions)[0] == 200 and client.commit() == 200


@pytest.mark.parametrize("address, variables, code", [
    ("s3://nobodys/x", {}, "no_such_bucket"),
    ("s3://", {}, "bad_arguments"),
    ("s3:///x", {}, "bad_arguments"),
    ("BUCKET", {"AWS_SECRET_ACCESS_KEY": "another"}, "keys_refused")])
def test_stores_that_cannot_be_used(program, gateway, tmp_path, address, variables, code):
    done = run_program([program, "hub", "--root", str(tmp_path / "root"), "--s3",
                        address.replace("BUCKET", gateway.at())],
                       gateway.environment(tmp_path, **variables))
    assert done.code == 1 and code in done.err, done
    assert "another" not in done.err
