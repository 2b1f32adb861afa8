"""What a file is, by its first bytes: archives are unpacked, whole and within bounds; all else is one sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sqlite3
import subprocess
import sys
import tarfile
import threading
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from weightdecay.tables import archives
from weightdecay.tables.preflight import TableError
from weightdecay.tables.sheets import Sheet, open_sheet

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROWS = [[str(row), f"level {row % 7}", repr(row**0.5)] for row in range(1, 3000)]
TEXT = "".join(",".join(row) + "\n" for row in [["a", "b", "y"], *ROWS])

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A file of some content."""

    def write(content: bytes, name: str = "data.csv") -> Path:
        file = tmp_path / name
        file.write_bytes(content)
        return file

    return write


def refusal(file: Path | str) -> str:
    with pytest.raises(TableError) as caught:
        open_sheet(file).frame()
    sentence = str(caught.value)
    assert "\n" not in sentence and ". " not in sentence
    return sentence


def fields(sheet: Sheet) -> list[list[str]]:
    return [list(row) for row in sheet.frame().rows()]


def by_command(command: str, *options: str) -> Callable[[bytes], bytes]:
    """What a command makes of bytes; the test is skipped where there is no such command."""

    def run(data: bytes) -> bytes:
        try:
            return subprocess.run([command, *options], input=data, stdout=subprocess.PIPE, check=True).stdout
        except FileNotFoundError:
            pytest.skip(f"no {command} here")

    return run


def in_members(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """An archive of several members, one after the other, split within a line."""
    return lambda data: pack(data[:1001]) + pack(data[1001:5000]) + pack(b"") + pack(data[5000:])


def skippable(data: bytes) -> bytes:
    """A zstd archive as pzstd writes it: a frame to skip comes first."""
    return b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"abcd" + zstd.compress(data)


def streamed(data: bytes) -> bytes:
    """A zstd archive without the size of what it holds."""
    packer = zstd.ZstdCompressor()
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "data.zst", "data.parquet", "data"])
@pytest.mark.parametrize(
    ("pack", "kind"),
    [
        (gzip.compress, "gzip"),
        (in_members(gzip.compress), "gzip"),
        (lambda data: gzip.compress(data) + bytes(512), "gzip"),
        (by_command("gzip", "-9"), "gzip"),
        (zstd.compress, "zstd"),
        (in_members(zstd.compress), "zstd"),
        (skippable, "zstd"),
        (streamed, "zstd"),
        (by_command("zstd", "-q", "-19"), "zstd"),
        (by_command("zstd", "-q", "--long=27"), "zstd"),
    ],
    ids=["gz", "gz-members", "gz-padded", "gzip-9", "zst", "zst-members", "zst-skip", "zst-stream", "zstd-19", "long"],
)
def test_archives_are_unpacked_whatever_the_name(
    pack: Callable[[bytes], bytes], kind: str, name: str, write: Write
) -> None:
    sheet = open_sheet(write(pack(TEXT.encode()), name))
    assert (sheet.names, fields(sheet)) == (("a", "b", "y"), ROWS)
    assert sheet.notes == (f"the file is a {kind} archive, unpacked",)
    assert not sheet.typed and sheet.place(20) == "line 22"


def test_an_archive_of_several_blocks(write: Write) -> None:
    rows = np.random.default_rng(0).standard_normal((100_000, 4)).round(9)
    text = "a,b,c,y\n" + "\n".join(",".join(map(repr, row)) for row in rows.tolist())
    assert len(text) > archives.CHUNK
    for pack in (gzip.compress, zstd.compress):
        frame = open_sheet(write(pack(text.encode()))).frame()
        np.testing.assert_array_equal(frame.cast(pl.Float64).to_numpy(), rows)


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gz", "zst"])
def test_an_archive_that_breaks_off_anywhere(pack: Callable[[bytes], bytes], write: Write) -> None:
    whole = pack(TEXT.encode())
    for length in {*range(8, 40), *range(40, len(whole), len(whole) // 20), *range(len(whole) - 12, len(whole))}:
        assert "archive that breaks off; get it again, whole" in refusal(write(whole[:length], "data.gz"))


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zstd.compress(data, options=CHECKED)], ids=["gz", "zst"])
def test_a_spoilt_byte_is_found(pack: Callable[[bytes], bytes], write: Write) -> None:
    whole = pack(TEXT.encode())
    random = np.random.default_rng(0)
    for place in random.integers(20, len(whole) - 8, 60):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << random.integers(8)
        sentence = refusal(write(bytes(spoilt)))
        assert "archive that cannot be unpacked" in sentence or "archive that breaks off" in sentence


CHECKED = {zstd.CompressionParameter.checksum_flag: 1}


@pytest.mark.parametrize("head", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd"], ids=["gz", "zst"])
@pytest.mark.parametrize("tail", [b"", b"\x08", TEXT.encode(), bytes(range(256))])
def test_bytes_that_only_begin_like_an_archive(head: bytes, tail: bytes, write: Write) -> None:
    assert "archive that" in refusal(write(head + tail))


def test_what_stands_behind_an_archive_is_told(write: Write) -> None:
    for pack in (gzip.compress, zstd.compress):
        assert "cannot be unpacked" in refusal(write(pack(TEXT.encode()) + b"and more, which is no archive"))


def bomb(size: int, pack: Callable[[bytes], bytes] = gzip.compress) -> bytes:
    """An archive of equal lines, hundreds of times smaller than they are."""
    return pack(b"a,y\n" + b"1,2\n" * (size // 4))


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gz", "zst"])
def test_a_small_archive_of_much_is_refused_before_it_is_unpacked(pack: Callable[[bytes], bytes], write: Write) -> None:
    file = write(bomb(400_000_000, pack))
    tracemalloc.start()
    sentence = refusal(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert f"({archives.in_words(file.stat().st_size)}) unpacks to more than " in sentence
    assert "over 100 times its size" in sentence and "if you trust it, unpack it first (" in sentence
    assert peak < 200_000_000


def test_a_small_archive_of_little_is_harmless(write: Write) -> None:
    """40 MB from 39 kB: more than a thousand times its size, and yet nothing to fear."""
    packed = bomb(40_000_000)
    assert len(packed) < 40_000_000 / 900
    assert open_sheet(write(packed)).frame().height == 10_000_000


def test_an_archive_that_packs_well_is_read_up_to_a_hundredfold(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "HARMLESS_BYTES", 1000)
    packed = gzip.compress(TEXT.encode())
    assert len(TEXT) / len(packed) < 100
    assert fields(open_sheet(write(packed))) == ROWS
    monkeypatch.setattr(archives, "HARMLESS_RATIO", len(TEXT) // len(packed))
    assert "unpacks to more than" in refusal(write(packed))


def test_what_memory_cannot_hold_is_refused_with_the_numbers(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "memory", lambda: 8 * (len(TEXT) - 1))
    sentence = refusal(write(TEXT.encode()))
    size = archives.in_words(len(TEXT))
    assert f"holds {size}, more than the {size} of this computer's {archives.in_words(8 * len(TEXT))} of" in sentence
    assert "take a sample of its rows" in sentence
    sentence = refusal(write(gzip.compress(TEXT.encode())))
    assert f"unpacks to more than the {size} of this computer's" in sentence
    monkeypatch.setattr(archives, "memory", lambda: 8 * len(TEXT))
    assert fields(open_sheet(write(TEXT.encode()))) == ROWS
    assert fields(open_sheet(write(gzip.compress(TEXT.encode())))) == ROWS


def test_memory_is_what_the_system_says() -> None:
    lines = Path("/proc/meminfo")
    if not lines.exists():
        pytest.skip("not Linux")
    total = 1024 * int(lines.read_text().split()[1])
    assert 0 < archives.memory() <= total


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (39_000, "39 kB"), (64_000_000, "64 MB"), (2.4e13, "24000 GB")],
)
def test_sizes_in_words(size: float, told: str) -> None:
    assert archives.in_words(size) == told


def zipped(text: str, name: str = "data.csv") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, text)
    return file.getvalue()


def tarred(text: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("data.csv")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    return file.getvalue()


def database(_: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table data (a, y)")
    return bytes(connection.serialize())


def arrow(_: str) -> bytes:
    file = io.BytesIO()
    pl.DataFrame({"a": [1.0, 2.0]}).write_ipc(file)
    return file.getvalue()


def array(_: str) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((3, 2)))
    return file.getvalue()


@pytest.mark.parametrize(
    ("encode", "what", "step"),
    [
        (zipped, "a zip archive or a spreadsheet (.xlsx)", "save the sheet as CSV"),
        (lambda text: b"PK\x05\x06" + bytes(18), "an empty zip archive", "name the table itself"),
        (lambda text: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64), "a spreadsheet (.xls)", "save the sheet as CSV"),
        (lambda text: text.encode("utf-16"), "UTF-16", "save it as UTF-8"),
        (lambda text: b"\xfe\xff" + text.encode("utf-16-be"), "UTF-16", "save it as UTF-8"),
        (lambda text: bz2.compress(text.encode()), "a bzip2 archive", "bunzip2"),
        (lambda text: lzma.compress(text.encode()), "an xz archive", "unxz"),
        (tarred, "a tar archive", "tar -xf"),
        (database, "an SQLite database", "as CSV or Parquet"),
        (arrow, "an Arrow (Feather) file", "as Parquet or CSV"),
        (array, "a NumPy array", "pass the array to wd.tune"),
        (lambda text: f"<!doctype HTML><p>{text}".encode(), "a web page", "download the table itself"),
        (lambda text: f"<html lang=en>{text}".encode(), "a web page", "download the table itself"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "data.parquet"])
def test_what_is_no_text_is_named_whatever_its_name(
    encode: Callable[[str], bytes], what: str, step: str, name: str, write: Write
) -> None:
    content = encode(TEXT)
    told = refusal(write(content, name))
    assert f"is {what}" in told and step in told
    for pack in (gzip.compress, zstd.compress):
        assert f"holds {what}" in refusal(write(pack(content), name)) and step in told


@pytest.mark.parametrize("name", ["BZh", "PAR1", "PARE", "Rar!", "7z", "%PDF", "ORC", "PK", "PAR1,PAR2,PAR3", "<htm"])
def test_a_name_that_begins_like_a_kind_of_file_is_a_name(name: str, write: Write) -> None:
    names = tuple(f"{name},y".split(","))
    sheet = open_sheet(write((f"{name},y\n" + (",".join("1" * len(names)) + "\n") * 3).encode()))
    assert sheet.names == names and sheet.frame().height == 3


def test_an_archive_within_an_archive(write: Write) -> None:
    assert "holds a gzip archive" in refusal(write(gzip.compress(gzip.compress(TEXT.encode()))))
    assert "holds a zstd archive" in refusal(write(gzip.compress(zstd.compress(TEXT.encode()))))
    file = io.BytesIO()
    pl.DataFrame({"a": [1.0, 2.0]}).write_parquet(file)
    assert "holds a Parquet file" in refusal(write(gzip.compress(file.getvalue())))


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gz", "zst"])
@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_archive_of_nothing(pack: Callable[[bytes], bytes], text: str, write: Write) -> None:
    assert "is empty" in refusal(write(pack(text.encode())))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    told: list[str] = []
    asking = threading.Thread(target=lambda: told.append(refusal(pipe)), daemon=True)
    asking.start()
    asking.join(20)
    assert told and "is a pipe or device, not a file; write the table to a file" in told[0]


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no devices here")
def test_a_device_is_refused() -> None:
    assert "is a pipe or device" in refusal("/dev/zero")
    assert "is a pipe or device" in refusal("/dev/null")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no such file here")
def test_a_file_that_opens_and_cannot_be_read() -> None:
    assert "file '/proc/self/mem' cannot be read (Input/output error)" in refusal("/proc/self/mem")


def test_standard_input_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal("-") == "standard input is not read; write the table to a file and name that"
    Path("-").write_text("a,y\n1,2\n3,4\n")
    assert open_sheet("-").names == ("a", "y")


def test_a_link_is_followed(write: Write, tmp_path: Path) -> None:
    write(gzip.compress(TEXT.encode()), "data.gz")
    (tmp_path / "link.csv").symlink_to(tmp_path / "data.gz")
    assert fields(open_sheet(tmp_path / "link.csv")) == ROWS
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be read" in refusal(tmp_path / "loop")
