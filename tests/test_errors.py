"""What an error about a photo carries."""

import pickle
from pathlib import Path

import pytest

from geotagger.errors import CheckpointError, PackError, PhotoError, UnreadablePhotoError, WriteRefusedError
from geotagger.marks import Mark
from geotagger.metadata import Position, prepare
from tests.tag.scenes import START, jpeg


def test_an_error_about_a_photo_is_a_line_of_path_reason_and_what_was_left() -> None:
    error = UnreadablePhotoError("a; b.jpg", "not an image; or cut", "left untouched")
    assert str(error) == "a; b.jpg: not an image; or cut; left untouched"
    assert (error.path, error.reason, error.left) == ("a; b.jpg", "not an image; or cut", "left untouched")
    assert str(PhotoError("a.jpg", "gone")) == "a.jpg: gone"


def test_an_error_about_a_photo_passes_between_processes() -> None:
    again = pickle.loads(pickle.dumps(WriteRefusedError("a.jpg", "two names", "left alone")))
    assert (type(again), again.path, again.reason, again.left) == (
        WriteRefusedError,
        "a.jpg",
        "two names",
        "left alone",
    )


def test_an_error_about_a_photo_says_its_path_once_in_a_record_that_has_it() -> None:
    error = WriteRefusedError("/p/a.jpg", "two names", "left alone")
    assert error.about("/p/a.jpg") == "two names; left alone"
    assert error.about("/p/a") == "/p/a.jpg: two names; left alone"


@pytest.mark.parametrize("kind", [PackError, CheckpointError])
def test_an_error_about_a_models_file_carries_which_and_why(kind: type[PackError | CheckpointError]) -> None:
    error = kind(Path("pack: one/cells.csv"), "line 3: no token; nothing was written")
    assert str(error) == "pack: one/cells.csv: line 3: no token; nothing was written"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.path, again.reason) == (kind, error.path, error.reason)
    elsewhere = error.of("https://example.org/cells.csv", "it was removed")
    assert type(elsewhere) is kind
    assert elsewhere.path == "https://example.org/cells.csv"
    assert elsewhere.reason == "line 3: no token; nothing was written; it was removed"


@pytest.mark.parametrize("name", ["plain.jpg", "not written, a; b: c.jpg"])
def test_the_reason_for_a_sidecar_names_no_photo_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    photo = tmp_path / name
    photo.write_bytes(jpeg(START))
    (tmp_path / "other name.jpg").hardlink_to(photo)
    prepared = prepare(str(photo), Position(48.0, 16.0, Mark("neighbours", 0.9, 1.0, None, "r", None)))
    assert prepared.note == "it has 2 names (hard links), and replacing it would part them"
