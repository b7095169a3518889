"""Ctrl-C at each stage: the signal alone ends the run, and the same command goes on.

The walk of a folder asks nobody, so nothing can hold it here: tests/engine/upload_test.cc stops it.
"""

import json
import signal

import pytest
from conftest import MIB, bytes_of, finish, make_folder

CTRL_C = 130
STAGES = {
    "create": ("POST", "/api/repos/create"),
    "revision": ("GET", "/revision/"),
    "branch": ("POST", "/branch/"),
    "readme": ("POST", "/api/validate-yaml"),
    "listing": ("GET", "/tree/"),
    "preupload": ("POST", "/preupload/"),
    "batch": ("POST", "/objects/batch"),
    "part": ("PUT", ""),
    "completion": ("POST", "/_lfs/.*upload="),
    "verify": ("POST", "/_lfs/(?!.*upload=)"),
    "commit": ("POST", "/commit/"),
}


@pytest.fixture
def large(tmp_path):
    """A folder whose one object takes six parts, with a README."""
    return make_folder(tmp_path / "large", {"large.bin": bytes_of(5 * MIB + 99, 6),
                                            "README.md": "# six\n"})


def stop(process):
    """The run after Ctrl-C."""
    process.send_signal(signal.SIGINT)
    run = finish(process)
    assert run.code == CTRL_C, run
    assert run.error["class"] == "cancelled" and run.error["exit_code"] == CTRL_C
    assert "same command" in run.error["hint"]
    return run


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c(start_headrace, headrace, relay, hub, large, download, stage):
    arguments = ["upload", "me/stopped", "large", ".", "--revision", "dev", "--json",
                 "--delete", "*.old"]
    gate = relay.on(*STAGES[stage]).hold()
    process = start_headrace(*arguments, endpoint=relay.url)
    gate.wait()
    # The relay still holds the request: what ends the run is the signal.
    stop(process)
    gate.open()
    assert headrace(*arguments).code == 0
    assert download("me/stopped", revision="dev") == large
    hub.check("me/stopped")


def test_ctrl_c_while_hashing(start_headrace, hub, tmp_path):
    """A sparse file that takes minutes to hash; what was read shows in the progress."""
    (tmp_path / "sparse").mkdir()
    with open(tmp_path / "sparse/huge.bin", "wb") as file:
        file.truncate(1 << 40)
    process = start_headrace("upload", "me/sparse", "sparse", "--json")
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "progress" and event["bytes_hashed"] > 0:
            break
    stop(process)
    assert hub.commits("me/sparse") == "1"


def test_ctrl_c_says_how_to_go_on_to_a_person(start_headrace, relay, large):
    gate = relay.on("PUT").hold()
    process = start_headrace("upload", "me/person", "large", endpoint=relay.url)
    gate.wait()
    process.send_signal(signal.SIGINT)
    run = finish(process)
    assert run.code == CTRL_C and run.out == "", run
    assert "same command" in run.err


def test_what_was_sent_stays(start_headrace, headrace, hub, relay, tmp_path, download):
    """Objects that were whole when Ctrl-C came are not sent again."""
    files = make_folder(tmp_path / "f", {f"{n}.bin": bytes_of(1000 + n, n) for n in range(8)})
    gate = relay.on("POST", "/commit/").hold()
    process = start_headrace("upload", "me/stays", "f", "--json", endpoint=relay.url)
    gate.wait()
    stop(process)
    sent = len(relay.seen("PUT"))
    assert sent == 8
    assert headrace("upload", "me/stays", "f", endpoint=relay.url).code == 0
    assert len(relay.seen("PUT")) == sent
    assert download("me/stays") == files
