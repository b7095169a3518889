"""Whole uploads, straight and through real proxies, over http and https: headrace sends, the real
client fetches by the same way, and the proxy's own log says what went through it.

Each proxy and each scheme is met once; with HEADRACE_FULL every pair of them, and proxies that are
spoken to over TLS themselves.
"""

import contextlib
import os
import re

import pytest
from conftest import content_of
from proxies import DOWNLOAD, Squid, TlsFront, Tinyproxy, shows_no_secret, tells_nobody
from relay import Relay
from tls import Authority, server_context

PROXIES = {"direct": None, "tinyproxy": Tinyproxy, "squid": Squid}
SHORT = [("direct", "https", False), ("tinyproxy", "http", False), ("squid", "https", False),
         ("squid", "http", True)]
FULL = [(name, scheme, sealed) for name in PROXIES for scheme in ("http", "https")
        for sealed in (False, True) if name != "direct" or not sealed]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def way(hub, authority, request):
    """What the target hears; the proxy or None; what names the proxy, for each program."""
    name, scheme, sealed = request.param
    context = server_context(authority.issue("good"))
    variable = scheme.upper() + "_PROXY"
    with contextlib.ExitStack() as open_things:
        target = open_things.enter_context(Relay(hub.url, context if scheme == "https" else None))
        make = PROXIES[name]
        proxy = open_things.enter_context(make()) if make else None
        url = proxy.url if proxy else ""
        if sealed:
            front = open_things.enter_context(TlsFront(proxy.port, context))
            url = f"https://{proxy.credentials}{front.address}"
        yield target, proxy, {variable: url}


def log_of(target):
    """What a proxy's log has to say of what the target has heard."""
    if target.url.startswith("https://"):
        return {("CONNECT", target.url.removeprefix("https://"))}
    return {(request.method, target.url + request.target) for request in target.requests}


@pytest.mark.parametrize("way", FULL if os.environ.get("HEADRACE_FULL") == "1" else SHORT,
                         indirect=True, ids=lambda way: "-".join(map(str, way)))
def test_upload_and_download(headrace, way, folder, client_2_4_0, authority, tmp_path):
    where, expected = folder
    target, proxy, env = way
    run = headrace("upload", "me/way", where, "-vv", "--ca-cert", authority.path,
                   endpoint=target.url, env=env)
    assert run.code == 0 and shows_no_secret(run), run
    sent = len(target.requests)
    client_2_4_0("python", "-c", DOWNLOAD, "me/way", str(tmp_path / "back"), endpoint=target.url,
                 SSL_CERT_FILE=authority.path, **env)
    assert content_of(tmp_path / "back") == expected
    assert any(request.method == "PUT" for request in target.requests[:sent])
    assert any(request.method == "GET" for request in target.requests[sent:])
    assert tells_nobody(target.requests)
    commands = re.findall(r"request \d+: (curl .*)", run.err)
    assert commands and all(("-x " in command) == bool(proxy) for command in commands)
    if proxy:
        seen = proxy.seen()
        assert set(seen) == log_of(target), seen
