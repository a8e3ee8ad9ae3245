"""Evaluation, calibration, wrong clocks, and that certainties hold on archives never seen."""

import json
import re
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from geotagger.cli import evaluate as evaluate_command
from geotagger.cli.evaluation import EvaluationReport
from geotagger.errors import UsageError
from geotagger.estimate.calibration import Calibration, least_confidence
from geotagger.estimate.certainty_correction import CertaintyCorrection, Outcomes, fit_plain
from geotagger.evaluate.archive import Evaluation
from geotagger.evaluate.calibrating import calibrate
from geotagger.evaluate.plots import draw_reliability, draw_risk_coverage, text_plot
from geotagger.evaluate.predictions import OURS, Hidden, Prediction
from geotagger.evaluate.remembered import remembered
from geotagger.evaluate.scores import METHODS, least_confidence_for, reliability, risk_coverage, score
from geotagger.evaluate.sightings import read_sightings
from geotagger.evaluate.trial import Setting, evaluate_archive, hide
from geotagger.index import open_index
from geotagger.index.learned import CALIBRATION
from tests.estimate.archives import PEOPLE, commuter, life, pair


def test_hiding_is_the_same_for_the_same_seed_and_takes_whole_days() -> None:
    photos = life(0, days=120)
    days = hide(photos, Setting(0.3, True), 1)
    assert np.array_equal(days, hide(photos, Setting(0.3, True), 1))
    dates = [p.clocked.local.date() for p in photos if p.clocked.local is not None]
    hidden = {date for date, is_hidden in zip(dates, days, strict=True) if is_hidden}
    shown = {date for date, is_hidden in zip(dates, days, strict=True) if not is_hidden}
    assert not hidden & shown
    assert hide(photos, Setting(0.3), 1).mean() == pytest.approx(0.3, abs=0.01)


def test_hidden_places_are_not_looked_at() -> None:
    """Moving the hidden truths to the antipodes changes no prediction."""
    photos = life(1, days=60)
    hidden = hide(photos, Setting(0.3), 0)
    moved = [
        replace(p, clocked=replace(p.clocked, latitude=-(p.clocked.latitude or 0.0), longitude=0.0))
        if h
        else p
        for p, h in zip(photos, hidden, strict=True)
    ]
    for one, other in zip(
        evaluate_archive(photos, Setting(0.3), 0), evaluate_archive(moved, Setting(0.3), 0), strict=True
    ):
        assert one.said == other.said


def test_times_that_are_hidden_are_not_looked_at() -> None:
    """Moving the hidden photos by a year and to another zone changes no prediction."""
    photos = life(1, days=60)
    setting = Setting(0.3, timeless=True)
    hidden = hide(photos, setting, 0)
    moved = [
        replace(
            p, clocked=replace(p.clocked, local=p.clocked.local + timedelta(365), offset=timedelta(hours=13))
        )
        if h and p.clocked.local is not None
        else p
        for p, h in zip(photos, hidden, strict=True)
    ]
    said = evaluate_archive(photos, setting, 0)
    assert [one.said for one in said] == [one.said for one in evaluate_archive(moved, setting, 0)]
    assert {len(one.said) for one in said} == {2}  # copying the nearest in time has nothing to go by


@pytest.mark.slow
@pytest.mark.parametrize("whole_days", [False, True])
def test_certainties_come_true_on_archives_never_seen(whole_days: bool) -> None:
    """Of people with different habits, none drawn from the model: on average over them, and roughly for
    each of them."""
    gaps = []
    for make in PEOPLE.values():
        results = [h for n in range(3) for h in evaluate_archive(make(100 + n), Setting(0.3, whole_days), n)]
        ours, copied = score(results, OURS), score(results, "nearest")
        gaps.append(ours.inside - ours.stated)
        assert ours.median_km < 1.2 * copied.median_km + 0.1
        assert ours.accuracy[25.0] > copied.accuracy[25.0] - 0.05
    assert abs(np.mean(gaps)) < 0.04
    assert np.abs(gaps).max() < 0.12


@pytest.mark.slow
def test_on_the_real_archive_certainties_come_true_and_copying_is_beaten(shared_data: Path) -> None:
    sightings = read_sightings([str(shared_data / "photos" / "dog-signs")], None, print)
    for whole_days, margin in ((False, 0.06), (True, 0.1)):
        results = [
            h for seed in (0, 1, 2) for h in evaluate_archive(sightings, Setting(0.3, whole_days), seed)
        ]
        ours, copied = score(results, OURS), score(results, "nearest")
        assert ours.answered == ours.hidden
        assert ours.median_km < copied.median_km
        assert abs(ours.inside - ours.stated) < margin


@pytest.mark.slow
def test_a_precision_that_was_calibrated_is_kept_on_photos_never_seen() -> None:
    """As `tag --precision 0.9` after `evaluate --calibrate`: nine of ten of what it would write lie inside,
    on photos that took no part in the calibration."""
    kept: list[bool] = []
    asked = 0
    for person in range(12):
        photos = (life, commuter, pair)[person % 3](300 + person)
        setting = Setting(0.3, whole_days=person % 4 > 1)
        hidden = hide(photos, setting, 99)
        shown = [
            replace(p, clocked=replace(p.clocked, latitude=None, longitude=None)) if h else p
            for p, h in zip(photos, hidden, strict=True)
        ]
        taught = [evaluate_archive(shown, Setting(0.3, days), 0) for days in (False, True)]
        line = least_confidence(0.9, calibrate(taught))
        for one in evaluate_archive(photos, setting, 99):
            said = one.said.get(OURS)
            asked += 1
            if said is not None and said.confidence >= line:
                kept.append(one.error_km(OURS) <= said.radius_km)
    assert len(kept) > 0.1 * asked
    assert np.mean(kept) > 0.87


def _hidden(inside: bool, confidence: float, pictured: bool = False) -> Hidden:
    said = Prediction(0.0, 0.0, 10.0, confidence)
    return Hidden("a", 0, 0.0, 0.01 if inside else 1.0, 60.0, pictured, {OURS: said})


def test_scores_count_what_was_not_answered_as_wrong() -> None:
    results = [_hidden(True, 0.9), Hidden("b", 0, 0, 0, 60.0, False, {})]
    one = score(results, OURS)
    assert (one.hidden, one.answered, one.accuracy[25.0], one.inside) == (2, 1, 0.5, 1.0)


def test_too_sure_a_model_is_corrected() -> None:
    rng = np.random.default_rng(0)
    stated = rng.uniform(0.5, 0.99, 3000)
    logit = 0.5 * np.log(stated / (1 - stated))
    inside = rng.random(3000) < 1 / (1 + np.exp(-logit))
    found = fit_plain(Outcomes.of_circles(stated, inside, np.full(3000, 10.0), np.full(3000, 36_000.0)))
    assert found.slope == pytest.approx(0.5, abs=0.1)
    corrected = found.apply(stated, np.full(3000, 10.0), 36_000.0)
    assert corrected.mean() == pytest.approx(inside.mean(), abs=0.02)


@given(st.floats(0.01, 3), st.floats(-2, 2), st.floats(0, 1e9))
def test_a_correction_keeps_the_order(slope: float, offset: float, lag_s: float) -> None:
    p = CertaintyCorrection(offset, slope, 0.1, 0.1).apply(
        np.linspace(0, 1, 50), np.geomspace(0.01, 25, 50), lag_s
    )
    assert np.all(np.diff(p) >= 0)
    assert np.all((p >= 0) & (p <= 1))


def test_few_photos_correct_little() -> None:
    found = fit_plain(
        Outcomes.of_circles(np.full(2, 0.9), np.zeros(2, bool), np.full(2, 10.0), np.full(2, 36_000.0))
    )
    assert found.apply(np.array([0.9]), np.array([10.0]), 36_000.0)[0] > 0.5


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.floats(0.1, 1))
def test_the_line_drawn_for_a_precision_keeps_it(rows: list[tuple[float, bool]], precision: float) -> None:
    stated, inside = np.array([p for p, _ in rows]), np.array([i for _, i in rows])
    line = least_confidence_for(stated, inside, precision)
    if line is not None:
        assert inside[stated >= line].mean() >= precision


def test_a_calibration_survives_storage_and_draws_the_line() -> None:
    results = [_hidden(n % 10 < 9, 0.95) for n in range(100)] + [_hidden(n % 2 == 0, 0.6) for n in range(100)]
    learned = Calibration.from_dict(json.loads(json.dumps(calibrate([results]).to_dict())))
    assert learned.photos == 200
    assert least_confidence(0.9, learned) == pytest.approx(0.95)
    assert least_confidence(0.7, learned) == pytest.approx(0.6)
    assert least_confidence(0.99, learned) > 1
    assert least_confidence(0.9, None) == 0.9


def test_a_line_drawn_with_the_pictures_of_one_model_is_none_for_another() -> None:
    results = [_hidden(n % 10 < 9, 0.95) for n in range(100)] + [_hidden(n % 2 == 0, 0.6) for n in range(100)]
    none, one = calibrate([results]), replace(calibrate([results]), model="one")
    for precision, line in ((0.9, 0.95), (0.7, 0.6)):
        assert least_confidence(precision, one, "one") == pytest.approx(line)
        assert least_confidence(precision, none, None) == pytest.approx(line)
        for calibration, model in ((one, "other"), (one, None), (none, "one")):
            assert least_confidence(precision, calibration, model) == precision


def test_of_several_archives_the_first_calibration_counts_as_in_tag_and_a_damaged_one_is_none(
    tmp_path: Path,
) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    with open_index(tmp_path / "index.db") as index:
        for n, folder in enumerate(folders):
            folder.mkdir()
            root = index.roots.root_for(str(folder))
            index.learned.put(root.id, CALIBRATION, replace(Calibration.none(), photos=n + 1).to_dict())
    paths = [str(folder) for folder in folders]

    def kept() -> Calibration | None:
        return remembered(tmp_path / "index.db", paths, {}, lambda _: ()).calibration

    assert kept() == replace(Calibration.none(), photos=1)
    with open_index(tmp_path / "index.db") as index:
        index.learned.put(index.roots.root_for(paths[0]).id, CALIBRATION, {"pictured": 3})
    assert kept() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0),
        ("misleads", 1.5),
        ("least_confidence", [[0.9, float("nan")]]),
        ("pictured", {"at_lags": [1]}),
    ],
)
def test_what_is_no_calibration_is_refused_as_it_is_read(name: str, value: object) -> None:
    stored = replace(Calibration.none(), least_confidence=((0.8, 0.7), (0.9, 1.01))).to_dict()
    assert Calibration.from_dict(stored).to_dict() == stored
    with pytest.raises(ValueError, match=r"calibration|lags"):
        Calibration.from_dict({**stored, name: value})


def test_the_harder_way_of_hiding_draws_the_line() -> None:
    single = [_hidden(n % 20 < 19, 0.6 + 0.3 * n / 200) for n in range(200)]
    days = [_hidden(n % 20 < (19 if n >= 100 else 10), 0.6 + 0.3 * n / 200) for n in range(200)]
    assert least_confidence(0.9, calibrate([single])) < 0.62
    assert least_confidence(0.9, calibrate([single, days])) == pytest.approx(0.75, abs=0.02)
    assert least_confidence(0.9, calibrate([days, single])) == least_confidence(
        0.9, calibrate([single, days])
    )


def test_reliability_and_risk_add_up() -> None:
    stated, inside = np.array([0.1, 0.9, 0.95]), np.array([False, True, False])
    assert sum(count for *_, count in reliability(stated, inside)) == 3
    curve = risk_coverage(stated, np.full(3, 25.0), inside)
    assert curve[0] == pytest.approx((1 / 3, 1.0, 0.05))
    assert curve[-1] == pytest.approx((1.0, 2 / 3, 1.05 / 3))


def test_plots_are_pictures_and_lines(tmp_path: Path) -> None:
    from PIL import Image

    draw_reliability(tmp_path / "a.png", [(0.5, 0.4, 3), (0.9, 1.0, 10)])
    draw_risk_coverage(tmp_path / "b.png", [(0.5, 0.0, 0.1), (1.0, 0.2, 0.1)])
    for name in ("a.png", "b.png"):
        with Image.open(tmp_path / name) as image:
            assert image.size[0] > 400
    assert len({len(line) for line in text_plot([(0.5, 0.5)], diagonal=True)[:-2]}) == 1


def test_dashes_are_dashes_where_few_photos_were_hidden(tmp_path: Path) -> None:
    """Three photos that were stated at 0.95, of which none was wrong: one row is nothing but dashes."""
    from PIL import Image

    draw_risk_coverage(tmp_path / "a.png", [(n / 3, 0.0, 0.05) for n in (1, 2, 3)])
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image.convert("L")).astype(int)
    right = pixels[200:400, -200:-40]
    row = right[right.mean(axis=1).argmin()]
    changes = np.count_nonzero(np.diff(row < 200))
    assert 15 < changes < 40


def test_seeds_in_a_row_are_named_by_the_first_and_the_last() -> None:
    def drawn(*seeds: int) -> str:
        return Evaluation("single", 0.3, seeds, 9, []).drawn

    assert drawn(7) == "(seed 7), of 9 photos with a place"
    assert drawn(0, 1, 2) == "(seeds 0, 1, 2), of 9 photos with a place"
    assert drawn(3, 4, 5, 6) == "(seeds 3 to 6), of 9 photos with a place"
    assert drawn(3, 4, 6, 7) == "(seeds 3, 4, 6, 7), of 9 photos with a place"


def test_pictures_that_cannot_be_written_are_told_in_a_line(app: typer.Typer, tmp_path: Path) -> None:
    """A folder that cannot be made is told before anything is evaluated."""
    (tmp_path / "file").touch()
    said = CliRunner().invoke(app, ["evaluate", str(tmp_path), "--plots", str(tmp_path / "file")])
    assert said.exit_code == 2
    assert "file: cannot be a folder" in said.stderr
    (tmp_path / "reliability-single.png").mkdir()
    report = EvaluationReport(Evaluation("single", 0.3, (0,), 60, [_hidden(True, 0.95)]))
    with pytest.raises(UsageError, match="cannot be written"):
        report.draw(tmp_path)


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    evaluate_command.register(app)
    return app


def test_the_command_prints_scores_and_writes_pictures(
    app: typer.Typer, shared_data: Path, tmp_path: Path
) -> None:
    folder = str(shared_data / "photos" / "pigallery2")
    words = ["evaluate", folder, "--model", "none", "--seed", "0", "--track", folder, "--json"]
    said = CliRunner().invoke(app, [*words, "--plots", str(tmp_path)])
    assert said.exit_code == 0
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert {line["what"] for line in lines if "method" in line} == {
        "30% of the photos, one by one, hidden (seed 0), of 27 photos with a place",
        "30% of the days, with all their photos, hidden (seed 0), of 27 photos with a place",
    }
    assert {line["way"] for line in lines} == {"single", "days"}
    photos = [line for line in lines if "path" in line]
    assert all(0 <= p["confidence"] <= 1 for p in photos if p["status"] == "indexed")
    assert len(list(tmp_path.glob("*.png"))) == 4


def test_an_archive_without_places_is_refused_in_a_line(app: typer.Typer, shared_data: Path) -> None:
    said = CliRunner().invoke(
        app, ["evaluate", str(shared_data / "photos" / "orientation"), "--model", "none"]
    )
    assert said.exit_code == 2
    assert "know where they were taken" in said.stderr


def test_each_kind_of_evidence_is_explained_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all that can say something: what the row of the table means."""
    hidden = _hidden(True, 0.9)
    hidden = replace(hidden, said=dict.fromkeys(METHODS, hidden.said[OURS]))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    EvaluationReport(Evaluation("single", 0.3, (0,), 4, [hidden], 0.8)).show()
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    for method in METHODS:
        assert sum(line.split()[:1] == [method] for line in shown.splitlines()) == 2, shown


def test_an_evaluation_ends_in_what_its_owner_needs_to_know() -> None:
    """Of those that are stated at 0.6 one lies outside, none of those at 0.85; three would not be written."""
    results = [
        *(_hidden(n > 0, 0.6) for n in range(20)),
        *(_hidden(True, 0.85) for _ in range(40)),
        *(_hidden(False, 0.2) for _ in range(3)),
    ]
    said = EvaluationReport(Evaluation("single", 0.3, (0,), len(results), results, 0.5)).sentence
    assert "would write 60 of 63 photos; about 1 of them would lie outside" in said
    assert "for 95% right use --min-confidence 0.6." in said
    worse = EvaluationReport(Evaluation("single", 0.3, (0,), 10, results[:10], 0.5)).sentence
    assert "no certainty suffices" in worse


def test_one_photo_that_lay_inside_does_not_make_a_line_for_the_rest() -> None:
    """What a precision needs is held at what is stated, as if five more photos had come true as stated."""
    results = [_hidden(n % 2 == 0, 0.5) for n in range(12)] + [_hidden(True, 0.55)]
    said = EvaluationReport(Evaluation("days", 0.3, (0,), 60, results, 0.8)).sentence
    assert "for 95% right no certainty suffices" in said
    assert least_confidence_for(np.full(4, 0.95), np.full(4, True), 0.95) == 0.95


@pytest.mark.parametrize(
    ("line", "told"),
    [(0.85, "(--precision 0.9, here --min-confidence 0.85)"), (1.01, "(--precision 0.9, for which no")],
)
def test_an_evaluation_names_the_precision_that_was_asked_for(line: float, told: str) -> None:
    report = EvaluationReport(Evaluation("single", 0.3, (0,), 60, [_hidden(True, 0.95)], line, 0.9))
    assert told in report.sentence
    assert report.outlook["precision"] == 0.9
    assert report.outlook["min_confidence"] == (line if line <= 1 else None)
