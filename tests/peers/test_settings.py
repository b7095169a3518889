"""Each documented variable, flag and file, as the wire shows it: who asks, and where."""

import os
import pty
import subprocess

import pytest
from conftest import Hub, bytes_of, headrace_environment, make_folder, run_program
from relay import Relay


@pytest.fixture
def asked(program, hub, tmp_path):
    """asked(flags, variables) runs whoami and gives the token that came, None if there was none."""
    def run(*flags, **variables):
        with Relay(hub.url) as relay:
            env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HF_ENDPOINT": relay.url}
            env |= {name: str(value) for name, value in variables.items()}
            run.last = run_program([program, "whoami", *map(str, flags)], env, tmp_path)
            seen = relay.seen("GET", "/api/whoami-v2")
            run.requests = relay.requests
            tokens = {request.headers.get("authorization") for request in seen}
        assert len(tokens) <= 1
        token = tokens.pop() if tokens else None
        return token and token.removeprefix("Bearer ")
    return run


@pytest.fixture
def token_file(tmp_path):
    def write(path, text):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n")
        return target
    return write


def test_token_variables(asked):
    assert asked(HF_TOKEN="hf_one") == "hf_one"
    assert asked(HUGGING_FACE_HUB_TOKEN="hf_two") == "hf_two"
    assert asked(HF_TOKEN="hf_one", HUGGING_FACE_HUB_TOKEN="hf_two") == "hf_one"
    assert asked(HF_TOKEN=" hf_blank\r\n") == "hf_blank"


def test_token_files(asked, token_file, tmp_path):
    token_file(".cache/huggingface/token", "hf_home")
    assert asked() == "hf_home"
    token_file("xdg/huggingface/token", "hf_xdg")
    assert asked(XDG_CACHE_HOME=tmp_path / "xdg") == "hf_xdg"
    token_file("elsewhere/token", "hf_elsewhere")
    assert asked(HF_HOME=tmp_path / "elsewhere", XDG_CACHE_HOME=tmp_path / "xdg") == "hf_elsewhere"
    path = token_file("some/file", "hf_path")
    assert asked(HF_TOKEN_PATH=path, HF_HOME=tmp_path / "elsewhere") == "hf_path"


def test_precedence(asked, token_file):
    path = token_file("flag", "hf_file_flag")
    token_file(".cache/huggingface/token", "hf_home")
    assert asked(HF_TOKEN="hf_variable") == "hf_variable"
    assert asked("--token-file", path, HF_TOKEN="hf_variable") == "hf_file_flag"
    assert asked("--token", "hf_flag", HF_TOKEN="hf_variable") == "hf_flag"


def test_no_implicit_token(asked):
    assert asked(HF_TOKEN="hf_one", HF_HUB_DISABLE_IMPLICIT_TOKEN="yes") is None
    assert asked("--token", "hf_flag", HF_HUB_DISABLE_IMPLICIT_TOKEN="1") == "hf_flag"


def test_endpoint(asked, hub):
    with Relay(hub.url) as other:
        assert asked("--endpoint", other.url, HF_TOKEN=Hub.token) is None
        assert len(other.seen("GET", "/api/whoami-v2")) == 1
    assert asked(HF_TOKEN=Hub.token) == Hub.token
    assert asked.last.code == 0, asked.last


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline(asked, variable):
    assert asked("--json", HF_TOKEN=Hub.token, **{variable: "1"}) is None
    assert not asked.requests
    assert asked.last.code == 1 and asked.last.error["code"] == "offline_mode"


def test_user_agent_says_who_and_no_more(asked, headrace):
    asked(HF_TOKEN=Hub.token)
    version = headrace("--version").out.split()[-1]
    assert {request.headers.get("user-agent") for request in asked.requests} == {
        f"headrace/{version}"}


BAR = b"\r\x1b[K"


@pytest.fixture
def on_terminal(program, hub, relay, tmp_path):
    """What a run writes where standard error is a terminal; standard output stays a pipe. Its
    commit waits until `shows` was written."""
    make_folder(tmp_path / "f", {"a.bin": bytes_of(1000, 1), "a.txt": "a\n"})

    def run(*arguments, code=0, shows=b"", **variables):
        ours, theirs = pty.openpty()
        env = headrace_environment(relay.url, hub.token, tmp_path, {"TERM": "xterm"} | variables)
        gate = relay.on("POST", "/commit/").hold()
        with subprocess.Popen([program, "upload", "me/terminal", *arguments], env=env,
                              cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=theirs) as process:
            os.close(theirs)
            written = b""
            while True:
                if shows in written:
                    gate.open()
                if not (chunk := read_terminal(ours)):
                    break
                written += chunk
            out = process.stdout.read()
        os.close(ours)
        assert process.returncode == code and b"\x1b" not in out, (out, written)
        return written
    return run


def read_terminal(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_progress_bars(on_terminal, headrace, tmp_path):
    """Bars on a terminal only, and not there if a variable says so."""
    assert BAR in on_terminal("f", shows=BAR)
    assert BAR not in on_terminal("f", HF_HUB_DISABLE_PROGRESS_BARS="1")
    run = headrace("upload", "me/bars", "f")
    assert run.code == 0 and "\r" not in run.err and "\x1b" not in run.err, run


def test_colors(on_terminal):
    red = b"\x1b[31merror:"
    assert red in on_terminal("no/such/path", code=1)
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert b"\x1b" not in on_terminal("no/such/path", code=1, **plain)
