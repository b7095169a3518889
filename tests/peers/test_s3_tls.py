"""headrace cp over TLS: into stores that speak it themselves, believed by whose word is asked for,
and through relays that break what goes on inside of it."""

import pytest
from conftest import MIB
from relay import Relay
from s3 import STORES, Store, error_document, sha256
from tls import Authority, TlsRelay, server_context

pytest_plugins = "s3_fixtures"

IN_PARTS = ("--part-size", "5MiB")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def good(authority):
    return authority.issue("good")


@pytest.fixture(params=STORES)
def store(request, servers, authority, good):
    return Store(servers(request.param, good), authority.path)


@pytest.fixture
def gateway(servers, authority, good):
    return Store(servers("versitygw", good), authority.path)


@pytest.fixture
def relay(gateway, good):
    """TLS on both of its sides."""
    with Relay(gateway.url, server_context(good)) as relay:
        yield relay


def tell_profile(tmp_path, **options):
    (tmp_path / ".aws").mkdir()
    lines = "".join(f"{name} = {value}\n" for name, value in options.items())
    (tmp_path / ".aws/config").write_text(f"[default]\n{lines}")


# --- the way up, and back ---

@pytest.mark.parametrize("size", [0, 2000, 11 * MIB + 345])
def test_up_and_back(store, cp, file, size):
    source = file(size)
    run = cp(store, source, "a/key", *IN_PARTS)
    assert run.code == 0, run
    assert store.url.startswith("https://")
    assert store.digests() == {"a/key": sha256(source.read_bytes())}
    assert store.uploads() == []


def test_payloads_go_unsigned_and_their_checksums_behind_them(gateway, cp, relay, file):
    """TLS keeps the bytes as they are, so nothing of them is in a signature; the checksum is the
    store's to compare."""
    source = file(11 * MIB)
    assert cp(gateway, source, "key", *IN_PARTS, via=relay).code == 0
    assert cp(gateway, file(2000), "small", via=relay).code == 0
    trial, *parts, small = relay.seen("PUT")
    assert len(parts) == 3
    for part in [trial, *parts]:
        assert part.headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        assert part.headers["x-amz-trailer"] == "x-amz-checksum-crc64nvme"
    assert small.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert small.headers["x-amz-checksum-crc64nvme"]
    head = gateway.head("key")
    assert head["ChecksumCRC64NVME"] and head["ChecksumType"] == "FULL_OBJECT"
    assert gateway.digests()["key"] == sha256(source.read_bytes())


def test_unfinished_uploads_over_tls(gateway, run_s3):
    gateway.s3.create_multipart_upload(Bucket=gateway.bucket, Key="left")
    run = run_s3(gateway, "s3", "ls", gateway.at(), "--json")
    assert run.code == 0 and run.event("unfinished_upload")["url"] == gateway.at("left"), run
    assert run_s3(gateway, "s3", "abort", gateway.at()).code == 0
    assert gateway.uploads() == []


# --- whose word counts ---

def test_who_is_named_by_flag_variable_or_profile(gateway, cp, file, tmp_path, authority):
    other = Authority(tmp_path, "another")
    nobody = {"AWS_CA_BUNDLE": None}
    run = cp(gateway, file(1000), "none", env=nobody)
    assert run.code == 1, run
    assert (run.error["code"], run.error["stage"]) == ("tls_unknown_issuer", "tls")
    assert cp(gateway, file(1000), "a", "--ca-cert", authority.path, env=nobody).code == 0
    assert cp(gateway, file(1000), "b", env={"AWS_CA_BUNDLE": authority.path}).code == 0
    # The flag goes before the variable, the variable before the profile and before all others.
    assert cp(gateway, file(1000), "c", "--ca-cert", authority.path,
              env={"AWS_CA_BUNDLE": other.path}).code == 0
    assert cp(gateway, file(1000), "d", env={"AWS_CA_BUNDLE": authority.path,
                                             "SSL_CERT_FILE": other.path}).code == 0
    assert cp(gateway, file(1000), "e", env=nobody | {"SSL_CERT_FILE": authority.path}).code == 0
    tell_profile(tmp_path, ca_bundle=authority.path)
    assert cp(gateway, file(1000), "f", env=nobody).code == 0
    assert gateway.keys() == list("abcdef")
    run = cp(gateway, file(1000), "none", env={"AWS_CA_BUNDLE": other.path})
    assert run.error["code"] == "tls_unknown_issuer" and "AWS_CA_BUNDLE" in run.error["hint"]


def test_certificates_that_are_not_there(gateway, cp, file, tmp_path):
    run = cp(gateway, file(1000), "none", env={"AWS_CA_BUNDLE": tmp_path / "nothing.pem"})
    assert run.code == 1, run
    assert run.error["code"] == "ca_unreadable" and "AWS_CA_BUNDLE" in run.error["message"]
    assert run.error["path"] == str(tmp_path / "nothing.pem")


def test_a_store_without_tls_behind_an_https_address(servers, cp, file, authority):
    plain = Store(servers("versitygw"))
    run = cp(plain, file(1000), "none",
             env={"AWS_ENDPOINT_URL": plain.url.replace("http", "https"),
                  "AWS_CA_BUNDLE": authority.path})
    assert run.code == 1, run
    assert (run.error["code"], run.error["stage"]) == ("tls_not_spoken", "tls")


# --- what breaks inside of it ---

@pytest.fixture
def tried(gateway, cp, relay, file):
    """The store has been tried, so what comes is the copy's."""
    assert cp(gateway, file(600 << 10), "trial", via=relay).code == 0
    assert gateway.digests() and relay.seen("PUT", "partNumber=")


def break_part(relay):
    return relay.on("PUT", "partNumber=2").cut_request(2 * MIB)


def flip_a_bit(relay):
    return relay.on("PUT", "partNumber=2").flip_bit(3 * MIB)


def be_busy(relay):
    return relay.on("PUT", "partNumber=2").answer(503, error_document("SlowDown"), times=2)


def lose_the_part(relay):
    return relay.on("PUT", "partNumber=2").lose_answer()


def lose_the_completion(relay):
    return relay.on("POST", "uploadId=").lose_answer()


def cut_the_completion(relay):
    return relay.on("POST", "uploadId=").cut_answer(120)


@pytest.mark.usefixtures("tried")
@pytest.mark.parametrize("fault", [break_part, flip_a_bit, be_busy, lose_the_part,
                                   lose_the_completion, cut_the_completion])
def test_faults_that_pass(gateway, cp, relay, file, fault):
    source = file(11 * MIB, 7)
    rule = fault(relay)
    run = cp(gateway, source, "key", *IN_PARTS, via=relay)
    assert run.code == 0 and rule.used == rule.times, run
    asked = [(request.method, request.target) for request in relay.requests]
    assert len(asked) > len(set(asked))  # by a retry, a late part, or as a pooled connection broke
    assert gateway.digests()["key"] == sha256(source.read_bytes())
    assert gateway.uploads() == []


@pytest.mark.usefixtures("tried")
def test_bits_that_always_flip(gateway, cp, relay, file):
    """Found by the checksum behind the bytes, though TLS says that all is well."""
    relay.on("PUT", "partNumber=2").flip_bit(3 * MIB, times=1000)
    run = cp(gateway, file(11 * MIB, 7), "key", *IN_PARTS, via=relay)
    assert run.code == 5, run
    assert run.error["code"] == "checksum_mismatch" and run.error["part"] == 2
    assert run.error["attempts"] == 5
    assert gateway.keys() == ["trial"] and gateway.uploads() == []


def test_an_end_without_the_word_of_tls(gateway, cp, file, good):
    """The connection ends in the middle of an answer as that of a machine that falls dead."""
    with TlsRelay(gateway.server.port, good, cut_after=20) as relay:
        relay.url = relay.url.replace("localhost", "127.0.0.1")
        run = cp(gateway, file(2000), "key", via=relay)
    assert relay.cuts == 1 and run.code == 0, run
    assert gateway.digests() == {"key": sha256(file(2000).read_bytes())}
