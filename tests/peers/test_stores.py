"""What the tests of S3 take for granted of the stores they run against."""

import pytest
from s3 import KEY, SECRET, ClientError, boto3, error_code

pytest_plugins = "s3_fixtures"


def test_what_is_written_is_read(store):
    store.s3.put_object(Bucket=store.bucket, Key="a b/ü", Body=b"hello")
    assert store.read("a b/ü") == b"hello" and store.keys() == ["a b/ü"]
    upload = store.s3.create_multipart_upload(Bucket=store.bucket, Key="large")["UploadId"]
    assert store.uploads() == [("large", upload)]
    store.s3.abort_multipart_upload(Bucket=store.bucket, Key="large", UploadId=upload)
    assert store.uploads() == []


def test_who_looks_at_signatures(store):
    """moto takes anything; whoever tests keys and regions asks the others."""
    def ask(key, secret, region):
        client = boto3.client("s3", endpoint_url=store.url, region_name=region,
                              aws_access_key_id=key, aws_secret_access_key=secret)
        return error_code(client.put_object, Bucket=store.bucket, Key="key", Body=b"bytes")

    assert ask(KEY, SECRET, "us-east-1") is None
    if store.kind == "moto":
        assert ask(KEY, "another", "us-east-1") is None
        return
    assert ask(KEY, "another", "us-east-1") == "SignatureDoesNotMatch"
    with pytest.raises(ClientError) as refused:
        boto3.client("s3", endpoint_url=store.url, region_name="us-east-1",
                     aws_access_key_id="AKIDUNKNOWN", aws_secret_access_key=SECRET).put_object(
            Bucket=store.bucket, Key="key", Body=b"bytes")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404)
