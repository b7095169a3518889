"""Files in the page cache, or not: how they are made so, and whether they are."""

import os
import subprocess

MIB = 1 << 20
# An argument list bears some thousand paths; of more, so many say enough.
LOOKED_AT_MAX = 1000


def warm(files):
    """Reads them, in large steps, as whoever needed them before would have."""
    step = bytearray(8 * MIB)
    for path in files:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(step):
                pass


def chill(files):
    """Only what is on the disk can be let go."""
    for path in files:
        with open(path, "rb") as file:
            os.fdatasync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def share(files):
    """What part of their bytes lies in the page cache, 0 to 1."""
    files = files[:: -(-len(files) // LOOKED_AT_MAX)]
    size = sum(os.path.getsize(path) for path in files)
    told = subprocess.run(["fincore", "--bytes", "--noheadings", "--output", "RES", *files],
                          check=True, capture_output=True, text=True).stdout
    # Whole pages are counted.
    return min(1.0, sum(map(int, told.split())) / size)
