"""The clients that bench/versus runs, each as a command: ours, the yardsticks, and the peers.

What is not on this machine is installed the first time it is needed, pinned, where tools/setup
keeps what the tests need: Python's packages by hash, the one in Go by its module's version. Peers
get the settings that cost them least for the same work: unsigned content, and no checksum where
ours is compared without.
"""

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import goals
from support import clean_environment

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-dev"
PEER_PUT = ROOT / "bench/peer_put.py"
MC = ("mc", "0.0.0-20250313080218-cf909e1063a9", "github.com/minio/mc")
PART = 16 << 20
# What stores ask of a key; the sink looks at none.
KEY, SECRET = "benchbench", "benchbenchbench"


@dataclasses.dataclass
class Place:
    """Where a workload is sent from and to."""

    build: Path
    folder: Path  # of this run: "files" holds what is sent, clients may write beside it
    files: list
    url: str

    @property
    def file(self):
        return self.files[0]

    @property
    def content(self):
        return self.folder / "files"


@dataclasses.dataclass
class Client:
    argv: list
    env: dict
    warm: bool = False  # from the page cache even where the workload is cold
    sends: bool = True


# --- what is installed ---

def environment(name, requirements):
    """Its folder, made if it is not there."""
    digest = hashlib.sha256((ROOT / requirements).read_bytes()).hexdigest()[:12]
    place = CACHE / f"{name}-{digest}"
    if (place / "complete").exists():
        return place
    print(f"making the environment {place.name}", file=sys.stderr, flush=True)
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run(["/usr/bin/python3", "-m", "venv", place], check=True)
    subprocess.run([place / "bin/pip", "install", "-q", "--disable-pip-version-check", "--no-deps",
                    "--only-binary", ":all:", "--require-hashes", "-r", ROOT / requirements],
                   check=True)
    (place / "complete").touch()
    return place


def hub_environment(version):
    return environment(f"client-{version}", f"tests/peers/requirements-{version}.txt") / "bin"


def peers_environment():
    return environment("peers", "bench/requirements-peers.txt")


def s5cmd_program():
    """The program itself, without the Python that its package puts around it."""
    return next(peers_environment().glob("lib/python3*/site-packages/s5cmd/bin/s5cmd"))


def mc_program():
    name, version, _ = MC
    place = CACHE / f"{name}-{version}" / name
    if not place.exists():
        subprocess.run([ROOT / "tools/setup", "--program", *MC], check=True, stdout=sys.stderr)
    return place


# --- one file to the URLs of its parts, or as an object ---

def plain(**extra):
    return clean_environment(PYTHONDONTWRITEBYTECODE=1, **extra)


def trusting(place):
    return plain(SSL_CERT_FILE=place.folder / "sink.pem")


def floor(place):
    return Client([place.build / "bench/floor", "send", place.file, place.url], plain())


def curl(place):
    return Client(["curl", "-sS", "-o", os.devnull, "-T", place.file, place.url + "/content/curl"],
                  plain())


def curl_tls(place):
    argv = curl(place).argv
    return Client([*argv, "--cacert", place.folder / "sink.pem"], plain())


def send_parts(place, env=None):
    """Ours, through the C door."""
    parts = -(-place.file.stat().st_size // PART)
    urls = [f"{place.url}/content/bench/{part:05}" for part in range(1, parts + 1)]
    return Client([place.build / "tools/examples/send_parts", place.file, PART, *urls],
                  env or plain())


def python_peer(client, python=None):
    def make(place):
        env = trusting(place) if place.url.startswith("https") else plain()
        program = python() if python else peers_environment() / "bin/python"
        return Client([program, PEER_PUT, client, place.file, place.url], env)
    return make


def hf_transfer_python():
    return hub_environment("0.36.0") / "python"


def mc(place):
    host = place.url.replace("https://", f"https://{KEY}:{SECRET}@")
    return Client([mc_program(), "--config-dir", place.folder / "mc", "--quiet", "put",
                   "--parallel", "8", "--part-size", "16MiB", place.file, "sink/bucket/mc"],
                  trusting(place) | {"MC_HOST_sink": host})


# --- S3 ---

def store_environment(place):
    return plain(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="us-east-1",
                 AWS_ENDPOINT_URL=place.url, AWS_EC2_METADATA_DISABLED="true",
                 HOME=place.folder / "home", XDG_CACHE_HOME=place.folder / "cache")


def copy(warm=False):
    def make(place):
        one = len(place.files) == 1
        return Client([place.build / "tools/headrace/headrace", "cp",
                       place.file if one else place.content, "s3://bucket/ours", "--quiet"],
                      store_environment(place), warm)
    return make


def s5cmd(place):
    # It has no switch for unsigned content; without keys nothing is signed at all.
    return Client([s5cmd_program(), "--endpoint-url", place.url, "--no-sign-request",
                   "--log", "error", "cp", f"{place.content}/", "s3://bucket/s5cmd/"],
                  store_environment(place))


def rclone(place):
    flags = ["--s3-provider", "Other", "--s3-endpoint", place.url, "--s3-access-key-id", KEY,
             "--s3-secret-access-key", SECRET, "--s3-use-unsigned-payload", "true",
             "--s3-disable-checksum", "--s3-no-head", "--s3-no-check-bucket", "--no-check-dest",
             "--no-traverse", "--ignore-checksum", "--transfers", "16", "--retries", "1",
             "--config", os.devnull]
    return Client([peers_environment() / "bin/rclone", "copy", place.content, ":s3:bucket/rclone",
                   *flags], store_environment(place))


# --- whole uploads to a Hub: hash, negotiate, send, commit ---

def hub_variables(place):
    return plain(HF_ENDPOINT=place.url, HF_TOKEN="hf_bench", HF_HOME=place.folder / "home",
                 HF_HUB_DISABLE_TELEMETRY=1, HF_HUB_DISABLE_XET=1, HF_HUB_DISABLE_PROGRESS_BARS=1,
                 HF_HUB_DISABLE_UPDATE_CHECK=1)


def upload(warm=False):
    def make(place):
        return Client([place.build / "tools/headrace/headrace", "upload", "me/bench", place.content,
                       "--quiet"], hub_variables(place), warm)
    return make


def hub_client(version, **extra):
    def make(place):
        return Client([hub_environment(version) / "hf", "upload", "me/bench", place.content],
                      hub_variables(place) | extra)
    return make


def device(place):
    """How fast the files are read past the page cache."""
    return Client([place.build / "bench/floor", "read", *place.files], plain(), sends=False)


NEW_HUB = {goals.NEW_HUB: hub_client("2.4.0")}
BOTH_HUBS = NEW_HUB | {goals.OLD_HUB: hub_client("0.36.0", HF_HUB_ENABLE_HF_TRANSFER="1")}
CLIENTS = {
    goals.URLS: {
        "floor": floor, "curl -T": curl, "headrace": send_parts,
        "obstore": python_peer("obstore"), "awscrt": python_peer("awscrt"),
        "hf_transfer": python_peer("hf_transfer", hf_transfer_python)},
    goals.TLS: {
        "curl -T": curl_tls, "headrace": lambda place: send_parts(place, trusting(place)),
        "obstore": python_peer("obstore"), "mc": mc},
    goals.S3: {
        "headrace": copy(), "awscrt crc64nvme": python_peer("awscrt-crc64nvme"),
        "awscrt crc32": python_peer("awscrt-crc32")},
    goals.LFS_ONE: {"headrace": upload(), **BOTH_HUBS},
    goals.LFS_MANY: {"headrace": upload(), **BOTH_HUBS},
    goals.S3_SMALL: {"headrace": copy(), "s5cmd": s5cmd, "rclone": rclone},
    goals.HUB_SMALL: {"headrace": upload(), **NEW_HUB},
    goals.S3_COLD: {goals.DEVICE: device, goals.HOT: copy(warm=True), goals.COLD: copy()},
    goals.LFS_COLD: {goals.DEVICE: device, goals.HOT: upload(warm=True), goals.COLD: upload()},
}
