"""Records: made payments, of which some are frauds; run: python -m examples.records FOLDER."""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

from examples.practice import practise
from goldloop.loop.ports import LoopPorts

LABELS = ("genuine", "fraud")
FIELDS = {"amount": "number", "country": "category", "is_new_device": "flag", "customer": "name"}


def made_payments(path: Path, n: int, seed: int = 0) -> dict[str, str]:
    """Write `n` payments to a CSV file; return the label of each id."""
    draw, truth = random.Random(seed), {}
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("id", *FIELDS))
        for number in range(n):
            is_fraud = draw.random() < 0.25
            amount = draw.lognormvariate(5.5 if is_fraud else 3.5, 0.6)
            country = draw.choice(("ES", "PT", "XX") if is_fraud else ("ES", "PT", "FR"))
            is_new = draw.random() < (0.8 if is_fraud else 0.1)
            table.writerow((number, f"{amount:.2f}", country, str(is_new).lower(), f"c{draw.randrange(n)}"))
            truth[str(number)] = LABELS[is_fraud]
    return truth


def main(folder: Path, n: int = 400, *, rounds: int = 2) -> LoopPorts:
    """Make the payments and take them through some rounds, decided by what errors cost."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = made_payments(folder / "payments.csv", n)
    return practise(
        folder / "workspace",
        folder / "payments.csv",
        truth,
        rounds=rounds,
        kind="records",
        labels=LABELS,
        records={"fields": FIELDS, "stake": "amount", "entity": "customer"},
        policy={"kind": "cost"},
        cost={"errors": {"fraud": {"genuine": {"plus": 15.0, "factor": 1.0}}, "genuine": {"fraud": 5.0}}},
        selection={"budget_per_round": 150, "audit_rate": 0.3},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
