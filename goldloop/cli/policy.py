"""Policies: the one in force, the lane of a sample explained, tuning on audits, and replays."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from goldloop.audit.audited import audited_traffic
from goldloop.cli.common import Json, Where, out, say, show, show_json
from goldloop.core.codec import to_plain
from goldloop.core.errors import SettingsError
from goldloop.loop.policy import champion_tuning, explain_sample, holdout_of, known_people, newest_entry
from goldloop.routing.fit import fit_policy
from goldloop.routing.replay import replay as replayed
from goldloop.settings.toml import checked_settings
from goldloop.tables.traffic import read_traffic
from goldloop.wiring import open_workspace

app = typer.Typer(
    help="The routing policy: show it, explain a sample's lane, compare policies.", no_args_is_help=True
)
replay_app = typer.Typer()


class Kind(StrEnum):
    """The kinds of policies."""

    BAND = "band"
    TARGET = "target"
    COST = "cost"


@app.command("show")
def policy_show(where: Where = None, as_json: Json = False) -> None:
    """Show the policy in force, with reasons and warnings."""
    entry = newest_entry(open_workspace(where).ports)
    if as_json:
        show_json(
            {
                "version": entry.policy.version,
                "policy": {"kind": type(entry.policy).__name__.lower(), **to_plain(entry.policy)},
                "model_version": entry.model_version,
                "gold_version": entry.gold_version,
                "reasons": entry.reasons,
                "warnings": entry.warnings,
                "settled_at": entry.settled_at,
            }
        )
        return
    out.print(f"{entry.policy.version} for model {entry.model_version}")
    out.print(f"settled {entry.settled_at:%Y-%m-%d %H:%M}Z on gold version {entry.gold_version}")
    for sentence in [*entry.reasons, *(f"warning: {warning}" for warning in entry.warnings)]:
        out.print(f"- {sentence}")


@app.command("explain")
def policy_explain(
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="A sample_id, or a unique prefix of it.")],
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Explain why a sample is in its lane."""
    explanation = explain_sample(open_workspace(where).ports, sample)
    if as_json:
        show_json(explanation)
    else:
        out.print(str(explanation))


@app.command("tune")
def policy_tune(
    where: Where = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also plot risk and cost against coverage, as .png or .svg.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What other policies would have meant for the audited samples, and which one they speak for."""
    from goldloop.reports.policies import tuning_json, tuning_rows, tuning_title

    parts = open_workspace(where)
    if plot is not None and plot.suffix not in (".png", ".svg"):
        raise SettingsError(
            f"--plot needs a file that ends in .png or .svg, got {plot}. Choose another name."
        )
    tuning = champion_tuning(parts.ports)
    if plot is not None:
        from goldloop.reports.plots.audits import tuning_plot

        plot.write_bytes(tuning_plot(tuning)("png" if plot.suffix == ".png" else "svg"))
        say(f"plot written to {plot}")
    title = tuning_title(tuning)
    show(tuning_json(tuning), tuning_rows(tuning), as_json=as_json, title=title, notes=tuning.reasons)


@replay_app.command()
def replay(
    kind: Annotated[Kind, typer.Option(help="Kind of the other policy.")],
    band: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Confidence that is reviewed [default: settings]."),
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Accuracy of accepted labels [default: settings].")
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Recompute the decisions of past rounds under another policy; changes nothing."""
    from goldloop.reports.policies import replay_rows

    parts = open_workspace(where)
    values = parts.settings.model_dump()
    values["policy"]["kind"] = str(kind)
    values["policy"] |= {} if band is None else {"band": band}
    values["policy"] |= {} if target is None else {"target": target}
    settings = checked_settings(values, "goldloop replay")
    audited = holdout_of(parts.ports, newest_entry(parts.ports)) if kind is Kind.TARGET else None
    people = known_people(parts.ports) if kind is Kind.COST else None
    fitted = fit_policy(settings, audited, people)
    traffic = read_traffic(parts.tables, settings.label_set)
    judged = audited_traffic(traffic, parts.gold.records(), settings.label_set)
    rounds = replayed(traffic, judged, fitted.policy)
    value, notes = {"policy": fitted.policy.version, "rounds": rounds}, [*fitted.reasons, *fitted.warnings]
    title = f"under {fitted.policy.version}"
    show(value, replay_rows(rounds), as_json=as_json, title=title, notes=notes)
