"""With what settings the places of an archive were last done completely: a run over them that has the same,
and finds no file changed, has nothing to do.
"""

import json
from dataclasses import asdict
from typing import Any

from geotagger import __version__
from geotagger.archive import is_at_or_below
from geotagger.index.learned import SETTLED
from geotagger.index.roots import Root
from geotagger.tag.recorded import Recorded
from geotagger.tag.rootrun import RootRun

_IRRELEVANT = (
    "looked",
    "paths",
    "batch_size",
    "readers",
    "processes",
    "look_processes",
    "device",
    "wait",
    "dry_run",
    "reconsider",
    "with_roots",
)


def settings_of(run: RootRun, recorded: Recorded) -> str:
    """What a second run must have in common with the last for it to have nothing to do."""
    chosen: dict[str, Any] = asdict(run.options)
    for name in _IRRELEVANT:
        chosen.pop(name)
    chosen["clocks"] = dict(recorded.corrections)  # those of earlier runs, too
    chosen["tracks"] = recorded.digests
    chosen["model"] = None if run.pack is None else run.pack.digest
    helpers = [root_id for root_id in run.company if root_id not in run.root_ids]
    if len(run.company) > 1:
        paths = {root.id: root.path for root in run.index.roots.all()}
        chosen["company"] = sorted(paths[root_id] for root_id in run.company)
        chosen["helpers"] = [run.index.roots.state_of(root_id) for root_id in sorted(helpers)]
    return json.dumps({**chosen, "version": __version__}, sort_keys=True, default=str)


def has_settled(run: RootRun, settings: str) -> bool:
    """Whether the last run over each of these places was complete and had these settings."""
    return all(
        _settled(run, root).get(place) == settings for root in run.roots for place in _places_in(run, root)
    )


def has_settled_otherwise(run: RootRun, settings: str) -> bool:
    """Whether the last run over one of these places was complete and had other settings."""
    return any(
        _settled(run, root).get(place, settings) != settings
        for root in run.roots
        for place in _places_in(run, root)
    )


def forget_settled(run: RootRun) -> None:
    for root in run.roots:
        settled = _settled(run, root)
        left = {
            place: how
            for place, how in settled.items()
            if not is_at_or_below(place, run.places)
            and not any(is_at_or_below(path, [place]) for path in run.places)
        }
        if left != settled:
            run.index.learned.put(root.id, SETTLED, left)


def remember_settled(run: RootRun, settings: str) -> None:
    for root in run.roots:
        done = dict.fromkeys(_places_in(run, root), settings)
        run.index.learned.put(root.id, SETTLED, _settled(run, root) | done)


def _settled(run: RootRun, root: Root) -> dict[str, str]:
    settled = run.index.learned.get(root.id, SETTLED)
    return settled if isinstance(settled, dict) else {}


def _places_in(run: RootRun, root: Root) -> list[str]:
    return [place for place in run.places if is_at_or_below(place, [root.path])]
