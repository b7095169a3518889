"""Stores that others have written, on loopback, and boto3 to look into them.

`versitygw` and MinIO are built by tools/setup, moto is in the Python environment "s3" with boto3;
its packages come behind those of the interpreter that runs pytest, which is of the same Python.
MinIO takes ten minutes to build and is there where HEADRACE_MINIO names one.
"""

import hashlib
import os
import site
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

from conftest import ROOT, WAIT_S, clean_environment, client_bin

site.addsitedir(str(client_bin("s3").parent / "lib" /
                    f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"))

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

KEY, SECRET = "AKIDPEERSTESTS", "peers/tests+secret"


def server_program(name):
    """What tools/setup built; its folder carries the version that stands there."""
    if name == "minio":
        return os.environ.get("HEADRACE_MINIO")
    version = next(line.split()[1] for line in (ROOT / "tests/peers/servers.txt").read_text()
                   .splitlines() if line.startswith(f"{name} "))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-dev"
    return str(cache / f"{name}-{version}" / name)


STORES = ["versitygw", "moto", *(["minio"] if os.environ.get("HEADRACE_MINIO") else [])]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One of STORES over a folder, without TLS or with a certificate and its key."""

    def __init__(self, kind, root, certificate=None, key=None):
        self.kind, self.root, self.port = kind, Path(root), free_port()
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self.root.mkdir()
        self.log = self.root / "log"
        extra = {}
        if kind == "versitygw":
            for name in ("data", "sidecar"):
                (self.root / name).mkdir()
            tls = ["--cert", certificate, "--key", key] if certificate else []
            argv = [server_program(kind), "--access", KEY, "--secret", SECRET, "--region",
                    "us-east-1", "--port", f"127.0.0.1:{self.port}", *tls, "posix", "--sidecar",
                    self.root / "sidecar", self.root / "data"]
        elif kind == "minio":
            certs = self.root / "certs"
            certs.mkdir()
            if certificate:
                (certs / "public.crt").write_bytes(Path(certificate).read_bytes())
                (certs / "private.key").write_bytes(Path(key).read_bytes())
            argv = [server_program(kind), "server", "--quiet", "--address",
                    f"127.0.0.1:{self.port}", "--console-address", f"127.0.0.1:{free_port()}",
                    "--certs-dir", certs, self.root / "data"]
            extra = {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "CI": "true"}
        else:
            tls = ["-c", certificate, "-k", key] if certificate else []
            argv = [client_bin("s3") / "moto_server", "-H", "127.0.0.1", "-p", self.port, *tls]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                list(map(str, argv)), stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, env=clean_environment(HOME=self.root, **extra))
        self.wait_until_it_listens()

    def wait_until_it_listens(self):
        until = time.monotonic() + WAIT_S
        while True:
            assert self.process.poll() is None and time.monotonic() < until, self.log.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(WAIT_S)


class Store:
    """A bucket of its own in a server, as boto3 sees it."""

    def __init__(self, server, ca=None):
        self.server, self.kind, self.url, self.ca = server, server.kind, server.url, ca
        self.bucket = f"peers-{uuid.uuid4().hex[:12]}"
        self.s3 = boto3.client(
            "s3", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=KEY,
            aws_secret_access_key=SECRET, verify=str(ca) if ca else None,
            config=Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}))
        self.s3.create_bucket(Bucket=self.bucket)

    def at(self, key=""):
        """As headrace is told of it."""
        return f"s3://{self.bucket}/{key}" if key else f"s3://{self.bucket}"

    def environment(self, home, **extra):
        """What headrace is to find, and nothing of the person's who runs the tests."""
        named = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
                 "AWS_ENDPOINT_URL": self.url, "AWS_REGION": "us-east-1", "HOME": home,
                 "AWS_EC2_METADATA_DISABLED": "true", "AWS_CA_BUNDLE": self.ca,
                 "XDG_CACHE_HOME": Path(home) / "cache"}
        clean = {name: value for name, value in clean_environment().items()
                 if not name.startswith("AWS_")}
        return clean | {name: str(value) for name, value in (named | extra).items()
                        if value is not None}

    def keys(self):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return sorted(each["Key"] for page in pages for each in page.get("Contents", []))

    def read(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def digests(self):
        """{key: SHA-256} of all that is there."""
        return {key: sha256(self.read(key)) for key in self.keys()}

    def head(self, key):
        return self.s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")

    def uploads(self):
        found = self.s3.list_multipart_uploads(Bucket=self.bucket)
        return [(each["Key"], each["UploadId"]) for each in found.get("Uploads", [])]


def error_code(call, **arguments):
    """The store's name for what is wrong with a call."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def error_document(code, **fields):
    """What a store says when it refuses."""
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
            f"<Message>as the test wants it</Message>{inside}</Error>").encode()
