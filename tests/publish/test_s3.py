"""A bucket as destination, served by moto on the loopback interface."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pki_as_code.errors import PublishContentionError, PublishError
from pki_as_code.publish import open_destination
from pki_as_code.publish.publishing import publish
from pki_as_code.publish.sections import SECTIONS
from tests.publish.conftest import files_below
from tests.stores.material import NOW

PLACE = "s3://pages/pki/v1"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        url = next(
            line.rpartition(" on ")[2].strip() for line in process.stdout if " on http" in line
        )
        yield url
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def bucket(server, monkeypatch) -> Iterator[Any]:
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="pages")
    yield client
    for key in keys(client):
        client.delete_object(Bucket="pages", Key=key)
    client.delete_bucket(Bucket="pages")
    client.close()


def keys(client) -> list[str]:
    return [o["Key"] for o in client.list_objects_v2(Bucket="pages").get("Contents", ())]


def content(client, path: str) -> bytes:
    body = client.get_object(Bucket="pages", Key=f"pki/v1/{path}")["Body"]
    with body:
        return body.read()


def test_the_bucket_has_the_tree(site, bucket, tmp_path):
    site.publish(PLACE)
    site.publish("plain")
    expected = files_below(tmp_path / "plain")
    assert set(keys(bucket)) == {f"pki/v1/{path}" for path in [*expected, ".pkictl-published"]}
    assert {path: content(bucket, path) for path in expected} == expected


def test_objects_have_media_types_and_a_time_to_be_kept(site, bucket):
    site.publish(PLACE)
    for path, kind, kept in (
        ("crl/root.crl", "application/pkix-crl", "public, max-age=300"),
        ("ca/root.cer", "application/pkix-cert", "public, max-age=86400"),
        ("index.html", "text/html; charset=utf-8", "public, max-age=300"),
    ):
        head = bucket.head_object(Bucket="pages", Key=f"pki/v1/{path}")
        assert (head["ContentType"], head["CacheControl"]) == (kind, kept)


def times(client) -> dict[str, Any]:
    found = client.list_objects_v2(Bucket="pages")["Contents"]
    return {o["Key"]: (o["ETag"], o["LastModified"]) for o in found}


def test_publishing_again_puts_nothing_and_later_only_what_changed(site, bucket):
    site.publish(PLACE)
    before = times(bucket)
    assert site.publish(PLACE).written == ()
    assert times(bucket) == before
    site.crl(2)
    report = site.publish(PLACE, sections=[SECTIONS["ca"], SECTIONS["crl"]])
    assert report.written == ("crl/root.crl", "index.html", "index.json")
    assert report.removed == ("certificates/default/web.pem",)
    assert "pki/v1/certificates/default/web.pem" not in keys(bucket)


def test_an_object_that_was_altered_is_put_right(site, bucket):
    site.publish(PLACE)
    right = content(bucket, "ca/root.pem")
    bucket.put_object(Bucket="pages", Key="pki/v1/ca/root.pem", Body=right.swapcase())
    assert site.publish(PLACE).written == ("ca/root.pem",)
    assert content(bucket, "ca/root.pem") == right


def test_objects_of_others_below_the_prefix_are_refused(site, bucket):
    bucket.put_object(Bucket="pages", Key="pki/v1/photo.jpg", Body=b"x")
    with pytest.raises(PublishError) as caught:
        site.publish(PLACE)
    assert caught.value.code == "publish.foreign_content"
    assert keys(bucket) == ["pki/v1/photo.jpg"]


def test_objects_beside_the_prefix_do_not_matter(site, bucket):
    bucket.put_object(Bucket="pages", Key="pki/v10/photo.jpg", Body=b"x")
    assert site.publish(PLACE).written
    assert "pki/v10/photo.jpg" in keys(bucket)


class Overtaking:
    """A client beside which someone else publishes just before each n-th put of a CRL."""

    def __init__(self, client: Any, before_put: Any) -> None:
        self._client, self._before_put = client, before_put

    def put_object(self, **options: Any) -> Any:
        if options["Key"].endswith(".crl"):
            self._before_put()
        return self._client.put_object(**options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def overtaken(site, before_put):
    from pki_as_code.publish.s3 import Bucket

    bucket = open_destination(PLACE, root=site.root)
    assert isinstance(bucket, Bucket)
    return Bucket(bucket.name, bucket.prefix, Overtaking(bucket.client, before_put))


def test_of_two_publishers_the_slower_one_looks_again(site, bucket):
    site.publish(PLACE)
    site.crl(2)
    done = []

    def other() -> None:
        if not done:
            done.append(True)
            site.crl(3)
            site.publish(PLACE)

    report = publish(site.store, overtaken(site, other), NOW)
    assert report.written == ()
    assert json.loads(content(bucket, "index.json"))["authorities"][1]["crls"][0]["number"] == 3


def test_a_publisher_that_always_loses_gives_up(site, bucket):
    site.publish(PLACE)
    site.crl(2)

    def other() -> None:
        body = content(bucket, "crl/root.crl")
        bucket.put_object(Bucket="pages", Key="pki/v1/crl/root.crl", Body=body + b"x")

    with pytest.raises(PublishContentionError):
        publish(site.store, overtaken(site, other), NOW)


def test_a_run_that_died_is_finished_by_the_next(site, bucket):
    site.publish(PLACE)
    site.issue("api", 0x2002)
    site.crl(2)

    class DiedError(Exception):
        pass

    def die() -> None:
        raise DiedError

    with pytest.raises(DiedError):
        publish(site.store, overtaken(site, die), NOW)
    assert content(bucket, "certificates/default/api.pem"), "it was put before the CRL"
    assert site.publish(PLACE).written == ("crl/root.crl", "index.html", "index.json")


@pytest.mark.parametrize(
    "uri",
    ["s3:", "s3://", "s3://x", "s3://UPPER/x", "s3://pages/../x", "s3://pages//x", "s3://a/b?c",
     "s3:pages"],
)  # fmt: skip
def test_what_names_no_bucket_is_refused(site, uri):
    with pytest.raises(PublishError) as caught:
        site.publish(uri)
    assert caught.value.code == "publish.bad_destination"


def test_a_bucket_that_is_not_there_is_an_error_with_a_help(site, bucket):
    with pytest.raises(PublishError) as caught:
        site.publish("s3://nowhere/x")
    assert caught.value.code == "publish.s3_failed"
    assert isinstance(caught.value.__cause__, ClientError)
    assert caught.value.help


def test_a_service_that_cannot_be_reached_is_an_error_with_a_help(site, bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    started = time.monotonic()
    with pytest.raises(PublishError) as caught:
        site.publish(PLACE)
    assert caught.value.code == "publish.s3_failed"
    assert isinstance(caught.value.__cause__, EndpointConnectionError)
    assert time.monotonic() - started < 60
