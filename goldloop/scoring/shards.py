"""Shards: several processes or machines score one source, each the files of its own share."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from goldloop.core.errors import SourceError
from goldloop.core.samples import FileRef, file_of
from goldloop.scoring.passes import Advance, Scoring
from goldloop.scoring.score import batch_of
from goldloop.scoring.writer import ScoreReport
from goldloop.tables.pass_parts import PassPart, read_parts, save_part, sum_up


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard `number` of `n`, counted from 1: a file belongs to it by a hash of its uri.

    So each file has one shard, whatever else a source holds, and also when files are added meanwhile.
    """

    number: int
    n: int

    @classmethod
    def of(cls, text: str) -> Shard:
        """Return the shard that `text`, such as "1/4", names.

        Raises:
            SourceError: it names none.
        """
        found = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise SourceError(
                f"--shard takes a number of a share and how many there are, such as 1/4; got {text!r}"
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.n}"

    def holds(self, file: FileRef) -> bool:
        """Return whether a file, or a row of one, belongs to the shard."""
        digest = hashlib.sha256(file.uri.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.n == self.number - 1

    def holds_row(self, file: FileRef) -> bool:
        """Return whether a row belongs to the shard; every shard reads every file of rows."""
        return file.uri == file_of(file.uri) or self.holds(file)


def score_shard(
    scoring: Scoring, source: str, shard: Shard, *, has_rows: bool, advance: Advance = lambda _: None
) -> ScoreReport:
    """Score what is new in `shard` of `source`; the last shard checks the whole pass for drift.

    With `has_rows` a file holds many samples, and the shard takes its share of the rows of each. Where other
    shards have not ended yet, the report names them.

    Raises:
        SourceError: the source cannot be listed or is empty.
    """
    batch, reader = batch_of(source), scoring.reader
    report, sketch = scoring.run(
        batch,
        lambda is_known: reader.arrivals(source, is_known=is_known),
        is_wanted=shard.holds_row if has_rows else shard.holds,
        advance=advance,
    )
    batches, version, at = scoring.tables.batches, scoring.model.version, scoring.clock()
    own = PassPart(batch, version, at, sketch, f"{shard} {secrets.token_hex(4)}")
    save_part(batches, own)
    parts = read_parts(batches, batch, version)
    if own.part in {part.part for part in parts}:  # else another shard has summed it up by now
        ended = {part.shard for part in parts}
        others = (str(Shard(number, shard.n)) for number in range(1, shard.n + 1))
        report.waits_for = tuple(other for other in others if other not in ended)
        if not report.waits_for:
            report.drift = sum_up(batches, batch, version, None, at=at)
    return report
