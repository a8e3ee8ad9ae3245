"""Kills a writer of the index again and again, at random moments, and looks at the file after each.

    python -m tests.index.crashes FOLDER KILLS SEED

The writer runs in a forked child, so that a thousand kills take a minute. Ends with 1 and a line
for the first thing that is wrong.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from geotagger.archive import FileEntry
from geotagger.estimate.values import RUNGS, Candidate, Estimate
from geotagger.index import Index, open_index
from geotagger.index.compare import digest_of
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.journal import Intent
from geotagger.index.photos import Record
from geotagger.photo.values import Facts

BATCH = 7


def write_until_killed(path: Path, folder: Path, told: int) -> None:
    """Batches of BATCH photos with all that belongs to them; each is told when it is finished."""
    chance = random.Random(os.getpid())
    index = open_index(path)
    root = index.roots.root_for(str(folder))
    run = index.runs.begin("tag", {})
    while True:
        start = kept(index, root.id)
        with index.batch():
            ids = index.photos.record(root, [_record(folder, start + n) for n in range(BATCH)])
            placed = [
                PhotoEstimate(
                    i, Estimate(1.0, 2.0, 3.0, 0.5, rung, (rung,), "", (Candidate(1, 2, 0.5, "1"),))
                )
                for i in ids
                for rung in chance.sample(RUNGS, 2)
            ]
            index.estimates.put(run.id, placed)
            index.learned.put(root.id, "photos", [str(start + BATCH)])
        os.write(told, b"b")
        entries = index.journal.intend(run.id, [Intent(i, "x", b"edit") for i in ids])
        index.journal.settle(entries, chance.choice(["done", "abandoned"]))
        index.estimates.mark_written(run.id, ids, "exif")
        index.seal(root)
        if chance.random() < 0.2:
            index.close()
            index = open_index(path)


def kept(index: Index, root_id: int) -> int:
    """How many photos the batches that were finished say they kept."""
    (number,) = index.learned.get(root_id, "photos") or ["0"]
    return int(number)


def _record(folder: Path, number: int) -> Record:
    entry = FileEntry(f"{folder}/{number // 50}/{number}.jpg", number, number, number, 1)
    return Record(entry, Facts("jpeg", 1, 1))


def what_is_wrong(index: Index, finished: int) -> str | None:
    store = index.store
    if (said := store.rows("pragma integrity_check")) != [("ok",)]:
        return f"integrity: {said}"
    if store.rows("pragma foreign_key_check"):
        return "a row refers to another that is not there"
    photos = store.row("select count(*) from photos")[0]
    learned = sum(kept(index, root.id) for root in index.roots.all())
    if photos != learned or photos % BATCH:
        return f"{photos} photos, {learned} were kept: a batch is not whole"
    if photos < finished * BATCH:
        return f"{photos} photos, but {finished} batches were finished"
    if store.row("select count(*) from estimates where current = 1")[0] != photos:
        return "a photo has no current estimate, or two"
    if store.row("select count(*) from journal where state = 'intended'")[0] not in (0, BATCH):
        return "half a batch of intents"
    for folder_id, digest in store.rows("select id, digest from folders where digest is not null"):
        rows = store.rows("select path, size, mtime_ns from photos where folder_id = ?", (folder_id,))
        if digest != digest_of(sorted((path.rpartition("/")[2], *stat, 0) for path, *stat in rows)):
            return "a digest is stale"
    return None


def main(folder: Path, kills: int, seed: int) -> str | None:
    chance = random.Random(seed)
    path = folder / "index.db"
    finished = 0
    for _ in range(kills):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            write_until_killed(path, folder, writer)
        os.close(writer)
        time.sleep(chance.expovariate(1 / 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while told := os.read(reader, 65536):
            finished += len(told)
        os.close(reader)
        with open_index(path) as index:
            wrong = what_is_wrong(index, finished)
            if wrong:
                return wrong
            index.journal.settle([entry.id for entry in index.journal.pending()], "abandoned")
    with open_index(path) as index:
        crashed = [run.status for run in index.runs.latest()]
    if set(crashed) != {"crashed"}:
        return f"runs that were killed are listed as {set(crashed)}"
    print(f"{kills} kills, {finished} finished batches, {len(crashed)} runs")
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
