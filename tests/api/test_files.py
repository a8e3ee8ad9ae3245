"""Positions into single files, and back."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import geotagger
from geotagger import Edit, Mark, Writing
from geotagger.metadata import settle
from tests.tag.scenes import Scene, bytes_of


def test_a_position_is_written_and_taken_back_to_the_byte(town: Scene) -> None:
    before = bytes_of(town.folder)
    photo = town.folder / min(town.stripped)
    edits = geotagger.write_position(photo, 48.8584, 2.2945)
    fix = geotagger.read_facts(photo).fix
    assert fix is not None
    assert (fix.latitude, fix.longitude) == pytest.approx((48.8584, 2.2945), abs=1e-6)
    assert fix.mark is not None
    assert not fix.mark.is_estimate
    assert [done.status for done in geotagger.restore(edits)] == ["restored"]
    assert bytes_of(town.folder) == before
    assert [done.status for done in geotagger.restore(edits)] == ["unchanged"]


def test_an_edit_survives_as_json_and_from_another_folder(
    town: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bytes_of(town.folder)
    monkeypatch.chdir(town.folder)
    edits = geotagger.write_position(min(town.stripped), 1, 2, writing=Writing("sidecar"))
    kept = json.dumps([edit.to_json() for edit in edits])
    monkeypatch.chdir(tmp_path)
    geotagger.restore(Edit.from_json(text) for text in json.loads(kept))
    assert bytes_of(town.folder) == before


def test_photo_and_sidecar_say_the_same_and_come_back_together(town: Scene) -> None:
    photo = town.folder / min(town.stripped)
    beside = geotagger.write_position(photo, 10, 20, writing=Writing("sidecar"))
    before = bytes_of(town.folder)
    both = geotagger.write_position(photo, 30, 40)
    assert len(both) == 2
    assert {edit.kind for edit in both} == {"exif", "sidecar"}
    geotagger.restore(both)
    assert bytes_of(town.folder) == before
    geotagger.restore(beside)


def test_the_journal_has_the_edits_before_the_photo_changes(town: Scene) -> None:
    photo = town.folder / min(town.stripped)
    before = photo.read_bytes()
    seen: list[bytes] = []
    edits = geotagger.write_position(photo, 1, 2, journal=lambda _: seen.append(photo.read_bytes()))
    assert seen == [before]
    assert settle(edits[0]) == "new"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_journal_that_fails_leaves_all_as_it_was(town: Scene, error: type[BaseException]) -> None:
    before = bytes_of(town.folder)

    def fail(_: tuple[Edit, ...]) -> None:
        raise error

    with pytest.raises(error):
        geotagger.write_position(town.folder / min(town.stripped), 1, 2, journal=fail)
    assert bytes_of(town.folder) == before


def test_where_the_second_file_cannot_take_its_place_the_first_comes_back(town: Scene) -> None:
    photo = town.folder / min(town.stripped)
    geotagger.write_position(photo, 10, 20, writing=Writing("sidecar"))
    before = bytes_of(town.folder)

    def meddle(_: tuple[Edit, ...]) -> None:
        with photo.open("ab") as file:
            file.write(b"another program")

    with pytest.raises(geotagger.WriteError):
        geotagger.write_position(photo, 30, 40, journal=meddle)
    now = bytes_of(town.folder)
    assert now.keys() == before.keys()
    assert {name for name in now if now[name] != before[name]} == {photo.name}
    assert now[photo.name] == before[photo.name] + b"another program"


def test_what_stands_there_and_what_is_no_place_are_refused(town: Scene) -> None:
    before = bytes_of(town.folder)
    photo = town.folder / min(set(town.truth) - town.stripped)
    with pytest.raises(geotagger.PlaceTakenError, match=photo.name):
        geotagger.write_position(photo, 1, 2)
    for latitude, longitude in ((91, 0), (0, 181), (0, 0), (float("nan"), 1), (float("inf"), 1)):
        with pytest.raises(geotagger.UsageError):
            geotagger.write_position(photo, latitude, longitude, writing=Writing(overwrite=True))
    with pytest.raises(geotagger.UsageError, match="writes nothing"):
        geotagger.write_position(photo, 1, 2, writing=Writing("none"))
    with pytest.raises(geotagger.UsageError, match="'stone'"):
        geotagger.write_position(photo, 1, 2, writing=Writing("stone"))  # type: ignore[arg-type]
    with pytest.raises(geotagger.WriteError, match=r"absent\.jpg"):
        geotagger.write_position(town.folder / "absent.jpg", 1, 2)
    with pytest.raises(geotagger.UnreadablePhotoError, match=r"absent\.jpg"):
        geotagger.read_facts(town.folder / "absent.jpg")
    with pytest.raises(geotagger.WriteError):
        geotagger.write_position(town.folder, 1, 2)
    with pytest.raises(TypeError):
        geotagger.write_position(photo, "1", "2")  # type: ignore[arg-type]
    assert bytes_of(town.folder) == before


def test_an_estimate_carries_its_mark(town: Scene) -> None:
    photo = town.folder / min(town.stripped)
    mark = Mark("neighbours", confidence=0.8, radius_km=2.5, model="m", run="mine")
    geotagger.write_position(photo, 48.1, 16.3, mark=mark)
    fix = geotagger.read_facts(photo).fix
    assert fix is not None
    assert fix.mark == mark
    assert geotagger.forget(photo).tally.statuses["restored"] == 1


@pytest.mark.parametrize(
    "mark",
    [
        Mark("neighbours", confidence=float("nan")),
        Mark("neighbours", confidence=2),
        Mark("neighbours", radius_km=float("inf")),
        Mark("neighbours", radius_km=-1),
        Mark("my own guess"),
    ],
)
def test_a_mark_that_no_reader_would_take_is_refused(town: Scene, mark: Mark) -> None:
    before = bytes_of(town.folder)
    with pytest.raises(geotagger.UsageError):
        geotagger.write_position(town.folder / min(town.stripped), 1, 2, mark=mark)
    assert bytes_of(town.folder) == before


def test_photos_are_written_by_several_threads_at_once(town: Scene) -> None:
    before = bytes_of(town.folder)
    photos = [town.folder / name for name in sorted(town.stripped)]
    with ThreadPoolExecutor(4) as pool:
        edits = list(pool.map(lambda photo: geotagger.write_position(photo, 1, 2), photos))
        list(pool.map(geotagger.restore, edits))
    assert bytes_of(town.folder) == before


def test_samples_of_all_formats_take_a_position_and_come_back(tmp_path: Path, shared_data: Path) -> None:
    samples = sorted((shared_data / "photos").rglob("*.*"))
    chosen = {path.suffix.lower(): path for path in samples if path.suffix.lower() != ".xmp"}
    written = 0
    for suffix, sample in chosen.items():
        photo = Path(shutil.copyfile(sample, tmp_path / f"sample{suffix}"))
        before = photo.read_bytes()
        try:
            edits = geotagger.write_position(photo, 48.8584, 2.2945, writing=Writing(overwrite=True))
        except geotagger.WriteError:
            assert photo.read_bytes() == before
            continue
        written += 1
        geotagger.restore(edits)
        assert photo.read_bytes() == before
        assert not list(tmp_path.glob("*.xmp"))
    assert written >= 5
