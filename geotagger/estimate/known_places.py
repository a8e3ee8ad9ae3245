"""What a picture says of the very places that an archive knows, by a model that scores any place.

A gallery's places stand kilometres apart, and a cell's answer is a mean of many. The places about which a
photo's prior lies (fixes, points of tracks, visits) are scored one by one: exp(s · f · E(place)) over its
mean on the gallery, which is told by the likeliest place of the gallery, whose ratio the posterior has.

Takes observations and mixtures, gives emissions at places. Knows nothing of networks: whoever hands in the
table has one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.atoms import Atoms, atoms_of
from geotagger.estimate.prior import Mixture
from geotagger.estimate.values import Observation, Posterior
from geotagger.geo import EARTH_RADIUS_KM, unit_vectors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NEAR_KM = 1.0
"""So far about a place its own score stands. GeoCLIP's embeddings of places 1 km apart have a cosine of
0.99, of places 3 km apart 0.94."""
_LEAST_WEIGHT = 2e-3
"""Places that bring less to a photo's prior are not drawn from it either (prior.cloud)."""
_LARGEST_LOG = 60.0


@dataclass(frozen=True, slots=True)
class PlaceScores:
    """How much more probable each photo's picture is at places than anywhere: photo (k,), ascending numbers
    of the photos at hand, vectors (k, 3), emission (k,)."""

    photo: IntArray
    vectors: FloatArray
    emission: FloatArray

    def over(self, emission: FloatArray, photo: IntArray, vectors: FloatArray) -> FloatArray:
        """The emission at points (p,) of photos, ascending; near a place that is scored, the place's own."""
        scored = emission.copy()
        if not len(self.photo):
            return scored
        last = int(max(self.photo[-1], photo[-1] if len(photo) else 0)) + 2
        of_points = np.searchsorted(photo, np.arange(last))
        of_places = np.searchsorted(self.photo, np.arange(last))
        for row in np.unique(self.photo).tolist():
            a, b = of_points[row], of_points[row + 1]
            c, d = of_places[row], of_places[row + 1]
            if a == b:
                continue
            cosine = vectors[a:b] @ self.vectors[c:d].T
            nearest = cosine.argmax(axis=1)
            chord = np.sqrt(np.maximum(2 - 2 * cosine[np.arange(b - a), nearest], 0.0))
            near = np.flatnonzero(EARTH_RADIUS_KM * chord <= NEAR_KM)
            scored[a + near] = self.emission[c + nearest[near]]
        return scored


def scores_of(
    photos: Sequence[Observation], mix: Mixture, rows: IntArray, table: CellTable
) -> PlaceScores | None:
    """Of the places that photo i's prior, row rows[i] of the mixture, lies about. None where nothing scores
    places; a photo whose features are not known, or whose posterior names no place of the gallery, has
    none."""
    gallery = table.gallery
    if gallery is None or gallery.any_place is None:
        return None
    atoms, shown = atoms_of(table), []
    for n, photo in enumerate(photos):
        if photo.features is None or photo.posterior is None:
            continue
        likeliest = _likeliest(atoms, photo.posterior)
        if likeliest is not None:
            shown.append((n, *likeliest))
    if not shown:
        return None
    best = [row for _, row, _ in shown]
    anchors = gallery.any_place.embed(gallery.lat[best], gallery.lng[best])
    used = [np.flatnonzero(mix.weight[rows[n]] > _LEAST_WEIGHT) for n, _, _ in shown]
    lat = np.concatenate([mix.lat[rows[n], at] for (n, _, _), at in zip(shown, used, strict=True)])
    lng = np.concatenate([mix.lng[rows[n], at] for (n, _, _), at in zip(shown, used, strict=True)])
    if not len(lat):
        return None
    owner = np.repeat(np.arange(len(shown)), [len(at) for at in used])
    features = np.stack([row for n, _, _ in shown if (row := photos[n].features) is not None])
    places = gallery.any_place.embed(lat, lng)
    more = np.einsum("ij,ij->i", features[owner], places - anchors[owner], dtype=np.float64)
    log_ratio = np.array([log for _, _, log in shown])[owner] + gallery.any_place.scale * more
    photo_of = np.array([n for n, _, _ in shown])[owner]
    return PlaceScores(photo_of, unit_vectors(lat, lng), np.exp(np.minimum(log_ratio, _LARGEST_LOG)))


def _likeliest(atoms: Atoms, posterior: Posterior) -> tuple[int, float] | None:
    """Which row of the gallery the picture makes most probable, and the logarithm by how much."""
    places = np.flatnonzero(posterior.classes >= atoms.classes)
    if not len(places):
        return None
    prior = atoms.prior[atoms.numbers(posterior.classes[places])]
    ratio = posterior.probabilities[places].astype(np.float64) / np.maximum(prior, 1e-300)
    best = int(ratio.argmax())
    if ratio[best] <= 0:
        return None
    return int(posterior.classes[places[best]]) - atoms.classes, float(np.log(ratio[best]))
