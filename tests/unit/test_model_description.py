"""The description of a registered model says how accurate it is, on which gold, and why the gate decided."""

from __future__ import annotations

from dataclasses import replace

from goldloop.core.verbatim import markdown_text
from goldloop.training.model_description import model_description
from tests.contracts.trained_models import record


def test_a_description_holds_accuracy_gold_and_verdict() -> None:
    """With intervals, for the model and for those that it was compared with."""
    told = record("3")

    text = model_description(told.decision, told.evaluations)

    assert text.startswith(
        "**The gate promoted this model.**\n\n- accuracy of this model on the holdout: 90.0 % (95 % interval "
    )
    assert "- accuracy of the baseline, model 3 on the holdout: 90.0 %" in text
    assert "n=40)" in text
    assert "Gold version 17, digest `abababababab`." in text
    assert all(f"- {markdown_text(reason)}" in text for reason in told.decision.reasons)


def test_words_of_users_are_no_markup() -> None:
    """A label in a reason is shown as it is."""
    told = record("3")
    refused = replace(told.decision, is_promoted=False, reasons=("the recall of <b>*a*</b> fell",))

    text = model_description(refused, {})

    assert text == "**The gate refused this model.**\n\n- the recall of \\<b\\>\\*a\\*\\</b\\> fell"
