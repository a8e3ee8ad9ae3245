"""An evaluation with the owner's own photos as reference: what is hidden is hidden there, too."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from geotagger.estimate.clock import Clocked
from geotagger.estimate.movement import OUTING_GAP_S
from geotagger.estimate.reference import References, references
from geotagger.evaluate import trial
from geotagger.evaluate.predictions import OURS
from geotagger.evaluate.scores import score
from geotagger.evaluate.trial import Setting, Sighting, evaluate_archive, hide
from tests.commands import Geotagger
from tests.tag.scenes import START, exif_of
from tests.tag.test_pictures import COLOURS, PLACES, colour_pack, colour_photo


def looked_at(seed: int, telling: float = 6.0, days: int = 20) -> list[Sighting]:
    """Evenings that run past midnight at one of ten places 300 km apart; pictures of one evening are near
    copies of each other, pictures of one place are alike."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(10, 32))
    sightings = []
    for day in range(days):
        at = int(rng.integers(10))
        evening = telling * places[at] + rng.normal(size=32)
        for n in range(4):
            moment = datetime(2024, 1, 1, 22) + timedelta(days=2 * day, minutes=50 * n)
            clocked = Clocked(moment, timedelta(0), None, "one", 30.0 + 3.0 * at, 10.0)
            features = (evening + 0.05 * rng.normal(size=32)).astype(np.float32)
            sightings.append(Sighting(f"{day}-{n}", clocked, features=features))
    return sightings


@pytest.mark.parametrize("seeds", [(1,), pytest.param(range(6), marks=pytest.mark.slow)])
def test_pictures_that_look_alike_help_where_days_are_hidden(seeds: Sequence[int]) -> None:
    gains = []
    for seed in seeds:
        photos = looked_at(seed)
        alone = evaluate_archive(photos, Setting(0.3, True), seed)
        compared = evaluate_archive(photos, Setting(0.3, True, reference=True), seed)
        gains.append(score(compared, OURS).accuracy[25.0] - score(alone, OURS).accuracy[25.0])
        assert score(compared, "reference").answered == len(compared)
        assert not any("reference" in hidden.said for hidden in alone)
    assert np.mean(gains) > 0.1


def test_pictures_that_tell_nothing_do_no_harm() -> None:
    photos = looked_at(1, telling=0.0)
    without = score(evaluate_archive(photos, Setting(0.3, True), 0), OURS)
    beside = score(evaluate_archive(photos, Setting(0.3, True, reference=True), 0), OURS)
    assert beside.accuracy[25.0] > without.accuracy[25.0] - 0.05


def test_of_a_hidden_evening_nothing_is_left_as_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken after midnight keeps its place, but its pictures are next to copies."""
    photos = looked_at(2)
    asked: list[np.ndarray] = []

    def watched(features: np.ndarray, lat: np.ndarray, lng: np.ndarray, utc: np.ndarray) -> References:
        asked.append(utc)
        return references(features, lat, lng, utc)

    monkeypatch.setattr(trial, "references", watched)
    setting = Setting(0.3, True, reference=True)
    evaluate_archive(photos, setting, 0)
    hidden = hide(photos, setting, 0)
    when = [
        (p.clocked.local - datetime(1970, 1, 1)).total_seconds()
        for p, h in zip(photos, hidden, strict=True)
        if h and p.clocked.local is not None
    ]
    assert np.abs(asked[0][:, None] - np.array(when)).min() > OUTING_GAP_S
    assert len(asked[0]) < np.sum(~hidden)  # some evening was cut by midnight


def test_hidden_pictures_are_no_reference_for_each_other() -> None:
    photos = looked_at(3, days=10)
    hidden = hide(photos, Setting(0.3), 0)
    moved = [
        replace(p, clocked=replace(p.clocked, latitude=-(p.clocked.latitude or 0.0))) if h else p
        for p, h in zip(photos, hidden, strict=True)
    ]
    setting = Setting(0.3, reference=True)
    for one, other in zip(
        evaluate_archive(photos, setting, 0), evaluate_archive(moved, setting, 0), strict=True
    ):
        assert one.said == other.said


def test_the_command_shows_the_rung(geotagger: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), tmp_path / "photos"
    folder.mkdir()
    for day in range(12):
        colour = list(COLOURS)[day % 3]
        exif = exif_of(START + timedelta(days=3 * day), PLACES[colour])
        (folder / f"{day}.jpg").write_bytes(colour_photo(COLOURS[colour], exif))
    said = geotagger("evaluate", folder, "--model", pack, "--reference", "--seed", "0", "--json").records
    methods = {line["method"] for line in said if "method" in line}
    assert {"reference", "visual", "neighbours", OURS} <= methods
    nobody = geotagger("evaluate", folder, "--model", "none", "--reference", "--seed", "0", "--json")
    assert "reference: no model" in nobody.err
    assert all(line.get("method") != "reference" for line in nobody.records)
