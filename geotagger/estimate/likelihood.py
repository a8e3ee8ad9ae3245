"""How probable known places are under many parameters of movement at once, for learning them.

The density is that of `prior.mixture`, at one place a photo. What only some parameters change (the sums over
visited places, the middle between two fixes) is kept from trial to trial.

Takes surroundings, places and parameters, gives logarithms of densities. Knows nothing of how parameters are
searched.
"""

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np

from geotagger.estimate.movement import FloatArray, Motion, radial_density, stacked
from geotagger.estimate.people import usual_at
from geotagger.estimate.prior import ANYWHERE, ASTRAY_TAIL
from geotagger.estimate.shares import (
    Place,
    Sums,
    attention_of,
    lie_of,
    middle_of,
    recalled_of,
    shares_of,
    sides_of,
)
from geotagger.estimate.surroundings import Surroundings
from geotagger.geo import distance_km

_KEPT = 16
"""Of each sum over visits: two for each set of parameters that is searched at a time, and more."""


class Likelihood:
    def __init__(self, around: Surroundings, lat: FloatArray, lng: FloatArray) -> None:
        """`around` n photos, whose places are lat and lng, degrees (n,)."""
        lie = self._lie = lie_of(around)
        self._place: Place = lat, lng
        self._usual = usual_at(lat, lng)
        self._from_b, self._from_a = distance_km(*lie.b, lat, lng), distance_km(*lie.a, lat, lng)
        visited = lie.visit_lat, lie.visit_lng
        kept = lru_cache(maxsize=_KEPT)
        self._recalled = kept(self._recalled_with)
        self._at_visits = kept(partial(radial_density, distance_km(*visited, lat[:, None], lng[:, None])))
        self._recalled_sums = kept(self._recalled_with_sums)
        self._visited_sums = kept(self._visited_with_sums)
        self._attention_sums = kept(self._attention_with_sums)
        self._from_middle = kept(self._from_middle_with)

    def log_densities(self, motions: Sequence[Motion]) -> FloatArray:
        """Of photo i at its place under motion k, per km²: (k, n)."""
        lie, motion = self._lie, stacked(motions)
        attention = [self._attention_sums(one.stranger, one.fade) for one in motions]
        recalled = [self._recalled_sums(one.stranger, one.recall_days, one.recall) for one in motions]
        visited = [
            self._visited_sums(one.stranger, one.recall_days, one.recall, one.haunt_km, one.haunt_tail)
            for one in motions
        ]
        to_middle = [
            self._from_middle(one.stranger, one.still_km, one.hour_km, one.growth) for one in motions
        ]
        sums = Sums(*np.stack(attention, axis=1), *np.stack(recalled, axis=1))
        shares = shares_of(lie, sides_of(lie, motion), sums, motion)
        away = (np.stack(to_middle), self._from_b, self._from_a, self._from_b, self._from_a)
        densities = (radial_density(*one) for one in zip(away, shares.scale_km, shares.tail, strict=True))
        wrong = (
            radial_density(distance, km, ASTRAY_TAIL)
            for distance, km in zip(away[1:3], shares.astray_km, strict=True)
        )
        visits = zip(
            (shares.visited_b, shares.visited_a, shares.visited),
            (sums.recalled_b, sums.recalled_a, sums.recalled),
            np.stack(visited, axis=1),
            strict=True,
        )
        total, density = shares.world.copy(), np.zeros_like(shares.world)
        for weight, one in (
            *zip(shares.weight, densities, strict=True),
            *zip(shares.astray, wrong, strict=True),
        ):
            total += weight
            density += weight * one
        for weight, of, inside in visits:
            total += np.where(of > 0, weight, 0.0)
            density += weight / np.maximum(of, 1e-300) * inside
        share = (1 - ANYWHERE) / np.maximum(total, 1e-300)
        return np.asarray(np.log(share * density + (ANYWHERE + share * shares.world) * self._usual))

    def _recalled_with(self, stranger: float, recall_days: float, recall: float) -> FloatArray:
        return recalled_of(self._lie, Motion(stranger=stranger, recall_days=recall_days, recall=recall))

    def _recalled_with_sums(self, *recall: float) -> FloatArray:
        """In the region before, in that after, in all: (3, n)."""
        return self._summed(self._recalled(*recall))

    def _visited_with_sums(
        self, stranger: float, recall_days: float, recall: float, haunt_km: float, haunt_tail: float
    ) -> FloatArray:
        """The same, times the density at the photo's place."""
        recalled = self._recalled(stranger, recall_days, recall)
        return self._summed(recalled * self._at_visits(haunt_km, haunt_tail))

    def _attention_with_sums(self, stranger: float, fade: float) -> FloatArray:
        """In the region before and in that after: (2, n)."""
        return self._summed(attention_of(self._lie, Motion(stranger=stranger, fade=fade)))[:2]

    def _summed(self, values: FloatArray) -> FloatArray:
        by_region = (np.einsum("nv,nv->n", values, by) for by in (self._lie.by_b, self._lie.by_a))
        return np.stack([*by_region, values.sum(axis=1)])

    def _from_middle_with(
        self, stranger: float, still_km: float, hour_km: float, growth: float
    ) -> FloatArray:
        motion = Motion(stranger=stranger, still_km=still_km, hour_km=hour_km, growth=growth)
        return np.asarray(distance_km(*middle_of(self._lie, sides_of(self._lie, motion)), *self._place))
