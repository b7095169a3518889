"""Prints urls_table.inc: where botocore asks for an object, by settings, bucket and key.

Run it with the interpreter of the client "s3": make_urls_table.py > urls_table.inc. The draw has a
fixed seed; test_s3_tables.py holds the file against this program.
"""

import random

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

ENDPOINTS = ["", "", "", "http://127.0.0.1:9000", "https://s3.example.org", "https://h.org/base"]
REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]
STYLES = ["auto", "auto", "path", "virtual"]
BUCKETS = ["bucket", "my-bucket-1", "dotted.bucket", "123"]
KEYS = ["key", "a/b c", "ü+&=?#.bin", "a//b/./../c", "/lead", "trail/", "~!$'()*,;:@[]", "100%"]


class Sent(Exception):
    """Carries the URL of a request that stays here."""


def stop(request, **_):
    raise Sent(request.url)


def url_of(session, endpoint, region, style, options, bucket, key):
    client = session.create_client(
        "s3", region_name=region, endpoint_url=endpoint or None, aws_access_key_id="A",
        aws_secret_access_key="B",
        config=Config(use_dualstack_endpoint="dualstack" in options,
                      use_fips_endpoint="fips" in options, signature_version="s3v4",
                      s3={"addressing_style": style,
                          "use_accelerate_endpoint": "accelerate" in options}))
    client.meta.events.register("before-send.s3.PutObject", stop)
    try:
        client.put_object(Bucket=bucket, Key=key)
    except Sent as sent:
        return str(sent)
    raise AssertionError("nothing was sent")


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'


def main():
    draw = random.Random(2006)
    session = botocore.session.Session()
    seen = set()
    while len(seen) < 120:
        endpoint = draw.choice(ENDPOINTS)
        options = "" if endpoint else draw.choice(["", "", "", "dualstack", "fips", "accelerate",
                                                   "dualstack fips", "dualstack accelerate"])
        row = (endpoint, draw.choice(REGIONS), draw.choice(STYLES), options, draw.choice(BUCKETS),
               draw.choice(KEYS))
        # A host with another dot before AWS's has no certificate; an address takes no name.
        if row in seen or (row[2] == "virtual" and ("." in row[4] or "127." in endpoint)):
            continue
        if "accelerate" in options and (row[1].startswith(("cn", "us-gov")) or "." in row[4]
                                        or row[2] == "path"):
            continue
        try:
            url = url_of(session, *row)
        except BotoCoreError:
            continue
        seen.add(row)
        print("{" + ", ".join(map(quoted, (*row, url))) + "},")


if __name__ == "__main__":
    main()
