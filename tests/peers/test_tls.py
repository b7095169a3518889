"""TLS against what we did not write: Python's ssl, curl, and the real clients; and certificates
that nobody should believe, made by the openssl program."""

import json
import os
import socket
import ssl
import subprocess
import threading

import pytest
from conftest import MIB, WAIT_S, Hub, bytes_of, clean_environment, make_folder, tree_of
from relay import Relay
from tls import Authority, TlsRelay, days_from_now, self_signed, server_context

FAILED, TRY_AGAIN = 1, 5


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(certificates):
    return Authority(certificates)


@pytest.fixture(scope="module")
def good(authority):
    return authority.issue("good")


@pytest.fixture
def tls_hub(make_hub, good):
    hub = make_hub("--multipart-threshold", str(MIB), "--part-size", str(MIB), *good.hub_options)
    hub.url = f"https://localhost:{hub.port}"
    return hub


@pytest.fixture
def whoami(headrace):
    """One request, with the event it ended with."""
    def ask(endpoint, *arguments, env=None):
        return headrace("whoami", "--json", *arguments, endpoint=endpoint, env=env)
    return ask


def check_error(run, code, kind, endpoint, hint):
    error = run.error
    assert (error["code"], error["class"], error["stage"]) == (code, kind, "tls"), error
    assert error["host"] == endpoint.removeprefix("https://") and hint in error["hint"], error
    assert run.code == (TRY_AGAIN if kind == "retry" else FAILED), run
    return error


# The way there and back.

def test_upload_and_download(tls_hub, headrace, client_2_4_0, authority, folder, tmp_path):
    where, expected = folder
    run = headrace("upload", "me/tls", where, "-v", "--ca-cert", authority.path,
                   endpoint=tls_hub.url)
    assert run.code == 0 and run.out.startswith(tls_hub.url), run
    agreed = [line for line in run.err.splitlines() if line.startswith("TLS to ")]
    assert len(agreed) == 1, run.err
    assert agreed[0].startswith(f"TLS to localhost:{tls_hub.port}: TLSv1.3 with TLS_"), agreed
    client_2_4_0("hf", "download", "me/tls", "--local-dir", "back", endpoint=tls_hub.url,
                 SSL_CERT_FILE=authority.path)
    got = {path: data for path, data in tree_of(tmp_path / "back").items()
           if path != ".gitattributes" and not path.startswith(".cache/")}
    assert got == expected
    tls_hub.check("me/tls")


@pytest.mark.parametrize("client, variable", [("client_2_4_0", "SSL_CERT_FILE"),
                                              ("client_0_36_0", "REQUESTS_CA_BUNDLE"),
                                              ("client_0_20_3", "CURL_CA_BUNDLE")])
def test_real_clients_upload_to_our_server(tls_hub, authority, folder, request, client, variable):
    run = request.getfixturevalue(client)
    script = ("import os; from huggingface_hub import HfApi\n"
              "api = HfApi(); api.create_repo('me/theirs', exist_ok=True)\n"
              f"api.upload_folder(repo_id='me/theirs', folder_path={str(folder[0])!r})")
    run("python", script=script, endpoint=tls_hub.url, **{variable: authority.path})
    paths = tls_hub.git("me/theirs", "ls-tree", "-r", "--name-only", "main").split()
    assert set(folder[1]) <= set(paths)


def curl(*arguments, expect=0):
    done = subprocess.run(["curl", "-sS", *map(str, arguments)], capture_output=True, text=True,
                          env=clean_environment(), timeout=WAIT_S)
    assert done.returncode == expect, done
    return done


def test_curl_and_our_server(tls_hub, authority):
    there = f"{tls_hub.url}/api/whoami-v2"
    token = ("-H", f"Authorization: Bearer {Hub.token}")
    trusts = ("--cacert", authority.path)
    for version in ("1.2", "1.3"):
        only = ("--tls-max", version, f"--tlsv{version}")
        assert json.loads(curl(*trusts, *token, *only, there).stdout)["name"]
    curl(there, expect=60)  # nobody vouches for it
    curl(*trusts, "--tls-max", "1.1", "--tlsv1.0", "--ciphers", "ALL:@SECLEVEL=0", there, expect=35)
    seen = curl(*trusts, *token, "-o", os.devnull, "-w", "%{http_version}", "--http2", there).stdout
    assert seen == "1.1"
    plain = curl("-i", there.replace("https", "http")).stdout
    assert plain.startswith("HTTP/1.1 400 ") and "https://" in plain


def test_python_in_the_middle(tls_hub, headrace, authority, good, folder):
    """What Python's server saw: versions, the name, and sessions that were resumed."""
    where, _ = folder
    with TlsRelay(tls_hub.port, good) as relay:
        run = headrace("upload", "me/relayed", where, "--ca-cert", authority.path,
                       endpoint=relay.url)
    assert run.code == 0, run
    assert not relay.failures
    assert {(each["version"], each["alpn"]) for each in relay.sessions} == {
        ("TLSv1.3", "http/1.1")}
    assert set(relay.names) == {"localhost"}
    assert [each["resumed"] for each in relay.sessions][0] is False
    assert any(each["resumed"] for each in relay.sessions)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_was_agreed_on_is_told(tls_hub, whoami, authority, good, newest):
    """-v says what Python's server says."""
    with TlsRelay(tls_hub.port, good) as relay:
        relay.context.maximum_version = newest
        run = whoami(relay.url, "-v", "--ca-cert", authority.path)
    assert run.code == 0, run
    told = [event["text"] for event in run.events if event.get("level") == "debug"]
    place, [session] = relay.url.removeprefix("https://"), relay.sessions
    assert session["version"] == newest.name.replace("_", "."), session
    assert told == [f"TLS to {place}: {session['version']} with {session['cipher']}"]


# Whom we believe.

def test_certificates_not_to_be_believed(make_hub, whoami, authority, certificates):
    other = Authority(certificates, "somebody else")
    rows = {
        "tls_certificate_expired": (
            authority.issue("expired", start=days_from_now(-9), end=days_from_now(-1)), "clock"),
        "tls_certificate_not_yet_valid": (
            authority.issue("young", start=days_from_now(1), end=days_from_now(9)), "clock"),
        "tls_self_signed": (self_signed(certificates, "itself"), "--ca-cert"),
        "tls_unknown_issuer": (other.issue("foreign"), "--ca-cert"),
        "tls_wrong_host": (authority.issue("elsewhere", names="DNS:elsewhere.example"), "address"),
    }
    for code, (issued, hint) in rows.items():
        hub = make_hub(*issued.hub_options)
        endpoint = f"https://localhost:{hub.port}"
        run = whoami(endpoint, "--ca-cert", authority.path)
        error = check_error(run, code, "fail", endpoint, hint)
        assert not error["attempts"] or error["attempts"] == 1
        if code == "tls_wrong_host":
            assert "elsewhere.example" in error["message"]


def test_addresses_count_like_names(make_hub, whoami, authority):
    named = make_hub(*authority.issue("named", names="DNS:localhost").hub_options)
    trusts = ("--ca-cert", authority.path)
    assert whoami(f"https://localhost:{named.port}", *trusts).code == 0
    endpoint = f"https://127.0.0.1:{named.port}"
    check_error(whoami(endpoint, *trusts), "tls_wrong_host", "fail", endpoint, "address")


def test_a_certificate_that_is_trusted_by_itself(make_hub, whoami, certificates):
    issued = self_signed(certificates, "alone")
    hub = make_hub(*issued.hub_options)
    assert whoami(f"https://localhost:{hub.port}", "--ca-cert", issued.path).code == 0


def test_where_trust_comes_from(tls_hub, whoami, authority, good, tmp_path):
    hashed = tmp_path / "hashed"
    hashed.mkdir()
    (hashed / "authority.pem").write_bytes(authority.path.read_bytes())
    subprocess.run(["openssl", "rehash", str(hashed)], check=True)
    ways = [{"SSL_CERT_FILE": authority.path}, {"SSL_CERT_DIR": hashed},
            {"SSL_CERT_DIR": f"{tmp_path}/empty:{hashed}"}, {"REQUESTS_CA_BUNDLE": authority.path},
            {"REQUESTS_CA_BUNDLE": hashed}, {"CURL_CA_BUNDLE": authority.path},
            {"SSL_CERT_FILE": "", "CURL_CA_BUNDLE": authority.path},
            {"SSL_CERT_FILE": authority.path, "CURL_CA_BUNDLE": good.path}]
    (tmp_path / "empty").mkdir()
    for env in ways:
        assert whoami(tls_hub.url, env=env).code == 0, env
    check_error(whoami(tls_hub.url), "tls_unknown_issuer", "fail", tls_hub.url, "system's store")
    first = {"SSL_CERT_FILE": good.path, "REQUESTS_CA_BUNDLE": authority.path}
    assert whoami(tls_hub.url, "--ca-cert", authority.path, env=first).code == 0


@pytest.mark.parametrize("source", ["--ca-cert", "SSL_CERT_FILE", "SSL_CERT_DIR",
                                    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_trust_that_is_not_there(tls_hub, whoami, tmp_path, source):
    (tmp_path / "nothing.pem").write_text("no certificate\n")
    (tmp_path / "nothing").mkdir()
    empty = tmp_path / ("nothing" if source == "SSL_CERT_DIR" else "nothing.pem")
    for path, code in ((tmp_path / "nowhere", "ca_unreadable"), (empty, "ca_empty")):
        flags = [source, path] if source.startswith("--") else []
        env = {} if flags else {source: path}
        error = check_error(whoami(tls_hub.url, *flags, env=env), code, "fail", tls_hub.url, "")
        assert source in error["message"] and error["path"] == str(path), error


def test_nobody_is_believed_silently(make_hub, headrace, certificates):
    hub = make_hub(*self_signed(certificates, "unknown").hub_options)
    endpoint = f"https://localhost:{hub.port}"
    for flags in ([], ["--quiet"]):
        run = headrace("whoami", "--insecure-skip-tls-verify", *flags, endpoint=endpoint)
        assert run.code == 0 and "--insecure-skip-tls-verify" in run.err, run
    run = headrace("whoami", "--insecure-skip-tls-verify", "--json", endpoint=endpoint)
    warned = run.events[0]
    assert warned["level"] == "warning" and "--insecure-skip-tls-verify" in warned["text"], run


def test_certificates_of_clients(tls_hub, whoami, authority, good):
    ours = authority.issue("a client")
    trusts = ("--ca-cert", authority.path)
    with TlsRelay(tls_hub.port, good, client_authority=authority) as relay:
        run = whoami(relay.url, *trusts)
        check_error(run, "tls_alert", "fail", relay.url, "--client-cert")
        run = whoami(relay.url, *trusts, "--client-cert", ours.path, "--client-key", ours.key_path)
        assert run.code == 0, run
        assert relay.sessions[-1]["subject"] == ((("commonName", "a client"),),)
        run = whoami(relay.url, *trusts, "--client-cert", ours.path, "--client-key", good.key_path)
        check_error(run, "certificate_unusable", "fail", relay.url, "key")
    assert whoami(tls_hub.url, "--client-key", ours.key_path).code == 2


# Ends and beginnings that go wrong.

def test_an_answer_that_is_cut(tls_hub, whoami, authority, good):
    """The one that was cut is told from its end, and asked for again."""
    with TlsRelay(tls_hub.port, good, cut_after=20) as relay:
        run = whoami(relay.url, "--ca-cert", authority.path, "-vv")
    assert run.code == 0 and relay.cuts == 1, run
    assert "tls_truncated" in run.out


class Answering:
    """A port that gives each connection to `serve`."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"localhost:{self.listener.getsockname()[1]}"
        self.serve = serve

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                self.serve(client)


def test_a_handshake_that_is_cut(whoami):
    def cut(client):
        client.recv(5)
        client.sendall(b"\x16\x03\x03\x00\x7a\x02")
    with Answering(cut) as port:
        run = whoami(f"https://{port.place}")
        error = check_error(run, "tls_handshake_cut", "retry", f"https://{port.place}", "port")
        assert error["attempts"] > 1


def test_tls_to_a_plain_port(hub, whoami):
    endpoint = f"https://localhost:{hub.port}"
    error = check_error(whoami(endpoint), "tls_not_spoken", "fail", endpoint, "http://")
    assert "plain HTTP" in error["message"]


def test_plain_http_to_a_tls_port(tls_hub, whoami, good):
    run = whoami(tls_hub.url.replace("https", "http"))
    assert (run.error["code"], run.error["status"], run.code) == ("http_status", 400, FAILED)
    assert "https://" in run.error["server_message"]

    def pythons(client):
        try:
            server_context(good).wrap_socket(client, server_side=True)
        except (ssl.SSLError, OSError):
            pass

    def alert(client):
        while not client.recv(65536).endswith(b"\r\n\r\n"):
            pass
        client.sendall(b"\x15\x03\x01\x00\x02\x02\x0a")

    with Answering(pythons) as port:
        error = whoami(f"http://{port.place}").error
        # Whether it is an end or a reset depends on what Python had read.
        assert error["code"] in ("connection_closed", "receive_failed"), error
        assert "https://" in error["hint"], error
    with Answering(alert) as port:
        error = whoami(f"http://{port.place}").error
        assert (error["code"], error["class"]) == ("tls_wanted", "fail"), error


def test_hub_without_a_usable_certificate(program, authority, good, tmp_path):
    for certificate, key in ((tmp_path / "nowhere", good.key_path),
                             (good.path, authority.key_path)):
        done = subprocess.run([program, "hub", "--root", str(tmp_path / "root"), "--cert",
                               str(certificate), "--key", str(key)], capture_output=True, text=True,
                              env=clean_environment(), timeout=WAIT_S)
        assert done.returncode == 1 and "certificate_unusable" in done.stderr, done


IN_THE_CLEAR = {
    "parts": lambda upload, plain: {**upload, "header": {
        name: plain(value) if name.isdigit() else value
        for name, value in upload["header"].items()}},
    "the completion": lambda upload, plain: {**upload, "href": plain(upload["href"])},
    "a whole object": lambda upload, plain: {**upload, "href": plain(upload["href"])},
}


@pytest.mark.parametrize("what", IN_THE_CLEAR)
def test_content_that_is_wanted_in_the_clear(hub, headrace, authority, good, tmp_path, what):
    """A Hub spoken to over https names http:// addresses: nothing is sent there."""
    size = 1000 if what == "a whole object" else 3 * MIB
    make_folder(tmp_path / "f", {"file.bin": bytes_of(size, 1)})
    with Relay(hub.url) as plain, Relay(hub.url, server_context(good)) as secure:
        def change(status, headers, body):
            answer = json.loads(body)
            for thing in answer["objects"]:
                thing["actions"]["upload"] = IN_THE_CLEAR[what](
                    thing["actions"]["upload"], lambda url: url.replace(secure.url, plain.url))
            return status, headers, json.dumps(answer).encode()
        secure.on("POST", "/objects/batch").change_answer(change, 9)
        run = headrace("upload", "me/clear", "f", "--json", "--ca-cert", authority.path,
                       endpoint=secure.url)
        error = run.error
        assert (error["code"], error["class"], run.code) == ("insecure_url", "fail", FAILED), run
        assert error["host"] == plain.url.removeprefix("http://"), error
        assert error["path"] == "file.bin" and "http://" in error["hint"], error
        assert not plain.requests
    assert hub.commits("me/clear") == "1"


def test_large_files_in_many_parts(tls_hub, headrace, authority, tmp_path):
    data = {"a.bin": bytes_of(40 * MIB + 7, 1), "b.bin": bytes_of(3 * MIB, 2)}
    make_folder(tmp_path / "large", data)
    run = headrace("upload", "me/large", "large", "--ca-cert", authority.path, "--memory-limit",
                   "16M", endpoint=tls_hub.url)
    assert run.code == 0, run
    tls_hub.check("me/large")


def test_doctor(make_hub, tls_hub, headrace, authority, certificates):
    def findings(endpoint, *arguments):
        run = headrace("doctor", "--json", *arguments, endpoint=endpoint)
        return run, {each["name"]: each for each in run.events if each["event"] == "finding"}

    run, named = findings(tls_hub.url, "--ca-cert", authority.path)
    assert run.code == 0, run
    assert named["tls"]["text"].startswith("TLSv1.3 with TLS_"), named["tls"]
    assert named["tls"]["numbers"]["ms"] > 0
    shown = named["certificate"]["text"]
    assert "CN=good" in shown and "CN=an authority" in shown and "localhost" in shown, shown
    assert named["certificate"]["numbers"]["days_left"] in (29, 30)
    assert str(authority.path) in named["trust"]["text"]
    assert named["trust"]["numbers"]["certificates"] == 1
    run, named = findings(tls_hub.url)
    assert run.code == FAILED and named["tls"]["verdict"] == "fail" and "answer" not in named
    assert named["tls"]["error"]["code"] == "tls_unknown_issuer"
    run, named = findings(tls_hub.url, "--insecure-skip-tls-verify")
    assert named["trust"]["verdict"] == "warn" and named["answer"]["verdict"] == "ok"
    ending = make_hub(*authority.issue("ending", end=days_from_now(2)).hub_options)
    run, named = findings(f"https://localhost:{ending.port}", "--ca-cert", authority.path)
    assert named["certificate"]["verdict"] == "warn" and named["certificate"]["advice"]
