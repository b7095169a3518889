"""What the tests of TLS share: certificates made by the openssl program, and a relay that ends TLS.

    authority = Authority(folder)
    good = authority.issue("good")                       # for localhost and 127.0.0.1
    old = authority.issue("old", end=YESTERDAY)
    with TlsRelay(hub.port, good) as relay:              # TLS to the client, TLS to the hub
        relay.sessions                                   # what was agreed on with each connection
"""

import contextlib
import datetime
import select
import socket
import ssl
import subprocess
import threading
from pathlib import Path

CHUNK_BYTES = 64 * 1024
LOCAL = "DNS:localhost,IP:127.0.0.1"
DAY = datetime.timedelta(days=1)
CONFIG = """
[ca]
default_ca = ours
[ours]
dir = {folder}
new_certs_dir = {folder}
database = {folder}/index
serial = {folder}/serial
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = supplied
[leaf]
basicConstraints = critical,CA:FALSE
subjectAltName = {names}
"""


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout


class Issued:
    """Files in PEM: `path` the certificate, `key_path` its key."""

    def __init__(self, folder, name):
        self.path, self.key_path = folder / f"{name}.pem", folder / f"{name}.key"

    @property
    def hub_options(self):
        return "--cert", str(self.path), "--key", str(self.key_path)


def self_signed(folder, name, names=LOCAL, extensions=()):
    made = Issued(Path(folder), name)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-days", 30, "-keyout", made.key_path, "-out", made.path,
            *(["-addext", f"subjectAltName={names}"] if names else []),
            *[word for extension in extensions for word in ("-addext", extension)])
    return made


class Authority(Issued):
    def __init__(self, folder, name="an authority"):
        self.folder = Path(folder) / name.replace(" ", "_")
        self.folder.mkdir()
        made = self_signed(self.folder, name, names=None)
        super().__init__(self.folder, name)
        assert made.path == self.path
        (self.folder / "index").touch()
        (self.folder / "serial").write_text("1000\n")

    def issue(self, name, names=LOCAL, start=None, end=None):
        now = datetime.datetime.now(datetime.timezone.utc)
        made = Issued(self.folder, name)
        config, request = self.folder / f"{name}.cnf", self.folder / f"{name}.csr"
        config.write_text(CONFIG.format(folder=self.folder, names=names))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/CN={name}", "-keyout", made.key_path, "-out", request)
        openssl("ca", "-batch", "-notext", "-config", config, "-extensions", "leaf", "-in", request,
                "-cert", self.path, "-keyfile", self.key_path, "-out", made.path,
                "-startdate", stamp(start or now - DAY), "-enddate", stamp(end or now + 30 * DAY))
        return made


def stamp(moment):
    return moment.strftime("%y%m%d%H%M%SZ")


def days_from_now(days):
    return datetime.datetime.now(datetime.timezone.utc) + days * DAY


def server_context(issued, client_authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.path, issued.key_path)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority.path)
    return context


class TlsRelay:
    """Ends TLS by Python's own server and speaks TLS to the hub. `cut_after` bytes of answers it
    ends a connection as a machine that falls dead would: without TLS's word for it."""

    def __init__(self, port, issued, client_authority=None, cut_after=None):
        self.port, self.cut_after, self.cuts = port, cut_after, 0
        self.context = server_context(issued, client_authority)
        self.names = []
        self.context.sni_callback = lambda _ssl, name, _context: self.names.append(name)
        self.sessions, self.failures = [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"https://localhost:{self.listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, plain):
        try:
            client = self.context.wrap_socket(plain, server_side=True)
        except (ssl.SSLError, OSError) as error:
            self.failures.append(str(error))
            return plain.close()
        self.sessions.append({"version": client.version(), "cipher": client.cipher()[0],
                              "alpn": client.selected_alpn_protocol(),
                              "resumed": client.session_reused,
                              "subject": (client.getpeercert() or {}).get("subject")})
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with contextlib.suppress(OSError):
            hub = trusting.wrap_socket(socket.create_connection(("127.0.0.1", self.port)))
            with client, hub, contextlib.suppress(OSError):
                self.shuttle(client, hub)
                client.shutdown(socket.SHUT_RDWR)

    def shuttle(self, client, hub):
        """Both directions in one thread: two may not use one TLS connection at a time."""
        both = {client: hub, hub: client}
        while True:
            waiting = [source for source in both if source.pending()]
            for source in waiting or select.select(both, [], [])[0]:
                data = take(source)
                if data == b"":
                    return
                if data is None:
                    continue
                if self.cut_after is not None and source is hub and not self.cuts:
                    self.cuts += 1
                    client.sendall(data[:self.cut_after])
                    return
                both[source].sendall(data)


def take(source):
    """What has come: b"" at the end, None if a record is not whole or is TLS's own."""
    source.settimeout(0)
    try:
        return source.recv(CHUNK_BYTES)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None
    finally:
        source.settimeout(None)
