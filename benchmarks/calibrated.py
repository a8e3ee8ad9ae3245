"""Whether a new model's certainties are true after `evaluate --calibrate`: GeoCLIP's heads, simulated
pictures.

python -m benchmarks.calibrated ../shared/data geoclip-1.3.0-py3-none-any.whl [--seeds 3] [--keep FILE]

Prints Markdown. Real places and times of an archive; what a picture shows is so much of its place's
embedding as the skill says, and noise. Temperature and correction are learned as the command learns them;
what is stated after it is stated of each half of the photos as the other half taught, as the command tells
in the end."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.galleries import SKILLS, answers_to, embeddings_of, looked_at, own_places, table_of
from benchmarks.wheel import open_wheel
from geotagger.cells import AnyPlace, CellTable
from geotagger.estimate.movement import MISLEADS
from geotagger.evaluate.calibrating import picture_trust, stated_apart
from geotagger.evaluate.predictions import OURS, Hidden
from geotagger.evaluate.sightings import read_sightings
from geotagger.evaluate.trial import Setting, Sighting, evaluate_archive


def _hidden(
    sightings: Sequence[Sighting], table: CellTable, trust: tuple[float, float], seeds: int
) -> list[list[Hidden]]:
    """Of single photos and of whole days."""
    ways = []
    for whole_days in (False, True):
        setting = Setting(whole_days=whole_days, temperature=trust[0], misleads=trust[1])
        trials = [evaluate_archive(sightings, setting, seed, table=table) for seed in range(seeds)]
        ways.append([one for trial in trials for one in trial])
    return ways


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--archive", default="photos/dog-signs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    wheel = open_wheel(arguments.wheel)
    cells, embeddings = table_of(wheel), embeddings_of(wheel, arguments.keep)
    assert cells.gallery is not None
    scorer = AnyPlace(wheel.embed, wheel.scale)
    table = replace(cells, gallery=replace(cells.gallery, any_place=scorer))
    sightings = read_sightings([str(arguments.data / arguments.archive)], None, print)
    lat, lng = own_places(sightings)
    print("| skill | temperature | misled % | before: stated | inside | after: stated | inside | estimates |")
    print("|---|---|---|---|---|---|---|---|")
    for skill in SKILLS:
        features = wheel.seen(lat, lng, skill, seed=2)
        said = answers_to(features, embeddings, wheel, table)
        photos = looked_at(sightings, features, said, table, 1.0)
        temperature, misleads = picture_trust(photos, table)

        untaught = _hidden(photos, table, (1.0, MISLEADS), arguments.seeds)
        before = [one for way in untaught for one in way if OURS in one.said]
        stated, inside, estimates = stated_apart(
            _hidden(photos, table, (temperature, misleads), arguments.seeds)
        )
        row = (
            np.mean([one.said[OURS].confidence for one in before]),
            np.mean([one.error_km(OURS) <= one.said[OURS].radius_km for one in before]),
            stated,
            inside,
        )
        shares = " | ".join(f"{100 * share:.1f}" for share in row)
        print(
            f"| {skill:g} | {temperature:.2f} | {100 * misleads:.0f} | {shares} | {estimates} |", flush=True
        )


if __name__ == "__main__":
    main()
