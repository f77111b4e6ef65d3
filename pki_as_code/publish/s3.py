"""
Publishing to a bucket (`s3://bucket/prefix`), of Amazon or of anything that speaks the same.

A bucket has no way to replace many objects at once: they are put in an order in which what is there
is always of use. Each one is put on condition that it still is what was seen (If-Match), so that of
two publishers one loses, looks again, and finds what the other left.

boto3, an extra, finds credentials, region and endpoint (`AWS_ENDPOINT_URL`) where it always does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from pki_as_code.errors import PublishError
from pki_as_code.escape import quoted, safe
from pki_as_code.publish.interface import RaceLostError, Session
from pki_as_code.publish.layout import (
    INDEX_JSON,
    MARKER,
    MARKER_CONTENT,
    MAX_FILE_BYTES,
    cache_control,
    content_type,
    in_order,
    is_own,
)
from pki_as_code.publish.temporary import TemporaryStaging

_URI: Final = re.compile(
    r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_=.+~-]+)*)/?", re.ASCII
)
_SECONDS: Final = 60
_MOST_REMOVED_AT_ONCE: Final = 1000
_LONGEST_COMPLAINT: Final = 300
_CHANGED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_MISSING: Final = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True)
class Bucket:
    """A prefix in a bucket as a destination; the prefix is empty or ends with a slash."""

    name: str
    prefix: str
    client: Any

    @property
    def description(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")

    def open(self) -> Session:
        return _BucketSession(self)


def open_bucket(uri: str) -> Bucket:
    """Return the destination. Raises `PublishError`: `publish.bad_destination`, `.no_boto3`."""
    match = _URI.fullmatch(uri)
    if match is None or not {"", ".", ".."}.isdisjoint(match[2].split("/")[1:]):
        raise PublishError(
            f"{quoted(uri)} does not name a bucket and a prefix",
            help="write s3://bucket or s3://bucket/prefix",
            code="publish.bad_destination",
        )
    try:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]
    except ImportError:
        raise PublishError(
            "publishing to a bucket needs boto3, which is not installed",
            help="install it: pip install 'pki-as-code[s3]'",
            code="publish.no_boto3",
        ) from None
    config = Config(
        connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"mode": "standard"},
    )  # fmt: skip
    with _failing_as_publishing(uri):
        client = boto3.client("s3", config=config)
    prefix = match[2].strip("/")
    return Bucket(match[1], f"{prefix}/" if prefix else "", client)


class _BucketSession:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._etags: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._list()
        if self._etags and self.read(MARKER) != MARKER_CONTENT:
            raise PublishError(
                f"{bucket.description} has content that was not published by this program",
                help="name a prefix with nothing below it",
                code="publish.foreign_content",
            )
        self._md5, self._digests = self._known_contents()
        self._staging = TemporaryStaging()

    def _list(self) -> None:
        bucket = self._bucket
        with _failing_as_publishing(bucket.description):
            pages = bucket.client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket.name, Prefix=bucket.prefix
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    path = found["Key"].removeprefix(bucket.prefix)
                    self._etags[path] = found["ETag"]
                    self._sizes[path] = found["Size"]

    def _known_contents(self) -> tuple[bool, dict[str, str]]:
        """
        Return whether ETags are MD5 sums here, and the SHA-256 of files as the index has them.

        They are, unless the bucket is encrypted with keys of one's own.
        """
        index = self.read(INDEX_JSON)
        if index is None:
            return False, {}
        try:
            files = json.loads(index)["files"]
            digests = {path: str(file["sha256"]) for path, file in files.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            digests = {}
        return self._etags.get(INDEX_JSON) == _md5(index), digests

    def paths(self) -> frozenset[str]:
        return frozenset(filter(is_own, self._etags))

    def read(self, path: str) -> bytes | None:
        if path not in self._etags:
            return None
        with _failing_as_publishing(self._bucket.description):
            found = self._bucket.client.get_object(
                Bucket=self._bucket.name, Key=self._key(path), IfMatch=self._etags[path]
            )
            content: bytes = found["Body"].read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise PublishError(
                f"{quoted(self._key(path))} has more than {MAX_FILE_BYTES} bytes",
                help="remove the object: it is not one that was published",
                code="publish.foreign_content",
            )
        return content

    def holds(self, path: str, content: bytes) -> bool:
        if self._sizes.get(path) != len(content):
            return False
        if self._md5:
            return self._etags[path] == _md5(content)
        return self._digests.get(path) == hashlib.sha256(content).hexdigest()

    def stage(self, path: str, content: bytes) -> bytes:
        return self._staging.stage(path, content)

    def staged(self, path: str) -> bytes:
        return self._staging.staged(path)

    def drop(self, path: str) -> None:
        self._staging.drop(path)

    def commit(self, changed: Set[str], removed: Set[str], *, title: str, now: datetime) -> None:
        """Put the mark, then the files in order, the index last; then remove what is stale."""
        if MARKER not in self._etags:
            self._put(MARKER, MARKER_CONTENT)
        for path in in_order(changed):
            self._put(path, self.staged(path))
        stale = iter(in_order(removed))
        while batch := list(islice(stale, _MOST_REMOVED_AT_ONCE)):
            with _failing_as_publishing(self._bucket.description):
                done = self._bucket.client.delete_objects(
                    Bucket=self._bucket.name,
                    Delete={"Objects": [{"Key": self._key(path)} for path in batch], "Quiet": True},
                )
            for error in done.get("Errors", ()):
                raise _failed(self._bucket.description, str(error.get("Message", "")))

    def close(self) -> None:
        self._staging.close()

    def _put(self, path: str, content: bytes) -> None:
        etag = self._etags.get(path)
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        with _failing_as_publishing(self._bucket.description):
            done = self._bucket.client.put_object(
                Bucket=self._bucket.name,
                Key=self._key(path),
                Body=content,
                ContentType=content_type(path),
                CacheControl=cache_control(path),
                **condition,
            )
        self._etags[path] = done["ETag"]

    def _key(self, path: str) -> str:
        return f"{self._bucket.prefix}{path}"


def _md5(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


@contextmanager
def _failing_as_publishing(description: str) -> Iterator[None]:
    """Turn the errors of boto3 into ours; a condition that failed into `RaceLostError`."""
    from botocore.exceptions import (  # type: ignore[import-untyped]
        BotoCoreError,
        ClientError,
        HTTPClientError,
    )

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _CHANGED | _MISSING:
            raise RaceLostError from error
        raise _failed(description, str(error)) from error
    except (BotoCoreError, HTTPClientError) as error:
        raise _failed(description, str(error)) from error


def _failed(description: str, complaint: str) -> PublishError:
    return PublishError(
        f"{description} could not be published to: {safe(complaint[:_LONGEST_COMPLAINT])}",
        help="check the bucket, its endpoint and your credentials; what was put so far is of use, "
        "and the next run continues",
        code="publish.s3_failed",
    )
