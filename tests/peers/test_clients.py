"""Clients we did not write, of three ages, against `headrace hub`; git judges the store."""

import subprocess

from conftest import MIB, bytes_of, clean_environment, make_folder

UPLOAD = """
from huggingface_hub import HfApi
api = HfApi()
api.create_repo({repo!r}, exist_ok=True)
print(api.upload_folder(repo_id={repo!r}, folder_path={where!r}))
"""

DOWNLOAD = """
from huggingface_hub import snapshot_download
snapshot_download({repo!r}, local_dir={where!r})
"""


def read_back(client, where, repo, expected):
    """The same client downloads what it sent. Old ones may leave links into their cache."""
    client(script=DOWNLOAD.format(repo=repo, where=str(where)))
    for path, data in expected.items():
        assert (where / path).read_bytes() == data, path


def test_2_4_0_command_line(client_2_4_0, hub, folder, download):
    where, expected = folder
    done = client_2_4_0("hf", "upload", "me/cli24", where, "--quiet")
    assert f"{hub.url}/me/cli24" in done.out
    assert download("me/cli24") == expected
    hub.check("me/cli24")


def test_2_4_0_library(client_2_4_0, hub, folder, tmp_path):
    where, expected = folder
    client_2_4_0(script=UPLOAD.format(repo="me/lib24", where=str(where)))
    read_back(client_2_4_0, tmp_path / "back", "me/lib24", expected)


def test_2_4_0_pull_request_and_branch(client_2_4_0, hub, folder, download):
    where, expected = folder
    client_2_4_0("hf", "upload", "me/pr24", where, "--create-pr", "--quiet")
    assert download("me/pr24", revision="refs/pr/1") == expected
    client_2_4_0("hf", "upload", "me/pr24", where, "--revision", "dev/x", "--quiet")
    assert download("me/pr24", revision="dev/x") == expected
    assert download("me/pr24") == {}


def test_2_4_0_copies_and_deletes(client_2_4_0, hub, folder, download):
    where, expected = folder
    client_2_4_0("hf", "upload", "me/copy24", where, "--quiet")
    client_2_4_0(script="""
from huggingface_hub import HfApi, CommitOperationCopy, CommitOperationDelete
HfApi().create_commit("me/copy24", [
    CommitOperationCopy("weights/large.safetensors", "again/large.safetensors"),
    CommitOperationCopy("config.json", "again/config.json"),
    CommitOperationDelete("data/"),
], commit_message="Move")
""")
    kept = {path: data for path, data in expected.items() if not path.startswith("data/")}
    assert download("me/copy24") == kept | {
        "again/large.safetensors": expected["weights/large.safetensors"],
        "again/config.json": expected["config.json"]}
    hub.check("me/copy24")


def test_2_4_0_without_settings_fails_and_the_hub_says_what_to_set(client_2_4_0, hub, folder):
    """Xet is not offered. The client's own library hides the text of the refusal, so it is read
    as the client was given it."""
    where, _ = folder
    done = client_2_4_0(script=f"""
import os
os.environ["HF_HUB_DISABLE_XET"] = "0"
from huggingface_hub import HfApi, get_session
HfApi().create_repo("me/xet24", exist_ok=True)
try:
    HfApi().upload_folder(repo_id="me/xet24", folder_path={str(where)!r})
except Exception as error:
    print("failed:", error)
url = os.environ["HF_ENDPOINT"] + "/api/models/me/xet24/xet-write-token/main"
print(get_session().get(url, headers={{"authorization": "Bearer " + os.environ["HF_TOKEN"]}}).text)
""")
    assert "failed:" in done.out
    assert "HF_HUB_DISABLE_XET=1" in done.out


def test_2_4_0_with_inline_limit_needs_no_settings(client_2_4_0, make_hub, folder, tmp_path):
    where, expected = folder
    hub = make_hub("--inline-limit", str(16 * MIB))
    client_2_4_0("hf", "upload", "me/inline24", where, "--quiet", endpoint=hub.url,
                 HF_HUB_DISABLE_XET="0")
    client_2_4_0(script=DOWNLOAD.format(repo="me/inline24", where=str(tmp_path / "back")),
                 endpoint=hub.url)
    for path, data in expected.items():
        assert (tmp_path / "back" / path).read_bytes() == data, path


def test_0_36_0(client_0_36_0, hub, folder, tmp_path):
    where, expected = folder
    client_0_36_0(script=UPLOAD.format(repo="me/r36", where=str(where)))
    read_back(client_0_36_0, tmp_path / "back", "me/r36", expected)
    hub.check("me/r36")


def test_0_36_0_with_hf_transfer(client_0_36_0, hub, relay, folder, tmp_path):
    where, expected = folder
    expected |= make_folder(where, {"weights/larger.bin": bytes_of(12 * MIB + 7, 4)})
    client_0_36_0(script=UPLOAD.format(repo="me/t36", where=str(where)), endpoint=relay.url,
                  HF_HUB_ENABLE_HF_TRANSFER="1")
    # Its parts carry no user agent, which tells them from those of the client in Python.
    agents = [request.headers.get("user-agent", "") for request in relay.seen("PUT")]
    assert len([agent for agent in agents if "python" not in agent]) >= 13
    read_back(client_0_36_0, tmp_path / "back", "me/t36", expected)


def test_0_20_3_command_line(client_0_20_3, hub, folder, download):
    where, expected = folder
    done = client_0_20_3("huggingface-cli", "upload", "me/cli20", where)
    assert f"{hub.url}/me/cli20/tree/main/" in done.out
    assert download("me/cli20") == expected


def test_0_20_3_library(client_0_20_3, hub, folder, tmp_path):
    where, expected = folder
    client_0_20_3(script=UPLOAD.format(repo="me/lib20", where=str(where)))
    read_back(client_0_20_3, tmp_path / "back", "me/lib20", expected)
    hub.check("me/lib20")


def test_clients_build_on_each_other(client_0_20_3, client_0_36_0, client_2_4_0, headrace, hub,
                                     tmp_path, download):
    expected = {}
    for number, upload in enumerate((client_0_20_3, client_0_36_0, client_2_4_0)):
        where = tmp_path / f"f{number}"
        expected |= make_folder(where, {f"{number}.txt": f"{number}\n",
                                        f"{number}.bin": bytes_of(2 * MIB + number, number)})
        upload(script=UPLOAD.format(repo="me/all", where=str(where)))
    expected |= make_folder(tmp_path / "f9", {"9.bin": bytes_of(3 * MIB, 9)})
    assert headrace("upload", "me/all", "f9").code == 0
    assert download("me/all") == expected
    hub.check("me/all")


def test_git_clone(headrace, hub, folder, tmp_path):
    where, expected = folder
    assert headrace("upload", "me/cloned", where).code == 0
    target = tmp_path / "clone"
    env = clean_environment(GIT_LFS_SKIP_SMUDGE=1, GIT_CONFIG_GLOBAL="/dev/null")
    git = ["git", "-c", "safe.directory=*"]
    subprocess.run([*git, "clone", "-q", str(hub.repository("me/cloned")), str(target)], check=True,
                   env=env)
    subprocess.run([*git, "-C", str(target), "fsck", "--full", "--strict"], check=True, env=env)
    pointers = 0
    for path, data in expected.items():
        found = (target / path).read_bytes()
        if found.startswith(b"version https://git-lfs.github.com/spec/v1\n"):
            pointers += 1
            assert f"size {len(data)}\n".encode() in found
        else:
            assert found == data, path
    assert pointers == 2
    # Every pointer is covered by an attribute, else a clone would never fetch the content.
    attributes = subprocess.run([*git, "-C", str(target), "check-attr", "filter", *expected],
                                check=True, env=env, capture_output=True, text=True).stdout
    assert attributes.count(": lfs") == 2


def test_hub_survives_a_restart(headrace, hub, folder, download):
    where, expected = folder
    assert headrace("upload", "me/kept", where).code == 0
    hub.stop()
    hub.start()
    assert download("me/kept") == expected
