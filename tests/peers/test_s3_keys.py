"""Keys that services hand out, found by the variables that name the services. The store is moto:
versitygw takes no session tokens."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from relay import Relay
from s3 import KEY, SECRET, Store, error_document, sha256

pytest_plugins = "s3_fixtures"

NO_KEYS = dict.fromkeys(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
TOKEN = "sessiontokenofpeers"


class KeyService(ThreadingHTTPServer):
    """Stands for a container's and an instance's service; `lifetime_s` is that of its keys."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), KeyHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked, self.keys, self.lifetime_s, self.status = [], (KEY, SECRET), 3600, 200
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def document(self):
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime_s))
        return json.dumps({"Code": "Success", "AccessKeyId": self.keys[0],
                           "SecretAccessKey": self.keys[1], "Token": TOKEN, "Expiration": end})


class KeyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_any(self):
        self.server.asked.append((self.command, self.path, dict(self.headers.items())))
        if self.command == "PUT":
            return self.answer("a-token")
        if self.path == "/latest/meta-data/iam/security-credentials/":
            return self.answer("a-role")
        return self.answer(self.server.document())

    do_GET = do_PUT = do_any

    def answer(self, text):
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def store(servers):
    return Store(servers("moto"))


@pytest.fixture
def service():
    service = KeyService()
    yield service
    service.shutdown()
    service.server_close()


def header(asked, name):
    return {key.lower(): value for key, value in asked[2].items()}.get(name)


def test_a_container(store, cp, file, service):
    source = file(3000)
    with Relay(store.url) as relay:
        run = cp(store, source, "key", "-v", via=relay, env=NO_KEYS | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url + "/keys?of=mine",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Bearer peersauthorization"})
        sent = [request.headers for request in relay.seen("PUT")]
    assert run.code == 0, run
    assert store.digests() == {"key": sha256(source.read_bytes())}
    assert [asked[:2] for asked in service.asked] == [("GET", "/keys?of=mine")]
    assert header(service.asked[0], "authorization") == "Bearer peersauthorization"
    assert f"Credential={KEY}/" in sent[0]["authorization"]
    assert sent[0]["x-amz-security-token"] == TOKEN
    assert any("container" in note["text"] for note in run.events if note["event"] == "note")
    for secret in (SECRET, TOKEN, "peersauthorization"):
        assert secret not in run.out + run.err


def test_an_instance(store, cp, file, service):
    run = cp(store, file(3000), "key", env=NO_KEYS | {
        "AWS_EC2_METADATA_DISABLED": None, "AWS_EC2_METADATA_SERVICE_ENDPOINT": service.url + "/"})
    assert run.code == 0, run
    assert store.keys() == ["key"]
    roles = "/latest/meta-data/iam/security-credentials/"
    assert [asked[:2] for asked in service.asked] == [
        ("PUT", "/latest/api/token"), ("GET", roles), ("GET", roles + "a-role")]
    assert {header(asked, "x-aws-ec2-metadata-token") for asked in service.asked[1:]} == {"a-token"}


def test_keys_that_ran_out_are_fetched_again(store, cp, file, service):
    """The store says ExpiredToken once; the upload goes on with the keys that come then."""
    with Relay(store.url) as relay:
        relay.on("PUT").answer(400, error_document("ExpiredToken"))
        run = cp(store, file(3000), "key", via=relay, env=NO_KEYS | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url + "/keys"})
    assert run.code == 0, run
    assert store.keys() == ["key"]
    assert len(service.asked) == 2


def test_a_service_without_keys(store, cp, file, service):
    service.status = 403
    run = cp(store, file(3000), "key", env=NO_KEYS | {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url + "/keys"})
    assert run.code == 1
    assert (run.error["code"], run.error["status"]) == ("keys_unavailable", 403)
    assert run.error["stage"] == "keys" and run.error["hint"]
    assert run.error["host"] == service.url.removeprefix("http://")
    assert SECRET not in run.out + run.err and store.keys() == []


def test_no_keys_anywhere(store, cp, file):
    run = cp(store, file(3000), "key", env=NO_KEYS)
    assert run.code == 1
    assert (run.error["code"], run.error["class"]) == ("no_credentials", "fail")
    assert "AWS_ACCESS_KEY_ID" in run.error["hint"]


def test_a_web_identity(store, cp, file, tmp_path):
    """moto gives the keys as well."""
    (tmp_path / "identity").write_text("identitytokenofpeers\n")
    with Relay(store.url) as relay:
        run = cp(store, file(3000), "key", via=relay, env=NO_KEYS | {
            "AWS_ENDPOINT_URL_STS": relay.url, "AWS_ROLE_SESSION_NAME": "peers",
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/peers",
            "AWS_WEB_IDENTITY_TOKEN_FILE": tmp_path / "identity"})
        asked = [request for request in relay.seen("POST") if "key" not in request.target]
        sent = relay.seen("PUT")
    assert run.code == 0, run
    assert store.keys() == ["key"]
    assert len(asked) == 1
    assert "authorization" not in asked[0].headers
    assert sent[0].headers["x-amz-security-token"]
    assert "identitytokenofpeers" not in run.out + run.err
