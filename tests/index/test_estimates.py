from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from geotagger import cells
from geotagger.archive import FileEntry
from geotagger.estimate.values import RUNGS, Candidate, Estimate
from geotagger.index import Index, open_index
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.photos import Record
from geotagger.index.roots import Root
from geotagger.index.search import Query, search

from .conftest import FACTS, estimate


def current_rung(index: Index, photo_id: int) -> str | None:
    kept = index.estimates.current(photo_id)
    return None if kept is None else kept.estimate.rung


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(RUNGS), st.floats(-90, 90)), max_size=12))
def test_the_current_estimate_is_the_newest_of_the_highest_rung(
    given_: Sequence[tuple[int, str, float]],
) -> None:
    with open_index(Path("unused"), mode="snapshot") as index:
        root = index.roots.root_for("/")
        ids = index.photos.record(root, [Record(FileEntry(f"/{n}.jpg", 1, 1, n, 1), FACTS) for n in range(2)])
        newest: dict[tuple[int, str], float] = {}
        for photo, rung, latitude in given_:
            highest = max((RUNGS.index(r) for p, r in newest if p == photo), default=-1)
            (won,) = index.estimates.put(None, [PhotoEstimate(ids[photo], estimate(rung, latitude))])
            assert won == (RUNGS.index(rung) >= highest)
            newest[photo, rung] = latitude
        for photo in range(2):
            ladder = [rung for rung in reversed(RUNGS) if (photo, rung) in newest]
            kept = index.estimates.current(ids[photo])
            assert (kept.estimate.rung if kept else None) == (ladder[0] if ladder else None)
            assert kept is None or kept.estimate.latitude == newest[photo, ladder[0]]
            assert [one.estimate.rung for one in index.estimates.of_photo(ids[photo])] == ladder
        assert len(list(search(index.store, Query()))) == len({photo for photo, _ in newest})


def test_an_estimate_comes_back_as_it_was(index: Index, recorded: Root) -> None:
    photo = next(index.photos.in_time(recorded.id))
    whole = Estimate(
        latitude=-33.8,
        longitude=151.2,
        radius_km=12.5,
        confidence=0.75,
        rung="track",
        rungs=("visual", "track"),
        cell="6b12ae",
        candidates=(Candidate(-33.8, 151.2, 0.7, "6b12ae"), Candidate(1.0, 2.0, 0.1, "1")),
        evidence=("a track", "the picture"),
    )
    run = index.runs.begin("tag", {})
    model = index.runs.model_id("m", "1", "d")
    index.estimates.put(run.id, [PhotoEstimate(photo.id, whole, model, "exif")])
    kept = index.estimates.current(photo.id)
    assert kept is not None
    assert kept.estimate == whole
    assert (kept.run_id, kept.model_id, kept.written) == (run.id, model, "exif")
    row = index.store.row("select leaf, cell, cell_level from estimates")
    assert cells.from_signed([row[0]])[0] == cells.leaf_ids(-33.8, 151.2)
    assert row[1:] == ("6b12ae", 10)
    (known,) = index.photos.get([photo.id])
    assert (known.rung, known.confidence, known.radius_km, known.written) == ("track", 0.75, 12.5, "exif")


def test_undoing_a_run_brings_back_the_position_that_the_file_holds_again(
    index: Index, recorded: Root
) -> None:
    photo = next(index.photos.in_time(recorded.id))
    first, second = index.runs.begin("tag", {}), index.runs.begin("tag", {})
    index.estimates.put(first.id, [PhotoEstimate(photo.id, estimate("visual", 1.0), written="exif")])
    index.estimates.put(second.id, [PhotoEstimate(photo.id, estimate("visual", 2.0), written="exif")])
    index.estimates.undone(second.id, [photo.id])
    kept = index.estimates.current(photo.id)
    assert kept is not None
    assert (kept.estimate.latitude, kept.written, kept.run_id) == (1.0, "exif", first.id)
    index.estimates.undone(first.id, [photo.id])
    assert index.estimates.current(photo.id) is None


def test_undoing_a_place_that_the_owner_gave_forgets_it(index: Index, recorded: Root) -> None:
    photo = next(index.photos.in_time(recorded.id))
    tag, place = index.runs.begin("tag", {}), index.runs.begin("place", {})
    index.estimates.put(tag.id, [PhotoEstimate(photo.id, estimate("visual"))])
    index.estimates.put(place.id, [PhotoEstimate(photo.id, estimate("manual"), written="exif")])
    assert current_rung(index, photo.id) == "manual"
    index.estimates.undone(place.id, [photo.id])
    assert current_rung(index, photo.id) == "visual"


def test_marking_as_written_concerns_the_runs_own_current_estimate(index: Index, recorded: Root) -> None:
    one, other = list(index.photos.in_time(recorded.id))[:2]
    run = index.runs.begin("tag", {})
    index.estimates.put(None, [PhotoEstimate(other.id, estimate("manual"))])
    index.estimates.put(run.id, [PhotoEstimate(one.id, estimate()), PhotoEstimate(other.id, estimate())])
    index.estimates.mark_written(run.id, [one.id, other.id], "sidecar")
    assert [known.written for known in index.photos.get([one.id, other.id])] == ["sidecar", None]


def test_dropping_a_rung_lets_the_next_lower_one_speak(index: Index, recorded: Root) -> None:
    photo = next(index.photos.in_time(recorded.id))
    index.estimates.put(None, [PhotoEstimate(photo.id, estimate(rung)) for rung in ("visual", "neighbours")])
    index.estimates.drop([photo.id], ["neighbours"])
    assert current_rung(index, photo.id) == "visual"
    index.estimates.drop([photo.id])
    assert current_rung(index, photo.id) is None
    assert index.store.row("select count(*) from estimates")[0] == 0


def test_dropping_leaves_no_candidates_behind(index: Index, recorded: Root) -> None:
    photo = next(index.photos.in_time(recorded.id))
    with_candidates = estimate(candidates=(Candidate(1.0, 2.0, 0.5, "1"),))
    for _ in range(3):
        index.estimates.put(None, [PhotoEstimate(photo.id, with_candidates)])
    assert index.store.row("select count(*) from candidates")[0] == 1
    index.estimates.drop([photo.id])
    assert index.store.row("select count(*) from candidates")[0] == 0


def test_missing_photos_do_not_answer(index: Index, recorded: Root) -> None:
    photo = next(index.photos.in_time(recorded.id))
    index.estimates.put(None, [PhotoEstimate(photo.id, estimate())])
    index.photos.mark_missing([photo.id])
    assert list(search(index.store, Query())) == []
