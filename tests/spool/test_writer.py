"""The segment writer: durable, rotated, owned, and clean after a failure."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from itertools import count
from typing import TYPE_CHECKING

import pytest

from llmtrace.errors import SegmentError
from llmtrace.spool import SegmentWriter, is_owned, list_segments, read_frames
from llmtrace.spool.frames import HEADER_BYTES, MAX_PAYLOAD_BYTES

if TYPE_CHECKING:
    from pathlib import Path


def a_writer(directory: Path, max_segment_bytes: int = 1_000) -> SegmentWriter:
    clock = count(1_700_000_000_000_000_000)
    return SegmentWriter(
        directory, max_segment_bytes=max_segment_bytes, now_ns=lambda: next(clock), pid=42
    )


def payloads(directory: Path) -> list[bytes]:
    return [
        frame.payload for path in list_segments(directory) for frame in read_frames(path).frames
    ]


def test_what_is_appended_can_be_read_at_once(tmp_path: Path) -> None:
    writer = a_writer(tmp_path / "spool")

    position = writer.append(b"one")

    assert payloads(tmp_path / "spool") == [b"one"]
    assert position == (list_segments(tmp_path / "spool")[0].name, HEADER_BYTES + 3)


def test_only_this_user_can_read_the_folder_and_its_files(tmp_path: Path) -> None:
    a_writer(tmp_path / "spool").append(b"private")

    folder, file = tmp_path / "spool", list_segments(tmp_path / "spool")[0]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_full_segment_is_followed_by_one_that_sorts_after_it(tmp_path: Path) -> None:
    writer = a_writer(tmp_path, max_segment_bytes=100)
    sent = [bytes([number]) * 30 for number in range(7)]

    for payload in sent:
        writer.append(payload)

    assert len(list_segments(tmp_path)) == 4
    assert payloads(tmp_path) == sent


def test_a_frame_larger_than_a_segment_gets_a_segment_of_its_own(tmp_path: Path) -> None:
    writer = a_writer(tmp_path, max_segment_bytes=100)

    writer.append(b"x" * 5_000)
    writer.append(b"y")

    assert [path.stat().st_size for path in list_segments(tmp_path)] == [5_016, 17]


def test_only_the_open_segment_is_owned(tmp_path: Path) -> None:
    writer = a_writer(tmp_path, max_segment_bytes=20)
    writer.append(b"old")
    writer.append(b"new")

    before = [is_owned(path) for path in list_segments(tmp_path)]
    writer.close()

    assert before == [False, True]
    assert [is_owned(path) for path in list_segments(tmp_path)] == [False, False]


def test_the_first_frame_after_a_close_starts_a_new_segment(tmp_path: Path) -> None:
    writer = a_writer(tmp_path)
    writer.append(b"one")
    writer.close()

    writer.append(b"two")

    assert len(list_segments(tmp_path)) == 2


def test_a_child_that_abandons_leaves_file_and_lock_to_its_parent(tmp_path: Path) -> None:
    writer = a_writer(tmp_path)
    writer.append(b"parent")

    child = os.fork()
    if child == 0:
        writer.abandon()
        writer.append(b"child")
        os._exit(0)
    os.waitpid(child, 0)
    writer.append(b"parent again")

    first, second = list_segments(tmp_path)
    assert is_owned(first)
    assert [frame.payload for frame in read_frames(first).frames] == [b"parent", b"parent again"]
    assert [frame.payload for frame in read_frames(second).frames] == [b"child"]


def test_a_frame_over_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SegmentError, match=f"over the limit of {MAX_PAYLOAD_BYTES}; send fewer"):
        a_writer(tmp_path).append(bytes(MAX_PAYLOAD_BYTES + 1))


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(SegmentError, match=r"cannot create segment .*file/spool/.*; check the"):
        a_writer(tmp_path / "file" / "spool").append(b"x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_named_with_what_to_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    try:
        with pytest.raises(SegmentError, match="Permission denied; give this user write access"):
            a_writer(tmp_path).append(b"x")
    finally:
        tmp_path.chmod(0o700)


FULL_DISK = """
import resource, signal, sys, pathlib
from llmtrace.errors import SegmentError
from llmtrace.spool import SegmentWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
writer = SegmentWriter(pathlib.Path(sys.argv[1]), now_ns=lambda: 1, pid=1)
writer.append(b"a" * 500)
for _ in range(2):
    try:
        writer.append(b"b" * 900)
    except SegmentError as error:
        print(error)
writer.append(b"c" * 100)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.append(b"d" * 900)
writer.close()
"""


def test_a_frame_that_does_not_fit_on_the_disk_leaves_no_trace(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.count("cannot write segment") == 2
    assert payloads(tmp_path) == [b"a" * 500, b"c" * 100, b"d" * 900]
    assert sum(read_frames(path).damaged for path in list_segments(tmp_path)) == 0
