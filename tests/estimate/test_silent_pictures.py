"""Pictures that say nothing change nothing, and pictures that say little change little."""

from dataclasses import replace

import numpy as np
import pytest

from geotagger.cells import CellTable, GalleryPoints, centres, leaf_ids, parents
from geotagger.estimate.atoms import REGION_LEVEL, atoms_of, class_prior
from geotagger.estimate.certainty_correction import CertaintyCorrection
from geotagger.estimate.movement import Movement
from geotagger.estimate.outing import Options
from geotagger.estimate.picture_ratios import PictureRatios
from geotagger.estimate.timeline import estimate_stream
from geotagger.estimate.values import Estimate, Fix, Observation, Posterior
from geotagger.estimate.visual import KEPT_CLASSES, cloud_of, listed_of, posteriors
from geotagger.geo import distance_km

LEARNED = Movement(
    correction=CertaintyCorrection(offset=-0.4, slope=0.8, by_lag=-0.2, by_radius=0.1), learned_from=50
)


def cell_table(cells: int = 900, seed: int = 0) -> CellTable:
    """Cells all over the Earth and many about Cologne, a leaf among them, met unequally often."""
    rng = np.random.default_rng(seed)
    wide = parents(leaf_ids(rng.uniform(-60, 60, cells), rng.uniform(-180, 180, cells)), 7)
    near = parents(leaf_ids(rng.uniform(50.7, 51.2, 200), rng.uniform(6.6, 7.4, 200)), 12)
    ids = np.unique(np.concatenate([wide, near]))
    inside = np.isin(parents(ids, 7), wide) & (ids != parents(ids, 7))
    ids = np.concatenate([ids[~inside], leaf_ids(np.array([-80.0]), np.array([10.0]))])
    return CellTable(ids, *centres(ids), photos=rng.integers(1, 400, len(ids)))


def table_of_gallery(rng: np.random.Generator) -> CellTable:
    """Three places in each cell."""
    base = cell_table()
    rows = np.repeat(np.arange(len(base)), 3)
    gap = rng.uniform(0.2, 3.0, len(rows))
    gallery = GalleryPoints(base.lat[rows], base.lng[rows] + np.tile([0, 0.01, 0.02], len(base)), gap, rows)
    return replace(base, gallery=gallery)


def photos_of(posterior: Posterior | None) -> list[Observation]:
    """An afternoon in Cologne with a fix here and there, a day later one more, and a photo without time."""
    rng = np.random.default_rng(1)
    times = np.concatenate([np.sort(rng.uniform(0, 9000, 14)), 86400 + np.arange(4) * 700.0])
    found = []
    for n, utc in enumerate(times.tolist()):
        fix = Fix(50.94 + 0.004 * n, 6.96 + 0.003 * n, 0.01, "camera") if n in (0, 5, 9, 15) else None
        found.append(Observation(n, utc, "phone", fix, None if fix else posterior))
    return [*found, Observation(99, None, "phone", None, posterior)]


def assert_same(some: list[Estimate | None], others: list[Estimate | None], within: float) -> None:
    for one, other in zip(some, others, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert distance_km(one.latitude, one.longitude, other.latitude, other.longitude) <= 100 * within
            assert one.radius_km == pytest.approx(other.radius_km, rel=within, abs=within)
            assert one.confidence == pytest.approx(other.confidence, abs=within)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("movement", [Movement(), LEARNED])
def test_an_answer_that_is_its_own_prior_leaves_every_estimate_as_it_was(
    temperature: float, movement: Movement
) -> None:
    table = cell_table()
    met = table.photos / table.photos.sum() if table.photos is not None else np.empty(0)
    (said,) = posteriors(met[None].astype(np.float32), table, temperature)
    assert_same(
        estimate_stream(photos_of(said), movement, table), estimate_stream(photos_of(None), movement), 1e-9
    )


@pytest.mark.parametrize("movement", [Movement(), LEARNED])
@pytest.mark.parametrize("sequence", [True, False])
def test_a_picture_that_says_little_changes_little(movement: Movement, sequence: bool) -> None:
    table = cell_table()
    met = table.photos / table.photos.sum() if table.photos is not None else np.empty(0)
    network = np.random.default_rng(2).dirichlet(np.full(len(table), 0.05))
    options = Options(sequence=sequence)
    plain = estimate_stream(photos_of(None), movement, None, options)
    moved = []
    for part in (1e-7, 1e-5, 1e-3):
        mixed = part * network + (1 - part) * met
        (said,) = posteriors(mixed[None].astype(np.float32), table)
        told = estimate_stream(photos_of(said), movement, table, options)
        moved.append(
            max(
                abs(a.confidence - b.confidence)
                for a, b in zip(told[:-1], plain[:-1], strict=True)
                if a and b
            )
        )
    assert moved[0] < 1e-3
    assert moved[0] <= moved[1] + 1e-3 <= moved[2] + 2e-3
    assert moved[2] < 0.05


def test_a_temperature_acts_on_what_the_picture_adds_to_the_prior() -> None:
    table = cell_table()
    prior = class_prior(table)
    p = np.random.default_rng(0).dirichlet(np.full(len(table), 0.3), 3)
    met = table.photos / table.photos.sum() if table.photos is not None else np.empty(0)
    for temperature in (0.5, 1.0, 2.0):
        by_hand = prior * (p / met) ** (1 / temperature)
        by_hand /= by_hand.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(
            PictureRatios(p, table).classes(temperature), by_hand, rtol=1e-4, atol=1e-12
        )


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.0])
def test_of_a_gallery_a_temperature_acts_on_its_places(temperature: float) -> None:
    """One place of four that stands out is not lost in the mean of its cell before it is sharpened."""
    table = table_of_gallery(np.random.default_rng(5))
    assert table.gallery is not None
    assert table.photos is not None
    owner, each = table.gallery.classes, np.random.default_rng(6).normal(0, 1.5, len(table.gallery.lat))
    p = (table.photos / table.photos.sum())[owner] / 3 * np.exp(each)
    of_classes = np.bincount(owner, p / p.sum())
    rows = np.arange(len(p))[None]
    ratios = PictureRatios(of_classes[None], table, rows, (p / p.sum())[None].astype(np.float32))
    by_hand = class_prior(table)[owner] / 3 * np.exp(each / temperature)
    by_hand /= by_hand.sum()
    said = ratios.classes(temperature)
    np.testing.assert_allclose(said[0], np.bincount(owner, by_hand), rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(ratios.of_places(said, temperature), by_hand, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_gallery_whose_answer_is_its_own_prior_lists_nothing(temperature: float) -> None:
    table = table_of_gallery(np.random.default_rng(5))
    assert table.gallery is not None
    assert table.photos is not None
    met = (table.photos / table.photos.sum()).astype(np.float32)
    top = np.arange(0, len(table.gallery.lat), 7)
    share = (met / 3)[table.gallery.classes[top]].astype(np.float32)
    (said,) = posteriors(met[None], table, temperature, top[None], share[None])
    assert not len(said.classes)


def test_what_the_leading_classes_leave_is_told_by_region() -> None:
    table = cell_table(3000)
    rng = np.random.default_rng(4)
    atoms = atoms_of(table)
    europe = np.isin(atoms.region_of, atoms.region_of[(table.lat > 40) & (abs(table.lng - 10) < 30)])
    p = class_prior(table) * np.where(europe, 30.0, 1.0) * rng.uniform(0.5, 1.5, len(table))
    p /= p.sum()
    (said,) = posteriors(p[None].astype(np.float32), table)
    regions = said.classes < 0
    assert regions.any()
    assert (said.classes[:KEPT_CLASSES] >= 0).all()
    listed = listed_of([said], table)
    assert said.probabilities.sum() > 2 * said.probabilities[~regions].sum()
    of_europe = atoms.is_region(listed.atoms) & np.isin(
        listed.atoms - len(table), np.unique(atoms.region_of[europe])
    )
    assert (listed.ratio[of_europe] > 5 * listed.rest[0]).all()
    assert parents(table.ids[:1], REGION_LEVEL)[0] in atoms.region_ids


def test_places_of_a_gallery_are_as_wide_as_their_gaps_and_part_of_their_cells() -> None:
    rng = np.random.default_rng(5)
    table = table_of_gallery(rng)
    assert table.gallery is not None
    assert table.photos is not None
    rows, gap = table.gallery.classes, table.gallery.gap_km
    share = rng.dirichlet(np.full(len(rows), 0.02))
    p = np.bincount(rows, share)
    top = np.argsort(-share)[:40]
    (said,) = posteriors(
        p[None].astype(np.float32), table, 1.0, top[None], share[top][None].astype(np.float32)
    )
    places = said.classes >= len(table)
    held = dict(zip(said.classes[places] - len(table), said.probabilities[places], strict=True))
    assert held
    ratio = class_prior(table) / (table.photos / table.photos.sum())
    for row, mass in held.items():
        assert mass == pytest.approx(share[row] * ratio[rows[row]], rel=0.02)
    cloud = cloud_of(said, table)
    assert cloud.mass.sum() == pytest.approx(
        said.probabilities[(said.classes >= 0) & ~places].sum() + said.probabilities[said.classes < 0].sum(),
        abs=1e-5,
    )
    assert {round(float(size), 6) for size in np.maximum(gap[list(held)], 0.1)} <= {
        round(float(size), 6) for size in cloud.size_km
    }
