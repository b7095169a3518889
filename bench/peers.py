"""The clients that bench/versus runs, each as a command: ours, the yardsticks, and the peers.

The peers' environments are made once, by hash, where tools/setup keeps those of the tests;
hf_transfer and the Hub's clients come from the latter.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from support import clean_environment

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-dev"
PEER_PUT = ROOT / "bench/peer_put.py"
FLOOR_PART = 16 << 20


def environment(name, requirements):
    """Its folder, made if it is not there."""
    digest = hashlib.sha256((ROOT / requirements).read_bytes()).hexdigest()[:12]
    place = CACHE / f"{name}-{digest}"
    if (place / "complete").exists():
        return place
    print(f"making the environment {place.name}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run(["/usr/bin/python3", "-m", "venv", place], check=True)
    subprocess.run([place / "bin/pip", "install", "-q", "--disable-pip-version-check", "--no-deps",
                    "--only-binary", ":all:", "--require-hashes", "-r", ROOT / requirements],
                   check=True)
    (place / "complete").touch()
    return place


def hub_client(version):
    return environment(f"client-{version}", f"tests/peers/requirements-{version}.txt") / "bin"


def peers_python():
    return environment("peers", "bench/requirements-peers.txt") / "bin/python"


def send_parts(build, file, url):
    """Ours, through the C door."""
    parts = -(-os.path.getsize(file) // FLOOR_PART)
    urls = [f"{url}/content/bench/{part:05}" for part in range(1, parts + 1)]
    return [build / "tools/examples/send_parts", file, FLOOR_PART, *urls]


def curl(file, url):
    return ["curl", "-sS", "-o", os.devnull, "-T", file, url + "/content/curl"]


def given_urls_clients(build, file, url, _where):
    """{name: (argv, environment)} of what sends one file to the sink in parts, negotiating nothing
    that would cost."""
    peers = peers_python()
    plain = clean_environment(PYTHONDONTWRITEBYTECODE=1)
    return {
        "floor": ([build / "bench/floor", "send", file, url], plain),
        "curl -T": (curl(file, url), plain),
        "headrace": (send_parts(build, file, url), plain),
        "obstore": ([peers, PEER_PUT, "obstore", file, url], plain),
        "awscrt": ([peers, PEER_PUT, "awscrt", file, url], plain),
        "hf_transfer": ([hub_client("0.36.0") / "python", PEER_PUT, "hf_transfer", file, url],
                        plain),
    }


def tls_clients(build, file, url, where):
    """The same over TLS; the sink's certificate lies in `where`."""
    env = clean_environment(PYTHONDONTWRITEBYTECODE=1, SSL_CERT_FILE=where / "sink.pem")
    return {
        "curl -T": (curl(file, url), env),
        "headrace": (send_parts(build, file, url), env),
        "obstore": ([peers_python(), PEER_PUT, "obstore", file, url], env),
    }


def hub_clients(build, folder, url, home, old=True):
    """{name: (argv, environment)} of whole uploads: hash, negotiate, send, commit."""
    env = clean_environment(HF_ENDPOINT=url, HF_TOKEN="hf_bench", HF_HOME=home,
                            HF_HUB_DISABLE_TELEMETRY=1, HF_HUB_DISABLE_XET=1,
                            HF_HUB_DISABLE_PROGRESS_BARS=1, HF_HUB_DISABLE_UPDATE_CHECK=1)
    clients = {
        "headrace": ([build / "tools/headrace/headrace", "upload", "me/bench", folder, "--quiet"],
                     env),
        "huggingface_hub 2.4.0": ([hub_client("2.4.0") / "hf", "upload", "me/bench", folder], env),
    }
    if old:
        argv = [hub_client("0.36.0") / "hf", "upload", "me/bench", folder]
        clients["huggingface_hub 0.36.0 + hf_transfer"] = (
            argv, env | {"HF_HUB_ENABLE_HF_TRANSFER": "1"})
    return clients
