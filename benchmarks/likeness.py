"""The owner's photos as reference: what features of a given skill bring to single photos and to whole days.

    python -m benchmarks.likeness ../shared/data [--archives photos/dog-signs ...] [--seeds 3]

Prints Markdown. Features are simulated: that of a photo is a direction of its place, the same for all
photos within a few hundred metres, so much of it as the skill says, and noise. The skill is told by what it
gives: how often the photo most alike among those of other outings was taken within a kilometre, where any
was (recall@1).
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.movement import OUTING_GAP_S
from geotagger.evaluate.predictions import OURS, Hidden
from geotagger.evaluate.sightings import read_sightings
from geotagger.evaluate.trial import Setting, Sighting, evaluate_archive
from geotagger.geo import EARTH_RADIUS_KM, unit_vectors

SKILLS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.8)
WIDTH = 512
SAME_KM = 1.0
_FINENESS_KM = 0.3
THRESHOLDS_KM = (1.0, 25.0)


def features_of(sightings: Sequence[Sighting], skill: float, seed: int = 0) -> list[Sighting]:
    """With simulated features: random waves of a place's position (Rahimi & Recht 2007), whose product falls
    with the distance as a bell of 300 m does, and noise."""
    rng = np.random.default_rng(seed)
    places = [sighting.own_place for sighting in sightings]
    lat = np.array([0.0 if place is None else place.latitude for place in places])
    lng = np.array([0.0 if place is None else place.longitude for place in places])
    waves = rng.normal(size=(3, WIDTH)) * EARTH_RADIUS_KM / _FINENESS_KM
    place = np.cos(unit_vectors(lat, lng) @ waves + rng.uniform(0, 2 * np.pi, WIDTH)) * np.sqrt(2 / WIDTH)
    noise = rng.normal(size=(len(sightings), WIDTH)) / np.sqrt(WIDTH)
    seen = skill * place + np.sqrt(1 - skill**2) * noise
    seen = (seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32)
    return [replace(sighting, features=row) for sighting, row in zip(sightings, seen, strict=True)]


def recall(sightings: Sequence[Sighting]) -> tuple[float, float]:
    """How often the photo most alike of another outing is within a kilometre, of those photos that have one
    there; and the share of photos that have."""
    rows = [s for s in sightings if s.own_place is not None and s.features is not None]
    vectors = unit_vectors(
        np.array([s.own_place.latitude for s in rows if s.own_place]),
        np.array([s.own_place.longitude for s in rows if s.own_place]),
    )
    utc = np.array([np.nan if s.clocked.local is None else s.clocked.local.timestamp() for s in rows])
    away = EARTH_RADIUS_KM * np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    apart = ~(np.abs(utc[:, None] - utc[None]) <= OUTING_GAP_S)
    np.fill_diagonal(apart, False)
    seen = np.stack([s.features for s in rows if s.features is not None])
    first = np.argmax(np.where(apart, seen @ seen.T, -2.0), axis=1)
    can = ((away <= SAME_KM) & apart).any(axis=1)
    hit = away[np.arange(len(rows)), first] <= SAME_KM
    return float(hit[can].mean()) if can.any() else 0.0, float(can.mean())


def row(name: str, results: Sequence[Hidden]) -> str:
    answered = [one for one in results if OURS in one.said]
    away: NDArray[np.float64] = np.array([one.error_km(OURS) for one in results])
    stated = np.mean([one.said[OURS].confidence for one in answered])
    inside = np.mean([one.error_km(OURS) <= one.said[OURS].radius_km for one in answered])
    shares = " | ".join(f"{100 * np.mean(away <= km):.1f}" for km in THRESHOLDS_KM)
    return f"| {name} | {shares} | {np.median(away):.2f} | {100 * inside:.1f} | {100 * stated:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--archives", nargs="+", default=["photos/dog-signs"])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    for name in arguments.archives:
        sightings = read_sightings([str(arguments.data / name)], None, print)
        for whole_days in (False, True):
            print(f"\n{'Whole days' if whole_days else 'Single photos'} of {name}\n")
            print("| recall@1 within 1 km | 1 km | 25 km | median km | inside | stated |")
            print("|---|---|---|---|---|---|")
            for skill in (None, *SKILLS):
                looked_at = sightings if skill is None else features_of(sightings, skill)
                setting = Setting(whole_days=whole_days, reference=skill is not None)
                seeds = range(arguments.seeds)
                results = [one for seed in seeds for one in evaluate_archive(looked_at, setting, seed)]
                if skill is None:
                    print(row("no reference", results), flush=True)
                    continue
                right, can = recall(looked_at)
                print(row(f"{right:.2f} (of the {can:.0%} that could)", results), flush=True)


if __name__ == "__main__":
    main()
