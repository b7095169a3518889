"""What the benches in Python share: the sink, a program watched while it runs, places for files."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30
WATCH_PERIOD_S = 0.02


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


class Sink:
    """build/bench/sink as a process, with its counts."""

    def __init__(self, build, *flags):
        self.process = subprocess.Popen([os.path.join(build, "bench/sink"), *flags],
                                        stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def counts(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return json.load(opener.open(self.url + "/"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class SlowRelay:
    """build/bench/slow_relay as a process; `seen` grows by what it says every 100 ms."""

    def __init__(self, build, target, *flags):
        port = target.rsplit(":", 1)[1]
        self.process = subprocess.Popen([f"{build}/bench/slow_relay", port, *map(str, flags)],
                                        stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        self.seen = []
        self.reading = threading.Thread(target=self.read, daemon=True)
        self.reading.start()

    def read(self):
        for line in self.process.stdout:
            if line.endswith("}\n"):
                self.seen.append(json.loads(line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reading.join()


def peak_of(process_id):
    """VmHWM in bytes, 0 once it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


class Watched:
    """One `headrace upload`, run to its end: its result event, CPU and peak memory.

    The peak is VmHWM of the program itself, looked at while it runs and told by it at its end;
    getrusage's peak would begin with that of this process, from which it was forked.
    """

    def __init__(self, build, url, *arguments):
        program = os.path.join(build, "tools/headrace/headrace")
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith("HF_") and "proxy" not in name.lower()}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryDirectory() as home:
            process = subprocess.Popen(
                [program, "upload", "me/bench", *map(str, arguments), "--json"], stdout=out,
                stdin=subprocess.DEVNULL,
                env=kept | {"HF_ENDPOINT": url, "HF_TOKEN": "hf_bench", "HF_HOME": home})
            self.peak = 0
            while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
                self.peak = max(self.peak, peak_of(process.pid))
                time.sleep(WATCH_PERIOD_S)
            process.returncode = os.waitstatus_to_exitcode(ended[1])
            self.cpu_s = ended[2].ru_utime + ended[2].ru_stime
            out.seek(0)
            last = b"{}"
            for line in out:
                last = line
        self.result = json.loads(last)
        if process.returncode != 0:
            raise SystemExit(f"headrace ended with {process.returncode}: {self.result}")
        self.totals = self.result["totals"]
        self.peak = max(self.peak, self.totals["memory_peak_bytes"])
