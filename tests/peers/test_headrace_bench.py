"""headrace bench: what this machine does, and what of it bounds each kind of upload."""

import pytest

RATES = {"disk", "sha256", "sha256_lanes", "crc64", "tls_aes128", "tls_aes256", "send"}
UPLOADS = {f"{kind}_{scheme}" for kind in ("hub_many", "hub_one", "s3", "urls")
           for scheme in ("https", "http")}


def bench(headrace, *arguments, **named):
    """The run, and its findings by name."""
    run = headrace("bench", *arguments, "--json", **named)
    assert run.code == 0, run
    return run, {event["name"]: event for event in run.events if event["event"] == "finding"}


def test_rates_and_bounds(headrace, tmp_path):
    # Neither a Hub nor a token is looked for, so none can be wrong.
    run, found = bench(headrace, endpoint="no address", env={"HF_HUB_OFFLINE": "1"})
    assert set(found) == {"cores"} | RATES | UPLOADS
    rates = {name: found[name]["numbers"]["bytes_per_second"] for name in RATES | UPLOADS}
    assert min(rates.values()) > 1e6
    assert run.event("result")["unknown"] == "0"
    assert {found[name]["about"] for name in UPLOADS} == {"upload"}
    assert not list(tmp_path.glob(".headrace-*"))
    # The bound follows from the rates that are told.
    cores = found["cores"]["numbers"]["cores_usable"]
    urls = found["urls_http"]
    slower = "disk" if rates["disk"] < cores * rates["send"] else "send"
    assert urls["bound_by"] == slower
    assert rates["urls_http"] == pytest.approx(min(rates["disk"], cores * rates["send"]), rel=1e-3)
    assert found["hub_one_https"]["bound_by"] in ("disk", "sha256", "tls", "send")
    assert rates["urls_https"] <= rates["urls_http"] * 1.001


def test_folder_that_cannot_be_written(headrace):
    run, found = bench(headrace, "/proc")
    disk = found["disk"]
    assert (disk["verdict"], disk["error"]["code"]) == ("warn", "probe_failed")
    assert disk["advice"] and disk["error"]["path"] == "/proc"
    assert run.event("result")["unknown"] == "1"
    # What is not known bounds nothing.
    assert all(found[name]["bound_by"] != "disk" for name in UPLOADS)


def test_for_people(headrace):
    run = headrace("bench")
    assert run.code == 0, run
    assert "machine: a core, SHA-256 of one file: " in run.out
    assert "upload: many large files to the Hub, https: at most " in run.out
