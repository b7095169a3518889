"""The relay itself: what it breaks is broken, what it lets pass is whole."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from relay import Relay


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-target", self.path)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def echo():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def put(echo):
    with Relay(echo) as relay:
        def send(body=b"x" * 100_000, target="/a%2Fb?q=1"):
            connection = http.client.HTTPConnection(relay.url.removeprefix("http://"), timeout=30)
            connection.request("PUT", target, body)
            response = connection.getresponse()
            return response.status, response.read()
        send.relay = relay
        yield send


def test_passes_and_writes_down(put):
    assert put() == (201, b"x" * 100_000)
    (seen,) = put.relay.requests
    assert (seen.method, seen.target, seen.status) == ("PUT", "/a%2Fb?q=1", 201)
    assert (seen.path, seen.query, seen.body_size) == ("/a%2Fb", [("q", "1")], 100_000)


def test_answers_by_itself_so_many_times(put):
    put.relay.on("PUT").after(1).answer(503, {"error": "busy"}, {"retry-after": "0"}, times=2)
    assert [put()[0] for _ in range(4)] == [201, 503, 503, 201]


def test_rules_are_for_what_they_match(put):
    put.relay.on("POST").answer(500)
    put.relay.on("PUT", "/other").answer(500)
    assert put()[0] == 201


@pytest.mark.parametrize("cut", ["request", "answer", "head"])
def test_cuts(put, cut):
    rule = put.relay.on("PUT")
    if cut == "request":
        rule.cut_request(after_bytes=50_000)
    else:
        rule.cut_answer(after_bytes=10 if cut == "head" else 1000)
    with pytest.raises((OSError, http.client.HTTPException)):
        put()
    assert put()[0] == 201


def test_holds_until_it_is_let_go(put):
    gate = put.relay.on("PUT").hold()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(put()))
    thread.start()
    gate.wait()
    assert not answers
    gate.open()
    thread.join(30)
    assert answers[0][0] == 201
