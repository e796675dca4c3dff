"""Policies: the one in force, which one audits speak for, why a sample went where it went, and replays."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldloop.cli.common import Json, Where, connect
from goldloop.cli.console import out, say, show
from goldloop.core.errors import SettingsError

if TYPE_CHECKING:
    from goldloop.settings import Settings

app = typer.Typer(help="Which samples go to people, why, and what else there would be.", no_args_is_help=True)
replay_app = typer.Typer()


class Kind(StrEnum):
    """The kinds of policies."""

    BAND = "band"
    TARGET = "target"
    COST = "cost"


@app.command("show")
def policy_show(where: Where = None, as_json: Json = False) -> None:
    """The policy in force, the reasons for what was fitted in it, and what to beware of."""
    from flows.policy import newest_entry
    from goldloop.routing.policies import policy_to_dict

    entry = newest_entry(connect(where))
    value: dict[str, Any] = {"version": entry.policy.version, "policy": policy_to_dict(entry.policy)}
    value |= {"model_version": entry.model_version, "gold_version": entry.gold_version}
    value |= {"reasons": entry.reasons, "warnings": entry.warnings, "settled_at": entry.settled_at}
    if as_json:
        show(value, [], as_json=True)
        return
    out.print(f"{entry.policy.version} for model {entry.model_version}", markup=False)
    out.print(
        f"settled {entry.settled_at:%Y-%m-%d %H:%M}Z on gold version {entry.gold_version}", markup=False
    )
    for one in [*entry.reasons, *(f"warning: {one}" for one in entry.warnings)]:
        out.print(f"- {one}", markup=False)


@app.command("explain")
def policy_explain(
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="A sample_id, or enough of its beginning.")],
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Why a sample went where it went."""
    from goldloop.routing.explanation import explain

    parts = connect(where)
    found = explain(parts.tables, parts.workspace.settings, sample)
    if as_json:
        show(found, [], as_json=True)
    else:
        out.print(str(found), markup=False)


@app.command("tune")
def policy_tune(
    where: Where = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw risk against coverage and cost, as .png or .svg.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What other policies would have meant for the audited samples, and which one they speak for."""
    from flows.policy import champion_tuning
    from goldloop.reports.policies import tuning_json, tuning_rows, tuning_title

    parts = connect(where)
    if plot is not None and plot.suffix not in (".png", ".svg"):
        raise SettingsError(f"--plot needs a file that ends in .png or .svg, got {plot}")
    found = champion_tuning(parts)
    if plot is not None:
        from goldloop.reports.plots.audits import tuning_plot

        plot.write_bytes(tuning_plot(found)("png" if plot.suffix == ".png" else "svg"))
        say(f"drew {plot}")
    show(tuning_json(found), tuning_rows(found), as_json=as_json, title=tuning_title(found))
    if not as_json:
        for one in found.reasons:
            out.print(f"- {one}", markup=False)


@replay_app.command("replay")
def replay(
    kind: Annotated[Kind, typer.Option(help="Kind of the other policy.")],
    band: Annotated[
        tuple[float, float] | None, typer.Option(help="Confidence people review; default as in the settings.")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Accuracy of what is accepted; default as in the settings.")
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """What past rounds' decisions would have been under another policy; touches nothing."""
    from flows.policy import judged_for, newest_entry
    from goldloop.audit.audited import audited_traffic
    from goldloop.reports.policies import replay_rows
    from goldloop.routing.fit import fit_policy
    from goldloop.routing.replay import replay as replayed
    from goldloop.tables.traffic import read_traffic

    parts = connect(where)
    settings = _changed(parts.workspace.settings, kind, band, target)
    audited = judged_for(parts, newest_entry(parts)) if kind is Kind.TARGET else None
    people = parts.known_people() if kind is Kind.COST else None
    fitted = fit_policy(settings, audited, people)
    traffic = read_traffic(parts.tables, settings.label_set)
    found = replayed(
        traffic, audited_traffic(traffic, parts.gold.records(), settings.label_set), fitted.policy
    )
    value = {"policy": fitted.policy.version, "rounds": found}
    show(value, replay_rows(found), as_json=as_json, title=f"under {fitted.policy.version}")
    if not as_json:
        for one in [*fitted.reasons, *fitted.warnings]:
            out.print(f"- {one}", markup=False)


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
