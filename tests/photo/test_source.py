import os
from pathlib import Path

import pytest

from geotagger.errors import UnreadablePhotoError
from geotagger.photo.facts import read_facts
from geotagger.photo.source import HEAD_BYTES, PhotoSourceFile

from .pictures import jpeg, quarters


def test_any_part_of_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    data = os.urandom(3 * HEAD_BYTES + 17)
    path = tmp_path / "a"
    path.write_bytes(data)
    with PhotoSourceFile(path) as source:
        for offset, length in ((0, 5), (HEAD_BYTES - 3, 6), (len(data) - 4, 100), (len(data), 1), (-1, 4)):
            assert source.read(offset, length) == (data[offset : offset + length] if offset >= 0 else b"")
        assert source.read_all() == data
        with source.open_file() as file:
            assert file.read() == data


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.mkdir(), "cannot be read|not a regular file"),
        (lambda path: path.parent.chmod(0o755), "No such file"),
        (lambda path: os.mkfifo(path), "not a regular file"),
        (lambda path: path.symlink_to(path), "symbolic links"),
    ],
    ids=["empty", "folder", "missing", "pipe", "link loop"],
)
def test_what_is_no_readable_file_is_one_line(tmp_path: Path, make: object, told: str) -> None:
    path = tmp_path / "a.jpg"
    make(path)  # type: ignore[operator]
    with pytest.raises(UnreadablePhotoError, match=told) as caught:
        read_facts(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.ordinary_user
def test_a_file_without_permission_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(quarters()))
    path.chmod(0)
    with pytest.raises(UnreadablePhotoError, match="Permission denied"):
        read_facts(path)


def test_names_that_are_not_utf8_are_read(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    Path(os.fsdecode(name)).write_bytes(jpeg(quarters()))
    assert read_facts(os.fsdecode(name)).width == 96
    with pytest.raises(UnreadablePhotoError):
        read_facts("a\0b.jpg")
