"""Policies: the one in force, the lane of a sample explained, tuning on audits, and replays."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldloop.cli.common import Json, Where
from goldloop.cli.console import out, say, show
from goldloop.core.errors import SettingsError
from goldloop.loop.policy import known_people
from goldloop.wiring import open_workspace

if TYPE_CHECKING:
    from goldloop.settings import Settings

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
    from goldloop.core.codec import to_plain
    from goldloop.loop.policy import newest_entry

    entry = newest_entry(open_workspace(where).ports)
    policy = {"kind": type(entry.policy).__name__.lower(), **to_plain(entry.policy)}
    value: dict[str, Any] = {"version": entry.policy.version, "policy": policy}
    value |= {"model_version": entry.model_version, "gold_version": entry.gold_version}
    value |= {"reasons": entry.reasons, "warnings": entry.warnings, "settled_at": entry.settled_at}
    if as_json:
        show(value, [], as_json=True)
        return
    out.print(f"{entry.policy.version} for model {entry.model_version}", markup=False)
    out.print(
        f"settled {entry.settled_at:%Y-%m-%d %H:%M}Z on gold version {entry.gold_version}", markup=False
    )
    for sentence in [*entry.reasons, *(f"warning: {warning}" for warning in entry.warnings)]:
        out.print(f"- {sentence}", markup=False)


@app.command("explain")
def policy_explain(
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="A sample_id, or a unique prefix of it.")],
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Explain why a sample is in its lane."""
    from goldloop.loop.policy import explain_sample

    explanation = explain_sample(open_workspace(where).ports, sample)
    if as_json:
        show(explanation, [], as_json=True)
    else:
        out.print(str(explanation), markup=False)


@app.command("tune")
def policy_tune(
    where: Where = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also plot risk and cost against coverage, as .png or .svg.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What other policies would have meant for the audited samples, and which one they speak for."""
    from goldloop.loop.policy import champion_tuning
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
    show(tuning_json(tuning), tuning_rows(tuning), as_json=as_json, title=tuning_title(tuning))
    if not as_json:
        for reason in tuning.reasons:
            out.print(f"- {reason}", markup=False)


@replay_app.command("replay")
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
    from goldloop.audit.audited import audited_traffic
    from goldloop.loop.policy import holdout_of, newest_entry
    from goldloop.reports.policies import replay_rows
    from goldloop.routing.fit import fit_policy
    from goldloop.routing.replay import replay as replayed
    from goldloop.tables.traffic import read_traffic

    parts = open_workspace(where)
    settings = _changed(parts.workspace.settings, kind, band, target)
    audited = holdout_of(parts.ports, newest_entry(parts.ports)) if kind is Kind.TARGET else None
    people = known_people(parts.ports) if kind is Kind.COST else None
    fitted = fit_policy(settings, audited, people)
    traffic = read_traffic(parts.tables, settings.label_set)
    rounds = replayed(
        traffic, audited_traffic(traffic, parts.gold.records(), settings.label_set), fitted.policy
    )
    value = {"policy": fitted.policy.version, "rounds": rounds}
    show(value, replay_rows(rounds), as_json=as_json, title=f"under {fitted.policy.version}")
    if not as_json:
        for sentence in [*fitted.reasons, *fitted.warnings]:
            out.print(f"- {sentence}", markup=False)


def _changed(
    settings: Settings, kind: Kind, band: tuple[float, float] | None, target: float | None
) -> Settings:
    """Return the settings with another policy."""
    from goldloop.settings.toml import checked_settings

    values = settings.model_dump()
    values["policy"]["kind"] = str(kind)
    values["policy"] |= {} if band is None else {"band": band}
    values["policy"] |= {} if target is None else {"target": target}
    return checked_settings(values, "goldloop replay")
