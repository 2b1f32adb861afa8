"""A file is there wholly or as it was before, and an error says what to do."""

from __future__ import annotations

import os
import stat

import pytest

from weightdecay.records import whole_files
from weightdecay.show.files import check_writable, write_text


def test_text_is_written_as_it_is(tmp_path):
    file = write_text(tmp_path / "a.html", "größe\nλ\n")
    assert file.read_bytes() == "größe\nλ\n".encode()
    assert os.listdir(tmp_path) == ["a.html"]


def test_checking_leaves_nothing_and_changes_nothing(tmp_path):
    old = tmp_path / "old.html"
    old.write_text("old")
    assert check_writable(old) == old.resolve()
    assert check_writable(tmp_path / "new.html") == (tmp_path / "new.html").resolve()
    assert os.listdir(tmp_path) == ["old.html"] and old.read_text() == "old"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "is a folder"),
        ("missing/a.html", "there is no folder"),
        ("file.txt/a.html", "there is no folder"),
        ("a\x00b.html", "null"),
        ("a" * 300, "name too long"),
        ("pipe", "not a regular file"),
    ],
)
def test_a_path_that_cannot_be_written_is_named_with_a_next_step(tmp_path, name, sentence):
    (tmp_path / "file.txt").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="cannot write to") as caught:
        check_writable(f"{tmp_path}/{name}")
    assert sentence in str(caught.value).lower()
    assert "name" in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file.txt", "pipe"]


def test_a_file_that_may_not_be_changed_is_refused(tmp_path, monkeypatch):
    old = tmp_path / "a.html"
    old.write_text("old")
    monkeypatch.setattr(whole_files.os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="may not be changed; name another"):
        write_text(old, "new")
    assert old.read_text() == "old"


def refuse(number: int):
    """A function of the system that fails."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    # Permissions do not bind the superuser, so the system's answer is played.
    monkeypatch.setattr(whole_files.os, "open", refuse(13))
    with pytest.raises(
        PermissionError, match=r"^cannot write to .*: Permission denied; name a file in another folder$"
    ):
        check_writable(tmp_path / "a.html")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_half_way_leaves_the_old_file(tmp_path, monkeypatch, step):
    old = tmp_path / "a.html"
    old.write_text("old")
    monkeypatch.setattr(whole_files.os, step, refuse(28))
    with pytest.raises(OSError, match=r"^cannot write to '.*a\.html': No space left.*; name a file in another folder$"):
        write_text(old, "new" * 10_000)
    assert old.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.html"]


def test_an_interruption_leaves_the_old_file(tmp_path, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = tmp_path / "a.html"
    old.write_text("old")
    monkeypatch.setattr(whole_files.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(old, "new")
    assert old.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.html"]


def test_a_link_stays_a_link(tmp_path):
    there = tmp_path / "there.html"
    there.write_text("old")
    link = tmp_path / "link.html"
    link.symlink_to(there)
    write_text(link, "new")
    assert link.is_symlink() and there.read_text() == "new"


def test_an_existing_files_permissions_are_kept(tmp_path):
    old = tmp_path / "a.html"
    old.write_text("old")
    old.chmod(0o600)
    write_text(old, "new")
    assert old.read_text() == "new"
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
