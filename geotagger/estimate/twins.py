"""Cameras of one name that are several: two equal phones without serial numbers, of two people.

A camera whose fixes are again and again in two places at once is split, where the folders, the letters of
the files' names, the numbers in them or the versions of their software keep the two apart: into as few as
explain it. Takes names, origins and fixes, gives names. Reads nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geotagger.geo import distance_km

FloatArray = NDArray[np.float64]

_JUMP_KM, _JUMP_KM_S, _BACK_S = 50.0, 100 / 3600, 12 * 3600.0
_FEWEST_CLASHES = 2
"""One fix that is out of date makes one."""
_LEFT = 0.1
"""How much of the clashes a split may leave: some fixes are out of date."""
_FEWEST = 2
"""Cameras, and fixes of each."""
_DEEPEST = 12
_GAPS = 16
"""So many of the widest gaps between the numbers in names are tried."""
_MOST_VERSIONS = 1000
"""More of them, or fewer than two fixes of each in the mean, name no software, but each photo."""
_ROUND = 3
"""A jump away may be undone by so many jumps: of four equal cameras by turns the last one leads back."""
_NUMBER = re.compile(r"(\d+)\D*$")


class Origin(NamedTuple):
    """By what a photo may be known to be of one camera: the path of its file, and the software that wrote it,
    as it says."""

    path: str
    software: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What tells the cameras of one name apart: the first `depth` folders of a path; or one of its folders,
    the `folder`-th, from the last one back below 0; or whether the number in its name is at least `edge`; or
    the versions of software, each with the first that its camera had; or else the letters of its name: those
    that it begins with, or with `written` all of them, its digits told by where they stand ("#") or by how
    many they are ("0")."""

    depth: int = 0
    edge: int | None = None
    folder: int | None = None
    written: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    def key(self, origin: Origin) -> str:
        if self.versions:
            return self.versions.get(origin.software, origin.software) or "no software"
        *folders, name = origin.path.replace("\\", "/").split("/")
        if self.depth:
            return "/".join(folders[: self.depth])
        if self.folder is not None:
            there = -len(folders) <= self.folder < len(folders)
            return folders[self.folder] if there else ""
        if self.written:
            return re.sub(r"\d+" if self.written == "#" else r"\d", self.written, name)
        if self.edge is None:
            return _letters(name)
        number = _number(name)
        return "no number" if number is None else f"{'from' if number >= self.edge else 'below'} {self.edge}"


@dataclass(frozen=True, slots=True)
class Twins:
    """The rules by which cameras of one name are told apart, by that name."""

    rules: Mapping[str, Rule] = field(default_factory=dict)

    def name(self, camera: str | None, origin: Origin) -> str | None:
        rule = self.rules.get(camera) if camera is not None else None
        return camera if rule is None else f"{camera} ({rule.key(origin)})"


def twins_of(
    cameras: Sequence[str],
    camera: NDArray[np.int64],
    utc: FloatArray,
    lat: FloatArray,
    lng: FloatArray,
    origins: Callable[[NDArray[np.int64]], Sequence[Origin]],
) -> Twins:
    """Of fixes ordered by time. `origins` is asked for those of some rows, where a camera is in two places at
    once."""

    def clashes_of(rows: NDArray[np.int64]) -> int:
        return _clashes(utc[rows], lat[rows], lng[rows])

    rules: dict[str, Rule] = {}
    for code, name in enumerate(cameras):
        own = np.flatnonzero(camera == code)
        if not name or len(own) < 2 * _FEWEST:
            continue
        clashes = clashes_of(own)
        if clashes < _FEWEST_CLASHES:
            continue
        seen = origins(own)
        told = []
        rules_tried = chain(
            _rules([origin.path for origin in seen]), _by_software(seen, own, utc[own], clashes_of)
        )
        for rule in rules_tried:
            keys = np.array([rule.key(origin) for origin in seen])
            groups = [own[keys == key] for key in np.unique(keys)]
            large = [group for group in groups if len(group) >= _FEWEST]
            left = sum(clashes_of(group) for group in groups)
            if len(large) > 1 and left <= _LEFT * clashes:
                told.append((len(groups), rule))
                if len(groups) == _FEWEST:
                    break
        if told:
            rules[name] = min(told, key=lambda one: one[0])[1]
    return Twins(rules)


def _clashes(utc: FloatArray, lat: FloatArray, lng: FloatArray) -> int:
    """How often the fixes jump to another place and back within hours. A flight comes back later."""
    apart = distance_km(lat[:-1], lng[:-1], lat[1:], lng[1:])
    jumps = np.flatnonzero((apart > _JUMP_KM) & (apart > _JUMP_KM_S * np.diff(utc)))
    undone = np.zeros(len(jumps), dtype=np.bool_)
    for step in range(1, _ROUND + 1):
        away, back = jumps[:-step], jumps[step:]
        missed = distance_km(lat[away], lng[away], lat[back + 1], lng[back + 1])
        soon = utc[back + 1] - utc[away] < _BACK_S
        undone[: len(away)] |= soon & (missed < 0.5 * np.minimum(apart[away], apart[back]))
    return int(undone.sum())


def _rules(paths: Sequence[str]) -> Iterator[Rule]:
    deepest = min(_DEEPEST, max(path.replace("\\", "/").count("/") for path in paths))
    for depth in range(1, deepest + 1):
        yield Rule(depth)
    for folder in range(1, deepest):
        yield Rule(folder=folder)
        yield Rule(folder=-folder)
    yield Rule()
    yield Rule(written="#")
    yield Rule(written="0")
    numbers = np.unique([n for path in paths if (n := _number(path.rsplit("/", 1)[-1])) is not None])
    for gap in np.argsort(-np.diff(numbers), kind="stable")[:_GAPS].tolist():
        yield Rule(edge=int(numbers[gap + 1]))


def _by_software(
    origins: Sequence[Origin],
    rows: NDArray[np.int64],
    utc: FloatArray,
    clashes_of: Callable[[NDArray[np.int64]], int],
) -> Iterator[Rule]:
    """In the order in which versions come, each is of the first camera that it puts into no two places at
    once: a phone gets new ones, and two of a kind seldom on one day."""
    versions: dict[str, int] = {}
    version_of = np.array([versions.setdefault(origin.software, len(versions)) for origin in origins])
    if not 1 < len(versions) <= min(_MOST_VERSIONS, len(rows) / _FEWEST):
        return
    cameras: dict[str, NDArray[np.int64]] = {}
    first: dict[str, str] = {}
    for version, number in versions.items():
        own = np.flatnonzero(version_of == number)
        # no fix clashes with one that is farther from it in time
        since, until = utc[own[0]] - _BACK_S, utc[own[-1]] + _BACK_S
        clashes = clashes_of(rows[own])
        for begun, others in cameras.items():
            beside = others[slice(*np.searchsorted(utc[others], (since, until)))]
            both = np.sort(np.concatenate((beside, own)))
            if clashes_of(rows[both]) <= clashes_of(rows[beside]) + clashes:
                cameras[begun] = np.sort(np.concatenate((others, own)))
                first[version] = begun
                break
        else:
            cameras[version] = own
            first[version] = version
    if len(cameras) > 1:
        yield Rule(versions=first)


def _letters(name: str) -> str:
    return re.split(r"\d", name.rsplit(".", 1)[0], maxsplit=1)[0]


def _number(name: str) -> int | None:
    digits = _NUMBER.search(name.rsplit(".", 1)[0])
    return int(digits[1]) if digits and len(digits[1]) < 18 else None
