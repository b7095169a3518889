"""Proxies for the tests: squid and tinyproxy, each a process of its own in a folder of its own, and
one that says what it is told to.

    with Squid() as proxy:              # knows one user, lets nobody else through
        … proxy.url, proxy.address …
    proxy.seen()                        # [(method, target)], out of the log it has written
"""

import asyncio
import base64
import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

WAIT_S = 60
USER, PASSWORD = "someone", "p@ss/word:1"
# As it stands in a URL; neither spelling may show up anywhere.
PASSWORD_IN_URL = "p%40ss%2Fword%3A1"
CREDENTIALS = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
DOWNLOAD = """
import sys
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1], local_dir=sys.argv[2])
"""
HTML = b"<html><title>Welcome to the hotel</title></html>"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A proxy of the distribution. Its folder is open to the user it may change to."""

    credentials = ""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="headrace-proxy-"))
        self.folder.chmod(0o777)
        self.log = self.folder / "requests.log"
        self.process = None

    def __enter__(self):
        # Between the choice of a port and its use somebody else may have taken it.
        for _ in range(5):
            self.port = free_port()
            config = self.folder / "config"
            config.write_text(self.config())
            with open(self.folder / "output", "ab") as output:
                self.process = subprocess.Popen(self.command(config), stdin=subprocess.DEVNULL,
                                                stdout=output, stderr=output)
            if self.listens():
                return self
            self.stop()
        raise AssertionError(f"it does not start: {(self.folder / 'output').read_text()}")

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def listens(self):
        until = time.monotonic() + WAIT_S
        while self.process.poll() is None and time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return True
            time.sleep(0.02)
        return False

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(WAIT_S)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.credentials}{self.address}"

    def seen(self):
        """Ends the proxy, so that all it has to say is in its log."""
        self.stop()
        return self.request.findall(self.log.read_text())


class Tinyproxy(Process):
    """Lets everybody through. tinyproxy ends each connection after one request."""

    request = re.compile(r"Request \(file descriptor \d+\): (\S+) (\S+) HTTP")

    def config(self):
        return (f"Port {self.port}\nListen 127.0.0.1\nTimeout 600\nLogFile \"{self.log}\"\n"
                "LogLevel Connect\nMaxClients 100\n")

    def command(self, config):
        return ["tinyproxy", "-d", "-c", str(config)]


class Squid(Process):
    """Lets one user through, and nobody to forbidden.test."""

    credentials = f"{USER}:{PASSWORD_IN_URL}@"
    request = re.compile(r"^\S+ +\d+ \S+ \S+ \d+ ([A-Z]+) (\S+) ", re.M)

    def config(self):
        passwords = self.folder / "passwords"
        digest = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], check=True,
                                capture_output=True, text=True).stdout
        passwords.write_text(f"{USER}:{digest}")
        return f"""
http_port 127.0.0.1:{self.port}
visible_hostname squid.test
pid_filename none
access_log stdio:{self.log}
cache_log {self.folder}/cache.log
cache_store_log none
coredump_dir {self.folder}
netdb_filename none
pinger_enable off
cache deny all
cache_mem 8 MB
shutdown_lifetime 0 seconds
strip_query_terms off
auth_param basic program /usr/lib/squid/basic_ncsa_auth {passwords}
auth_param basic children 1
acl known proxy_auth REQUIRED
acl forbidden dstdomain forbidden.test
http_access deny forbidden
http_access deny !known
http_access allow all
"""

    def command(self, config):
        return ["/usr/sbin/squid", "-N", "-f", str(config)]


class Scripted:
    """Reads a request's head, says `answer` (bytes, or an iterable of them), and closes. What it
    has read is in `heard`."""

    def __init__(self, answer=b""):
        self.answer, self.heard = answer, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.url = f"http://{self.address}"
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Wakes accept(), which closing alone does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection:
            connection.settimeout(WAIT_S)
            try:
                head = b""
                while b"\r\n\r\n" not in head and (chunk := connection.recv(4096)):
                    head += chunk
                self.heard.append(head)
                for chunk in [self.answer] if isinstance(self.answer, bytes) else self.answer():
                    connection.sendall(chunk)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass  # a client that goes away is part of the tests


class TlsFront:
    """Speaks TLS and passes the bytes on to a port: a proxy behind it is an https:// one."""

    def __init__(self, port, context):
        self.port = port
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.call(asyncio.start_server(self.talk, "127.0.0.1", 0, ssl=context))
        self.address = f"127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(WAIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(WAIT_S)
        self.server.close()

    async def talk(self, reader, writer):
        with contextlib.suppress(OSError):
            back, forth = await asyncio.open_connection("127.0.0.1", self.port)
            await asyncio.gather(self.copy(reader, forth), self.copy(back, writer))

    @staticmethod
    async def copy(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


def endless():
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-More: and more\r\n" * 100


# What the tests look at.

def shows_no_secret(run):
    text = run.out + run.err
    return not any(secret in text for secret in (PASSWORD, PASSWORD_IN_URL, CREDENTIALS))


def tells_nobody(requests):
    """The target was told nothing of the proxy's credentials."""
    for request in requests:
        assert "proxy-authorization" not in request.headers, request.target
        assert CREDENTIALS not in str(request.headers) + request.target
    return bool(requests)


def doctor_findings(headrace, endpoint, env, *flags):
    """doctor tries each step once."""
    run = headrace("doctor", "--json", *flags, endpoint=endpoint, env=env)
    assert shows_no_secret(run)
    return run, [event for event in run.events if event["event"] == "finding"]


def doctor_error(headrace, endpoint, env):
    run, found = doctor_findings(headrace, endpoint, env)
    failed = [finding for finding in found if finding["verdict"] == "fail"]
    assert run.code in (1, 5) and len(failed) == 1, found
    return failed[0]["error"]
