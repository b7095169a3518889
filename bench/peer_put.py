"""One file to the sink by one of the peers, in this process: what bench/versus runs and measures.

    peer_put.py CLIENT FILE http://HOST:PORT

CLIENT is awscrt, obstore or hf_transfer: the first two with the settings that cost them least,
unsigned and without checksums, so that the way of the bytes is compared; hf_transfer as the Hub's
own client calls it. awscrt-crc64nvme and awscrt-crc32 send a checksum behind each part, as AWS's
own tools do.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

MIB = 1 << 20
PART = 16 * MIB
HUB_PART = 16_000_000  # as the Hub's storage asks for
CONNECTIONS = 8


def awscrt(file, url, algorithm=None):
    from awscrt import auth, http, io, s3
    host = urlsplit(url).netloc
    group = io.EventLoopGroup()
    bootstrap = io.ClientBootstrap(group, io.DefaultHostResolver(group))
    client = s3.S3Client(bootstrap=bootstrap, region="us-east-1", part_size=PART,
                         tls_mode=s3.S3RequestTlsMode.DISABLED,
                         max_active_connections_override=CONNECTIONS)
    credentials = auth.AwsCredentialsProvider.new_static("bench", "bench")
    headers = http.HttpHeaders([("host", host), ("content-length", str(os.path.getsize(file)))])
    checksum = algorithm and s3.S3ChecksumConfig(
        algorithm=s3.S3ChecksumAlgorithm[algorithm], location=s3.S3ChecksumLocation.TRAILER)
    request = client.make_request(
        type=s3.S3RequestType.PUT_OBJECT, credential_provider=credentials, send_filepath=file,
        checksum_config=checksum,
        request=http.HttpRequest("PUT", "/bucket/key", headers))
    request.finished_future.result()


def obstore(file, url):
    import obstore
    from obstore.store import S3Store
    options = {"allow_http": True, "timeout": "600s"}
    if roots := os.environ.get("SSL_CERT_FILE"):
        options["root_certificate"] = Path(roots).read_text()
    store = S3Store(
        "bucket", endpoint=url, region="us-east-1", virtual_hosted_style_request=False,
        access_key_id="bench", secret_access_key="bench", unsigned_payload=True,
        client_options=options)
    obstore.put(store, "key", Path(file), use_multipart=True, chunk_size=PART,
                max_concurrency=CONNECTIONS)


def hf_transfer(file, url):
    from hf_transfer import multipart_upload
    parts = -(-os.path.getsize(file) // HUB_PART)
    urls = [f"{url}/content/bench/{part:05}" for part in range(1, parts + 1)]
    answers = multipart_upload(file_path=file, parts_urls=urls, chunk_size=HUB_PART, max_files=128,
                               parallel_failures=127, max_retries=5)
    assert len(answers) == parts and all(answer["etag"] for answer in answers)


if __name__ == "__main__":
    name, _, algorithm = sys.argv[1].partition("-")
    put = {"awscrt": awscrt, "obstore": obstore, "hf_transfer": hf_transfer}[name]
    put(*sys.argv[2:4], *([algorithm.upper()] if algorithm else []))
