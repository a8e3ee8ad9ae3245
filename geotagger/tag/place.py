"""Positions that the owner knows: `geotagger place`."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from geotagger.archive import fingerprint, lock
from geotagger.archive.listing import file_entry
from geotagger.errors import PhotoError
from geotagger.index import Index, open_index
from geotagger.index.estimates import Placed
from geotagger.index.photos import Known, Record
from geotagger.index.roots import Root
from geotagger.photo.facts import read_facts
from geotagger.tag.options import Writing
from geotagger.tag.outcome import Outcome, Report, Tally
from geotagger.tag.survey import known_place
from geotagger.tag.writing import Job, Writer, repair

MANUAL_ERROR_KM = 0.1
"""How exactly a point picked on a map is taken to be."""


def place(
    latitude: float,
    longitude: float,
    files: Sequence[str],
    *,
    writing: Writing,
    overwrite: bool,
    index_path: Path | None,
    report: Report,
    wait: bool = False,
) -> Tally:
    """Gives the place to each file. A position that a camera wrote is kept unless `overwrite`."""
    tally = Tally()

    def tell(outcome: Outcome) -> None:
        tally.add(outcome)
        report(outcome)

    there: list[str] = []
    for path in dict.fromkeys(_resolved(file) for file in files):
        if os.path.isfile(path):
            there.append(path)
        else:
            why = "it is a folder; name the photos" if os.path.isdir(path) else "there is no such file"
            tell(Outcome(path, "failed", f"{path}: {why}", "no such file"))
    if not there:
        return tally
    folders = sorted({os.path.dirname(path) for path in there})
    with lock(folders, wait=wait), open_index(index_path) as index:
        arguments = {"place": [latitude, longitude], "files": len(there), "overwrite": overwrite}
        run = index.runs.begin("place", arguments)
        ended = "failed"
        try:
            by_root: dict[Root, list[str]] = {}
            for path in there:
                by_root.setdefault(index.roots.root_for(path), []).append(path)
            for root, paths in by_root.items():
                repair(index, paths)
                writer = Writer(index, run.id, run.name, writing, root.path, tell, overwrite=overwrite)
                jobs = []
                for path in paths:
                    job = _job(index, root, run.id, path, latitude, longitude, writing, overwrite, tell)
                    if job is not None:
                        jobs.append(job)
                writer.write(jobs)
            ended = "done"
        finally:
            index.runs.end(run.id, ended, dict(tally.statuses))  # type: ignore[arg-type]
    return tally


def _resolved(path: str) -> str:
    """The absolute path, links in its folders followed, as the index keeps it."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _job(
    index: Index,
    root: Root,
    run_id: int,
    path: str,
    latitude: float,
    longitude: float,
    writing: Writing,
    overwrite: bool,
    tell: Report,
) -> Job | None:
    try:
        known = _known(index, root, path)
    except PhotoError as error:
        tell(Outcome(path, "failed", str(error), "could not be read"))
        return None
    fix = None if known.facts is None else known.facts.fix
    if fix is not None and fix.mark is None and not overwrite:
        tell(
            Outcome(
                path,
                "kept",
                "has a position of its own; --overwrite replaces it",
                None,
                fix.latitude,
                fix.longitude,
                rung="camera",
            )
        )
        return None
    estimate = known_place(latitude, longitude, "manual", MANUAL_ERROR_KM)
    index.estimates.put(run_id, [Placed(known.id, estimate)])
    outcome = Outcome(
        path,
        "written",
        latitude=latitude,
        longitude=longitude,
        radius_km=estimate.radius_km,
        confidence=estimate.confidence,
        rung=estimate.rung,
        cell=estimate.cell,
    )
    if writing.mode != "none":
        return Job(known.id, estimate, outcome)
    tell(replace(outcome, status="indexed", reason="nothing is written into photos (--write none)"))
    return None


def _known(index: Index, root: Root, path: str) -> Known:
    """The photo as the index knows it, recorded first when it is new or has changed."""
    known = index.photos.find(path)
    entry = file_entry(path)
    now = (entry.size, entry.mtime_ns, entry.sidecar_mtime_ns)
    if known is None or (known.size, known.mtime_ns, known.sidecar_mtime_ns) != now or known.facts is None:
        record = Record(entry, read_facts(path), fingerprint=fingerprint(path))
        (photo_id,) = index.photos.record(root, [record])
        (known,) = index.photos.get([photo_id])
    return known
