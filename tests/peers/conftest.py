"""What the tests against real peers share: hubs, relays, clients of three ages, our own program.

HEADRACE names the program under test, else the one in build/. Everything lives in temporary
folders and on ports the kernel gives. The interpreter that runs pytest is that of huggingface_hub
2.4.0, so a download by that version is an ordinary call here.
"""

import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

# Read by huggingface_hub when it is first imported.
os.environ.update(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1",
                  HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_UPDATE_CHECK="1")

from kept import keep  # noqa: E402
from relay import Relay  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
WAIT_S = 120
KIB, MIB = 1 << 10, 1 << 20
SANITIZER_EXIT = 99


def find_program():
    if path := os.environ.get("HEADRACE"):
        return path
    for path in sorted((ROOT / "build").rglob("headrace")):
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    pytest.exit("there is no program to test: build first, or set HEADRACE", 2)


def clean_environment(**extra):
    """This process's environment without what could steer a client, and with `extra`."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("HF_", "HUGGING", "SSL_CERT")) and "proxy" not in name.lower()
            and not name.endswith("CA_BUNDLE")}
    return kept | {name: str(value) for name, value in extra.items() if value is not None}


@dataclasses.dataclass
class Run:
    """What a finished program left."""

    code: int
    out: str
    err: str

    @property
    def events(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def event(self, name):
        found = [event for event in self.events if event["event"] == name]
        assert found, f"no event {name} in: {self.out}\n{self.err}"
        return found[-1]

    @property
    def sent_twice(self):
        """How many parts were late, and so sent a second time beside the first."""
        return sum(event["event"] == "part_late" for event in self.events)

    @property
    def error(self):
        return self.event("error")


def run_program(argv, env, cwd=None, prefix=(), limit_s=WAIT_S, stdin=None):
    """With the bytes `stdin` as its standard input, else with none."""
    given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    done = subprocess.run([*prefix, *argv], env=env, cwd=cwd, capture_output=True,
                          timeout=limit_s, **given)
    run = Run(done.returncode, done.stdout.decode(errors="surrogateescape"),
              done.stderr.decode(errors="surrogateescape"))
    if Path(argv[0]).name == "headrace":
        keep("run", done.stdout + done.stderr)
    assert run.code >= 0 and run.code != SANITIZER_EXIT, f"ended by itself: {run}"
    return run


class Hub:
    """`headrace hub` over a folder, on a port of its own."""

    token = "hf_peerstestwritetoken"

    def __init__(self, program, root, options=(), token=token, prefix=(), env=None):
        self.program, self.root, self.options, self.token = program, Path(root), options, token
        self.prefix, self.env = prefix, env or clean_environment()
        self.process, self.url, self.port = None, "", 0
        self.start()

    def start(self):
        self.log = self.root.parent / f"{self.root.name}.log"
        argv = [*self.prefix, self.program, "hub", "--root", str(self.root),
                "--listen", f"127.0.0.1:{self.port}", "--token", self.token, *self.options]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(argv, env=self.env, stdout=log,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        until = time.monotonic() + WAIT_S
        while not (found := re.search(r"https?://127\.0\.0\.1:(\d+)", self.log.read_text())):
            assert self.process.poll() is None, f"the hub ended: {self.log.read_text()}"
            assert time.monotonic() < until, f"the hub says no URL: {self.log.read_text()}"
            time.sleep(0.01)
        self.url, self.port = found[0], int(found[1])
        return self

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(WAIT_S)
            assert code in (0, 130, 143, -signal.SIGTERM), f"{code}: {self.log.read_text()}"

    def kill(self):
        self.process.kill()
        self.process.wait(WAIT_S)

    def repository(self, repo_id, repo_type="model"):
        """The bare git repository on disk."""
        name = repo_id.split("/")[1]
        found = [path.parent for path in self.root.rglob("HEAD")
                 if (path.parent / "objects").is_dir() and path.parent.name == f"{name}.git"
                 and (repo_type == "model" or f"{repo_type}s" in str(path.parent))]
        assert len(found) == 1, f"{repo_id} in {sorted(map(str, self.root.rglob('*')))[:50]}"
        return found[0]

    def git(self, repo_id, *arguments):
        """What git says of the bare repository, which it finds sound."""
        where = str(self.repository(repo_id))
        git = ["git", "-c", "safe.directory=*", "-c", "core.quotePath=false", "-C", where]
        return subprocess.run([*git, *arguments], check=True, capture_output=True, text=True,
                              env=clean_environment(GIT_CONFIG_GLOBAL="/dev/null")).stdout

    def commits(self, repo_id, revision="main"):
        return self.git(repo_id, "rev-list", "--count", revision).strip()

    def check(self, repo_id):
        self.git(repo_id, "fsck", "--full", "--strict")

    def check_all(self):
        for path in sorted(self.root.glob("repos/*/*/*.git")):
            self.check(f"{path.parent.name}/{path.stem}")


@pytest.fixture(autouse=True)
def kept_traces(tmp_path):
    yield
    for trace in tmp_path.glob("trace*.json"):
        keep("trace", trace.read_bytes())


@pytest.fixture(scope="session")
def program():
    return find_program()


@pytest.fixture
def make_hub(program, tmp_path):
    hubs = []

    def make(*options, **named):
        hubs.append(Hub(program, tmp_path / f"hub{len(hubs)}", options, **named))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.stop()
        keep("hub", hub.log.read_bytes())
        # Whatever became of the test: a repository holds whole commits only.
        hub.check_all()


@pytest.fixture
def hub(make_hub):
    """Files over 1 MiB go up in parts of 1 MiB, so that small tests see many parts."""
    return make_hub("--multipart-threshold", str(MIB), "--part-size", str(MIB))


@pytest.fixture
def relay(hub):
    with Relay(hub.url) as relay:
        yield relay


@pytest.fixture
def headrace(program, hub, tmp_path):
    """headrace("upload", …) against the hub, or against `endpoint`; `env` adds variables."""

    def run(*arguments, endpoint=None, token=Hub.token, env=None, cwd=None, prefix=()):
        return run_program([program, *map(str, arguments)],
                           headrace_environment(endpoint or hub.url, token, tmp_path, env),
                           cwd or tmp_path, prefix)

    return run


@pytest.fixture
def start_headrace(program, hub, tmp_path):
    """The same as a running process, for tests that act while it runs."""
    running = []

    def start(*arguments, endpoint=None, token=Hub.token, env=None, cwd=None, prefix=()):
        running.append(subprocess.Popen(
            [*prefix, program, *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd or tmp_path,
            env=headrace_environment(endpoint or hub.url, token, tmp_path, env)))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wrong_clock(offset):
    """What goes before a program so that its clock is off by this much."""
    assert shutil.which("faketime"), "tools/setup installs it"
    if "ASAN_OPTIONS" in os.environ:
        pytest.skip("faketime and a sanitizer's runtime both want to be loaded first")
    return ["faketime", "-f", offset]


def own_mounts(script):
    """What goes before a program so that `script` can mount what only that program sees."""
    unshare = ["unshare", "-m" if os.geteuid() == 0 else "-rm"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("mount namespaces are not allowed here")
    return [*unshare, "sh", "-c", f'{script} && exec "$@"', "sh"]


def finish(process):
    out, err = process.communicate(timeout=WAIT_S)
    keep("run", out + err)
    run = Run(process.returncode, out.decode(), err.decode(errors="surrogateescape"))
    assert run.code >= 0 and run.code != SANITIZER_EXIT, f"ended by itself: {run}"
    return run


def headrace_environment(endpoint, token, home, env):
    return clean_environment(HF_ENDPOINT=endpoint, HF_TOKEN=token, HF_HOME=home / "hf_home",
                             **(env or {}))


def client_bin(version):
    """The folder of programs of an environment that tools/setup made."""
    requirements = (ROOT / f"tests/peers/requirements-{version}.txt").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-dev"
    digest = hashlib.sha256(requirements).hexdigest()[:12]
    return cache / f"client-{version}-{digest}" / "bin"


def client_fixture(version):
    @pytest.fixture(name="client_" + version.replace(".", "_"))
    def client(hub, tmp_path):
        """Runs a program of this environment, or python with a script, and expects success."""

        def run(*arguments, script=None, endpoint=None, expect=0, cwd=None, **env):
            argv = [client_bin(version) / "python", "-c", script] if script else [
                client_bin(version) / arguments[0], *arguments[1:]]
            done = run_program(
                list(map(str, argv)),
                clean_environment(HF_ENDPOINT=endpoint or hub.url, HF_TOKEN=hub.token,
                                  HF_HOME=tmp_path / f"hf_home_{version}",
                                  HF_HUB_DISABLE_TELEMETRY=1, HF_HUB_DISABLE_PROGRESS_BARS=1,
                                  **{"HF_HUB_DISABLE_XET": 1} | env), cwd or tmp_path)
            assert done.code == expect, f"{arguments or script}: {done}"
            return done

        return run

    return client


client_2_4_0 = client_fixture("2.4.0")
client_0_36_0 = client_fixture("0.36.0")
client_0_20_3 = client_fixture("0.20.3")


@pytest.fixture
def download(hub, tmp_path):
    """{path: bytes} of a revision, fetched by huggingface_hub 2.4.0."""
    count = 0

    def fetch(repo_id, revision=None, repo_type=None, endpoint=None):
        nonlocal count
        count += 1
        from huggingface_hub import snapshot_download
        where = tmp_path / f"download{count}"
        snapshot_download(repo_id, revision=revision, repo_type=repo_type, local_dir=where,
                          cache_dir=tmp_path / f"cache{count}", token=hub.token,
                          endpoint=endpoint or hub.url)
        return content_of(where)

    return fetch


def tree_of(folder):
    folder = Path(folder)
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def content_of(folder):
    """What of a download was uploaded."""
    return {path: data for path, data in tree_of(folder).items()
            if path != ".gitattributes" and not path.startswith(".cache/")}


def bytes_of(size, seed=0):
    """Bytes that don't repeat, the same for the same seed."""
    block = hashlib.shake_256(str(seed).encode()).digest(min(size, MIB))
    out = bytearray()
    while len(out) < size:
        out += block[: size - len(out)]
        block = block[1:] + block[:1]
    return bytes(out)


def make_folder(where, files):
    """Writes {path: text or bytes}; returns {path: bytes} as a download would."""
    where = Path(where)
    expected = {}
    for path, data in files.items():
        data = data.encode() if isinstance(data, str) else data
        target = where / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        expected[path] = data
    return expected


@pytest.fixture
def folder(tmp_path):
    """A small real folder: texts, an LFS file by name, one that needs several parts, empties."""
    where = tmp_path / "folder"
    expected = make_folder(where, {
        "README.md": "---\nlicense: apache-2.0\n---\n# A model\n",
        "config.json": '{"layers": 2}\n',
        "data/notes.txt": "first\nsecond\n",
        "data/empty.txt": "",
        "weights/small.bin": bytes_of(3000, 1),
        "weights/large.safetensors": bytes_of(3 * MIB + 12345, 2),
    })
    return where, expected
