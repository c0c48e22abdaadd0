"""What children write comes as lines, whatever it is."""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
import time

from worker.lines import LineReader


def lines_of(data: bytes, piece: int = 65536) -> list[str]:
    """What is read when ``data`` is written in pieces of this size."""
    read_end, write_end = multiprocessing.Pipe(duplex=False)
    reader = LineReader(read_end, "stdout")

    def write() -> None:
        for begin in range(0, len(data), piece):
            os.write(write_end.fileno(), data[begin : begin + piece])
        write_end.close()

    writer = threading.Thread(target=write)
    writer.start()
    found: list[str] = []
    while (lines := reader.read()) is not None:
        found += lines
    writer.join()
    reader.close()
    return found


def test_lines_come_whole_however_they_were_written() -> None:
    data = "one\ntwo é\r\nthree 🎨\n\nlast".encode()
    for piece in (1, 3, 100):
        assert lines_of(data, piece) == ["one", "two é", "three 🎨", "last"]


def test_a_progress_bar_comes_as_lines() -> None:
    assert lines_of(b" 1%\r 2%\r 3%\n") == [" 1%", " 2%", " 3%"]


def test_a_huge_line_comes_in_pieces_and_loses_nothing() -> None:
    text = "é" * 300_000
    found = lines_of(text.encode() + b"\nend")
    assert "".join(found[:-1]) == text
    assert found[-1] == "end"
    assert max(len(line.encode()) for line in found) <= 8192


def test_binary_junk_comes_as_text_of_bounded_lines() -> None:
    junk = random.Random(0).randbytes(500_000)
    found = lines_of(junk)
    assert found
    for line in found:
        line.encode()  # valid text: no lone surrogates
        assert len(line) <= 8192


def test_ten_megabytes_are_read_within_seconds() -> None:
    began = time.monotonic()
    found = lines_of(b"a line of about fifty bytes, as trainings write it\n" * 200_000)
    assert len(found) == 200_000
    assert time.monotonic() - began < 10
