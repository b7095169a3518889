"""What runs headrace against the stores of s3.py: a plugin, for files that say
`pytest_plugins = "s3_fixtures"`."""

import pytest
from conftest import bytes_of, run_program
from s3 import STORES, Server, Store


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """servers(kind), one of STORES that runs; servers(kind, issued) the same over TLS."""
    running = {}

    def get(kind, issued=None):
        if (kind, issued) not in running:
            files = (issued.path, issued.key_path) if issued else ()
            running[kind, issued] = Server(kind, tmp_path_factory.mktemp("stores") / kind, *files)
        return running[kind, issued]

    yield get
    for server in running.values():
        server.stop()


@pytest.fixture(params=STORES)
def store(request, servers):
    return Store(servers(request.param))


@pytest.fixture
def gateway(servers):
    """The store that checks signatures, regions and times, for tests of one store."""
    return Store(servers("versitygw"))


@pytest.fixture
def run_s3(program, tmp_path):
    """run_s3(store, ARGUMENT…) in the test's folder, through `via` if there is one; `env` adds
    variables."""

    def run(store, *arguments, via=None, env=None, prefix=(), stdin=None):
        variables = {"AWS_ENDPOINT_URL": (via or store).url} | (env or {})
        return run_program([program, *map(str, arguments)],
                           store.environment(tmp_path, **variables), tmp_path, prefix,
                           stdin=stdin)

    return run


@pytest.fixture
def cp(run_s3):
    """cp(store, SOURCE, KEY, flags…), with events for its output."""

    def run(store, source, key, *flags, **named):
        return run_s3(store, "cp", source, store.at(key), *flags, "--json", **named)

    return run


@pytest.fixture
def file(tmp_path):
    def make(size, seed=1):
        path = tmp_path / f"file-{size}-{seed}"
        path.write_bytes(bytes_of(size, seed))
        return path
    return make
