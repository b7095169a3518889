"""What headrace showed while it was tested: kept, and searched for secrets.

conftest.py keeps the output of each run, each hub's log and each trace in the folder that
HEADRACE_KEPT names. As a program: kept.py FOLDER prints what looks like a secret in it, and exits
1 if anything does, or if nothing was kept.
"""

import itertools
import os
import re
import sys
from pathlib import Path

SECRETS = {
    "a token": re.compile(r"\bhf_(?!transfer\b|hub\b|home\b)[A-Za-z0-9]{8,}"),
    "a signature": re.compile(
        r"(?i)[?&;](x-amz-(signature|credential|security-token)|sig|signature|policy|key-pair-id)"
        r"=[^…*\s]"),
    "a signature of a request": re.compile(r"(?i)signature *[=:] *[0-9a-f]{64}"),
    "a secret of a store": re.compile(
        r"peers/tests\+secret|(?i:secret_?access_?key|session_?token)[\"' ]*[=:>] *[\"']?"
        r"[A-Za-z0-9+/]{8}"),
    "credentials of HTTP": re.compile(r"(?i)\b(bearer|basic) +(?!\*\*\*)[A-Za-z0-9+/._~=-]{8,}"),
    "a password in a URL": re.compile(r"https?://[^/\s:@\"']*:[^/\s@\"']+@"),
    "a key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
# Sentences that name a kind of credentials, and hints that say how to write some.
HARMLESS = re.compile(r"(?i:\b(bearer|basic) (credentials|authentication|transfers?)\b)"
                      r"|\bUSER:PASSWORD@HOST\b")

counter = itertools.count()


def keep(name, text):
    if folder := os.environ.get("HEADRACE_KEPT"):
        data = text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
        where = Path(folder)
        where.mkdir(parents=True, exist_ok=True)
        (where / f"{os.getpid()}-{next(counter)}-{name}").write_bytes(data)


def secrets_in(text):
    """(kind, where) of all that looks like a secret."""
    for line in text.splitlines():
        line = HARMLESS.sub("", line)
        for kind, pattern in SECRETS.items():
            if found := pattern.search(line):
                begin = max(0, found.start() - 60)
                yield kind, line[begin:found.end() + 20]


def main(folder):
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    findings = [f"{path.name}: {kind}: {where}" for path in files
                for kind, where in secrets_in(path.read_text(errors="replace"))]
    print("\n".join([*findings, f"{len(files)} outputs, {len(findings)} findings"]))
    sys.exit(1 if findings or not files else 0)


if __name__ == "__main__":
    main(sys.argv[1])
