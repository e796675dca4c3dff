"""The page of a round: what it shows is read from the tables, then its sections stand in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from goldloop.annotators.report import annotator_report
from goldloop.audit.audited import audited_traffic
from goldloop.audit.estimates import report_audit
from goldloop.consensus.outcomes import open_audit_note
from goldloop.costs.report import cost_report
from goldloop.labeling.budget import allowance_of
from goldloop.labeling.context import LoopState, read_state
from goldloop.labeling.open_round import waits_for_now
from goldloop.loop.policy import known_people
from goldloop.loop.ports import LoopPorts
from goldloop.reports.annotators import annotator_sections
from goldloop.reports.checks import checks_section
from goldloop.reports.costs import cost_section, read_cost_inputs
from goldloop.reports.formatting import Cell
from goldloop.reports.outlook import outlook_section
from goldloop.reports.page import Page, save_page
from goldloop.reports.pictures import picture_sections
from goldloop.reports.rounds import facts, round_plots, round_rows, rounds_section
from goldloop.reports.routing import routing_section
from goldloop.reports.section import Section
from goldloop.reports.sheets import sheet_sections
from goldloop.routing.tuning import tune
from goldloop.tables.batches import read_seen
from goldloop.tables.counts import Conservation, conservation
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import read_rounds
from goldloop.tables.traffic import evaluated_holdout, read_traffic
from goldloop.training.promotion import RoundRecord, winner

NO_MODEL = "No model yet: too little gold to train and judge one."


def write_page(ports: LoopPorts, folder: Path, *, links: Mapping[str, str]) -> Path:
    """Write the page of the newest round into `folder`; return where it lies. `links` are by name."""
    rounds = read_rounds(ports.tables.rounds)
    newest = rounds[-1].round if rounds else 0
    return save_page(round_page(ports, rounds, links=links), folder, f"round-{newest:03d}.html")


def round_page(ports: LoopPorts, rounds: Sequence[RoundRecord], *, links: Mapping[str, str]) -> Page:
    """Return the page of the newest of `rounds` (oldest first); its first section is that of the rounds."""
    settings, tables = ports.settings, ports.tables
    state = read_state(tables, settings)
    outcomes, requests = state.outcomes, state.snapshot.requests.requests
    rows = round_rows(rounds)
    costs = cost_report(read_cost_inputs(tables, state, settings), settings, now=ports.clock())
    notes = (None if rows else NO_MODEL, _waiting(ports, state), open_audit_note(outcomes.samples))
    return Page(
        title=f"{settings.name}: round {rounds[-1].round if rounds else 0}",
        generated_at=ports.clock(),
        sections=[
            rounds_section(rows, round_plots(rounds)),
            checks_section(rounds[-1].checks if rounds else None),
            outlook_section(rounds[-1].outlook if rounds else None),
            routing_of(ports, state, rounds),
            cost_section(costs) if costs.whole.n_answers else Section(""),
            *annotator_sections(annotator_report(outcomes, requests, settings)),
            *sheet_sections(state, settings),
            *picture_sections(ports, state, rounds),
            conservation_section(conservation(tables)),
            Section("Notes", remarks=[Cell(note) for note in notes if note]),
        ],
        facts=facts(rows),
        links=links,
    )


def _waiting(ports: LoopPorts, state: LoopState) -> str | None:
    """Return what the open round waits for, before the first model and where the budget did not suffice."""
    number, allowance = state.snapshot.round, allowance_of(state, ports.settings)
    if number and (allowance.n_answers or not allowance.n_more):
        return None
    return (
        f"Round {number} waits for {waits_for_now(ports.tables, state, ports.settings, now=ports.clock())}."
    )


def routing_of(ports: LoopPorts, state: LoopState, rounds: Sequence[RoundRecord]) -> Section:
    """Return what is known of routing; nothing before there is a champion."""
    champion = winner(rounds[-1].evaluations, rounds[-1].decision) if rounds else None
    if champion is None:
        return Section("")
    settings, tables, version = ports.settings, ports.tables, champion.model_version
    labels, gold = settings.label_set, state.snapshot.gold.records
    traffic = read_traffic(tables, labels)
    entry = PolicyLog(tables.policies).in_force(version)
    judged = evaluated_holdout(tables, gold, labels, version)
    tuning = None
    if entry is not None and len(judged):
        tuning = tune(judged, settings, present=entry.policy, people=known_people(ports, state))
    return routing_section(
        entry,
        report_audit(audited_traffic(traffic, gold, labels), traffic, labels=labels),
        Counter(traffic.lanes.tolist()),
        seen=read_seen(tables.batches),
        judged=judged,
        tuning=tuning,
    )


def conservation_section(files: Conservation) -> Section:
    """Return where every file is, and whether the sum adds up."""
    verdict = Cell("conserved", tone="good") if files.is_conserved else Cell("does not add up", tone="bad")
    quarantine = ", ".join(f"{reason} {n:,}" for reason, n in files.reasons.items())
    remarks = [verdict, Cell(f"in quarantine: {quarantine}")] if quarantine else [verdict]
    return Section("Every file counted once", prose=(str(files),), remarks=remarks)
