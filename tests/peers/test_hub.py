"""`headrace hub` as a command: what its flags do, and what it refuses."""

import hashlib
import json
import subprocess
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from conftest import bytes_of, clean_environment, run_program

USAGE, FAILED = 2, 1


@pytest.fixture
def refused(program, tmp_path):
    """What a hub says that ends before it listens."""
    def run(*flags, code):
        done = run_program([program, "hub", "--root", tmp_path / "refused", *flags],
                           clean_environment(), tmp_path)
        assert (done.code, done.out) == (code, ""), done
        return done.err
    return run


def call(hub, path, body):
    request = Request(hub.url + path, json.dumps(body).encode(),
                      {"authorization": f"Bearer {hub.token}", "content-type": "application/json"})
    return json.load(build_opener(ProxyHandler({})).open(request))


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
def test_it_listens_on_loopback_unless_told_otherwise(refused, tmp_path, address):
    assert "--allow-remote" in refused("--listen", address, code=USAGE)
    assert not (tmp_path / "refused").exists()


def test_it_listens_beyond_loopback_if_told_to(program, tmp_path):
    argv = [program, "hub", "--root", tmp_path / "open", "--listen", "0.0.0.0:0", "--allow-remote"]
    with subprocess.Popen(argv, env=clean_environment(), stdout=subprocess.PIPE, text=True) as hub:
        assert hub.stdout.readline().startswith("listening on http://0.0.0.0:")
        hub.terminate()
    assert hub.returncode == 0


def test_an_address_that_is_none(refused):
    assert "127.0.0.1:0" in refused("--listen", "localhost", code=USAGE)
    assert refused("--listen", "127.0.0.1:70000", code=USAGE)


def test_a_root_of_another_format(refused, tmp_path):
    (tmp_path / "refused").mkdir()
    (tmp_path / "refused/format").write_text("9\n")
    assert "store_root_unusable" in refused(code=FAILED)


def test_a_root_in_use(hub, program, tmp_path):
    done = run_program([program, "hub", "--root", hub.root], clean_environment(), tmp_path)
    assert done.code == FAILED and "store_busy" in done.err


def test_the_lifetime_and_sizes_that_were_asked_for(make_hub):
    hub = make_hub("--url-lifetime", "77s", "--multipart-threshold", "5000", "--part-size", "2000")
    call(hub, "/api/repos/create", {"name": "sizes", "organization": "me"})
    objects = [{"oid": hashlib.sha256(bytes_of(size)).hexdigest(), "size": size}
               for size in (5000, 5001)]
    answer = call(hub, "/me/sizes.git/info/lfs/objects/batch",
                  {"operation": "upload", "transfers": ["basic", "multipart"], "objects": objects})
    single, parts = (thing["actions"]["upload"] for thing in answer["objects"])
    assert single["expires_in"] == parts["expires_in"] == 77
    assert "chunk_size" not in single.get("header", {})
    assert sorted(parts["header"]) == ["00001", "00002", "00003", "chunk_size"]
