"""What goes wrong outside of headrace, on the way and at the other end: bits flip, names stop to
resolve, a disk fills up, clocks are wrong, a line is slower than its URLs live."""

import collections
import errno

import pytest
from conftest import KIB, MIB, bytes_of, make_folder, own_mounts, wrong_clock
from relay import Relay


@pytest.fixture
def large(tmp_path):
    return make_folder(tmp_path / "large", {"large.bin": bytes_of(5 * MIB + 99, 6)})


# --- a bit flips on the way: found before the commit ---


def test_a_bit_flips_in_a_part(headrace, relay, hub, large, download):
    flip = relay.on("PUT").after(3).flip_bit(1000)
    run = headrace("upload", "me/flip", "large", "--json", endpoint=relay.url)
    assert run.code == 0 and flip.used == 1, run
    assert len(relay.seen("PUT")) == 12 + run.sent_twice  # which of them it was, nobody knows
    assert download("me/flip") == large


def test_a_bit_flips_in_a_whole_object(headrace, relay, hub, tmp_path, download):
    files = make_folder(tmp_path / "f", {"small.bin": bytes_of(300 * KIB, 7)})
    flip = relay.on("PUT").flip_bit(299 * KIB)
    run = headrace("upload", "me/flip", "f", "--json", endpoint=relay.url)
    assert flip.used == 1
    # A single PUT is checked as it arrives, and refused.
    assert run.code in (0, 1), run
    if run.code == 0:
        assert download("me/flip") == files
    else:
        assert (run.error["stage"], run.error["method"]) == ("part", "PUT")
        assert run.error["status"] in (400, 422) and run.error["path"] == "small.bin"
        assert hub.commits("me/flip") == "1"


def test_bits_always_flip(headrace, relay, hub, large):
    relay.on("PUT").flip_bit(5, times=1000)
    run = headrace("upload", "me/flip", "large", "--json", endpoint=relay.url)
    assert run.code == 1, run
    assert run.error["path"] == "large.bin" and run.error["status"] == 422
    assert hub.commits("me/flip") == "1"


# --- names ---


@pytest.fixture
def names(relay, tmp_path):
    """The file of the one name that the relay is known by, and what makes a program see it."""
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 hub.test\n")
    relay.url = relay.url.replace("127.0.0.1", "hub.test")
    return file, own_mounts(f"mount --bind {file} /etc/hosts")


def test_a_name_with_addresses_where_nobody_listens(names, relay, large, headrace, download):
    """The upload takes the one that answers; doctor says which do not."""
    file, prefix = names
    dead = [f"127.0.0.{n}" for n in (3, 2)]
    file.write_text("".join(f"{address} hub.test\n" for address in [*dead, "127.0.0.1"]))
    run = headrace("upload", "me/dns", "large", "--json", prefix=prefix, endpoint=relay.url)
    assert run.code == 0, run
    assert download("me/dns") == large
    port = relay.url.rsplit(":", 1)[1]
    run = headrace("doctor", "--json", prefix=prefix, endpoint=relay.url)
    assert run.code == 0, run
    found = [event for event in run.events if event.get("name") == "connect"]
    assert all(each["about"] == f"hub.test:{port}" for each in found), found
    failed = {each["error"]["address"]: each for each in found if each["verdict"] == "warn"}
    assert set(failed) == {f"{address}:{port}" for address in dead}, found
    assert all(each["error"]["errno"] == errno.ECONNREFUSED for each in failed.values()), found
    assert [each["text"].split()[0] for each in found if each["verdict"] == "ok"] == [
        f"127.0.0.1:{port}"]


def test_a_name_stops_to_resolve_midway(names, relay, large, headrace, download):
    """It was there a moment ago, and so is the Hub."""
    file, prefix = names
    relay.on("POST", "/objects/batch").call(lambda _: file.write_text("\n"))
    relay.on("PUT").cut_request(after_bytes=1000, times=2)
    run = headrace("upload", "me/dns", "large", "--json", prefix=prefix, endpoint=relay.url)
    assert run.code == 0, run
    assert download("me/dns") == large


def test_a_name_stops_to_resolve_between_two_runs(names, relay, hub, large, headrace):
    file, prefix = names
    file.write_text("\n")
    run = headrace("upload", "me/dns", "large", "--json", prefix=prefix, endpoint=relay.url)
    assert run.code in (1, 5), run
    assert run.error["code"] in ("name_not_found", "name_lookup_failed"), run.error
    assert run.error["stage"] == "resolve" and "hub.test" in run.error["host"]


# --- the hub's disk is full ---


def test_the_hubs_disk_is_full(make_hub, headrace, tmp_path):
    """`headrace` has a hub of its own, which is not used."""
    root = tmp_path / "hub1"
    root.mkdir()
    hub = make_hub("--multipart-threshold", str(8 * MIB), "--part-size", str(8 * MIB),
                   prefix=own_mounts(f"mount -t tmpfs -o size=64m none {root}"))
    make_folder(tmp_path / "f", {"large.bin": bytes_of(100 * MIB, 8)})
    make_folder(tmp_path / "g", {"text.txt": "small\n"})
    run = headrace("upload", "me/full", "f", "--json", endpoint=hub.url)
    assert run.code in (1, 5), run
    error = run.error
    assert error["status"] in (500, 507) and error["path"] == "large.bin", error
    assert error["stage"] in ("part", "complete") and error["method"] in ("PUT", "POST")
    assert "space" in error["server_message"].lower(), error
    # It lives, and has no half of anything.
    again = headrace("upload", "me/other", "g", "--json", endpoint=hub.url)
    assert again.code == 0 or again.error["status"] in (500, 507), again


# --- clocks ---


@pytest.mark.parametrize("offset", ["+1h", "-1h"])
def test_a_clock_that_is_wrong(headrace, hub, folder, download, offset):
    """The Hub decides what has run out by its own clock; ours is only believed when it agrees."""
    run = headrace("upload", "me/clock", "folder", "--json", prefix=wrong_clock(offset))
    assert run.code == 0, run
    assert download("me/clock") == folder[1]


# --- URLs that live shorter than the line needs ---


def test_urls_of_two_seconds_on_a_slow_line(make_hub, headrace, tmp_path, download):
    hub = make_hub("--multipart-threshold", str(MIB), "--part-size", str(MIB),
                   "--url-lifetime", "2s")
    files = make_folder(tmp_path / "f", {"large.bin": bytes_of(12 * MIB, 9)})
    with Relay(hub.url) as relay:
        run = headrace("upload", "me/slow", "f", "--json", "--limit-rate", "2M",
                       "--connections", "2", endpoint=relay.url)
        assert run.code == 0, run
        assert len(relay.seen("POST", "/objects/batch")) > 1
        confirmed = collections.Counter(
            dict(request.query)["part"]
            for request in relay.seen("PUT") if request.status == 200)
    assert len(confirmed) == 12 and set(confirmed.values()) == {1}, confirmed
    assert download("me/slow", endpoint=hub.url) == files
