"""The pictures and the places of one archive root: what the network sees, what is concluded, what
is written, a few outings at a time."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from geotagger.estimate.timeline import outings
from geotagger.estimate.values import FixSeries
from geotagger.index.photos import Known
from geotagger.tag.correcting import jobs_of
from geotagger.tag.network import Network, Said
from geotagger.tag.outcome import Outcome
from geotagger.tag.outings import Context, Seen, settle_outing, wants_a_look
from geotagger.tag.overlap import Pixels, overlapped
from geotagger.tag.prepared import prepare
from geotagger.tag.references import gather_references
from geotagger.tag.stage import Stage
from geotagger.tag.standing import EvidenceToday, Standing, switched_off
from geotagger.tag.survey import Survey
from geotagger.tag.writing import Job, Writer

GROUP_PHOTOS = 512
GROUP_SECONDS = 3.0
"""The index commits, and photos are written, after so many photos or so many seconds."""


def place_photos(stage: Stage, found: Survey, *, rethink: bool, others_chosen: bool) -> None:
    """Takes all photos of the root through the network, the estimate and the writer. `others_chosen`: the
    settings are others than those of the last run."""
    if stage.options.reference and stage.network is not None:
        stage.network.references = gather_references(stage, stage.network)
    # those of photos that are gone speak for what is written; they place nothing new
    ever = stage.index.photos.fixes(stage.root.id, gone=True)
    fixes = ever.without(stage.index.photos.missing(stage.root.id))
    with stage.profile.timed("learning how it moves"):
        context = _context(stage, found, fixes, rethink, _standing(stage, ever, others_chosen))
    writer = Writer(stage.index, stage.run.id, stage.run.name, stage.options.writing, stage.report)
    stage.listener.phase("Placing", found.unchanged + found.changed)
    for group in _in_groups(outings(_seen(stage, context), lambda one: one[0].utc)):
        jobs: list[Job] = []
        with stage.profile.timed("estimating and recording"), stage.index.batch():
            for outing in group:
                jobs += _settled(context, outing)
        with stage.profile.timed("writing"):
            writer.write(jobs)
        settled = (known for outing in group for known, _ in outing if stage.in_scope(known.path))
        stage.listener.advance(sum(1 for _ in settled))
    if not stage.listener.stop.is_set():
        _correct(stage, context, writer)


def _settled(context: Context, outing: list[Seen]) -> list[Job]:
    """The outing settled; what becomes of its photos says when it began."""
    begun = _beginning(outing[0][0])

    def report(outcome: Outcome) -> None:
        context.report(replace(outcome, outing=begun))

    jobs = settle_outing(replace(context, report=report), outing)
    return [replace(job, outcome=replace(job.outcome, outing=begun)) for job in jobs]


def _beginning(first: Known) -> str | None:
    """By the camera's clock, and in UTC where only that is known."""
    if first.facts is not None and first.facts.taken is not None:
        return first.facts.taken.local.isoformat(timespec="seconds")
    if first.utc is None:
        return None
    return f"{datetime.fromtimestamp(first.utc, UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _correct(stage: Stage, context: Context, writer: Writer) -> None:
    """What is written and does not hold, now that all of the archive was weighed."""
    with stage.profile.timed("writing"):
        writer.write(
            jobs_of(
                list(context.standing.corrections.values()),
                stage.index,
                stage.index.photos.count(stage.root.id),
                stage.options,
                context.model,
                stage.report,
            )
        )
    if doubted := stage.index.estimates.doubted(stage.root.id):
        estimates = f"{doubted} written estimate" + ("" if doubted == 1 else "s")
        stage.listener.note(
            f"{stage.root.path}: {estimates} would not be written today; `geotagger tag --reconsider`"
            " moves or withdraws them"
        )


def _standing(stage: Stage, fixes: FixSeries, others_chosen: bool) -> Standing:
    return Standing(
        stage.index,
        EvidenceToday(
            fixes,
            stage.tracks,
            stage.told,
            None if stage.pack is None else stage.pack.digest,
            switched_off(stage.options),
        ),
        stage.options.reconsider,
        stage.options.reconsider or others_chosen,
    )


def _context(stage: Stage, found: Survey, fixes: FixSeries, rethink: bool, standing: Standing) -> Context:
    table = None if stage.pack is None else stage.pack.cells
    prepared = prepare(stage.index, stage.root.id, fixes, stage.options, stage.tracks, table)
    return Context(
        index=stage.index,
        run_id=stage.run.id,
        options=stage.options,
        survey=found,
        evidence=prepared.evidence,
        report=stage.report,
        in_scope=stage.in_scope,
        root_path=stage.root.path,
        min_confidence=prepared.min_confidence,
        rethink=rethink,
        standing=standing,
        model_id=stage.model_id,
        model=None if stage.pack is None else stage.pack.name,
    )


def _seen(stage: Stage, context: Context) -> Iterator[Seen]:
    """All photos of the root by time, each with what the network says of it."""
    photos = stage.index.photos.in_time(stage.root.id, stage.model_id)
    if stage.network is None:
        seen: Iterable[Seen] = ((known, None) for known in photos)
    else:
        network = stage.network
        seen = overlapped(
            photos,
            lambda known: wants_a_look(context, known),
            lambda known: _read(stage, network, known),
            lambda batch: _say(stage, network, batch),
            batch_size=network.batch_size,
            lanes=network.lanes,
            readers=stage.readers,
        )
    for one in seen:
        if stage.listener.stop.is_set():
            return
        yield one


def _read(stage: Stage, network: Network, known: Known) -> Pixels:
    with stage.profile.timed("reading and decoding", stage.readers):
        return network.read(known.path)


def _say(stage: Stage, network: Network, batch: Pixels) -> list[Said]:
    with stage.profile.timed("network", network.lanes()):
        return network.say(batch)


def _in_groups(cut: Iterable[list[Seen]]) -> Iterator[list[list[Seen]]]:
    group: list[list[Seen]] = []
    photos, begun = 0, time.monotonic()
    for outing in cut:
        group.append(outing)
        photos += len(outing)
        if photos >= GROUP_PHOTOS or time.monotonic() - begun >= GROUP_SECONDS:
            yield group
            group, photos, begun = [], 0, time.monotonic()
    yield group
