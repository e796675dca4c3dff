"""Sections as Markdown, for the pages of Prefect's UI."""

from __future__ import annotations

import base64

from goldloop.reports.section import Plot, Section, Table


def markdown(section: Section, *, max_plots: int = 1) -> str:
    """Return `section` with its tables, and the first `max_plots` plots as pictures inside the text."""
    listed = "\n".join(f"- {remark}" for remark in section.remarks)
    blocks = [f"## {section.title}", *section.prose, listed]
    blocks += [_table(table) for table in section.tables if table.rows]
    blocks += [*section.notes, *(_plot(plot) for plot in section.plots[:max_plots])]
    return "\n\n".join(block for block in blocks if block)


def _table(table: Table) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns)]
    lines += [["" if value is None else str(value) for value in row.values()] for row in table.rows]
    escaped = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"**{table.title}**\n\n{escaped}" if table.title else escaped


def _plot(plot: Plot) -> str:
    return f"![{plot.caption}](data:image/png;base64,{base64.b64encode(plot.picture('png')).decode()})"
