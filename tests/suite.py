"""The steps of tools/test: tidy, build, unit, peers, asan, tsan, fuzz.

A step shows its output only if it fails. A step that hangs is ended, with everything it started,
when its time limit is over, and counts as failed. Where a program says how many cases it ran, those
are counted, else the step counts as one.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG_LINES_MAX = 400
BUILD_LIMIT_S = 45 * 60
TEST_LIMIT_S = 15 * 60
PEERS_LIMIT_S = 30 * 60

MACHINE = ["--native-file", "tools/build/clang.ini", "--native-file", "tools/build/unity.ini"]
BUILDS = {
    "build": [],
    "build-asan": ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dmimalloc=false",
                   "-Doptimization=1", "-Dbenchmarks=false"],
    "build-tsan": ["-Db_sanitize=thread", "-Db_lundef=false", "-Dmimalloc=false",
                   "-Doptimization=1", "-Dbenchmarks=false"],
    "build-fuzz": ["-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
                   "-Dmimalloc=false", "-Doptimization=1", "-Dbenchmarks=false"],
}
SANITIZER_EXIT = "99"
SANITIZERS = {
    "ASAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:detect_stack_use_after_return=0:abort_on_error=0",
    "UBSAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:halt_on_error=1",
    "ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
    "TSAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
}
TSAN_ROOMS = ("io", "net", "engine")
SANITIZED = ("asan", "tsan", "fuzz")
# Most of them wait: for deadlines, for a relay, for the other side.
PEERS_A_CORE = 2
FULL_SEEDS = 750
FUZZ_S = 30
# What one input may take. A stated length is not yet memory: the largest answer accepted is 16 MiB.
FUZZ_LIMITS = ["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=256", "-max_len=65536"]


class Suite:
    """Runs commands, keeps the count, and says what happened as it happens."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()
        self.running = set()
        self.ending = False
        self.fuzz_s = FUZZ_S
        self.full = False
        self.ahead = {}
        # The compiler cache serves every clone: what it keeps names no absolute path.
        self.env = dict(os.environ, LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1",
                        CCACHE_BASEDIR=str(ROOT), CCACHE_NOHASHDIR="1")

    def run(self, name, argv, limit_s, env=None):
        """True if the command exits 0 within its time."""
        started = time.monotonic()
        with tempfile.TemporaryFile() as log:
            code = self._run_logged(argv, limit_s, env or {}, log)
            log.seek(0)
            output = log.read().decode(errors="replace")
        took = f"{time.monotonic() - started:.0f} s"
        passed, failed, skipped = count_cases(output)
        if code == 0:
            passed, failed = max(passed, 1), 0
        else:
            failed = max(failed, 1)
        with self.lock:
            self.passed, self.failed, self.skipped = (
                self.passed + passed, self.failed + failed, self.skipped + skipped)
            if code == 0:
                print(f"ok      {name} ({passed}, {took})", flush=True)
            else:
                why = f"ended after {limit_s} s" if code is None else f"exit {code}"
                lines = output.splitlines()
                cut = len(lines) - LOG_LINES_MAX
                shown = ([f"… {cut} lines left out"] if cut > 0 else []) + lines[-LOG_LINES_MAX:]
                print("\n".join(["", *("  | " + line for line in shown)]))
                print(f"FAILED  {name} ({why}, {took}): {' '.join(map(str, argv))}", flush=True)
        return code == 0

    def run_beside_each_other(self, runs, a_core=1):
        with ThreadPoolExecutor(a_core * len(os.sched_getaffinity(0))) as pool:
            for done in [pool.submit(self.run, *run) for run in runs]:
                done.result()

    def _run_logged(self, argv, limit_s, env, log):
        """The exit code, None if the time ran out. Its whole process group ends with it."""
        with self.lock:
            if self.ending:
                return None
            try:
                process = subprocess.Popen(
                    argv, cwd=ROOT, env=self.env | env, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, start_new_session=True)
            except OSError as error:
                log.write(str(error).encode())
                return 127
            self.running.add(process)
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end_group(process)
            with self.lock:
                self.running.discard(process)

    def end(self, number, _frame):
        self.ending = True
        for process in list(self.running):
            end_group(process)
        sys.exit(128 + number)

    # The steps.

    def tidy(self):
        self.run("tidy", [sys.executable, "tests/tidy/tidy.py"], TEST_LIMIT_S)
        self.run("tidy: its own test", [sys.executable, "tests/tidy/tidy_test.py"], TEST_LIMIT_S)
        self.run("errors", [sys.executable, "tests/tidy/errors.py"], TEST_LIMIT_S)

    def build(self, where="build"):
        """True if it compiles, be it that it was begun long ago."""
        if future := self.ahead.pop(where, None):
            return future.result()
        return self.compile(where)

    def build_ahead(self, wheres):
        """One after the other, while what is built already is tested: tests wait more than they
        compute."""
        pool = ThreadPoolExecutor(1)
        self.ahead = {where: pool.submit(self.compile, where) for where in wheres}

    def compile(self, where):
        if not (ROOT / where / "build.ninja").exists():
            setup = ["meson", "setup", "--wipe"] if (ROOT / where).exists() else ["meson", "setup"]
            setup += [where, *MACHINE, *BUILDS[where]]
            if not self.run(f"{where}: configure", setup, TEST_LIMIT_S):
                return False
        return self.run(f"{where}: compile", ["ninja", "-C", where, *targets_of(where)],
                        BUILD_LIMIT_S)

    def unit(self, where="build", rooms=None, env=None):
        tests = introspect(where, "tests")
        tests = [test for test in tests if not rooms or test["name"] in rooms]
        self.run_beside_each_other(
            (f"{where}: {test['name']}", test["cmd"], test["timeout"] or TEST_LIMIT_S,
             test["env"] | (env or {})) for test in tests)
        if self.full and where == "build":
            self.run_beside_each_other(
                (f"{where}: sim, {FULL_SEEDS} seeds from {first}",
                 [program(where, "sim_test"), "--seeds", str(FULL_SEEDS), "--first", str(first)],
                 TEST_LIMIT_S) for first in range(2001, 5001, FULL_SEEDS))

    def peers(self, where="build", files=None, only=(), env=None):
        kept = ROOT / where / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        env = {"HEADRACE": str(program(where, "headrace")), "HEADRACE_KEPT": str(kept),
               **({"HEADRACE_FULL": "1"} if self.full else {}), **(env or {})}
        pytest = [client_python("2.4.0"), "-m", "pytest", "-q", "--no-header",
                  "-p", "no:cacheprovider", *only]
        # Large ones first, so that none is left alone at the end.
        files = files or sorted((path.name for path in (ROOT / "tests/peers").glob("test_*.py")),
                                key=lambda name: -(ROOT / "tests/peers" / name).stat().st_size)
        self.run_beside_each_other(
            ((f"{where}: peers/{file}", [*pytest, f"tests/peers/{file}"], PEERS_LIMIT_S, env)
             for file in files), a_core=PEERS_A_CORE)
        self.run(f"{where}: no secret in any output, log or trace",
                 [sys.executable, "tests/peers/kept.py", str(kept)], TEST_LIMIT_S)

    def asan(self):
        if self.build("build-asan"):
            self.unit("build-asan", env=SANITIZERS)
            self.peers("build-asan", env=SANITIZERS)

    def tsan(self):
        if self.build("build-tsan"):
            self.unit("build-tsan", TSAN_ROOMS, SANITIZERS)
            self.peers("build-tsan", ["test_upload.py"], ["-k", "one_whole_upload"], SANITIZERS)

    def fuzz(self):
        """What is new lies in build-fuzz/found/TARGET, what broke something beside it."""
        if not self.build("build-fuzz"):
            return
        found = ROOT / "build-fuzz/found"
        runs = []
        for program in fuzz_programs():
            target = program.name.removeprefix("fuzz-")
            (found / target).mkdir(parents=True, exist_ok=True)
            runs.append((f"fuzz: {target}, {self.fuzz_s:.0f} s",
                         [program, f"-max_total_time={self.fuzz_s:.0f}", *FUZZ_LIMITS,
                          f"-artifact_prefix={found}/{target}-", "-print_final_stats=1",
                          found / target, ROOT / "tests/fuzz/corpus" / target],
                         self.fuzz_s + TEST_LIMIT_S, SANITIZERS))
        self.run_beside_each_other(runs)


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def introspect(where, what):
    out = subprocess.run(["meson", "introspect", f"--{what}", where], cwd=ROOT, check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return json.loads(out)


def program(where, name):
    for target in introspect(where, "targets"):
        if target["name"] == name and target["type"] == "executable":
            return Path(target["filename"][0])
    raise LookupError(f"{where} builds no program named {name}")


def fuzz_programs():
    return sorted(Path(target["filename"][0]) for target in introspect("build-fuzz", "targets")
                  if target["name"].startswith("fuzz-"))


def targets_of(where):
    """What a build is there for; none: all of it."""
    paths = []
    if where == "build-tsan":
        paths = [program(where, "headrace"), *(test["cmd"][0] for test in introspect(where, "tests")
                                               if test["name"] in TSAN_ROOMS)]
    elif where == "build-fuzz":
        paths = fuzz_programs()
    return [os.path.relpath(path, ROOT / where) for path in paths]


def client_python(version):
    """The interpreter of an environment that tools/setup made, named as it does it there."""
    requirements = (ROOT / f"tests/peers/requirements-{version}.txt").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-dev"
    digest = hashlib.sha256(requirements).hexdigest()[:12]
    return str(cache / f"client-{version}-{digest}/bin/python")


def count_cases(output):
    """(passed, failed, skipped) as doctest, pytest or unittest-like last lines say it."""
    counts = [0, 0, 0]
    for line in output.splitlines():
        if "test cases:" in line:
            for index, word in enumerate(("passed", "failed")):
                if found := re.search(rf"(\d+) {word}", line):
                    counts[index] += int(found[1])
        elif re.match(r"=*\s*\d+ (passed|failed|skipped|error).* in [\d.]+s", line):
            for index, word in ((0, "passed"), (1, "failed"), (1, "errors?"), (2, "skipped")):
                if found := re.search(rf"(\d+) {word}\b", line):
                    counts[index] += int(found[1])
    return counts


def main(arguments):
    suite = Suite()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, suite.end)
    names = ["tidy", "build", "unit", "peers", "asan", "tsan", "fuzz"]
    if "--minutes" in arguments:
        at = arguments.index("--minutes")
        suite.fuzz_s = float(arguments[at + 1]) * 60
        del arguments[at:at + 2]
    if "--full" in arguments:
        suite.full = True
        arguments.remove("--full")
    if arguments == ["--quick"]:
        names = names[:-3]
    elif arguments:
        if unknown := set(arguments) - set(names):
            sys.exit(f"no step {' '.join(sorted(unknown))}; there are {' '.join(names)}")
        names = [name for name in names if name in arguments]
    for name in names:
        # Tests of a build that failed would only bury the reason.
        try:
            if getattr(suite, name)() is False:
                break
            if name == "build":
                suite.build_ahead(f"build-{kind}" for kind in SANITIZED if kind in names)
        except (LookupError, subprocess.CalledProcessError) as error:
            suite.failed += 1
            print(f"FAILED  {name}: {error}", flush=True)
    if suite.skipped:
        print(f"{suite.skipped} skipped")
    print(f"{suite.passed} passed, {suite.failed} failed", flush=True)
    sys.exit(1 if suite.failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
