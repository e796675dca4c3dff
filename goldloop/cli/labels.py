"""The label set: what a change of the labels in goldloop.toml means, and its acceptance."""

from __future__ import annotations

from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, out, pairs, show
from goldloop.core.labels import labels_text
from goldloop.loop.label_change import LabelEffect, label_effect
from goldloop.settings.label_record import label_change, save_labels
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring

app = typer.Typer()


@app.command()
def labels(
    where: Where = None,
    is_accepted: Annotated[
        bool, typer.Option("--accept", help="Accept the labels that goldloop.toml has now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what a change of the labels in goldloop.toml means, and accept it."""
    workspace = Workspace.open(where)
    change = label_change(workspace.root, workspace.settings.label_set)
    if change is None:
        show(
            workspace.settings.labels,
            pairs({"labels": labels_text(workspace.settings.labels)}),
            as_json=as_json,
        )
        return
    effect = label_effect(Wiring(workspace).tables, workspace.settings, change)
    show(effect, pairs(_lines(effect)), as_json=as_json)
    effect.check()
    if is_accepted:
        save_labels(workspace.root, change.after)
    if not as_json:
        out.print(
            "accepted; next: goldloop pull, then goldloop retrain"
            if is_accepted
            else "nothing has changed yet; next: goldloop labels --accept"
        )


def _lines(effect: LabelEffect) -> dict[str, str]:
    """Return the effect in words, a line each."""
    gold, added = effect.gold, effect.change.added
    lines = {
        "labels before": labels_text(effect.change.before.names),
        "labels now": labels_text(effect.change.after.names),
        "gold": f"{gold['stay']} labels stay, {gold['change']} change, {gold['lost']} are lost",
        "predictions": "each probability stays with its label",
        "open tasks": f"{effect.n_open_tasks} stay; the next pull or push gives the labelling screen the new "
        "labels, in the new order of keys",
    }
    if added:
        lines["predictions"] += f"; the model gives {labels_text(added)} nothing until the next retrain"
    return lines
