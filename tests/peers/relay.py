"""An HTTP/1.1 relay that stands between a client and a hub, writes down what it sees and breaks
what it is told to.

    with Relay(hub.url) as relay:
        relay.on("PUT").answer(500, times=2)            # the next two are answered here
        relay.on("POST", "/commit/").lose_answer()      # the hub acts, nobody hears of it
        gate = relay.on("POST", "/commit/").hold()      # gate.arrived.wait(); gate.open()
        ...
        relay.requests                                  # everything, in the order it arrived

A rule is used up after `times` requests; the first that matches acts. URLs of the hub in JSON
answers are rewritten, so that a client stays with the relay.
"""

import dataclasses
import http.client
import json
import re
import socket
import ssl
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

CHUNK_BYTES = 64 * 1024
KEPT_BODY_BYTES = 1 << 20
WAIT_S = 60


@dataclasses.dataclass
class Request:
    method: str
    target: str  # as it stood in the request line
    headers: dict  # names in lower case
    body: bytes = b""  # the first MiB
    body_size: int = 0
    status: int = 0  # 0 as long as there is no answer
    answer: bytes = b""  # the first MiB

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    def json(self):
        return json.loads(self.body)

    def ndjson(self):
        return [json.loads(line) for line in self.body.splitlines() if line]


class Gate:
    """A request that waits at the relay until it is let through."""

    def __init__(self):
        self.arrived = threading.Event()
        self._opened = threading.Event()

    def open(self):
        self._opened.set()

    def pass_through(self):
        self.arrived.set()
        self._opened.wait(WAIT_S)

    def wait(self):
        assert self.arrived.wait(WAIT_S), "the request never came"


class Rule:
    def __init__(self, method, pattern):
        self._method, self._pattern = method, re.compile(pattern)
        self.times, self.skipped, self.used = 1, 0, 0
        self.action, self.details = None, {}

    def matches(self, request):
        if self.action is None or self.used >= self.times:
            return False
        return self._method in (None, request.method) and bool(
            self._pattern.search(request.target))

    def after(self, count):
        """Lets the first `count` matching requests pass."""
        self.skipped = count
        return self

    def _set(self, action, times, **details):
        self.times, self.details, self.action = times, details, action
        return self

    def answer(self, status, body=b"", headers=(), times=1):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self._set("answer", times, status=status, body=body, headers=dict(headers))

    def raw(self, data, times=1):
        """These bytes, or those of an iterator, are the answer; then the connection is closed."""
        return self._set("raw", times, data=data)

    def cut_request(self, after_bytes, times=1):
        """Resets the connection when that much of the body has come."""
        return self._set("cut_request", times, after_bytes=after_bytes)

    def cut_answer(self, after_bytes, times=1):
        """Sends so many bytes of the answer, head included, then resets the connection."""
        return self._set("cut_answer", times, after_bytes=after_bytes)

    def flip_bit(self, at, times=1):
        """The byte at this place of the body, of those that have so many, goes on with a bit
        changed."""
        return self._set("flip_bit", times, at=at)

    def lose_answer(self, times=1):
        return self.cut_answer(0, times)

    def call(self, function, times=1):
        """Calls function(request) when the request is complete, then lets it pass. What arrives
        meanwhile waits at the relay until the function is done."""
        return self._set("call", times, function=function)

    def change_answer(self, function, times=1):
        """function(status, headers, body) gives the answer that is sent instead."""
        return self._set("change_answer", times, function=function)

    def hold(self, times=1):
        gate = Gate()
        self._set("hold", times, gate=gate)
        return gate

    def hold_answer(self, times=1):
        """The hub acts, the client waits."""
        gate = Gate()
        self._set("hold_answer", times, gate=gate)
        return gate


class Relay:
    def __init__(self, upstream_url, context=None):
        """With an ssl.SSLContext it speaks TLS to its clients."""
        self.upstream_url = upstream_url
        self.upstream = urlsplit(upstream_url)
        self.requests, self.rules, self.gates = [], [], []
        self.lock = threading.Lock()
        self.called = threading.Lock()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.relay = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
            self.url = self.url.replace("http", "https", 1)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for rule in self.rules:
            if gate := rule.details.get("gate"):
                gate.open()
        self.stop_listening()

    def stop_listening(self):
        """New connections are refused from now on; those that are open go on."""
        self.server.shutdown()
        self.server.server_close()

    def connection(self):
        """A new one to the hub; over TLS it believes whoever answers."""
        where = {"host": self.upstream.hostname, "port": self.upstream.port, "timeout": WAIT_S}
        if self.upstream.scheme != "https":
            return http.client.HTTPConnection(**where)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(**where, context=context)

    def on(self, method=None, pattern=""):
        rule = Rule(method, pattern)
        with self.lock:
            self.rules.append(rule)
        return rule

    def seen(self, method=None, pattern=""):
        with self.lock:
            return [request for request in self.requests
                    if method in (None, request.method) and re.search(pattern, request.target)]

    def take_rule(self, request):
        with self.lock:
            self.requests.append(request)
            for rule in self.rules:
                if not rule.matches(request):
                    continue
                if rule.skipped > 0:
                    rule.skipped -= 1
                    continue
                rule.used += 1
                return rule
        return None


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A client that goes away is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_any(self):
        relay = self.server.relay
        request = Request(self.command, self.path,
                          {name.lower(): value for name, value in self.headers.items()})
        rule = relay.take_rule(request)
        action = rule.action if rule else None
        if action == "hold":
            rule.details["gate"].pass_through()
        cut_after = rule.details["after_bytes"] if action == "cut_request" else None
        if action == "answer":
            for chunk in self.body_chunks():
                self.note(request, chunk)
            return self.answer_here(request, **rule.details)
        if action == "raw":
            for chunk in self.body_chunks():
                self.note(request, chunk)
            return self.send_raw(rule.details["data"])
        answer = self.forward(relay, request, cut_after, rule if action == "call" else None,
                              rule.details["at"] if action == "flip_bit" else None)
        if answer is None:
            return self.reset()
        if action == "hold_answer":
            rule.details["gate"].pass_through()
        answer = self.rewritten(relay, *answer)
        if action == "change_answer":
            answer = rule.details["function"](*answer)
        self.send_back(request, *answer,
                       rule.details["after_bytes"] if action == "cut_answer" else None)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_any

    def body_chunks(self):
        if "chunked" in self.headers.get("transfer-encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("content-length", 0))
        while left:
            chunk = self.rfile.read1(min(left, CHUNK_BYTES))
            if not chunk:
                raise ConnectionError("the client ended in the middle of a body")
            left -= len(chunk)
            yield chunk

    @staticmethod
    def note(request, chunk):
        request.body_size += len(chunk)
        if len(request.body) < KEPT_BODY_BYTES:
            request.body += chunk[:KEPT_BODY_BYTES - len(request.body)]

    def forward(self, relay, request, cut_after, call, flip_at):
        """(status, headers, body), or None when the connection is to be cut."""
        upstream = relay.connection()
        try:
            with relay.called:
                upstream.connect()
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            chunked = False
            for name, value in self.headers.items():
                if name.lower() in ("connection", "expect"):
                    continue
                chunked |= name.lower() == "transfer-encoding"
                upstream.putheader(name, value)
            upstream.endheaders()
            for chunk in self.body_chunks():
                begin = request.body_size
                self.note(request, chunk)
                if flip_at is not None and begin <= flip_at < request.body_size:
                    place = flip_at - begin
                    chunk = chunk[:place] + bytes([chunk[place] ^ 1]) + chunk[place + 1:]
                if cut_after is not None and request.body_size >= cut_after:
                    return None
                upstream.send(b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk)
            if chunked:
                upstream.send(b"0\r\n\r\n")
            if cut_after is not None:
                return None
            if call:
                with relay.called:
                    call.details["function"](request)
            response = upstream.getresponse()
            return response.status, response.getheaders(), response.read()
        except (OSError, http.client.HTTPException):
            return None  # the hub went away: so do we
        finally:
            upstream.close()

    @staticmethod
    def rewritten(relay, status, headers, body):
        """The answer with the relay's URL where the hub's stood."""
        kind = dict((name.lower(), value) for name, value in headers).get("content-type", "")
        # The hub names itself as it was called, but for the scheme.
        for theirs in (relay.upstream_url, relay.url.replace("https", "http", 1)):
            if "json" in kind:
                body = body.replace(theirs.encode(), relay.url.encode())
            headers = [(name, value.replace(theirs, relay.url)) for name, value in headers]
        return status, headers, body

    def send_back(self, request, status, headers, body, cut_after):
        request.status, request.answer = status, body[:KEPT_BODY_BYTES]
        head = f"HTTP/1.1 {status} {http.client.responses.get(status, '')}\r\n"
        for name, value in headers:
            if name.lower() in ("connection", "transfer-encoding", "keep-alive"):
                continue
            if name.lower() == "content-length" and self.command != "HEAD":
                continue
            head += f"{name}: {value}\r\n"
        if self.command != "HEAD" and status not in (204, 304):
            head += f"content-length: {len(body)}\r\n"
        whole = head.encode("latin-1") + b"\r\n" + body
        if cut_after is not None:
            self.wfile.write(whole[:cut_after])
            return self.reset()
        self.wfile.write(whole)

    def answer_here(self, request, status, body, headers):
        request.status, request.answer = status, body
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_raw(self, data):
        self.close_connection = True
        for chunk in [data] if isinstance(data, bytes) else data:
            self.wfile.write(chunk)

    def reset(self):
        """Ends the connection with a reset, as a middle box or a crash would."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
