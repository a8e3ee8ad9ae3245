"""The pictures and the places of the roots that a run works on: what the network sees, what is concluded,
what is written, a few outings at a time."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from geotagger.estimate.timeline import outings
from geotagger.index.photos import IndexedPhoto
from geotagger.tag.any_place import table_of
from geotagger.tag.correcting import jobs_of
from geotagger.tag.evidence import ArchiveEvidence, min_confidence, weighing
from geotagger.tag.naming import say_what_was_named, write_names
from geotagger.tag.outings import PhotoWithPicture, settle_outing, wants_a_look
from geotagger.tag.recorded import Recorded
from geotagger.tag.references import gather_references
from geotagger.tag.rootrun import RootRun
from geotagger.tag.standing import EvidenceToday, Standing, switched_off
from geotagger.tag.survey import Survey
from geotagger.tag.texts import read_texts
from geotagger.tag.writing import Job, Writer

GROUP_PHOTOS = 512
GROUP_SECONDS = 3.0
"""The index commits, and photos are written, after so many photos or so many seconds."""


def place_photos(
    run: RootRun, recorded: Recorded, survey: Survey, *, rethink: bool, others_chosen: bool
) -> None:
    """Takes all photos of the roots through the network, the estimate and the writer. `others_chosen`: the
    settings are others than those of the last run."""
    if run.options.reference and run.onlooker is not None:
        network = run.onlooker.network
        network.references = gather_references(run, network)
    run.listener.phase("Learning how the archive moves", 0)
    with run.profile.timed("learning how it moves"):
        evidence = _gathered(run, recorded, survey, rethink, run.options.reconsider or others_chosen)
    writer = Writer(run.index, run.run.id, run.run.name, run.options.writing, run.report)
    planned_before = run.tally.statuses["planned"]  # in other archives
    run.listener.phase("Placing", survey.photos)
    for group in _in_groups(outings(_seen(run, evidence), lambda one: one[0].utc)):
        jobs: list[Job] = []
        with run.profile.timed("estimating and recording"), run.index.batch():
            for outing in group:
                jobs += _settled(run, evidence, outing)
            # before the index has what was said: a picture that it knows is not looked at again
            if run.onlooker is not None and run.onlooker.kept is not None:
                run.onlooker.kept.flush()
        with run.profile.timed("writing"):
            writer.write(jobs)
        settled = (photo for outing in group for photo, _ in outing if run.in_scope(photo.path))
        run.listener.advance(sum(1 for _ in settled))
    if not run.is_stopped:
        _correct(run, evidence.standing, writer)
    if not run.is_stopped and run.options.writing.mode != "none":
        _name(run, run.tally.statuses["planned"] - planned_before)


def _gathered(
    run: RootRun, recorded: Recorded, survey: Survey, rethink: bool, all_of_them: bool
) -> ArchiveEvidence:
    """`all_of_them`: every written estimate is asked whether it still holds."""
    index, options = run.index, run.options
    company = index.company(run.company)
    # those of photos that are gone speak for what is written; they place nothing new
    ever = company.fixes(gone=True)
    fixes = ever.without(company.missing())
    digest, table = (None, None) if run.pack is None else (run.pack.digest, table_of(run.pack))
    read_now = read_texts(run, fixes) if "text" in options.kinds else frozenset()
    today = EvidenceToday(ever, recorded.tracks, recorded.corrections, digest, switched_off(options))
    return ArchiveEvidence(
        weighing(index, run.root_ids, fixes, options, recorded.tracks, table, model=digest),
        Standing(index, today, options.reconsider, all_of_them),
        survey,
        min_confidence(index, run.root_ids, options, digest),
        rethink,
        read_now,
    )


def _settled(run: RootRun, evidence: ArchiveEvidence, outing: list[PhotoWithPicture]) -> list[Job]:
    """The outing settled; what becomes of its photos says when it began."""
    begun = _beginning(outing[0][0])
    jobs = settle_outing(replace(run, outing=begun), evidence, outing)
    return [replace(job, outcome=replace(job.outcome, outing=begun)) for job in jobs]


def _beginning(first: IndexedPhoto) -> str | None:
    """By the camera's clock, and in UTC where only that is known."""
    if first.facts is not None and first.facts.taken is not None:
        return first.facts.taken.local.isoformat(timespec="seconds")
    if first.utc is None:
        return None
    return f"{datetime.fromtimestamp(first.utc, UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _correct(run: RootRun, standing: Standing, writer: Writer) -> None:
    """What is written and does not hold, now that all of the archive was weighed."""
    with run.profile.timed("writing"):
        writer.write(jobs_of(run, list(standing.corrections.values())))
    for root in run.roots:
        if doubted := run.index.estimates.doubted(root.id):
            estimates = f"{doubted} written estimate" + ("" if doubted == 1 else "s")
            run.listener.note(
                f"{root.path}: {estimates} would not be written today; `geotagger tag --reconsider`"
                " moves or withdraws them"
            )


def _name(run: RootRun, planned: int) -> None:
    """What `--write-names` asks for; and names of ours follow a place that moved, also without it. `planned`:
    how many photos a dry run would place."""
    writing = run.options.writing
    if not writing.names and not run.index.named.any():
        return
    only_renewed = not writing.names
    if run.options.dry_run:
        _say_what_would_be_named(run, 0 if only_renewed else planned, only_renewed)
        return
    waiting = run.index.named.count(run.root_ids, only_renewed=only_renewed)
    if not waiting:
        return
    is_all = not run.options.exclude and {root.path for root in run.roots} <= set(run.places)
    run.listener.phase("Naming", waiting if is_all else 0)
    nameless = run.index.named.nameless(run.root_ids, only_renewed=only_renewed)
    photos = (photo for photo in nameless if run.in_scope(photo.path))
    with run.profile.timed("writing"):
        tally = write_names(run.index, run.run.id, photos, writing, run.listener, run.report)
    say_what_was_named(tally, run.listener)


def _say_what_would_be_named(run: RootRun, planned: int, only_renewed: bool) -> None:
    """Which of these have names already, or lie at a border, only the writing tells."""
    nameless = run.index.named.nameless(run.root_ids, only_renewed=only_renewed)
    if photos := planned + sum(run.in_scope(photo.path) for photo in nameless):
        many = f"{photos} photo{'s' * (photos != 1)}"
        run.listener.note(f"names of places would be written into at most {many}")


def _seen(run: RootRun, evidence: ArchiveEvidence) -> Iterator[PhotoWithPicture]:
    """All photos of the company by time, each with what the network says of it."""
    photos = run.index.company(run.company).in_time(run.model_id)
    if run.onlooker is None:
        seen: Iterable[PhotoWithPicture] = ((photo, None) for photo in photos)
    else:
        seen = run.onlooker.network.seen(
            photos, lambda photo: wants_a_look(run, evidence, photo), run.readers, run.listener.finish
        )
    for one in seen:
        if run.is_stopped:
            return
        yield one


def _in_groups(cut: Iterable[list[PhotoWithPicture]]) -> Iterator[list[list[PhotoWithPicture]]]:
    group: list[list[PhotoWithPicture]] = []
    photos, begun = 0, time.monotonic()
    for outing in cut:
        group.append(outing)
        photos += len(outing)
        if photos >= GROUP_PHOTOS or time.monotonic() - begun >= GROUP_SECONDS:
            yield group
            group, photos, begun = [], 0, time.monotonic()
    yield group
