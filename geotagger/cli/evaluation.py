"""How `geotagger evaluate` shows what it found: tables and drawings on a terminal, plain lines in a log,
JSON for scripts, pictures as PNG."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from geotagger.cli.common import emit, photo_record, screen
from geotagger.errors import UsageError
from geotagger.evaluate.archive import Evaluation
from geotagger.evaluate.plots import draw_reliability, draw_risk_coverage, text_plot, top_of
from geotagger.evaluate.predictions import OURS, Hidden
from geotagger.evaluate.scores import (
    THRESHOLDS_KM,
    EstimateScore,
    least_confidence_for,
    methods_of,
    reliability,
    risk_coverage,
    score,
)

_RIGHT = 0.95
_MEANING = {
    "nearest": "copies the place of the photo nearest in time",
    "photoprism": "PhotoPrism's rule: between two photos within 37 hours and 100 km",
    "text": "what stands in the picture, alone",
    "visual": "the picture alone",
    "reference": "pictures of yours that look like it, alone",
    "neighbours": "photos with a place before and after it, and places you visit",
    "track": "recorded tracks, and neighbours where they are silent",
    OURS: "all evidence together, as `tag` weighs it, certain enough or not",
}


@dataclass(frozen=True)
class EvaluationReport:
    """What was found for one way of hiding."""

    evaluation: Evaluation

    @property
    def results(self) -> Sequence[Hidden]:
        return self.evaluation.hidden

    @property
    def heading(self) -> str:
        return f"{self.evaluation.what} {self.evaluation.drawn}"

    @cached_property
    def scores(self) -> list[EstimateScore]:
        return [score(self.results, method) for method in methods_of(self.results)]

    @cached_property
    def _answered_by_us(self) -> tuple[Any, Any, Any]:
        answered = [h for h in self.results if OURS in h.said and np.isfinite(h.said[OURS].radius_km)]
        stated = np.array([h.said[OURS].confidence for h in answered])
        radius = np.array([h.said[OURS].radius_km for h in answered])
        return stated, radius, np.array([h.error_km(OURS) for h in answered]) <= radius

    @cached_property
    def bins(self) -> list[tuple[float, float, int]]:
        stated, _, inside = self._answered_by_us
        return reliability(stated, inside)

    @cached_property
    def curve(self) -> list[tuple[float, float, float]]:
        return risk_coverage(*self._answered_by_us)

    @cached_property
    def outlook(self) -> dict[str, Any]:
        """What `tag` would do with the settings given: how many of the hidden photos it would write, how many
        of these would lie outside their radius, and from which certainty on 95 % lie inside, None where
        none suffices."""
        stated, _, inside = self._answered_by_us
        written = stated >= self.evaluation.line
        strict = least_confidence_for(stated, inside, _RIGHT)
        return {
            "min_confidence": self.evaluation.line if self.evaluation.line <= 1 else None,
            "precision": self.evaluation.precision,
            "hidden": len(self.results),
            "written": int(written.sum()),
            "outside": int((written & ~inside).sum()),
            "right": _RIGHT,
            # rounded upwards, so that what is typed keeps the promise
            "min_confidence_for_right": None if strict is None else float(np.ceil(1e4 * strict) / 1e4),
        }

    @property
    def sentence(self) -> str:
        """The same in words."""
        outlook = self.outlook
        strict = outlook["min_confidence_for_right"]
        least = "no certainty suffices" if strict is None else f"use --min-confidence {strict:.4g}"
        return (
            f"With these settings ({self._settings}) `tag` would write "
            f"{outlook['written']} of {outlook['hidden']} photos; about {outlook['outside']} of them would "
            f"lie outside their radius; for {_RIGHT:.0%} right {least}."
        )

    @property
    def _settings(self) -> str:
        line, precision = self.evaluation.line, self.evaluation.precision
        least = f"--min-confidence {line:.4g}"
        if precision is None:
            return least
        return f"--precision {precision:g}, " + (
            f"here {least}" if line <= 1 else "for which no certainty sufficed in the calibration"
        )

    def draw(self, folder: Path) -> None:
        """Two pictures into a folder that is there. UsageError where it cannot be written."""
        try:
            draw_reliability(folder / f"reliability-{self.evaluation.way}.png", self.bins, self.heading)
            draw_risk_coverage(folder / f"risk-coverage-{self.evaluation.way}.png", self.curve, self.heading)
        except OSError as error:
            raise UsageError(f"--plots {folder}: cannot be written ({error.strerror})") from None

    def emit(self) -> None:
        """JSON: a line a hidden photo, a line a method, and one with what `tag` would write."""
        for one in self.results:
            emit(_record(one, self.evaluation.way))
        for one_score in self.scores:
            emit({"what": self.heading, "way": self.evaluation.way, **one_score.to_dict()})
        record = {"what": "what `tag` would write", "way": self.evaluation.way, **self.outlook}
        emit({**record, "sentence": self.sentence})

    def show(self) -> None:
        if sys.stdout.isatty():
            self._tables()
        else:
            self._lines()

    def _tables(self) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        console = screen()
        what, drawn = escape(self.evaluation.what), self.evaluation.drawn
        console.print(f"[bold]{what}[/bold]\n[dim]{drawn}; % within so many km[/dim]", highlight=False)
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
        table.add_column("evidence", no_wrap=True)
        for heading in (*(f"{km:g}" for km in THRESHOLDS_KM), "median", "told", "inside", "stated"):
            table.add_column(heading, justify="right", no_wrap=True)
        for one in self.scores:
            table.add_row(
                one.method,
                *(f"{100 * one.accuracy[km]:.1f}" for km in THRESHOLDS_KM),
                _length(one.median_km),
                str(one.answered),
                _share(one.inside),
                _share(one.stated),
                style="bold" if one.method == OURS else None,
            )
        console.print(table)
        for one in self.scores:
            console.print(f"  [dim]{one.method:<10}  {_MEANING[one.method]}[/dim]", highlight=False)
        console.print(
            "  [dim]median, inside the stated radius, stated certainty: of those told.\n"
            "  Where certainties are honest, the last two agree.[/dim]\n",
            highlight=False,
        )
        console.print("Reliability (%): stated certainty along, share inside the radius up")
        for line in text_plot([(stated, inside) for stated, inside, _ in self.bins], diagonal=True):
            console.print(line, highlight=False)
        counts = ", ".join(f"{100 * stated:.0f}: {count}" for stated, _, count in self.bins)
        console.print(f"      photos at each certainty: {counts}\n", highlight=False)
        console.print("Risk and coverage (%): share kept, surest first, along; share of those wrong up")
        for line in text_plot(
            [(kept, wrong) for kept, wrong, _ in self.curve],
            top=top_of([wrong for _, wrong, _ in self.curve]),
        ):
            console.print(line, highlight=False)
        console.print(f"\n[bold]{self.sentence}[/bold]\n", highlight=False)

    def _lines(self) -> None:
        """The same for a log: nothing drawn."""
        thresholds = "/".join(f"{km:g}" for km in THRESHOLDS_KM)
        print(f"{self.heading}; % within {thresholds} km")
        for one in self.scores:
            shares = " / ".join(f"{100 * one.accuracy[km]:.1f}" for km in THRESHOLDS_KM)
            print(
                f"{one.method}: {shares}; median {_length(one.median_km)}, "
                f"{one.answered} of {one.hidden} answered, "
                f"inside the radius {_share(one.inside)}, stated {_share(one.stated)}"
            )
        pairs = ", ".join(f"{stated:.2f} → {inside:.2f} ({count})" for stated, inside, count in self.bins)
        print(f"reliability, stated → inside (photos): {pairs}")
        print(self.sentence)


def _record(hidden: Hidden, way: str) -> dict[str, Any]:
    said = hidden.said.get(OURS)
    if said is None:
        return photo_record(
            hidden.name, "skipped", "nothing tells where", way=way, seed=hidden.seed, error_km=None
        )
    return photo_record(
        hidden.name,
        "indexed",
        latitude=said.latitude,
        longitude=said.longitude,
        radius_km=said.radius_km,
        confidence=said.confidence,
        rung=OURS,
        way=way,
        seed=hidden.seed,
        error_km=hidden.error_km(OURS),
    )


def _length(km: float) -> str:
    if not km >= 0:
        return "–"
    if km < 1:
        return f"{1000 * km:.0f} m"
    return f"{km:.1f} km" if km < 100 else f"{km:,.0f} km"


def _share(value: float) -> str:
    return "–" if value != value else f"{100 * value:.1f}"
