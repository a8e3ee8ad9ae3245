"""The owner's own photos as reference."""

from pathlib import Path

import numpy as np
import pytest

from geotagger.errors import IndexUnusableError
from geotagger.estimate import reference
from geotagger.estimate.learning import learn_movement
from geotagger.estimate.movement import Movement, radial_density
from geotagger.estimate.outing import estimate_outing
from geotagger.estimate.reference import References, alike, references, search
from geotagger.estimate.values import Observation
from geotagger.geo import distance_km

DAY = 86400.0


def archive(rng: np.random.Generator, telling: float, n: int = 300) -> tuple[np.ndarray, ...]:
    """Thirty places; a picture is its place's direction plus noise."""
    places = rng.normal(size=(30, 64))
    at = rng.integers(30, size=n)
    features = telling * places[at] + rng.normal(size=(n, 64))
    lat, lng = 40 + at * 0.3, 5 + (at % 7) * 0.5
    return features.astype(np.float32), lat.astype(float), lng.astype(float), np.arange(n) * DAY, at


def test_likeness_tells_as_much_as_it_told_before() -> None:
    rng = np.random.default_rng(0)
    for telling, least, most in ((6.0, 0.8, 1.0), (0.0, 0.0, 0.15)):
        features, lat, lng, utc, _ = archive(rng, telling)
        known = references(features[:250], lat[:250], lng[:250], utc[:250])
        told = [float(one.weight.sum()) for one in alike(known, features[250:])]
        assert least <= np.mean(told) <= most


def test_a_picture_that_looks_like_others_is_placed_with_them() -> None:
    rng = np.random.default_rng(1)
    features, lat, lng, utc, _ = archive(rng, 6.0, 120)
    known = references(features[:119], lat[:119], lng[:119], utc[:119])
    (seen,) = alike(known, features[119:])
    movement = learn_movement(utc[:119], lat[:119], lng[:119])
    (found,) = estimate_outing([Observation(0, float(utc[119]), alike=seen)], None, None, movement)
    assert found is not None
    assert distance_km(found.latitude, found.longitude, lat[119], lng[119]) < 1
    assert "visual" in found.rungs
    (alone,) = estimate_outing([Observation(0, float(utc[119]))], None, None, movement)
    assert alone is not None
    assert found.confidence > alone.confidence


def test_without_any_prior_likeness_alone_gives_nothing_and_breaks_nothing() -> None:
    features, lat, lng, utc, _ = archive(np.random.default_rng(2), 6.0, 20)
    (seen,) = alike(references(features, lat, lng, utc), features[:1])
    assert estimate_outing([Observation(0, None, alike=seen)], None, None, Movement()) == [None]


def test_the_graph_finds_what_the_exact_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("usearch", reason="usearch is not installed: pip install '.[reference]'")
    features, lat, lng, utc, _ = archive(np.random.default_rng(3), 2.0, 2000)
    exact, _ = search(references(features, lat, lng, utc), features[:40], 5)
    monkeypatch.setattr(reference, "EXACT_UP_TO", 10)
    many = references(features, lat, lng, utc)
    assert many.graph is not None
    near, _ = search(many, features[:40], 5)
    assert np.mean([len(set(a) & set(b)) / 5 for a, b in zip(exact, near, strict=True)]) > 0.9


def test_how_usual_a_place_is_may_be_told_by_blocks() -> None:
    features, lat, lng, utc, _ = archive(np.random.default_rng(5), 6.0, 200)
    rng = np.random.default_rng(6)
    known = references(features, lat + rng.normal(0, 0.01, 200), lng + rng.normal(0, 0.01, 200), utc)
    for seen in alike(known, features[:20]):
        away = distance_km(seen.lat[:, None], seen.lng[:, None], known.lat, known.lng)
        plain = radial_density(away, reference.USUAL_KM, reference.USUAL_TAIL).mean(axis=1)
        np.testing.assert_allclose(seen.usual, plain, rtol=0.1)


def test_features_are_kept(tmp_path: Path) -> None:
    features, lat, lng, utc, _ = archive(np.random.default_rng(4), 3.0, 50)
    known = references(features, lat, lng, utc)
    assert References.load(tmp_path) is None
    known.save(tmp_path)
    again = References.load(tmp_path)
    assert again is not None
    assert again.trust == known.trust
    np.testing.assert_allclose(again.features, known.features, atol=2e-3)


def test_what_is_damaged_counts_as_not_kept(tmp_path: Path) -> None:
    features, lat, lng, utc, _ = archive(np.random.default_rng(4), 3.0, 50)
    references(features, lat, lng, utc).save(tmp_path)
    file = tmp_path / "reference.npz"
    whole = file.read_bytes()
    for spoilt in (b"", b"no archive", whole[:100], whole[: len(whole) // 2], whole[:-30]):
        file.write_bytes(spoilt)
        assert References.load(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    features, lat, lng, utc, _ = archive(np.random.default_rng(4), 3.0, 50)
    (tmp_path / "file").touch()
    with pytest.raises(IndexUnusableError, match="file"):
        references(features, lat, lng, utc).save(tmp_path / "file")
