"""What it brings that a model scores the very places that an archive knows: GeoCLIP's heads, simulated
pictures.

python -m benchmarks.known_places ../shared/data geoclip-1.3.0-py3-none-any.whl [--seeds 3] [--keep FILE]

Prints Markdown. Real places and times of an archive, 30 % hidden; what a picture shows is so much of its
place's embedding as the skill says, and noise. Of each skill, at temperature 1 and at one that is fitted to
other photos: the same estimates with and without the scores. `--keep` keeps the gallery's embeddings."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.galleries import SKILLS, answers_to, embeddings_of, looked_at, own_places, ratios_of, table_of
from benchmarks.likeness import row
from benchmarks.simulated import places
from benchmarks.wheel import open_wheel
from geotagger.cells import AnyPlace
from geotagger.estimate.kinds.table import BY_DEFAULT
from geotagger.evaluate.sightings import read_sightings
from geotagger.evaluate.trial import Setting, evaluate_archive
from training.accuracy import fit_temperature

_FITTED = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--archive", default="photos/dog-signs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--skills", type=float, nargs="+", default=SKILLS)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    wheel = open_wheel(arguments.wheel)
    cells, embeddings = table_of(wheel), embeddings_of(wheel, arguments.keep)
    assert cells.gallery is not None
    sightings = read_sightings([str(arguments.data / arguments.archive)], None, print)
    lat, lng = own_places(sightings)
    others = places(arguments.data, "im2gps3k")
    fit_lat, fit_lng = (axis[np.random.default_rng(0).permutation(len(axis))[:_FITTED]] for axis in others)
    without = tuple(kind for kind in BY_DEFAULT if kind != "known-places")
    for skill in arguments.skills:
        seen = wheel.seen(fit_lat, fit_lng, skill, seed=1)
        shown = answers_to(seen, embeddings, wheel, cells)
        fitted = fit_temperature(ratios_of(shown, cells), cells, fit_lat, fit_lng)[0]
        features = wheel.seen(lat, lng, skill, seed=2)
        said = answers_to(features, embeddings, wheel, cells)
        for temperature in (1.0, fitted):
            scorer = AnyPlace(wheel.embed, wheel.scale / temperature)
            table = replace(cells, gallery=replace(cells.gallery, any_place=scorer, temperature=temperature))
            photos = looked_at(sightings, features, said, table, temperature)
            for whole_days in (False, True):
                hidden = "days" if whole_days else "single"
                print(f"\nSkill {skill:g}, temperature {temperature:.2f}, {hidden}\n")
                print("| | 1 km | 25 km | median km | inside | stated |\n|---|---|---|---|---|---|")
                for name, kinds in (("cells and gallery", without), ("and known places", BY_DEFAULT)):
                    setting = Setting(whole_days=whole_days, kinds=kinds)
                    seeds = range(arguments.seeds)
                    results = [
                        one for seed in seeds for one in evaluate_archive(photos, setting, seed, table=table)
                    ]
                    print(row(name, results), flush=True)


if __name__ == "__main__":
    main()
