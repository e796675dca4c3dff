"""Sheets hold pictures that look alike, with planted errors among them, and only where that costs less."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.consensus.planted_errors import PlantedError, expected_missed
from goldloop.core.errors import SelectionError
from goldloop.core.samples import SampleId
from goldloop.sheets.composition import FEWEST, Pictures, SheetForm, compose, is_twin
from goldloop.sheets.price import Looking, SheetPrices

PRICES = SheetPrices(0.5, Looking(0.5, 0.10, 0.01), Looking(3.0, 0.05), planted=0.05, twins=0.10)


def pictures(name: str, n: int, *, n_labels: int = 2, seed: int = 0) -> Pictures:
    """Return n pictures, in turns of each label, of which those of one label lie near each other."""
    rng, columns = np.random.default_rng(seed), np.arange(n) % n_labels
    features = np.eye(8)[columns] + 0.3 * rng.standard_normal((n, 8))
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    return Pictures([SampleId(f"{name}{place}") for place in range(n)], columns, features)


def labels_of(*groups: Pictures) -> dict[SampleId, int]:
    """Return the column of each picture."""
    return {
        one: column
        for group in groups
        for one, column in zip(group.sample_ids, group.columns.tolist(), strict=True)
    }


def test_each_picture_is_on_at_most_one_sheet_of_its_label() -> None:
    """All candidates of a sheet have its label, its planted errors have another, and none is shown twice."""
    candidates, gold = pictures("c", 200), pictures("g", 100, n_labels=4, seed=1)
    sheets = compose(candidates, gold, SheetForm(n_pictures=24, planted_rate=0.2))

    column_of = labels_of(candidates, gold)
    shown = [one for sheet in sheets for one in sheet.pictures]
    assert len(shown) == len(set(shown))
    assert all(FEWEST <= len(sheet.pictures) <= 24 for sheet in sheets)
    for sheet in sheets:
        assert sheet.planted <= set(gold.sample_ids)
        assert all((column_of[one] != sheet.column) == (one in sheet.planted) for one in sheet.pictures)
    assert sum(len(sheet.pictures) - len(sheet.planted) for sheet in sheets) > 150


def test_planted_errors_come_at_the_set_rate_and_at_any_place() -> None:
    """A fifth of the pictures is planted where that is set, on varying numbers and places of a sheet."""
    sheets = compose(pictures("c", 1200), pictures("g", 900, n_labels=4), SheetForm(24, planted_rate=0.2))

    numbers = [len(sheet.planted) for sheet in sheets]
    assert sum(numbers) / sum(len(sheet.pictures) for sheet in sheets) == pytest.approx(0.2, abs=0.03)
    assert len(set(numbers)) > 3
    places = {sheet.pictures.index(one) for sheet in sheets for one in sheet.planted}
    assert len(places) > 20


def test_a_sheet_takes_the_nearest_pictures_and_plants_what_looks_like_them() -> None:
    """Of pictures of two kinds under one label, a sheet holds one kind, and so do its planted errors."""
    kinds = np.repeat([0, 1], 24)
    rng = np.random.default_rng(0)

    def around(kind: np.ndarray) -> np.ndarray:
        rows = np.eye(8)[kind] + 0.1 * rng.standard_normal((len(kind), 8))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    candidates = Pictures([SampleId(f"c{row}") for row in range(48)], np.zeros(48, np.intp), around(kinds))
    gold = Pictures([SampleId(f"g{row}") for row in range(48)], np.ones(48, np.intp), around(kinds))
    sheets = compose(candidates, gold, SheetForm(24, planted_rate=0.15, seed=3))

    first = sheets[0]
    assert first.planted
    assert {int(one[1:]) < 24 for one in first.pictures} == {True}


def test_the_same_seed_makes_the_same_sheets_and_another_one_others() -> None:
    """Composition draws from the seed alone."""
    candidates, gold = pictures("c", 100), pictures("g", 100, n_labels=4)

    again = [compose(candidates, gold, SheetForm(seed=seed, planted_rate=0.2)) for seed in (1, 1, 2)]
    assert again[0] == again[1] != again[2]


def test_too_few_pictures_or_planted_errors_make_no_sheet() -> None:
    """Eleven pictures of a label, or gold of the same label alone, make no sheet."""
    form = SheetForm(planted_rate=0.5)

    assert compose(pictures("c", 11, n_labels=1), pictures("g", 100), form) == []
    assert compose(pictures("c", 40, n_labels=1), pictures("g", 100, n_labels=1), form) == []
    assert len(compose(pictures("c", 12, n_labels=1), pictures("g", 100), form)) == 1


def test_scarce_gold_makes_no_sheet_whatever_chance_plants() -> None:
    """With nine gold samples of the other label there is no sheet for any seed, with ten there is one."""
    candidates = pictures("c", 24, n_labels=1)
    for seed in range(20):
        form = SheetForm(24, planted_rate=0.05, seed=seed)
        assert compose(candidates, pictures("g", 18), form) == []
        assert len(compose(candidates, pictures("g", 20), form)) == 1


@pytest.mark.parametrize("judging", ["c3", "g3"])
def test_what_judges_models_is_refused(judging: str) -> None:
    """An audit sample among candidates or planted errors is an error that names it."""
    with pytest.raises(SelectionError, match=f"sample {judging} judges models"):
        compose(pictures("c", 40), pictures("g", 40), SheetForm(), judging={SampleId(judging)})


def test_a_candidate_that_is_gold_is_refused() -> None:
    """A picture with a known label is no candidate."""
    with pytest.raises(SelectionError, match="sample c0 is gold already"):
        compose(pictures("c", 40), pictures("c", 40), SheetForm())


@pytest.mark.parametrize(("n_pictures", "planted_rate"), [(11, 0.05), (31, 0.05), (24, 0.0), (24, 0.6)])
def test_a_form_out_of_range_is_refused(n_pictures: int, planted_rate: float) -> None:
    """A sheet has 12 to 30 pictures, and always a chance of planted errors."""
    with pytest.raises(SelectionError, match=r"got (11|31|0\.0|0\.6)"):
        SheetForm(n_pictures, planted_rate)


def test_a_sheet_pays_where_suggestions_are_precise() -> None:
    """What is wrong for one in twenty goes on a sheet, what is wrong for one in two gets a page."""
    assert PRICES.pays(np.array([0.01, 0.05, 0.5]), np.array([0.02, 0.1, 1.0])).tolist() == [
        True,
        True,
        False,
    ]


def test_a_missed_error_has_its_price() -> None:
    """The same suggestion gets a page where errors cost a hundred times as much, or people miss more."""
    is_wrong = np.array([0.05])
    blind = SheetPrices(0.5, Looking(0.5, 0.6, 0.01), Looking(3.0, 0.05), planted=0.05, twins=0.10)

    assert not PRICES.pays(is_wrong, 200 * is_wrong).any()
    assert PRICES.pays(is_wrong, 2 * is_wrong).all()
    assert not blind.pays(is_wrong, 2 * is_wrong).any()


def test_the_price_counts_planted_errors_twins_and_clicked_pictures() -> None:
    """A picture that is surely right costs its look, its share of planted errors, and second looks."""
    (price,) = PRICES.on_sheets(np.array([0.0]), np.array([0.0]))

    again = 0.01 + 0.99 * 0.10
    assert price == pytest.approx(0.5 / 60 * (0.5 / 0.95 + again * 3.0))


def test_people_are_taken_to_miss_a_tenth_until_planted_errors_tell() -> None:
    """Without a planted error the share is the prior, with many it is theirs."""
    many = [PlantedError("7", "dress", is_missed=place < 200) for place in range(1000)]

    assert expected_missed([]) == pytest.approx(0.10)
    assert expected_missed(many) == pytest.approx(0.2, abs=0.01)


def test_twins_are_a_random_share_of_all_pictures() -> None:
    """A tenth is drawn where a tenth is set, the same on every machine."""
    drawn = [is_twin(SampleId(f"s{row}"), twin_share=0.1, seed=0) for row in range(5000)]

    assert np.mean(drawn) == pytest.approx(0.1, abs=0.015)
    assert drawn[:50] == [is_twin(SampleId(f"s{row}"), twin_share=0.1, seed=0) for row in range(50)]


def test_labels_by_different_people_share_no_sheet() -> None:
    """So that each sheet can be kept from the one person whose labels it shows."""
    alike, names = pictures("c", 72, n_labels=1), ["", "ana", "ben"] * 24
    candidates = Pictures(alike.sample_ids, alike.columns, alike.features, names)
    author_of = dict(zip(candidates.sample_ids, names, strict=True))
    sheets = compose(candidates, pictures("g", 100), SheetForm(12, planted_rate=0.05))

    authors = [{author_of[one] for one in sheet.pictures if one not in sheet.planted} for sheet in sheets]
    assert {len(of_one) for of_one in authors} == {1}
    assert set().union(*authors) == {"", "ana", "ben"}
    with pytest.raises(SelectionError, match="72, 72, 72 and 2"):
        Pictures(alike.sample_ids, alike.columns, alike.features, ["ana", "ben"])
