"""What `why` found, as JSON takes it: for the command and for the page alike."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from geotagger.archive import is_at_or_below
from geotagger.estimate.explain import EvidenceSource, NearFix
from geotagger.estimate.values import Candidate, Estimate
from geotagger.estimate.words import doubt_of, length, span
from geotagger.gazetteer.naming import names_of
from geotagger.gazetteer.words import area_name, country_name, in_full, in_words
from geotagger.tag.likeness import LikePhoto
from geotagger.tag.why import Why
from geotagger.text.values import PlaceRatios

Spot = tuple[float, float]


def record_of_why(answer: Why) -> dict[str, Any]:
    """Beside what every command says of a photo: each kind of evidence alone, what was weighed, which fixes
    and words there are, the leading places and countries."""
    photo, explanation = answer.photo, answer.explanation
    e = explanation.estimate
    called = names_in(answer)
    return {
        **brief(e),
        "cell": None if e is None else e.cell or None,
        "evidence": [] if e is None else list(e.evidence),
        "alone": {
            name: {**brief(said), "where": called[said.latitude, said.longitude]}
            for name, said in explanation.alone.items()
        },
        "sources": [
            {**asdict(source), "where": called[source.latitude, source.longitude]}
            for source in explanation.sources
        ],
        "anywhere": explanation.anywhere,
        "pictures_doubted": explanation.doubted,
        "fixes": [
            {
                **asdict(fix),
                "photo": answer.names.get(fix.key),
                "archive": answer.archives.get(fix.key),
                "where": called[fix.latitude, fix.longitude],
            }
            for fix in explanation.fixes
        ],
        "alike": [{**asdict(one), "where": called[one.latitude, one.longitude]} for one in answer.alike],
        "words": [asdict(area) for area in explanation.words],
        "countries": [
            {"country": code, "name": country_name(code) if code else "at sea", "probability": share}
            for code, share in explanation.countries
        ],
        "candidates": [
            {**asdict(one), "where": called[one.latitude, one.longitude]}
            for one in (() if e is None else e.candidates)
        ],
        "where": None if e is None else place_of(answer),
        "unreadable_position": unreadable_position(answer),
        "stands": photo.rung,
        "run": None if answer.run is None else answer.run.name,
        "tracks": list(answer.tracks),
        "disagreements": list(answer.disagreements),
        "kinds": list(answer.kinds),
        "text": None if answer.lines is None else {"lines": list(answer.lines), **_factors(answer.text)},
    }


def factors_of_text(text: PlaceRatios) -> list[tuple[str, float]]:
    """How many times as probable a place is as without the text, by name: the leading countries or regions,
    all others, the leading towns."""
    best = sorted(text.countries, key=lambda one: -one[1])[:3]
    towns = text.towns[:3]
    names = names_of([town.latitude for town in towns], [town.longitude for town in towns])
    return [
        *((area_name(code), times) for code, times in best),
        ("others", text.elsewhere),
        *(
            (f"near {in_words(name.place, 0.0, name.region, name.country)}", 1 + town.inside + town.near)
            for town, name in zip(towns, names, strict=True)
        ),
    ]


def _factors(text: PlaceRatios | None) -> dict[str, Any]:
    """How many times as probable as without the text."""
    if text is None:
        return {"countries": {}, "elsewhere": 1.0, "towns": [], "said": []}
    towns = [
        {"latitude": town.latitude, "longitude": town.longitude, "times": 1 + town.inside + town.near}
        for town in text.towns
    ]
    said = [{"where": where, "times": times} for where, times in factors_of_text(text)]
    return {"countries": dict(text.countries), "elsewhere": text.elsewhere, "towns": towns, "said": said}


def place_of(answer: Why) -> str:
    """What the place of the estimate is called, with its country, and the border that is near."""
    e = answer.explanation.estimate
    return "" if e is None else in_full(**asdict(names_of([e.latitude], [e.longitude])[0]))


def names_in(answer: Why) -> Mapping[Spot, str]:
    """What each place of an explanation is called; empty where nothing near has a name."""
    explanation = answer.explanation
    e = explanation.estimate
    said: list[Estimate | EvidenceSource | Candidate | NearFix | LikePhoto] = [
        *answer.alike,
        *explanation.alone.values(),
        *explanation.sources,
        *explanation.fixes,
    ]
    if e is not None:
        said += [e, *e.candidates]
    spots = list(dict.fromkeys((one.latitude, one.longitude) for one in said))
    names = names_of([lat for lat, _ in spots], [lng for _, lng in spots])
    return {
        spot: in_words(name.place, name.place_km, name.region, name.country)
        for spot, name in zip(spots, names, strict=True)
    }


def brief(said: Estimate | None) -> dict[str, Any]:
    return {
        "latitude": None if said is None else said.latitude,
        "longitude": None if said is None else said.longitude,
        "radius_km": None if said is None else said.radius_km,
        "confidence": None if said is None else said.confidence,
        "rung": None if said is None else said.rung,
    }


def unreadable_position(answer: Why) -> str | None:
    return None if answer.photo.facts is None else answer.photo.facts.unreadable_position


def lines_on_fixes(answer: Why) -> Iterator[str]:
    """Which fixes there are: "IMG_0002.jpg, 8.0 min before: camera, good to 10 m"."""
    for fix in answer.explanation.fixes:
        path = answer.names.get(fix.key)
        what = "a point of a track" if path is None else os.path.basename(path)
        archive = answer.archives.get(fix.key)
        if archive is not None and not is_at_or_below(answer.photo.path, [archive]):
            what += f" of {archive}"
        side = "before" if fix.lag_s < 0 else "after"
        doubt = doubt_of(fix.age_s, fix.doubt)
        yield f"{what}, {span(abs(fix.lag_s))} {side}: {fix.rung}, good to {length(fix.error_km)}{doubt}"
