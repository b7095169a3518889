"""HTTP of others: curl against our server, Python's http.server against our client.

curl shows the connection it used, so keep-alive is seen and not assumed; it is told to wait for an
hour for `100 Continue`, so that a server which forgets it hangs until the test's own limit.
"""

import hashlib
import json
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import MIB, WAIT_S, Hub, bytes_of

REPO = "me/by-curl"


def curl(*arguments, data=None):
    run = subprocess.run(["curl", "-sS", "--expect100-timeout", "3600", *map(str, arguments)],
                         input=data, capture_output=True, timeout=WAIT_S, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def status_of(*arguments, data=None):
    return int(curl("-o", "/dev/null", "-w", "%{http_code}", *arguments, data=data))


@pytest.fixture
def action(hub):
    """The upload href of an object of these bytes, in a repo that curl made."""
    authorized = ["-H", f"authorization: Bearer {Hub.token}",
                  "-H", "content-type: application/json"]
    owner, name = REPO.split("/")
    assert status_of(*authorized, "-d", json.dumps({"name": name, "organization": owner}),
                     f"{hub.url}/api/repos/create") in (200, 409)

    def ask(content):
        oid = hashlib.sha256(content).hexdigest()
        batch = {"operation": "upload", "transfers": ["basic"], "hash_algo": "sha_256",
                 "objects": [{"oid": oid, "size": len(content)}]}
        answer = json.loads(curl(*authorized, "-d", json.dumps(batch),
                                 f"{hub.url}/{REPO}.git/info/lfs/objects/batch"))
        return answer["objects"][0].get("actions", {}).get("upload", {}).get("href")

    return ask


@pytest.mark.parametrize("options", [
    [],
    ["-H", "Expect: 100-continue"],
    ["-H", "Expect:"],
    ["-H", "Transfer-Encoding: chunked"],
    ["-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue"],
    ["--http1.0"],
], ids=["plain", "asks", "does-not-ask", "chunked", "chunked-asks", "http-1.0"])
def test_curl_puts_an_object(action, tmp_path, options):
    content = bytes_of(MIB - 7, seed=len(str(options)))
    path = tmp_path / "content"
    path.write_bytes(content)
    href = action(content)
    assert href
    assert status_of(*options, "-T", path, href) in (200, 201, 204)
    assert action(content) is None  # stored: nothing is to be uploaded


def test_curl_reuses_its_connection(hub):
    uses = curl("-w", "%{num_connects} ", "-o", "/dev/null", f"{hub.url}/api/whoami-v2",
                "-o", "/dev/null", f"{hub.url}/no/such", "-I", "-o", "/dev/null", f"{hub.url}/")
    assert uses.decode().split() == ["1", "0", "0"]


def test_curl_is_refused_early_and_told_so(hub, tmp_path):
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.truncate(1 << 32)
    assert status_of("-T", path, f"{hub.url}/no/such/place") in (404, 413)


class Peer(BaseHTTPRequestHandler):
    """Answers `GET /api/whoami-v2` in the way its server was told to."""

    user = json.dumps({"type": "user", "name": "someone", "orgs": []}).encode()

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.seen.append((self.path, self.headers))
        self.server.way(self)


def counted(handler, status=200, fields=(), body=Peer.user):
    handler.send_response(status)
    for name, value in (("content-length", len(body)), *fields):
        handler.send_header(name, str(value))
    handler.end_headers()
    handler.wfile.write(body)


def until_close(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(Peer.user)
    handler.close_connection = True


def chunked(handler):
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for at in range(0, len(Peer.user), 5):
        piece = Peer.user[at:at + 5]
        handler.wfile.write(f"{len(piece):x};x=y\r\n".encode() + piece + b"\r\n")
    handler.wfile.write(b"0\r\nx-trailer: 1\r\n\r\n")


def busy_at_first(handler):
    if len(handler.server.seen) < 3:
        counted(handler, 503, [("retry-after", 0)], b"busy")
    else:
        counted(handler)


def redirects(handler):
    if handler.path == "/elsewhere":
        counted(handler)
    else:
        counted(handler, 307, [("location", "/elsewhere")], b"")


def closes_at_first(handler):
    if len(handler.server.seen) == 1:
        handler.close_connection = True
    else:
        counted(handler)


@contextmanager
def serving(way, protocol):
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Versioned", (Peer,),
                                                        {"protocol_version": protocol}))
    server.way, server.seen = way, []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("way, protocol, requests", [
    (counted, "HTTP/1.1", 1), (counted, "HTTP/1.0", 1), (until_close, "HTTP/1.0", 1),
    (until_close, "HTTP/1.1", 1), (chunked, "HTTP/1.1", 1), (busy_at_first, "HTTP/1.1", 3),
    (redirects, "HTTP/1.1", 2), (closes_at_first, "HTTP/1.1", 2),
], ids=["counted", "1.0", "until-close-1.0", "until-close", "chunked", "busy", "redirect",
        "closes"])
def test_our_client_reads_what_pythons_server_answers(headrace, way, protocol, requests):
    with serving(way, protocol) as (server, url):
        run = headrace("whoami", endpoint=url)
    assert run.code == 0, run.err
    assert "someone" in run.out
    assert len(server.seen) == requests
    for _, headers in server.seen:
        assert headers["accept-encoding"] == "identity"
        assert headers["authorization"] == f"Bearer {Hub.token}"
        assert headers["user-agent"].startswith("headrace/")
