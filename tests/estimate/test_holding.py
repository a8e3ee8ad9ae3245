"""Contradiction corrects, absence does not."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from geotagger.estimate.holding import (
    Present,
    Question,
    Support,
    Verdict,
    digest_of_fix,
    is_to_be_weighed,
    lacking,
    must_be_asked,
    verdict,
)
from geotagger.estimate.values import Estimate

TODAY = Estimate(50.0, 8.0, 1.0, 0.9, "neighbours", ("neighbours",), "")
FIX = digest_of_fix(1000.0, 50.0, 8.0, 10.0)
BEFORE = Support(2000.0, 0.0, {7: FIX}, {"aa": "/tracks/walk.gpx"}, "model-1")
EVERYTHING = Present({7, 8}, {"aa": "/tracks/walk.gpx"}, "model-1", ())
CLOCK_SET_RIGHT = replace(BEFORE, utc=5600.0, clock_s=3600.0)


def asked(**changes: object) -> Question:
    return replace(Question(0.9, 0.1, TODAY, BEFORE, CLOCK_SET_RIGHT), **changes)  # type: ignore[arg-type]


def test_a_circle_that_keeps_half_of_its_certainty_holds() -> None:
    assert verdict(asked(inside=0.46), EVERYTHING) is Verdict.HOLDS
    assert verdict(asked(inside=0.44), EVERYTHING) is Verdict.CONTRADICTED


def test_what_is_there_and_has_changed_corrects() -> None:
    for now in (
        CLOCK_SET_RIGHT,
        replace(BEFORE, fixes={7: digest_of_fix(1000.0, 51.0, 8.0, 10.0)}),
        replace(BEFORE, fixes={7: FIX, 8: FIX}),
    ):
        assert verdict(asked(now=now), EVERYTHING) is Verdict.CONTRADICTED


def test_an_edited_track_corrects_and_a_forgotten_one_does_not() -> None:
    edited = replace(BEFORE, tracks={"bb": "/tracks/walk.gpx"})
    assert verdict(asked(now=edited), replace(EVERYTHING, tracks=edited.tracks)) is Verdict.CONTRADICTED
    gone = replace(BEFORE, tracks={})
    assert verdict(asked(now=gone), replace(EVERYTHING, tracks={})) is Verdict.DOUBTED


def test_what_is_not_there_takes_nothing_away() -> None:
    for present in (
        replace(EVERYTHING, fixes={8}),
        replace(EVERYTHING, tracks={}),
        replace(EVERYTHING, model=None),
        replace(EVERYTHING, model="model-2"),
        replace(EVERYTHING, without=("habits",)),
    ):
        assert lacking(BEFORE, present)
        assert verdict(asked(), present) is Verdict.DOUBTED
    assert not lacking(BEFORE, EVERYTHING)


def test_what_the_estimate_never_had_is_not_lacking() -> None:
    without = replace(BEFORE, without=("habits", "pictures"), model=None)
    assert not lacking(without, replace(EVERYTHING, without=("habits",), model="model-2"))


def test_a_new_version_or_setting_over_the_same_evidence_takes_nothing_away() -> None:
    assert verdict(asked(now=BEFORE), EVERYTHING) is Verdict.DOUBTED
    assert verdict(asked(now=BEFORE, inside=0.9, today=None), EVERYTHING) is Verdict.DOUBTED
    assert verdict(asked(inside=None, today=None), EVERYTHING) is Verdict.DOUBTED


def test_reconsidering_counts_what_is_lacking_and_what_is_asked_for_now() -> None:
    for question in (asked(now=BEFORE), asked(inside=0.9, today=None), asked(inside=None, today=None)):
        assert verdict(question, Present((), {}, None, ()), reconsider=True) is Verdict.CONTRADICTED
    assert verdict(asked(inside=0.9), EVERYTHING, reconsider=True) is Verdict.HOLDS


def test_an_estimate_without_a_memory_counts_as_supported() -> None:
    assert not is_to_be_weighed(None, CLOCK_SET_RIGHT)
    assert verdict(asked(before=None), EVERYTHING) is Verdict.DOUBTED


def test_of_an_older_index_only_a_clock_is_remembered_and_a_new_one_corrects() -> None:
    clock_alone = Support.from_json('{"clock_s": 0.0}')
    assert not is_to_be_weighed(clock_alone, replace(BEFORE, utc=9e9))
    assert is_to_be_weighed(clock_alone, CLOCK_SET_RIGHT)
    assert verdict(asked(before=clock_alone), EVERYTHING) is Verdict.CONTRADICTED


def test_a_few_corrections_need_no_word_of_the_owner() -> None:
    assert not must_be_asked(20, 100)
    assert must_be_asked(21, 100)
    assert not must_be_asked(21, 1050)
    assert not must_be_asked(200, 10_000)
    assert must_be_asked(201, 10_000)


supports = st.builds(
    Support,
    st.none() | st.floats(-1e10, 1e10),
    st.floats(-1e6, 1e6),
    st.dictionaries(st.integers(1, 1 << 40), st.text(max_size=5)),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
    st.none() | st.text(),
    st.lists(st.text(max_size=5), max_size=3).map(tuple),
)


@given(supports)
def test_a_support_comes_back_from_the_index_as_it_was(support: Support) -> None:
    back = Support.from_json(support.to_json())
    assert back == support
    assert back.digest == support.digest
    assert -(1 << 63) <= support.digest < 1 << 63
    assert not is_to_be_weighed(support, back)


@given(supports, supports)
def test_settings_alone_give_no_reason_to_weigh_again(one: Support, other: Support) -> None:
    same_evidence = replace(one, model=other.model, without=other.without)
    assert not is_to_be_weighed(one, same_evidence)
