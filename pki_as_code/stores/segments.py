"""
The ledger in the tree of a commit: `ledger/<first sequence>.jsonl`.

A commit adds to the last segment while that is short and then begins new ones, so that it never
writes much again. A reader takes segments of any length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pki_as_code.errors import InvalidValueError, RepositoryError
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing import BlobReader, GitRepository, list_tree
from pki_as_code.model import Source
from pki_as_code.stores import codec
from pki_as_code.stores.entries import Entry
from pki_as_code.stores.ledger_store import RawLine

DIRECTORY: Final = "ledger"
CONTINUED_BELOW: Final = 256
"""Entries; a segment with as many is never written again."""

MAX_ENTRIES: Final = 1024
MAX_SEGMENT_BYTES: Final = 256 << 20

_PATH: Final = re.compile(r"ledger/([0-9]{12})\.jsonl", re.ASCII)


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the ledger; `first` is the sequence number of its first line."""

    first: int
    path: str
    blob_id: str


def list_segments(repository: GitRepository, commit: str) -> list[Segment]:
    """Return the segments of a commit in order. Raises `StoreError` for a file that is none."""
    segments: list[Segment] = []
    try:
        entries = list(list_tree(repository, commit, f"{DIRECTORY}/", sizes=False))
    except RepositoryError as error:
        raise codec.corrupt(0, f"commit {commit} cannot be read: {error.message}") from error
    for entry in entries:
        match = _PATH.fullmatch(entry.path)
        if match is None or entry.mode != "100644":
            where = segments[-1].first if segments else 0
            raise codec.corrupt(where, f"{quoted(entry.path)} is no segment of it")
        segments.append(Segment(int(match.group(1)), entry.path, entry.blob_id))
    if segments and segments[0].first != 0:
        raise codec.corrupt(0, f"the first segment is {segments[0].path}")
    return segments


def read_lines(
    repository: GitRepository, segments: Sequence[Segment], first_sequence: int
) -> Iterator[RawLine]:
    """
    Stream the lines from `first_sequence` on, reading only the segments that hold them.

    Raises `StoreError` (`store.corrupt`) for a segment that does not begin where the one before
    ends, or that is cut off.
    """
    ends = [segment.first for segment in segments[1:]]
    wanted = segments[sum(end <= first_sequence for end in ends) :]
    with BlobReader(repository) as blobs:
        expected: int | None = None
        for segment in wanted:
            if expected is not None and segment.first != expected:
                raise codec.corrupt(expected, f"the next segment is {segment.path}")
            lines = _read_segment(blobs, segment)
            for number, line in enumerate(lines):
                if segment.first + number >= first_sequence:
                    source = Source(segment.path, number + 1)
                    yield RawLine(segment.first + number, line, source)
            expected = segment.first + len(lines)


def read_lines_at(
    repository: GitRepository, segments: Sequence[Segment], sequences: Sequence[int]
) -> Iterator[RawLine]:
    """Stream the lines with these numbers, which are in order; each segment is read once."""
    firsts = [segment.first for segment in segments]
    current: Segment | None = None
    lines: list[bytes] = []
    with BlobReader(repository) as blobs:
        for sequence in sequences:
            position = bisect_right(firsts, sequence) - 1
            if position >= 0 and segments[position] != current:
                current = segments[position]
                lines = _read_segment(blobs, current)
            number = sequence - (current.first if current else 0)
            if current is None or number >= len(lines):
                raise codec.corrupt(sequence, "the index has it, and the ledger does not")
            yield RawLine(sequence, lines[number], Source(current.path, number + 1))


def continue_segments(
    repository: GitRepository, segments: Sequence[Segment], entries: Sequence[Entry]
) -> dict[str, bytes]:
    """Return the content of the files that a commit with these new entries writes."""
    files: dict[str, bytes] = {}
    remaining = list(entries)
    next_sequence = entries[0].sequence
    last = segments[-1] if segments else None
    if last is not None and next_sequence - last.first < CONTINUED_BELOW:
        taken = MAX_ENTRIES - (next_sequence - last.first)
        with BlobReader(repository) as blobs:
            old = blobs.read(last.blob_id, limit=MAX_SEGMENT_BYTES)
        files[last.path] = old + _content(remaining[:taken])
        remaining = remaining[taken:]
    for start in range(0, len(remaining), MAX_ENTRIES):
        part = remaining[start : start + MAX_ENTRIES]
        files[f"{DIRECTORY}/{part[0].sequence:012d}.jsonl"] = _content(part)
    return files


def _content(entries: Sequence[Entry]) -> bytes:
    return b"".join(entry.line + b"\n" for entry in entries)


def _read_segment(blobs: BlobReader, segment: Segment) -> list[bytes]:
    try:
        data = blobs.read(segment.blob_id, limit=MAX_SEGMENT_BYTES)
    except (InvalidValueError, RepositoryError) as error:
        raise codec.corrupt(segment.first, f"{segment.path}: {error.message}") from error
    *lines, rest = data.split(b"\n")
    if rest or not lines:
        where = segment.first + len(lines)
        raise codec.corrupt(where, f"{segment.path} is cut off")
    return lines
