"""What the machine allows: io_uring forbidden, no locked memory, little memory, few descriptors."""

import ctypes
import errno
import os
import platform
import resource
import struct
import subprocess

import pytest
from conftest import KIB, MIB, Run, bytes_of, headrace_environment, make_folder, own_mounts

IO_URING_SETUP = 425  # on every architecture
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


@pytest.fixture
def upload_under(program, hub, tmp_path):
    """Runs an upload in a process that `limit` was called in first."""
    def run(limit, *arguments):
        done = subprocess.run(
            [program, "upload", "me/machine", *arguments, "--json"], preexec_fn=limit,
            env=headrace_environment(hub.url, hub.token, tmp_path, None), cwd=tmp_path,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        return Run(done.returncode, done.stdout.decode(), done.stderr.decode())
    return run


def forbid_io_uring(errno_value):
    """A seccomp filter as a container's: io_uring_setup fails, all else is allowed."""
    def instruction(code, yes, no, value):
        return struct.pack("HBBI", code, yes, no, value)
    load, equal, give = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    program = b"".join([
        instruction(load, 0, 0, 4),  # seccomp_data.arch
        instruction(equal, 0, 2, ARCHITECTURES[platform.machine()]),
        instruction(load, 0, 0, 0),  # seccomp_data.nr
        instruction(equal, 1, 0, IO_URING_SETUP),
        instruction(give, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
        instruction(give, 0, 0, 0x00050000 | errno_value),  # SECCOMP_RET_ERRNO
    ])
    code = ctypes.create_string_buffer(program)
    head = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)

    def install():
        assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
        assert libc.prctl(22, 2, head, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    install.keeps = code
    return install


@pytest.mark.parametrize("refusal", [errno.EPERM, errno.ENOSYS])
def test_io_uring_forbidden(upload_under, hub, folder, refusal):
    run = upload_under(forbid_io_uring(refusal), "folder")
    assert run.code == 1, run
    error = run.error
    assert (error["code"], error["class"]) == ("io_uring_forbidden", "fail")
    assert error["errno"] == refusal
    assert error["stage"] == "start"
    assert "seccomp" in error["hint"] or "kernel.io_uring_disabled" in error["hint"]


def test_no_locked_memory(upload_under, folder, download):
    """Nothing has to be locked: rings and blocks do without."""
    _, expected = folder

    def no_memlock():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    run = upload_under(no_memlock, "folder", "-v")
    assert run.code == 0, run
    notes = [event["text"] for event in run.events if event["event"] == "note"]
    assert any("io_uring: " in note for note in notes), notes
    assert download("me/machine") == expected


@pytest.mark.parametrize("limits", [["16M"], ["16M", "--workers", "1"], ["16M", "--workers", "64"]])
def test_little_memory(headrace, hub, tmp_path, download, limits):
    """16 MiB for files that are larger together, and one that is larger alone."""
    files = {f"{n}.bin": bytes_of(2 * MIB + n, n) for n in range(12)}
    files |= {"large.bin": bytes_of(40 * MIB + 1, 99), "text.txt": "text\n" * 100_000}
    expected = make_folder(tmp_path / "f", files)
    run = headrace("upload", "me/little", "f", "--memory-limit", *limits, "-v", "--json")
    assert run.code == 0, run
    notes = [event["text"] for event in run.events if event["event"] == "note"]
    assert "memory budget 16 MiB" in notes, notes
    assert download("me/little") == expected


def test_few_descriptors(upload_under, tmp_path, download):
    """64 descriptors are enough for files without number."""
    expected = make_folder(tmp_path / "f", {f"{n}.bin": bytes_of(20 * KIB + n, n)
                                            for n in range(300)})

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    run = upload_under(few, "f", "--workers", "2")
    assert run.code == 0, run
    assert download("me/machine") == expected


def test_no_descriptors_left(upload_under, hub, tmp_path, download):
    """From too few to enough: wherever they run out, that is said, and nothing is half done."""
    if "UBSAN_OPTIONS" in os.environ:
        pytest.skip("the sanitizer looks at memory through descriptors of its own")
    expected = make_folder(tmp_path / "f", {f"{n}.bin": bytes_of(20 * KIB + n, n)
                                            for n in range(5)})
    stages = set()
    for count in range(4, 64):
        run = upload_under(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count)),
                           "f", "--workers", "1")
        if run.code == 0:
            break
        error = run.error
        assert (error["class"], error["errno"], run.code) == ("limit", errno.EMFILE, 1), error
        assert "open files" in error["hint"] and "Too many open files" in error["message"], error
        stages.add(error["stage"])
    assert run.code == 0, run
    assert stages >= {"start", "scan", "read"}, stages
    assert download("me/machine") == expected
    assert hub.commits("me/machine") == "2"


def test_a_machine_of_32_mib(headrace, tmp_path, download):
    """A quarter of it is less than what is needed, so that much is taken, and no more."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal:       {32 * KIB} kB\n")
    files = {f"{n}.bin": bytes_of(2 * MIB + n, n) for n in range(12)}
    expected = make_folder(tmp_path / "f", files | {"large.bin": bytes_of(40 * MIB + 1, 99)})
    run = headrace("upload", "me/little", "f", "-v", "--json",
                   prefix=own_mounts(f"mount --bind {meminfo} /proc/meminfo"))
    assert run.code == 0, run
    notes = [event["text"] for event in run.events if event["event"] == "note"]
    assert "memory budget 16 MiB" in notes, notes
    assert run.event("result")["totals"]["memory_peak_bytes"] < 16 * MIB + 64 * MIB
    assert download("me/little") == expected
