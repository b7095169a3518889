"""Prints sigv4_table.inc: requests, and how botocore signs them.

Run it with the interpreter of the client "s3" when the table should grow: make_sigv4_table.py >
sigv4_table.inc. The draw has a fixed seed; test_s3_tables.py holds the file against this program.
"""

import datetime
import random
from unittest.mock import patch
from urllib.parse import quote

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD"]
HOSTS = ["https://bucket.s3.eu-central-1.amazonaws.com", "http://127.0.0.1:9000", "https://[::1]:9000",
         "https://s3.example.org", "https://Example.org:443", "http://example.org:80"]
REGIONS = ["us-east-1", "eu-central-1", "auto", "garage"]
PAYLOADS = ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]
TOKEN = "FwoGZXIvYXdzEXAMPLE//////////token+with/signs=="
LETTERS = "aZ09-_.~ !\"#$%&'()*+,:;<=>?@[]^`{|}é😀/"
FIELDS = [("Content-Type", "application/x-tar"), ("x-amz-meta-note", "  two   blanks "),
          ("If-None-Match", "*"), ("Expect", "100-continue"), ("User-Agent", "headrace"),
          ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="), ("X-Amz-Storage-Class", "STANDARD_IA"),
          ("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", "12"),
          ("Transfer-Encoding", "chunked"), ("x-amz-tagging", "a=b&c=d%20e")]
PARAMETERS = [("uploads", ""), ("partNumber", "7"), ("uploadId", "a+b/c=~é"), ("prefix", "J o/"),
              ("max-keys", "2"), ("delimiter", "/"), ("Zed", "1"), ("list-type", "2")]


def text_of(draw, size_max):
    return "".join(draw.choice(LETTERS) for _ in range(draw.randint(0, size_max)))


def signed(kind, request, token, region, now, payload=None):
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                              token or None)
    signer = kind(credentials, "s3", region)
    if payload is not None:
        signer.payload = lambda _: payload
    with patch.object(auth, "get_current_datetime", lambda *_: now):
        signer.add_auth(request)
    return request


def row(draw):
    path = quote("/" + draw.choice(["", "bucket/"]) + text_of(draw, 12), safe="/-_.~")
    query = draw.sample(PARAMETERS, draw.randint(0, 3))
    url = draw.choice(HOSTS) + path
    if query:
        url += "?" + "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in query)
    fields = draw.sample(FIELDS, draw.randint(0, 4))
    method, region, payload = (draw.choice(each) for each in (METHODS, REGIONS, PAYLOADS))
    token = draw.choice(["", TOKEN])
    second = draw.randint(1_000_000_000, 2_500_000_000)
    now = datetime.datetime.fromtimestamp(second, datetime.timezone.utc)
    def request():
        return AWSRequest(method=method, url=url, headers=dict(fields))

    header = signed(auth.S3SigV4Auth, request(), token, region, now, payload)
    # It keeps an empty value of a query out of what it makes; a presigned one has none here.
    asked = None
    if all(value for _, value in query):
        asked = signed(auth.S3SigV4QueryAuth, request(), token, region, now).url
    lines = "".join(f"{name}: {value}\n" for name, value in fields)
    return (method, url, lines, payload, token, region, second,
            header.headers["Authorization"], asked or "")


def quoted(value):
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace(
        "?", "\\?") + '"'


def main():
    draw = random.Random(20130524)
    for _ in range(150):
        print("{" + ", ".join(map(quoted, row(draw))) + "},")


if __name__ == "__main__":
    main()
