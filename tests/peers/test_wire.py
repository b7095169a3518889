"""The wire diff: the same upload by huggingface_hub 2.4.0 and by headrace, each into a new hub and
through a recording relay; what they sent is compared call by call.

Differences that are allowed, and where they are taken out:
- the user agent and the trace id: headers are compared for credentials only;
- what the official program asks for itself (`/api/agent-harnesses`): OWN_CALLS;
- grouping into batches: the files of all preupload calls, and the objects of all batch calls, count
  together (`merge`);
- order among parallel calls: calls of one kind are compared as a sorted list;
- a call repeated with the same body, where the official client asks twice (`ASKED_TWICE`);
- content asked for and sent twice, where two files have the same (`merge`, `SENT_TWICE`);
- the name of the program in a message that nobody gave (`DEFAULT_MESSAGE`);
- signed URLs: part, single, completion and verify URLs are the hub's own and count by kind.
"""

import json
import re

import pytest
from conftest import MIB, bytes_of, headrace_environment, make_folder, run_program
from relay import Relay

OWN_CALLS = r"^/api/agent-harnesses"
SENT_TWICE = ("PUT bytes", "POST verify")
ASKED_TWICE = ("POST /api/validate-yaml",)
DEFAULT_MESSAGE = r"^(Upload .* (?:with|using)) huggingface_hub$"
REPO = "me/wire"

FIRST = {"README.md": "# A model\n", "a.txt": "a\n", "old/b.txt": "b\n",
         "old/c.bin": bytes_of(99, 1)}
SECOND = {"README.md": "---\nlicense: mit\n---\n# The model\n", "a.txt": "changed\n",
          ".gitignore": "*.log\n", "skipped.log": "x\n", "empty.txt": "", "ünï cödé.txt": "é\n",
          "twin.bin": bytes_of(3000, 2), "twin2.bin": bytes_of(3000, 2),
          "large.safetensors": bytes_of(5 * MIB + 7, 3)}

# name: (what the repository holds before, arguments after the repository)
CASES = {
    "file": (FIRST, ["second/a.txt"]),
    "large_file": (FIRST, ["second/large.safetensors", "deep/large.safetensors"]),
    "folder": (None, ["second"]),
    "folder_into_sub_path": (FIRST, ["second", "some/where"]),
    "delete": (FIRST, ["second", ".", "--delete", "*.txt", "--delete", "old/*"]),
    "create_pr": (FIRST, ["second", ".", "--create-pr"]),
    "new_revision": (FIRST, ["second", ".", "--revision", "try/it"]),
    # Where a file is ignored the official client makes an empty commit; here none is.
    "unchanged": (SECOND, ["second", ".", "--exclude", "*.log"]),
    "dataset": (None, ["second", ".", "--repo-type", "dataset"]),
    "private": (None, ["second", ".", "--private"]),
    "filtered": (None, ["second", ".", "--include", "*.txt", "--exclude", "ü*"]),
    "message": (FIRST, ["second/a.txt", "a.txt", "--commit-message", "One — two",
                        "--commit-description", "three\nfour"]),
}


def canonical(value):
    return json.dumps(value, sort_keys=True)


def kind_of(request):
    """What the call is, without what the hub chose."""
    if request.method == "PUT":
        return "PUT bytes"
    if not request.path.startswith("/api/") and not request.path.endswith("/objects/batch"):
        body = request.json() if request.method == "POST" else {}
        if "parts" in body:
            return "POST completion"
        if set(body) == {"oid", "size"}:
            return "POST verify"
    query = "&".join(sorted(f"{name}={value}" for name, value in request.query))
    return f"{request.method} {request.path}" + (f"?{query}" if query else "")


def body_of(kind, request):
    if kind == "PUT bytes":
        return [request.body_size, request.body.hex()[:256]]
    if kind == "POST completion":
        body = request.json()
        # The tags are the hub's; that each part has one is ours.
        parts = [[part["partNumber"], bool(part["etag"])] for part in body["parts"]]
        return body | {"parts": parts}
    if "/commit/" in kind:
        lines = request.ndjson()
        header = lines[0]["value"]
        header["summary"] = re.sub(DEFAULT_MESSAGE, r"\1 headrace", header["summary"])
        return lines
    return request.json() if request.body else None


def merge(kind, bodies):
    """The calls of one kind as one comparable list."""
    if "/preupload/" in kind or kind.endswith("/objects/batch"):
        key = "files" if "/preupload/" in kind else "objects"
        items = {canonical(item) for body in bodies for item in body[key]}
        rest = {canonical({k: v for k, v in body.items() if k != key}) for body in bodies}
        return [*sorted(rest), *sorted(items)]
    if kind in ASKED_TWICE + SENT_TWICE:
        return sorted({canonical(body) for body in bodies})
    return sorted(canonical(body) for body in bodies)


def summary(relay):
    """{kind: bodies} and {kind: whether credentials came along}."""
    calls, credentials = {}, {}
    for request in relay.requests:
        if re.search(OWN_CALLS, request.target):
            continue
        kind = kind_of(request)
        calls.setdefault(kind, []).append(body_of(kind, request))
        credentials.setdefault(kind, set()).add(
            re.sub("hf_.*", "TOKEN", request.headers.get("authorization", "")))
    return {kind: merge(kind, bodies) for kind, bodies in calls.items()}, credentials


@pytest.mark.parametrize("case", CASES)
def test_same_calls(make_hub, client_2_4_0, program, tmp_path, case):
    before, arguments = CASES[case]
    make_folder(tmp_path / "second", SECOND)
    if before:
        make_folder(tmp_path / "first", before)

    def record(upload):
        hub = make_hub("--multipart-threshold", str(MIB), "--part-size", str(MIB))
        if before:
            client_2_4_0("hf", "upload", REPO, "first", ".", "--quiet", endpoint=hub.url)
        with Relay(hub.url) as relay:
            upload(hub, relay)
            return summary(relay)

    def official(_, relay):
        client_2_4_0("hf", "upload", REPO, *arguments, "--quiet", endpoint=relay.url, cwd=tmp_path)

    def ours(hub, relay):
        run = run_program([program, "upload", REPO, *arguments],
                          headrace_environment(relay.url, hub.token, tmp_path, None), tmp_path)
        assert run.code == 0, run

    (theirs, their_credentials), (mine, my_credentials) = record(official), record(ours)
    assert sorted(mine) == sorted(theirs)
    for kind in theirs:
        assert mine[kind] == theirs[kind], kind
    assert my_credentials == their_credentials
