"""A workplace with predictions beside its samples, whose views can be lost, torn and damaged."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

from goldloop.core.lanes import Lane
from goldloop.core.samples import sample_id_of
from tests.arrivals import START, Workplace


class Scored(Workplace):
    """A workplace with predictions; a view is written as soon as it has a row."""

    table: str = "samples"
    n_scored: int = 0

    @property
    def folder(self) -> Path:
        """The folder of the table that the next event concerns."""
        return self.root / "tables" / self.table

    def back_up(self) -> None:
        """Copy the table."""
        shutil.rmtree(self.root / f"copy-{self.table}", ignore_errors=True)
        shutil.copytree(self.folder, self.root / f"copy-{self.table}")

    def restore(self) -> None:
        """Put the copy in the place of the table, if there is one; the views stay."""
        if (self.root / f"copy-{self.table}").exists():
            shutil.rmtree(self.folder)
            shutil.copytree(self.root / f"copy-{self.table}", self.folder)
            self.reopen()

    def score(self, rows: list[tuple[int, Lane, str]]) -> None:
        """Commit predictions (content, lane, model), a later one sometimes with an earlier moment."""
        self.tables.predictions.append(
            [
                {
                    "sample_id": sample_id_of(str(content).encode()),
                    "lane": str(lane),
                    "model_version": model,
                    "margin": content / 30,
                    "label": "spam",
                    "scored_at": START + timedelta(seconds=(self.n_scored + place) * 7919 % 1009),
                }
                for place, (content, lane, model) in enumerate(rows)
            ]
        )
        self.n_scored += len(rows)

    @property
    def files(self) -> list[Path]:
        """The files of the views."""
        return sorted((self.root / "index").glob("[!.]*.parquet"))

    def lose_views(self) -> None:
        """Remove the files of the views."""
        for path in self.files:
            path.unlink()

    def tear_views(self) -> None:
        """Cut the files of the views off in the middle."""
        for path in self.files:
            os.truncate(path, path.stat().st_size // 2)

    def damage_views(self) -> None:
        """Write other bytes into the middle of the views, whose ends stay whole."""
        for path in self.files:
            content = bytearray(path.read_bytes())
            content[4 : len(content) // 3] = bytes(len(content) // 3 - 4)
            path.write_bytes(content)
