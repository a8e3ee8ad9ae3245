"""What the index knows, asked from Python: status, why, clocks, tracks, roots."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import geotagger
from geotagger import Progress
from geotagger.archive import lock
from geotagger.index import open_index
from geotagger.index.learned import CLOCKS
from tests.tag.scenes import Scene, bytes_of, walk_through_town
from tests.tag.test_remembered_tracks import gpx


@pytest.fixture(scope="module")
def tagged_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Path]:
    """An archive and the index of a run over it with a track and a correction of a clock."""
    folder = tmp_path_factory.mktemp("remembered")
    scene = walk_through_town(folder / "photos", 12)
    track = gpx(folder / "walk.gpx")
    geotagger.tag(
        scene.folder, tracks=track, clocks="Testmaker Scene One=+10s", index=folder / "one.db", model="none"
    )
    return scene, folder / "one.db"


@pytest.fixture
def tagged(tagged_once: tuple[Scene, Path], tmp_path: Path) -> tuple[Scene, Path]:
    """The same, with an index that may be changed."""
    scene, index = tagged_once
    return scene, Path(shutil.copy(index, tmp_path / "mine.db"))


def test_status_counts_what_has_a_place_and_what_stands_below_a_folder(tagged: tuple[Scene, Path]) -> None:
    scene, index = tagged
    summary = geotagger.status(index=index)
    assert (summary.photos, summary.placed, summary.written) == (12, 12, 6)
    assert summary.own == {"camera": 6}
    assert geotagger.status(scene.folder / "IMG_0001.jpg", index=index).photos == 1
    assert geotagger.status("/elsewhere", index=index).photos == 0
    with open_index(index, mode="read") as opened:
        assert geotagger.status(index=opened) == summary


def test_why_says_what_each_kind_of_evidence_says_and_leaves_out_what_is_not_wanted(
    tagged: tuple[Scene, Path],
) -> None:
    scene, index = tagged
    photo = scene.folder / min(scene.stripped)
    before = bytes_of(scene.folder)
    told = geotagger.why(photo, index=index)
    assert told.run is not None
    assert told.tracks == ("walk.gpx",)
    estimate = told.explanation.estimate
    assert estimate is not None
    assert estimate.rung == "track"
    alone = geotagger.why(photo, kinds=["neighbours"], index=index)
    assert alone.kinds == ("neighbours",)
    fewer = geotagger.why(photo, kinds=lambda of_run: [one for one in of_run if one != "tracks"], index=index)
    assert set(fewer.kinds) == set(told.kinds) - {"tracks"}
    assert fewer.explanation.estimate is not None
    assert fewer.explanation.estimate.rung != "track"
    assert bytes_of(scene.folder) == before


def test_why_of_a_photo_that_the_index_does_not_know_is_refused(tagged: tuple[Scene, Path]) -> None:
    scene, index = tagged
    with pytest.raises(geotagger.UsageError, match="does not know it"):
        geotagger.why(scene.folder / "other.jpg", index=index)
    with pytest.raises(geotagger.UsageError, match="no such kind"):
        geotagger.why(scene.folder / "IMG_0001.jpg", kinds=["tea leaves"], index=index)
    with pytest.raises(geotagger.UsageError, match="within_km is 0"):
        geotagger.why(scene.folder / "IMG_0001.jpg", within_km=0, index=index)


def test_a_clock_is_listed_and_forgotten_whatever_its_capitals(tagged: tuple[Scene, Path]) -> None:
    scene, index = tagged
    (clock,) = geotagger.clocks(index=index)
    assert (clock.archive, clock.shift_s) == (str(scene.folder), 10)
    geotagger.forget_clock(clock.camera.upper(), index=index)
    assert geotagger.clocks(index=index) == []
    with pytest.raises(geotagger.UsageError, match="nothing is remembered of"):
        geotagger.forget_clock(clock.camera, index=index)
    assert geotagger.tag(scene.folder, index=index, dry_run=True, model="none").tally.statuses["kept"] > 0


def test_a_clock_that_is_told_while_another_waits_to_be_forgotten_stays(tagged: tuple[Scene, Path]) -> None:
    scene, index = tagged
    (clock,) = geotagger.clocks(index=index)
    with contextlib.ExitStack() as run:
        run.enter_context(lock(str(scene.folder)))

        def end_the_run(progress: Progress) -> None:
            if progress.note is None:
                return
            with open_index(index) as opened:
                (root,) = opened.roots.all()
                opened.learned.put(root.id, CLOCKS, {clock.camera: 10, "Other": 20})
            run.close()

        geotagger.forget_clock(clock.camera, index=index, progress=end_the_run)
    assert [(one.camera, one.shift_s) for one in geotagger.clocks(index=index)] == [("Other", 20)]


@pytest.mark.parametrize("by", ["name", "path", "digest", "folder"])
def test_a_track_is_forgotten_by_name_file_content_and_folder(tagged: tuple[Scene, Path], by: str) -> None:
    scene, index = tagged
    (track,) = geotagger.tracks(index=index)
    assert (track.archive, track.name) == (str(scene.folder), "walk.gpx")
    assert track.last_utc - track.first_utc == 60 * 60
    named = str(Path(track.path).parent) if by == "folder" else getattr(track, by)
    geotagger.forget_track(named, index=index)
    assert geotagger.tracks(index=index) == []
    with pytest.raises(geotagger.UsageError, match="no track"):
        geotagger.forget_track(named, index=index)


def test_archives_that_were_joined_are_listed_and_parted(tagged: tuple[Scene, Path], tmp_path: Path) -> None:
    scene, index = tagged
    other = walk_through_town(tmp_path / "other", 4)
    geotagger.tag(other.folder, with_roots=scene.folder, index=index, model="none")
    joined = {archive.path: archive.joined_with for archive in geotagger.roots(index=index)}
    assert joined == {str(scene.folder): (str(other.folder),), str(other.folder): (str(scene.folder),)}
    shutil.rmtree(other.folder)
    assert [one.is_mounted for one in geotagger.roots(index=index)] == [True, False]
    assert geotagger.part_root(other.folder, index=index) == 1
    assert [one.joined_with for one in geotagger.roots(index=index)] == [(), ()]
    with pytest.raises(geotagger.UsageError, match="no archive of the index"):
        geotagger.part_root(tmp_path, index=index)


@pytest.mark.parametrize("ask", [geotagger.status, geotagger.clocks, geotagger.tracks, geotagger.roots])
def test_without_an_index_there_is_one_error_which_names_no_option_of_a_command(
    ask: Callable[..., object], tmp_path: Path
) -> None:
    with pytest.raises(geotagger.IndexUnusableError) as caught:
        ask(index=tmp_path / "none.db")
    assert "none.db" in str(caught.value)
    assert "--" not in str(caught.value)
    (tmp_path / "text.db").write_text("this is no index")
    with pytest.raises(geotagger.IndexUnusableError) as caught:
        ask(index=tmp_path / "text.db")
    assert "--" not in str(caught.value)


def test_a_folder_of_what_was_looked_at_that_is_not_there_is_refused(town: Scene, tmp_path: Path) -> None:
    """Also where no model would have used it."""
    for model in (None, "none"):
        with pytest.raises(geotagger.UsageError, match="absent: there is no such folder"):
            geotagger.tag(town.folder, model=model, looked=[tmp_path / "absent"])


def test_what_is_no_part_is_refused_before_anything_is_made(town: Scene, tmp_path: Path) -> None:
    notes: list[Progress] = []
    for part, parts in ((0, 1), (2, 1), (1, 0)):
        with pytest.raises(geotagger.UsageError, match="parts are counted from 1"):
            geotagger.look(town.folder, tmp_path / "out", part=part, parts=parts, progress=notes.append)
    with pytest.raises(geotagger.UsageError, match="a model looks at pictures"):
        geotagger.look(town.folder, tmp_path / "out", model="none")
    with pytest.raises(geotagger.ModelError):
        geotagger.look(town.folder, tmp_path / "out", model="unheard-of")
    assert not (tmp_path / "out").exists()
