"""Through proxies: who is asked, bad ones are named, and what is kept away from them goes straight.
Whole uploads through them are in test_proxy_matrix.py."""

import contextlib
import socket

import pytest
from proxies import HTML, PASSWORD_IN_URL, Scripted, Squid, Tinyproxy, doctor_error, \
    doctor_findings, endless, shows_no_secret, tells_nobody


# Real proxies.

def test_proxy_by_flag(headrace, relay):
    with Squid() as proxy:
        run = headrace("whoami", "--proxy", proxy.url, endpoint=relay.url,
                       env={"HTTP_PROXY": "http://127.0.0.1:1"})
        assert run.code == 0 and shows_no_secret(run), run
        assert proxy.seen() == [("GET", relay.url + "/api/whoami-v2")]
    assert tells_nobody(relay.requests)


def test_target_down_behind_a_proxy(headrace):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{unused.getsockname()[1]}"
        for make in (Tinyproxy, Squid):
            with make() as proxy:
                error = doctor_error(headrace, "http://" + target, {"HTTP_PROXY": proxy.url})
                assert (error["code"], error["class"]) == ("proxy_failed", "retry"), error
                assert error["host"] == proxy.address and error["status"] >= 500
                assert target in error["message"] and error["server_message"]


@pytest.mark.parametrize("who", ["", "someone:wrongpassword@", f"nobody:{PASSWORD_IN_URL}@"])
def test_credentials_wanted(headrace, hub, folder, who):
    with Squid() as proxy:
        run = headrace("upload", "me/x", folder[0], "--json",
                       env={"ALL_PROXY": f"http://{who}{proxy.address}"})
    assert run.code == 1 and shows_no_secret(run) and "wrongpassword" not in run.out + run.err
    assert (run.error["code"], run.error["status"]) == ("proxy_auth_required", 407)
    assert run.error["host"] == proxy.address and run.error["stage"] == "proxy"
    assert "ALL_PROXY" in run.error["hint"]
    assert run.error["url"].startswith(hub.url)
    assert ("does not accept" in run.error["message"]) == bool(who)


def test_proxy_that_forbids(headrace):
    with Squid() as proxy:
        error = doctor_error(headrace, "http://forbidden.test", {"http_proxy": proxy.url})
    assert (error["code"], error["status"]) == ("proxy_refused", 403)
    assert error["host"] == proxy.address and "forbidden.test" in error["message"]
    assert "http_proxy" in error["hint"] and "--no-proxy forbidden.test" in error["hint"]


# Bad proxies.

BAD = {
    "closes": (b"", "connection_closed"),
    "speaks no HTTP": (HTML + b"\r\n", "bad_http"),
    "does not end": (endless, "http_limit"),
    "wants another kind": (b"HTTP/1.1 407 Authenticate\r\nProxy-Authenticate: Negotiate\r\n"
                           b"Content-Length: 0\r\n\r\n", "proxy_auth_required"),
    "is a squid in trouble": (b"HTTP/1.1 503 Unavailable\r\nServer: squid/5.7\r\n"
                              b"Content-Length: %d\r\n\r\n%s" % (len(HTML), HTML), "proxy_failed"),
}


@pytest.mark.parametrize("how", BAD)
def test_proxy_that(headrace, hub, how):
    answer, code = BAD[how]
    with Scripted(answer) as proxy:
        error = doctor_error(headrace, hub.url, {"HTTP_PROXY": proxy.url})
    assert error["code"] == code and error["host"] == proxy.address, error
    assert proxy.address in error["message"]


@contextlib.contextmanager
def dead_proxy():
    """An address that refuses, for as long as it is held."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{unused.getsockname()[1]}"


def test_proxy_that_refuses(headrace, hub):
    with dead_proxy() as address:
        run = headrace("whoami", "--json", env={"http_proxy": address})
        assert run.code == 5 and run.error["code"] == "connect_failed"
        assert run.error["host"] == address and address in run.error["message"]
        assert "http_proxy" in run.error["hint"] and run.error["attempts"] == 5


def test_proxy_that_nobody_knows(headrace, hub):
    error = doctor_error(headrace, hub.url, {"HTTP_PROXY": "http://proxy.invalid:3128"})
    assert error["code"] in ("name_not_found", "name_lookup_failed")
    assert error["host"] == "proxy.invalid:3128" and "HTTP_PROXY" in error["hint"]


def test_proxies_that_cannot_be_used(headrace, hub):
    run = headrace("whoami", "--json", env={"HTTP_PROXY": "socks5://u:p%40ss%2Fword%3A1@p:1"})
    assert run.code == 2 and run.error["code"] == "proxy_unsupported" and shows_no_secret(run)
    run = headrace("whoami", "--json", "--proxy", "http://u:p%40ss%2Fword%3A1@")
    assert run.code == 2 and run.error["code"] == "bad_proxy" and shows_no_secret(run)
    # Only a request that needs it asks for it.
    assert headrace("whoami", env={"HTTPS_PROXY": "nonsense://", "NO_PROXY": ""}).code == 0


# What goes straight.

@pytest.mark.parametrize("entry", ["127.0.0.1", "127.0.0.0/8", "*", "127.0.0.1:{port}",
                                   "other.test, 127.0.0.1", "http://127.0.0.1:{port}"])
def test_kept_away(headrace, hub, entry):
    entry = entry.format(port=hub.port)
    with dead_proxy() as address:
        assert headrace("whoami", env={"ALL_PROXY": address, "no_proxy": entry}).code == 0
        assert headrace("whoami", "--proxy", address, "--no-proxy", entry).code == 0


@pytest.mark.parametrize("entry", ["127.0.0.2", "10.0.0.0/8", "127.0.0.1:1", ".127.0.0.1x",
                                   "https://127.0.0.1", ""])
def test_not_kept_away(headrace, hub, entry):
    with dead_proxy() as address:
        error = doctor_error(headrace, hub.url, {"ALL_PROXY": address, "NO_PROXY": entry})
    assert error["host"] == address


def test_kept_away_by_mistake(headrace):
    """Behind a firewall nothing else would say why there is no way."""
    with dead_proxy() as address:
        error = headrace("whoami", "--json", endpoint="http://" + address,
                         env={"HTTP_PROXY": "http://proxy.test", "NO_PROXY": "127.0.0.1"}).error
    assert error["code"] == "connect_failed" and error["host"] == address
    assert "NO_PROXY keeps 127.0.0.1 away from the proxy" in error["hint"]


def test_doctor_says_which(headrace, hub):
    host = hub.url.removeprefix("http://")
    with Squid() as proxy:
        run, found = doctor_findings(headrace, hub.url, {"HTTP_PROXY": proxy.url})
        assert run.code == 0
        named = {finding["name"]: finding for finding in found}
        assert named["proxy"]["about"] == host
        assert f"http://{proxy.address} that HTTP_PROXY names" in named["proxy"]["text"]
        assert named["connect"]["about"] == proxy.address
        assert named["answer"]["verdict"] == "ok"
    for env, words in (({}, "without a proxy"),
                       ({"ALL_PROXY": "p.test", "NO_PROXY": "*"}, "NO_PROXY keeps it away")):
        run, found = doctor_findings(headrace, hub.url, env)
        assert run.code == 0
        text = next(finding["text"] for finding in found if finding["name"] == "proxy")
        assert words in text
