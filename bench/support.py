"""What the benches in Python share: the sink, a program watched while it runs, places for files."""

import contextlib
import dataclasses
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30
WATCH_PERIOD_S = 0.02
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def add_common_flags(parser):
    parser.add_argument("--build", default=str(Path(__file__).resolve().parent.parent / "build"))
    parser.add_argument("--dir", help="where files are made; by default in memory")


@contextlib.contextmanager
def place(directory):
    """A folder that goes afterwards. In memory by default: holes cost nothing there, and the disk
    is not what is measured."""
    if directory is None and os.access("/dev/shm", os.W_OK):
        directory = "/dev/shm"
    where = tempfile.mkdtemp(prefix="headrace-bench-", dir=directory)
    try:
        yield Path(where)
    finally:
        shutil.rmtree(where)


def make_certificate(folder):
    """(certificate, key) of 127.0.0.1, signed by itself."""
    certificate, key = Path(folder) / "sink.pem", Path(folder) / "sink.key"
    # Not one of a CA, which rustls takes from no server.
    subprocess.run(["openssl", "req", "-x509", "-config", os.devnull, "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=sink",
                    "-addext", "basicConstraints=critical,CA:FALSE",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


class Telling:
    """A program that prints its URL, and then maybe lines of JSON, by which `told` grows."""

    def __init__(self, *argv):
        self.process = subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        self.told = []
        self.reading = threading.Thread(target=self.read, daemon=True)
        self.reading.start()

    def read(self):
        for line in self.process.stdout:
            if line.endswith("}\n"):
                self.told.append(json.loads(line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reading.join()


class Sink(Telling):
    """build/bench/sink as a process, with its counts; tells with --tell-every."""

    def __init__(self, build, *flags):
        super().__init__(f"{build}/bench/sink", *flags)

    def counts(self):
        # Its certificate is signed by itself; what it says here is worth nothing to anybody.
        believing = urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), believing)
        return json.load(opener.open(self.url + "/"))

    def cpu_seconds(self):
        """Since it was started."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / TICKS_A_SECOND


class SlowRelay(Telling):
    """build/bench/slow_relay as a process; tells every 100 ms."""

    def __init__(self, build, target, *flags):
        super().__init__(f"{build}/bench/slow_relay", target.rsplit(":", 1)[1], *flags)


def peak_of(process_id):
    """VmHWM in bytes of a process and its children, 0 once it has ended."""
    peak = 0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1]) * 1024
        children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
        peak += sum(map(peak_of, children.split()))
    return peak


def clean_environment(**extra):
    """This process's environment without what could steer a client, and with `extra`."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("HF_", "HUGGING", "AWS_", "SSL_CERT", "CURL_CA", "REQUESTS_CA"))
            and "proxy" not in name.lower()}
    return kept | {name: str(value) for name, value in extra.items()}


def busy_seconds():
    """CPU time of all cores so far that was neither idle nor waiting, whoever took it."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    ticks = list(map(int, words[:8]))
    return (sum(ticks) - ticks[3] - ticks[4]) / TICKS_A_SECOND


def own_cpu_seconds():
    """Of this process and of those it has waited for."""
    times = os.times()
    return sum(times[:4])


@dataclasses.dataclass
class Cost:
    """What a program and all that it started took, from its start to its end."""

    wall_s: float
    cpu_s: float
    peak: int  # bytes
    code: int
    last_line: bytes  # of its output


class PeakWatch(threading.Thread):
    """Looks at a process's peak memory (VmHWM) until it is told to stop. What getrusage says would
    begin with that of this process, from which the other was forked."""

    def __init__(self, process_id):
        super().__init__(daemon=True)
        self.process_id, self.peak, self.over = process_id, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(WATCH_PERIOD_S):
            self.peak = max(self.peak, peak_of(self.process_id))

    def stop(self):
        self.over.set()
        self.join()
        return self.peak


def run_watched(argv, env=None):
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        process = subprocess.Popen(list(map(str, argv)), stdout=out, stdin=subprocess.DEVNULL,
                                   env=env)
        watch = PeakWatch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = watch.stop()
        out.seek(0)
        last = b""
        for line in out:
            last = line
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, peak, process.returncode, last)


def upload_command(build, *arguments):
    program = os.path.join(build, "tools/headrace/headrace")
    return [program, "upload", "me/bench", *arguments, "--json"]


class Watched:
    """One `headrace upload`, run to its end: its result event, CPU and peak memory, which the
    program also tells itself at its end."""

    def __init__(self, build, url, *arguments):
        with tempfile.TemporaryDirectory() as home:
            cost = run_watched(upload_command(build, *arguments), clean_environment(
                HF_ENDPOINT=url, HF_TOKEN="hf_bench", HF_HOME=home))
        self.result = json.loads(cost.last_line or b"{}")
        if cost.code != 0:
            raise SystemExit(f"headrace ended with {cost.code}: {self.result}")
        self.cpu_s = cost.cpu_s
        self.totals = self.result["totals"]
        self.peak = max(cost.peak, self.totals["memory_peak_bytes"])
