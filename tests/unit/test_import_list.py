"""What became of imported labels: gold, doubts, and how often blind answers agree with a file."""

from __future__ import annotations

from pathlib import Path

from goldloop.core.tasks import Purpose
from goldloop.labeling.context import read_state
from goldloop.loop.import_list import ImportTotals, list_imports, total_imports
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.relabel import find_label_errors, send_label_errors
from goldloop.reports.imports import imports_line, imports_section, listed_rows
from tests.imported import Workplace, id_of
from tests.loop import ONE_ANSWER
from tests.unit.test_imports import in_train, texts


def totals_of(workplace: Workplace) -> ImportTotals:
    """Return what became of all imports, of which there are some."""
    totals = total_imports(workplace.ports, read_state(workplace.tables, workplace.ports.settings))
    assert totals is not None
    return totals


def test_nothing_imported_is_nothing_told(tmp_path: Path) -> None:
    """Status and page are silent about imports where there are none."""
    workplace = Workplace(tmp_path)
    assert list_imports(workplace.ports) == []
    assert total_imports(workplace.ports, read_state(workplace.tables, workplace.ports.settings)) is None
    assert imports_section([]).is_empty


def test_audits_tell_how_often_a_file_is_right(tmp_path: Path) -> None:
    """Random audits and samples that were sent in doubt stand apart, and each file by itself."""
    workplace = Workplace(
        tmp_path,
        changes={
            "consensus": ONE_ANSWER.model_dump(),
            "selection": {"budget_per_round": 80, "audit_rate": 0.4},
        },
    )
    rows = [*texts("ham", 90), *texts("spam", 90)]
    reserved = [text for text, _ in rows if not in_train(workplace, text)]
    doubtful = [text for text, _ in rows if in_train(workplace, text)][:2]
    wrong = {*reserved[:9], *doubtful}
    truth = {id_of(text): label for text, label in rows}
    other = {"ham": "spam", "spam": "ham"}
    workplace.takes_rows(*((text, other[label] if text in wrong else label) for text, label in rows))
    workplace.takes_rows(("something else", "ham"), name="more.csv")
    assert find_label_errors(workplace.ports) == 2
    assert totals_of(workplace).doubted == {"not sent": 2}
    n_gold = totals_of(workplace).n_gold

    send_label_errors(workplace.ports, 2)
    push(workplace.ports)
    for task_id, task in list(workplace.queue.tasks.items()):
        workplace.queue.answer(task_id, "7", truth[task.pushed.sample_id])
    pull(workplace.ports)

    tasks = [task.pushed for task in workplace.queue.tasks.values()]
    audited = [one.sample_id for one in tasks if one.purpose is Purpose.AUDIT]
    n_right = sum(sample_id not in {id_of(text) for text in wrong} for sample_id in audited)
    assert 0 < n_right < len(audited)
    totals = totals_of(workplace)
    assert (totals.n_rows, totals.n_files, totals.n_samples) == (181, 2, 181)
    estimate = totals.agreement.audited.estimate
    assert estimate is not None
    assert (estimate.value, estimate.n) == (n_right / len(audited), len(audited))
    assert estimate.low < estimate.value < estimate.high
    assert (totals.agreement.chosen.n, totals.agreement.chosen.estimate) == (2, None)
    assert totals.doubted == {"corrected to ham": 2}
    assert totals.n_gold == n_gold - 2 - len(audited)

    line = imports_line(totals)
    assert line.startswith("181 rows of 2 files: ")
    assert "label errors doubt 2 (2 corrected to ham)" in line
    assert line.endswith("other blind answers agree: too few, n=2")
    first, second = list_imports(workplace.ports)
    assert (first.n_doubted, second.n_doubted) == (2, 0)
    assert first.agreement == totals.agreement
    assert second.agreement.audited.n == 0
    assert [row["file"] for row in listed_rows([first, second])] == [
        str(tmp_path / "labels.csv"),
        str(tmp_path / "more.csv"),
    ]
    assert not imports_section([first, second]).is_empty
