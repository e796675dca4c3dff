"""Show figures that benches wrote as Markdown tables, or put the tables into a page.

python -m scripts.bench docs/figures.jsonl --into docs/results.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts.bench.common import markdown, read_figures

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def with_tables(page: str, tables: str) -> str:
    """Return `page` with `tables` in place of what stands between the two markers.

    Raises:
        SystemExit: a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"the page needs a line '{BEGIN}' and, below it, a line '{END}'")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def main() -> None:
    """Read the options, then print the tables or write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="JSON lines of one or more benches"
    )
    parser.add_argument("--into", type=Path, metavar="PAGE", help="Markdown page with the two markers")
    chosen = parser.parse_args()
    tables = markdown(read_figures(chosen.files))
    if chosen.into is None:
        print(tables)
    else:
        page = chosen.into.read_text(encoding="utf-8")
        chosen.into.write_text(with_tables(page, tables), encoding="utf-8")


if __name__ == "__main__":
    main()
