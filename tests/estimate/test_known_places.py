"""Places that an archive knows are scored as the gallery is: exp(s · f · E(place)) over that's mean."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from geotagger.cells import AnyPlace, CellTable, GalleryPoints
from geotagger.estimate.known_places import NEAR_KM, PlaceScores, scores_of
from geotagger.estimate.movement import Movement
from geotagger.estimate.outing import Options
from geotagger.estimate.prior import Mixture
from geotagger.estimate.timeline import estimate_stream
from geotagger.estimate.values import Fix, Observation
from geotagger.estimate.visual import posteriors
from geotagger.geo import destination, distance_km, unit_vectors
from geotagger.model.embedders import GALLERY_CELLS
from geotagger.model.gallery import Gallery
from geotagger.partition import classes_of, partition
from tests.model.embedders import gallery_places, weights_of_places

SCALE = 20.0
FloatArray = NDArray[np.float64]


def embed(lat: FloatArray, lng: FloatArray) -> NDArray[np.float32]:
    first, second = weights_of_places()
    rows = np.sin(np.stack([lat, lng], axis=1) @ first * 30) @ second
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def table_of_gallery() -> CellTable:
    lat, lng = gallery_places().T
    cells = partition(lat, lng, GALLERY_CELLS)
    gaps, classes = Gallery(lat, lng).gap_km, classes_of(cells, lat, lng).astype(np.int64)
    return replace(cells, gallery=GalleryPoints(lat, lng, gaps, classes, AnyPlace(embed, SCALE)))


def looked_at(table: CellTable, lat: float, lng: float, noise: float) -> tuple[Observation, FloatArray]:
    """A photo whose picture shows that place and noise; and what is said of each place of the gallery, over
    the mean."""
    assert table.gallery is not None
    features = embed(np.array([lat]), np.array([lng]))[0]
    features = features + noise * np.random.default_rng(3).normal(size=len(features)).astype(np.float32)
    features = (features / np.linalg.norm(features)).astype(np.float32)
    said = np.exp(SCALE * embed(table.gallery.lat, table.gallery.lng).astype(np.float64) @ features)
    shares = (said / said.sum()).astype(np.float32)
    top = np.argsort(-shares)[:256]
    cells = np.bincount(table.gallery.classes, shares, len(table)).astype(np.float32)
    (posterior,) = posteriors(cells[None], table, 1.0, top[None], shares[top][None])
    return Observation(0, 0.0, "phone", None, posterior, features=features), said / said.mean()


def mixture_about(lat: FloatArray, lng: FloatArray) -> Mixture:
    ones = np.ones((1, len(lat)))
    weight = ones / len(lat) * 0.9
    return Mixture(lat[None], lng[None], weight, ones, 2 * ones, 0, np.array([0.1]), 0 * ones)


def test_a_place_is_scored_over_the_mean_of_the_gallery() -> None:
    table = table_of_gallery()
    assert table.gallery is not None
    photo, _ = looked_at(table, 10.0, 20.0, 0.1)
    lat, lng = np.array([10.0, -33.0, 48.2]), np.array([20.0, 151.0, 16.4])
    scores = scores_of([photo], mixture_about(lat, lng), np.array([0]), table)
    assert scores is not None
    assert photo.features is not None
    at_places = np.exp(SCALE * embed(lat, lng).astype(np.float64) @ photo.features)
    at_gallery = np.exp(
        SCALE * embed(table.gallery.lat, table.gallery.lng).astype(np.float64) @ photo.features
    )
    np.testing.assert_allclose(scores.emission, at_places / at_gallery.mean(), rtol=1e-4)


def test_a_place_of_the_gallery_is_scored_as_the_network_did() -> None:
    table = table_of_gallery()
    assert table.gallery is not None
    photo, ratio = looked_at(table, float(table.gallery.lat[7]), float(table.gallery.lng[7]), 0.3)
    here = mixture_about(table.gallery.lat[:40], table.gallery.lng[:40])
    scores = scores_of([photo], here, np.array([0]), table)
    assert scores is not None
    np.testing.assert_allclose(scores.emission, ratio[:40], rtol=1e-4)


def test_a_score_stands_about_its_place_and_no_farther() -> None:
    lat, lng = destination(
        np.full(3, 50.0), np.full(3, 7.0), np.full(3, 90.0), np.array([0.0, 0.9, 1.1]) * NEAR_KM
    )
    points = np.concatenate([unit_vectors(lat, lng), unit_vectors(lat, lng)])
    scores = PlaceScores(np.array([1]), unit_vectors(np.array([50.0]), np.array([7.0])), np.array([9.0]))
    over = scores.over(np.ones(6), np.array([0, 0, 0, 1, 1, 1]), points)
    assert over.tolist() == [1, 1, 1, 9, 9, 1]


def test_of_two_known_places_the_picture_chooses() -> None:
    """No place of the gallery is near either; only the encoder tells them apart."""
    table = table_of_gallery()
    here, there = (48.0, 11.0), (48.0, 12.5)
    photo, _ = looked_at(table, *there, 0.3)
    day = [
        Observation(1, 0.0, "phone", Fix(*here, 0.01, "camera")),
        Observation(2, 86_400.0, "phone", Fix(*there, 0.01, "camera")),
        replace(photo, key=3, utc=43_200.0),
    ]
    scored = estimate_stream(day, Movement(), table, Options())[2]
    unheard = estimate_stream([*day[:2], replace(day[2], features=None)], Movement(), table, Options())[2]
    assert scored is not None
    assert unheard is not None
    assert distance_km(scored.latitude, scored.longitude, *there) < 1
    assert scored.confidence > 2 * unheard.confidence


@pytest.mark.parametrize("lacking", ["features", "posterior"])
def test_a_photo_that_was_not_seen_so_has_no_scores(lacking: str) -> None:
    table = table_of_gallery()
    photo, _ = looked_at(table, 10.0, 20.0, 0.1)
    bare = replace(photo, **{lacking: None})  # type: ignore[arg-type]
    assert scores_of([bare], mixture_about(np.array([1.0]), np.array([2.0])), np.array([0]), table) is None
