"""The search for secrets finds each kind, and nothing where there is none."""

import pytest
from kept import secrets_in


@pytest.mark.parametrize("text, kind", [
    ("with hf_abcdefgh1234 in it", "a token"),
    ("http://h/p?X-Amz-Date=1&X-Amz-Signature=0a1b", "a signature"),
    ("http://h/p?sig=0a1b", "a signature"),
    ("/_lfs/x?expires=1&signature=0a1b", "a signature"),
    ("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=" + "0a1b" * 16, "a signature of a request"),
    ("the secret is peers/tests+secret", "a secret of a store"),
    ('{"SecretAccessKey": "wJalrXUtnFEMI"}', "a secret of a store"),
    ("AWS_SESSION_TOKEN=FwoGZXIvYXdz", "a secret of a store"),
    ("authorization: Bearer abcdefgh", "credentials of HTTP"),
    ("Proxy-Authorization: basic dXNlcjpwYXNz", "credentials of HTTP"),
    ("proxy http://user:pass@127.0.0.1:3128 said no", "a password in a URL"),
    ("-----BEGIN PRIVATE KEY-----", "a key"),
])
def test_secrets_are_found(text, kind):
    assert [found for found, _ in secrets_in(f"first line\n{text}\n")] == [kind]


@pytest.mark.parametrize("text", [
    "hf_transfer and hf_hub_download, hf_***", "Bearer ***, Basic ***",
    "http://127.0.0.1:80/p?… http://h/a@b:c", "the proxy wants Basic credentials",
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile",
    "authorization: <SECRET>", "http://h:80/x and me@example.org"])
def test_nothing_is_found_where_nothing_is(text):
    assert list(secrets_in(text)) == []
