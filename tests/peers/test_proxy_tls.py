"""Through proxies to https targets: tunnels (CONNECT), and proxies that speak TLS themselves."""

import errno
import socket

import pytest
from proxies import CREDENTIALS, HTML, PASSWORD_IN_URL, Scripted, Squid, TlsFront, Tinyproxy, \
    doctor_error, doctor_findings, endless, shows_no_secret
from relay import Relay
from tls import Authority, server_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def context(authority):
    return server_context(authority.issue("good"))


@pytest.fixture
def tls_relay(hub, context):
    """What a target hears inside TLS."""
    with Relay(hub.url, context) as relay:
        yield relay


def test_who_is_believed_at_a_proxy(headrace, hub, context, authority):
    with Tinyproxy() as proxy, TlsFront(proxy.port, context) as front:
        error = doctor_error(headrace, hub.url, {"HTTP_PROXY": f"https://{front.address}"})
        assert error["stage"] == "tls" and error["host"] == front.address, error
        assert front.address in error["message"] and "HTTP_PROXY" in error["hint"]
        error = doctor_error(headrace, hub.url, {"HTTP_PROXY": f"https://{proxy.address}",
                                                 "SSL_CERT_FILE": authority.path})
        assert error["stage"] == "tls" and error["host"] == proxy.address, error


def test_doctor_looks_through_a_tunnel(headrace, tls_relay, authority):
    """Whose certificates the target shows behind the proxy: many of these break TLS open."""
    host = tls_relay.url.removeprefix("https://")
    with Squid() as proxy:
        run, found = doctor_findings(headrace, tls_relay.url, {"HTTPS_PROXY": proxy.url},
                                     "--ca-cert", authority.path)
        assert run.code == 0, run
        named = {finding["name"]: finding for finding in found}
        assert named["connect"]["about"] == proxy.address
        for name in ("tunnel", "tls", "certificate", "trust"):
            assert (named[name]["about"], named[name]["verdict"]) == (host, "ok"), named[name]
        assert proxy.address in named["tunnel"]["text"] and named["tunnel"]["numbers"]["ms"] >= 0
        assert named["tls"]["text"].startswith("TLSv1.3 with TLS_")
        assert "CN=good" in named["certificate"]["text"]
        assert "CN=an authority" in named["certificate"]["text"]
        assert named["answer"]["verdict"] == "ok"
        run, found = doctor_findings(headrace, tls_relay.url, {"HTTPS_PROXY": proxy.url})
    [failed] = [finding for finding in found if finding["verdict"] == "fail"]
    error = failed["error"]
    assert (failed["name"], failed["about"]) == ("tls", host) and run.code == 1, failed
    assert (error["code"], error["host"]) == ("tls_unknown_issuer", host), error
    assert error["address"] == proxy.address
    assert f"through the proxy {proxy.address} of HTTPS_PROXY" in error["message"]


# Bad proxies.

def test_proxy_that_refuses(headrace):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        error = doctor_error(headrace, "https://hub.test", {"HTTPS_PROXY": address})
    assert (error["code"], error["stage"]) == ("connect_failed", "connect"), error
    assert (error["host"], error["errno"]) == (address, errno.ECONNREFUSED), error
    assert "HTTPS_PROXY" in error["hint"]


BAD = {
    "closes": (b"", "connection_closed", 0),
    "speaks no HTTP": (HTML + b"\r\n", "bad_http", 0),
    "does not end": (endless, "http_limit", 0),
    "wants another kind": (b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\n\r\n",
                           "proxy_auth_required", 407),
    "sends elsewhere": (b"HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n" + HTML,
                        "proxy_refused", 302),
    "is in trouble": (b"HTTP/1.1 502 Bad Gateway\r\n\r\n" + HTML, "proxy_failed", 502),
}


@pytest.mark.parametrize("how", BAD)
def test_proxy_that(headrace, how):
    answer, code, status = BAD[how]
    with Scripted(answer) as proxy:
        error = doctor_error(headrace, "https://hub.test", {"HTTPS_PROXY": proxy.url})
    assert (error["code"], error["stage"]) == (code, "proxy"), error
    assert (error["status"] or 0) == status and error["host"] == proxy.address
    assert "HTTPS_PROXY" in error["hint"] or "proxy" in error["hint"]
    # Another connection is doctor's own, which only times it.
    assert any(each.startswith(b"CONNECT hub.test:443 HTTP/1.1\r\n") for each in proxy.heard)


@pytest.mark.parametrize("behind, code", [(b"", "tls_handshake_cut"), (HTML, "tls_not_spoken")])
def test_tunnel_that_leads_nowhere(headrace, behind, code):
    """Who closed it, or answered instead, cannot be told; that there is a proxy can."""
    with Scripted(b"HTTP/1.1 200 Connection established\r\n\r\n" + behind) as proxy:
        error = doctor_error(headrace, "https://hub.test", {"https_proxy": proxy.url})
    assert (error["code"], error["stage"], error["host"]) == (code, "tls", "hub.test"), error
    assert error["address"] == proxy.address
    assert f"through the proxy {proxy.address} of https_proxy" in error["message"]


@pytest.mark.parametrize("who", ["", "someone:wrongpassword@", f"nobody:{PASSWORD_IN_URL}@"])
def test_credentials_wanted(headrace, tls_relay, folder, who):
    with Squid() as proxy:
        run = headrace("upload", "me/x", folder[0], "--json", endpoint=tls_relay.url,
                       env={"ALL_PROXY": f"http://{who}{proxy.address}"})
    assert run.code == 1 and shows_no_secret(run) and "wrongpassword" not in run.out + run.err
    assert (run.error["code"], run.error["status"]) == ("proxy_auth_required", 407)
    assert run.error["host"] == proxy.address and "ALL_PROXY" in run.error["hint"]
    assert CREDENTIALS not in run.out and not tls_relay.requests


def test_targets_out_of_reach(headrace):
    for make in (Tinyproxy, Squid):
        with make() as proxy:
            error = doctor_error(headrace, "https://127.0.0.1:1", {"HTTPS_PROXY": proxy.url})
            assert (error["code"], error["class"]) == ("proxy_failed", "retry"), error
            assert error["host"] == proxy.address and "127.0.0.1:1" in error["message"]
    with Squid() as proxy:
        error = doctor_error(headrace, "https://forbidden.test", {"HTTPS_PROXY": proxy.url})
    assert (error["code"], error["status"]) == ("proxy_refused", 403), error
    assert error["server_message"].startswith("ERR_ACCESS_DENIED")
