"""The goals that bench/versus holds headrace to, a row each, and what becomes of a row.

A goal compares one measure of ours with that of others, all in one run of one workload: the best of
those that are named. Verdicts: reached; missed; void, where the machine was not itself or there
were too few rounds; not run, where a client was missing or the workload was not asked for.
"""

import dataclasses

from support import GIB, MIB

ROUNDS_MIN = 5
BUDGET = 256 * MIB
OVERHEAD = 64 * MIB
BYTES_A_FILE = 512
NEW_HUB = "huggingface_hub 2.4.0"
OLD_HUB = "huggingface_hub 0.36.0 + hf_transfer"
DEVICE, HOT, COLD = "device", "headrace, hot", "headrace, cold"

URLS, TLS = "upload-4GiB-1x-urls", "upload-4GiB-1x-urls-tls"
S3 = "upload-4GiB-1x-s3"
LFS_ONE, LFS_MANY = "upload-8GiB-1x-lfs", "upload-64MiB-64x-lfs"
S3_SMALL, HUB_SMALL = "upload-10_200KiB-2_000x-s3", "upload-1_64KiB-20_000x-hub"
DIGEST = "sha256-16MiB-64x"
S3_COLD, LFS_COLD = "upload-4GiB-1x-s3-cold", "upload-64MiB-64x-lfs-cold"


@dataclasses.dataclass
class Goal:
    workload: str
    measure: str  # cpu: CPU-s a GiB; wall: seconds; rate: GiB a second; peak: MiB
    against: tuple
    limit: float
    ours: str = "headrace"

    @property
    def at_least(self):
        return self.measure == "rate"


GOALS = [
    Goal(URLS, "cpu", ("floor",), 1.05),
    Goal(URLS, "cpu", ("awscrt",), 0.40),
    Goal(URLS, "cpu", ("obstore",), 0.55),
    Goal(URLS, "cpu", ("hf_transfer",), 0.07),
    Goal(TLS, "cpu", ("obstore", "mc", "curl -T"), 0.85),
    Goal(S3, "cpu", ("awscrt crc64nvme",), 0.45),
    Goal(LFS_ONE, "wall", (NEW_HUB,), 0.75),
    Goal(LFS_ONE, "wall", (OLD_HUB,), 0.30),
    Goal(LFS_MANY, "wall", (NEW_HUB,), 0.42),
    Goal(LFS_MANY, "wall", (OLD_HUB,), 0.13),
    Goal(LFS_MANY, "cpu", (NEW_HUB,), 0.47),
    Goal(S3_SMALL, "wall", ("s5cmd", "rclone"), 0.5),
    Goal(S3_SMALL, "cpu", ("s5cmd", "rclone"), 0.4),
    Goal(HUB_SMALL, "wall", (NEW_HUB,), 0.3),
    Goal(DIGEST, "rate", ("OpenSSL x cores",), 1.6, "lanes, in memory"),
    Goal(DIGEST, "rate", ("OpenSSL x cores",), 1.45, "lanes, from the page cache"),
    # What is slower of the two is what can be had.
    Goal(S3_COLD, "rate", (DEVICE, HOT), 0.9, COLD),
    Goal(LFS_COLD, "rate", (DEVICE, HOT), 0.9, COLD),
]
WORKLOADS = list(dict.fromkeys(goal.workload for goal in GOALS))


@dataclasses.dataclass
class Row:
    """Of the table: a goal, its figures where there are any, and the verdict."""

    workload: str
    measure: str
    against: str
    limit: float
    at_least: bool
    verdict: str
    why: str = ""
    ours: float = None
    theirs: float = None

    @property
    def ratio(self):
        return self.ours / self.theirs if self.theirs else None


def rows(workloads):
    """Of all goals, also those of workloads that did not run, and of the peaks of those that
    did."""
    by_name = {workload.name: workload for workload in workloads}
    for goal in GOALS:
        text = " / ".join(goal.against)
        if len(goal.against) > 1:
            text = f"{'min' if goal.at_least else 'best'} of {', '.join(goal.against)}"
        row = Row(goal.workload, goal.measure, text, goal.limit, goal.at_least, "not run",
                  "it was not asked for")
        if workload := by_name.get(goal.workload):
            judge(row, workload, goal.ours, goal.against)
        yield row
    for workload in workloads:
        for client in workload.clients:
            if client.startswith("headrace"):
                yield peak_row(workload, client)


def judge(row, workload, ours, against):
    if why := workload.missing.get(ours):
        row.verdict, row.why = "missed", why
        return
    if absent := [workload.missing[other] for other in against if other in workload.missing]:
        row.why = absent[0]
        return
    row.ours = workload.figure(ours, row.measure)
    row.theirs = min(workload.figure(other, row.measure) for other in against)
    kept = row.ratio >= row.limit if row.at_least else row.ratio <= row.limit
    row.verdict, row.why = ("reached" if kept else "missed"), ""
    if fault := workload.fault(row.measure):
        row.verdict, row.why = "void", fault


def peak_row(workload, client):
    """Memory does not depend on how busy the machine is: no row of these is void."""
    row = Row(workload.name, "peak", "budget + 64 MiB + 0.5 KiB a file", 1.0, False, "missed",
              workload.missing.get(client, ""))
    if client in workload.missing:
        return row
    limit = BUDGET + OVERHEAD + BYTES_A_FILE * len(workload.files)
    row.ours, row.theirs = workload.figure(client, "peak"), limit / MIB
    row.verdict = "reached" if row.ours <= row.theirs else "missed"
    return row


def per_gib(seconds, size):
    return seconds / (size / GIB)
