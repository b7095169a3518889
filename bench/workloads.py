"""What bench/versus sends: the files of each workload, its clients, and the rounds they run in.

A workload is named by what it holds, as the benchmarks of AWS's client runtime name theirs:
upload-SIZE-COUNTx, and the road behind it. `--scale` makes it smaller, not its name.
"""

import dataclasses
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import goals
import page_cache
import peers
from goals import GIB, MIB, ROUNDS_MIN
from support import Sink, busy_seconds, make_certificate, own_cpu_seconds, run_watched

CURL_LOW, CURL_HIGH = 1.2, 1.7
OTHERS_MAX = 0.2  # of the machine's CPU time, by whoever else runs here
CACHED_MIN = 0.99
HUB_PART = 16_000_000  # as the Hub's storage asks for, so that hf_transfer has parts to send
YARDSTICK_BYTES = GIB


@dataclasses.dataclass
class Workload:
    name: str
    files: list
    bytes: int
    clients: dict  # by name: peers.Client
    cold: bool = False
    missing: dict = dataclasses.field(default_factory=dict)  # why a client has no figures
    costs: dict = dataclasses.field(default_factory=dict)  # by client, one a round
    yardsticks: dict = dataclasses.field(default_factory=dict)  # likewise
    faults: list = dataclasses.field(default_factory=list)
    others: float = 0.0  # the share of CPU time that others took
    rounds: int = 0
    figures: dict = dataclasses.field(default_factory=dict)  # of what measures itself

    def median(self, client, measure):
        return statistics.median(getattr(cost, measure) for cost in self.costs[client])

    def figure(self, client, measure):
        """In the units of a goal's row."""
        if client in self.figures:
            return self.figures[client]
        if measure == "cpu":
            return goals.per_gib(self.median(client, "cpu_s"), self.bytes)
        if measure == "wall":
            return self.median(client, "wall_s")
        if measure == "rate":
            return self.bytes / GIB / self.median(client, "wall_s")
        return max(cost.peak for cost in self.costs[client]) / MIB

    def curl_ratio(self):
        curl, floor = (statistics.median(cost.cpu_s for cost in self.yardsticks[name])
                       for name in ("curl -T", "floor"))
        return curl / floor

    def fault(self, measure):
        """Why a figure of this run does not count, or nothing."""
        if self.faults:
            return self.faults[0]
        if self.rounds < ROUNDS_MIN:
            return f"{self.rounds} rounds, {ROUNDS_MIN} are needed"
        if self.yardsticks and not CURL_LOW <= self.curl_ratio() <= CURL_HIGH:
            return (f"curl -T costs {self.curl_ratio():.2f} of the floor, outside of {CURL_LOW} to "
                    f"{CURL_HIGH}")
        if measure in ("wall", "rate") and self.others > OTHERS_MAX:
            return f"others took {self.others:.0%} of the CPU time meanwhile"
        return None


# --- files ---

def write_random(path, size):
    """Bytes that no layer shortens and no two files share."""
    block = os.urandom(8 * MIB)
    with open(path, "wb") as file:
        left = size
        while left > 0:
            file.write(block[:left])
            left -= len(block)
            block = block[1:] + block[:1]


def make_large(folder, count, size):
    """On the disk, and from there in the page cache."""
    folder.mkdir()
    files = [folder / f"{number:03}.bin" for number in range(count)]
    for path in files:
        write_random(path, size)
    # Nothing is left to be written while others are measured.
    page_cache.chill(files)
    page_cache.warm(files)
    return files


def make_small(folder, count, low, high):
    """Texts, the same in every run."""
    dice = random.Random(1)
    files = []
    for number in range(count):
        where = folder / f"{number % 100:02}" / f"{number}.txt"
        where.parent.mkdir(parents=True, exist_ok=True)
        line = (dice.randbytes(48).hex() + "\n").encode()
        size = dice.randrange(low, high)
        where.write_bytes((line * (size // len(line) + 1))[:size])
        files.append(where)
    page_cache.warm(files)
    return files


# --- the workloads ---

def make_files(name, scale, folder):
    if name in (goals.URLS, goals.TLS, goals.S3, goals.S3_COLD):
        return make_large(folder, 1, int(4 * GIB * scale))
    if name == goals.LFS_ONE:
        return make_large(folder, 1, int(8 * GIB * scale))
    if name in (goals.LFS_MANY, goals.LFS_COLD):
        return make_large(folder, max(2, int(64 * scale)), 64 * MIB)
    if name == goals.S3_SMALL:
        return make_small(folder, max(100, int(2000 * scale)), 10 << 10, 200 << 10)
    return make_small(folder, max(200, int(20_000 * scale)), 1 << 10, 64 << 10)


def sink_flags(name, where):
    if name in (goals.LFS_ONE, goals.LFS_MANY, goals.LFS_COLD):
        return ["--multipart-threshold", str(HUB_PART), "--part-size", str(HUB_PART)]
    if name != goals.TLS:
        return []
    certificate, key = make_certificate(where)
    return ["--cert", certificate, "--key", key]


def make_workload(name, options, where, url):
    files = make_files(name, options.scale, where / "files")
    where = peers.Place(Path(options.build), where, files, url)
    clients, missing = {}, {}
    for client, make in peers.CLIENTS[name].items():
        try:
            clients[client] = make(where)
        except (OSError, subprocess.CalledProcessError) as error:
            missing[client] = f"{client} is not here: {error}"
    return Workload(name, files, sum(map(os.path.getsize, files)), clients, missing=missing,
                    cold=name in (goals.S3_COLD, goals.LFS_COLD))


# --- the rounds ---

class Yardsticks:
    """The floor and curl, which say whether the machine is itself, on a sink of their own."""

    def __init__(self, build, where, scale):
        # Of much less than half a GiB the start of a program weighs more than what it sends.
        size = int(YARDSTICK_BYTES * min(1, max(8 * scale, 1 / 32)))
        files = make_large(where / "yardstick", 1, size)
        self.sink = Sink(build)
        place = peers.Place(Path(build), where, files, self.sink.url)
        self.clients = {"floor": peers.floor(place), "curl -T": peers.curl(place)}

    def measure(self, workload):
        for name, client in self.clients.items():
            cost = run_watched(client.argv, client.env)
            if cost.code != 0:
                raise SystemExit(f"the yardstick {name} ended with {cost.code}")
            workload.yardsticks.setdefault(name, []).append(cost)


def run_client(workload, name, client, sink):
    """Its cost, or nothing where it failed, which is noted."""
    if workload.cold and not client.warm:
        page_cache.chill(workload.files)
        if (left := page_cache.share(workload.files)) > 1 - CACHED_MIN:
            workload.faults.append(f"{left:.0%} stayed in the page cache")
    elif page_cache.share(workload.files) < CACHED_MIN:
        page_cache.warm(workload.files)
        if page_cache.share(workload.files) < CACHED_MIN:
            workload.faults.append("the page cache does not hold it")
    before = sink.counts()["bytes"]
    cost = run_watched(client.argv, client.env)
    arrived = sink.counts()["bytes"] - before
    if cost.code == 0 and (arrived >= workload.bytes or not client.sends):
        return cost
    workload.missing[name] = (f"{name} ended with {cost.code}, {arrived} of {workload.bytes} bytes "
                              f"arrived: {cost.last_line.decode(errors='replace').strip()}")
    print(f"{workload.name}: {workload.missing[name]}", file=sys.stderr, flush=True)
    return None


def run_round(workload, number, sink, yardsticks):
    yardsticks.measure(workload)
    names = list(workload.clients)
    # Who comes first is another one each time.
    for name in names[number % len(names):] + names[:number % len(names)]:
        if name in workload.missing:
            continue
        cost = run_client(workload, name, workload.clients[name], sink)
        if cost is None:
            workload.costs.pop(name, None)
            continue
        workload.costs.setdefault(name, []).append(cost)
        print(f"{workload.name} round {number + 1}: {name}: {cost.wall_s:.2f} s, "
              f"{cost.cpu_s:.2f} CPU-s, {cost.peak / MIB:.0f} MiB", file=sys.stderr, flush=True)


def run_rounds(workload, rounds, sink, yardsticks, until):
    """So many rounds, or as many as begin before `until`; one in any case."""
    began, busy, ours = time.monotonic(), busy_seconds(), cpu_of_ours(sink, yardsticks)
    for number in range(rounds):
        if number > 0 and time.monotonic() > until:
            break
        run_round(workload, number, sink, yardsticks)
        workload.rounds += 1
    ours = cpu_of_ours(sink, yardsticks) - ours
    whole = (time.monotonic() - began) * os.cpu_count()
    workload.others = max(0.0, (busy_seconds() - busy - ours) / whole)


def cpu_of_ours(sink, yardsticks):
    return own_cpu_seconds() + sink.cpu_seconds() + yardsticks.sink.cpu_seconds()


def run_digests(options):
    """Measures itself, against OpenSSL in turn, by CPU time: see digest_goal.cc."""
    mib = max(1, int(16 * options.scale))
    program = Path(options.build) / "bench/digest_goal"
    done = subprocess.run([program, "--json", "--rounds", str(options.rounds), "--mib", str(mib),
                           "--dir", options.dir], capture_output=True, text=True)
    workload = Workload(goals.DIGEST, [], 64 * mib * MIB, {}, rounds=options.rounds)
    if done.returncode == 0:
        told = json.loads(done.stdout)
        workload.figures = {"OpenSSL x cores": told["openssl"] / GIB * told["cores"],
                            "lanes, in memory": told["memory"] / GIB * told["cores"],
                            "lanes, from the page cache": told["page_cache"] / GIB * told["cores"]}
    else:
        workload.missing = {goal.ours: f"digest_goal ended with {done.returncode}: {done.stderr}"
                            for goal in goals.GOALS if goal.workload == goals.DIGEST}
    return workload
