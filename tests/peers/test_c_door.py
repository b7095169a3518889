"""The C door: what headrace.h promises, the installed library, and what is built on it.

The programs of tests/capi ask the promises one by one; here they get a hub, and not a byte may come
out of them. Examples are compiled as a stranger would, from an installed prefix by pkg-config.
"""

import json
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from c_door import STRICT, compile_installed, symbols
from conftest import MIB, ROOT, Hub, bytes_of, clean_environment, make_folder, run_program

pytest_plugins = "c_door_fixtures"

SCENARIOS = ["versions", "engine_options", "upload_options", "events", "callbacks", "cancel",
             "handles", "errors", "forks", "signals", "threads"]
URLS_SCENARIOS = ["urls", "urls_refused", "urls_cancel", "urls_threads"]


@pytest.mark.parametrize("language", ["door", "door_cpp"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_promise(build, hub, tmp_path, folder, scenario, language):
    where, _ = folder
    if scenario == "cancel":
        with open(where / "huge.bin", "wb") as huge:
            huge.truncate(1 << 40)
    if scenario == "threads":
        where = tmp_path / "small"
        make_folder(where, {"notes.txt": "a line\n", "small.bin": bytes_of(3000, 1)})
    done = run_program([str(build / "tests/capi" / language), scenario, hub.url, hub.token,
                        str(where)], clean_environment(HF_HOME=tmp_path / "home"))
    assert (done.code, done.out, done.err) == (0, "", "")


def test_what_it_uploaded_is_there(build, hub, tmp_path, folder, download):
    where, expected = folder
    argv = [str(build / "tests/capi/door"), "events", hub.url, hub.token, str(where)]
    assert run_program(argv, clean_environment(HF_HOME=tmp_path / "home")).code == 0
    assert download("me/events") == expected


class PartStore(ThreadingHTTPServer):
    """Takes any PUT and answers with its path as tag; /expired, /refused, /shaky and /held behave
    as they are called."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self):
        super().__init__(("127.0.0.1", 0), PartHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.parts, self.agents, self.over = {}, set(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def whole(self, name):
        parts = {int(path.split("/")[2]): data for path, data in self.parts.items()
                 if path.split("/")[1] == name}
        return b"".join(parts[number] for number in range(len(parts)))

    def handle_error(self, *_):
        """A client that was told to stop is no error of ours."""


class PartHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        data = self.rfile.read(int(self.headers["content-length"]))
        self.server.agents.add(self.headers["user-agent"])
        kind = self.path.split("/")[1]
        first = self.path not in self.server.parts
        self.server.parts[self.path] = data
        if kind == "held":
            self.server.over.wait(60)
        if kind == "expired":
            return self.answer(403, b"<Error><Message>Request has expired</Message></Error>")
        if kind == "refused":
            return self.answer(403, b"<Error><Message>Access denied</Message></Error>")
        if kind == "shaky" and first and self.path.endswith("/1"):
            return self.answer(503, b"")
        return self.answer(200, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", f'"{self.path}"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def store():
    store = PartStore()
    yield store
    store.over.set()
    store.shutdown()
    store.server_close()


@pytest.mark.parametrize("language", ["urls", "urls_cpp"])
@pytest.mark.parametrize("scenario", URLS_SCENARIOS)
def test_promise_of_given_urls(build, store, tmp_path, scenario, language):
    content = bytes_of((MIB if scenario == "urls_threads" else 4 * MIB) + 12345, 5)
    (tmp_path / "content").write_bytes(content)
    done = run_program([str(build / "tests/capi" / language), scenario, store.url, "none",
                        str(tmp_path / "content")], clean_environment())
    assert (done.code, done.out, done.err) == (0, "", "")
    if scenario == "urls":
        assert store.whole("file") == store.whole("memory") == content
        assert store.whole("tail") == content[1000:]
        assert store.whole("range") == store.whole("memory-range") == content[1000:MIB + 1001]
        assert store.whole("nothing") == b"" and "/nothing/0" in store.parts
    if scenario == "urls_threads":
        assert all(store.whole(f"thread-{number}") == content for number in range(200))


def test_exports_are_those_of_the_header(library):
    header = (ROOT / "engine/headrace.h").read_text()
    declared = set(re.findall(r"^HEADRACE_EXPORT [^;(]*?(headrace_\w+)\(", header, re.M))
    exported = {name for name, kind in symbols(library) if kind in "TDBRVW" and kind != "w"}
    assert exported - {"HEADRACE_0"} == declared
    assert len(declared) > 25


def test_soname(library):
    out = subprocess.run(["readelf", "-d", library], check=True, capture_output=True,
                         text=True).stdout
    assert re.search(r"SONAME.*\[libheadrace\.so\.0\]", out)
    assert "NODELETE" in out
    assert "mimalloc" not in out


def test_c_example(prefix, sanitized, hub, tmp_path, folder, download):
    if sanitized:
        pytest.skip("a sanitizer's library has no strangers")
    where, expected = folder
    program = tmp_path / "upload"
    libraries = compile_installed(prefix, ROOT / "tools/examples/upload.c", program, *STRICT)
    env = clean_environment(HF_ENDPOINT=hub.url, HF_TOKEN=hub.token, HF_HOME=tmp_path / "home",
                            LD_LIBRARY_PATH=libraries)
    done = run_program([str(program), "me/example", str(where)], env)
    assert done.code == 0 and done.out == f"{hub.url}/me/example/tree/main\n", done
    assert download("me/example") == expected
    refused = run_program([str(program), "me/example", str(where)], env | {"HF_TOKEN": "hf_other"})
    assert refused.code == 1 and refused.out == "" and "401" in refused.err


@pytest.mark.parametrize("standard", ["c++98", "c++23"])
def test_header_in_other_languages(prefix, sanitized, tmp_path, standard):
    if sanitized:
        pytest.skip("a sanitizer's library has no strangers")
    source = tmp_path / "version.cc"
    source.write_text('#include <headrace.h>\n#include <stdio.h>\n'
                      'int main() { puts(headrace_version()); }\n')
    libraries = compile_installed(prefix, source, tmp_path / "version", f"-std={standard}",
                                  "-pedantic", "-Wall", "-Wextra", "-Werror")
    done = run_program([str(tmp_path / "version")], clean_environment(LD_LIBRARY_PATH=libraries))
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", done.out)


def test_python_example(python, hub, tmp_path, folder, download):
    where, expected = folder
    script = f"""
import headrace, json
with headrace.Engine(workers=1) as engine:
    events = []
    result = engine.upload("me/python", {str(where)!r}, message="by Python").wait(events.append)
    print(json.dumps([result, events]))
    try:
        engine.upload("me/python", "there/is/none").wait()
    except headrace.Error as error:
        print(json.dumps(error.fields))
"""
    result, error = map(json.loads, python(script).out.splitlines())
    result, events = result
    assert result["url"] == f"{hub.url}/me/python/tree/main"
    assert result["commits"][0]["summary"] == "by Python"
    assert {"scan_finished", "file_hashed", "commit_landed"} <= {e["event"] for e in events}
    sequence = [event["seq"] for event in events]
    assert sequence == sorted(set(sequence))
    assert (error["class"], error["code"], error["stage"]) == ("fail", "no_such_path", "scan")
    assert download("me/python") == expected


def test_hub_client_with_headrace_in_the_place_of_hf_transfer(library, sanitized, hub, relay,
                                                              client_0_36_0, tmp_path, download):
    if sanitized:
        pytest.skip("a sanitizer's library has no strangers")
    files = make_folder(tmp_path / "large", {"weights.safetensors": bytes_of(5 * MIB + 99, 6),
                                             "notes.txt": "text"})
    client_0_36_0("hf", "upload", "me/instead", tmp_path / "large", endpoint=relay.url,
                  HF_HUB_ENABLE_HF_TRANSFER=1, PYTHONPATH=ROOT / "tools/examples",
                  PYTHONDONTWRITEBYTECODE=1, HEADRACE_LIBRARY=library)
    assert download("me/instead") == files
    agents = [request.headers["user-agent"] for request in relay.seen("PUT")]
    assert len(agents) == 6 and all(agent.startswith("headrace/") for agent in agents)


def test_python_sends_bytes(python, store):
    script = f"""
import headrace
content = bytes(range(256)) * 10000
with headrace.Engine() as engine:
    job = engine.send_parts(content, [f"{store.url}/bytes/{{n}}" for n in range(3)], 1 << 20)
    print(job.wait()["part_tags"])
"""
    assert python(script).out.strip() == str([f'"/bytes/{n}"' for n in range(3)])
    assert store.whole("bytes") == bytes(range(256)) * 10000


def test_python_filters(python, hub, tmp_path, download):
    files = make_folder(tmp_path / "mixed", {"a.txt": "a", "b.md": "b", "c/d.txt": "d"})
    python(f"""
import headrace
with headrace.Engine() as engine:
    engine.upload("me/some", {str(tmp_path / "mixed")!r}, path_in_repo="in", include=["*.txt"],
                  exclude=["c/*"]).wait()
""")
    assert download("me/some") == {"in/a.txt": files["a.txt"]}
