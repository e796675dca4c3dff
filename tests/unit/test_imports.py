"""Imports: labels that exist become train samples with an origin, whoever contradicts them decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from goldloop.cli.main import app
from goldloop.core.chance import is_reserved
from goldloop.core.errors import EmptyPoolError, LabelError
from goldloop.core.samples import sample_id_of
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.formats.export import OF_PICTURES, Format, export_gold
from goldloop.formats.gold_export import GoldExport
from goldloop.loop.check import check_workspace
from goldloop.loop.import_list import list_imports
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.relabel import find_label_errors, read_relabels, send_label_errors
from goldloop.loop.retrain import retrain
from goldloop.loop.score import score_files
from goldloop.reports.imports import import_problems, import_rows, listed_rows
from goldloop.settings.workspace import Workspace
from goldloop.tables.counts import conservation
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.imported_labels import read_imported
from goldloop.tables.snapshot import read_snapshot
from tests.images import encoded, noise
from tests.imported import Workplace, id_of
from tests.loop import ONE_ANSWER, PATIENT, killed_before_commit
from tests.texts import write_json, write_rows


def texts(label: str, n: int) -> list[tuple[str, str]]:
    """Return n rows of texts of a label: words of its own, drawn anew for each."""
    draws = np.random.default_rng(len(label)).integers(0, 60, (n, 12))
    return [(" ".join(f"{label}{word}" for word in row), label) for row in draws]


def in_train(workplace: Workplace, text: str) -> bool:
    """Return whether chance leaves a text to train."""
    selection = workplace.ports.settings.selection
    return not is_reserved(id_of(text), audit_rate=selection.audit_rate, seed=selection.seed)


def test_imported_texts_train_and_never_judge(tmp_path: Path) -> None:
    """They arrive like any other sample; those of the audit reserve wait for the audit, whatever they are."""
    workplace = Workplace(tmp_path)
    report = workplace.takes_rows(*texts("ham", 30), *texts("spam", 30))

    assert (report.n_rows, report.n_added, report.n_arrived, report.refused) == (60, 60, 60, ())
    assert conservation(workplace.tables).is_conserved
    for sample_id, record in workplace.gold.items():
        assert (record.purpose, record.method, record.source) == (Purpose.IMPORT, "import/1", "import")
        assert (record.n_votes, record.inclusion_probability, record.annotators) == (0, None, ())
        reserved = is_reserved(sample_id, audit_rate=0.2, seed=0)
        assert record.split is (Split.WITHHELD if reserved else Split.TRAIN)
    assert report.splits == {"train": report.splits["train"], "withheld": 60 - report.splits["train"]}
    with pytest.raises(EmptyPoolError, match="no holdout sample"):
        retrain(workplace.ports, [])


def test_the_labels_are_shown_to_nobody(tmp_path: Path) -> None:
    """The file is read in without its labels and other columns: no annotator and no model sees them."""
    workplace = Workplace(tmp_path)
    rows = [("a first text", "spam", "very spammy"), ("a second text", "ham", "not at all")]
    workplace.takes(write_rows(tmp_path / "labels.csv", rows, ("text", "label", "opinion")))
    (kept,) = (tmp_path / "imports").iterdir()
    assert "spam" not in kept.read_text()
    assert workplace.ports.modality.store.context(id_of("a first text")).about == {}  # type: ignore[attr-defined]


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    """From another path, too: what a file says is known by what it says."""
    workplace = Workplace(tmp_path)
    rows = [*texts("ham", 3), *texts("spam", 3)]
    first, version = workplace.takes_rows(*rows), GoldStore(workplace.tables.gold).newest()
    before = {name: len(table.read()) for name, table in workplace.tables.named.items()}
    second = workplace.takes_rows(*rows, name="again.csv")

    assert (first.n_added, second.n_added, second.n_known, second.n_arrived) == (6, 0, 6, 0)
    assert second.gold_version is None
    assert GoldStore(workplace.tables.gold).newest() == version
    assert {name: len(table.read()) for name, table in workplace.tables.named.items()} == before


@pytest.mark.parametrize("method", ["append_once", "append_next", "merge_next"])
def test_a_killed_import_leaves_nothing_half_written(tmp_path: Path, method: str) -> None:
    """Killed before the samples, the labels or gold are committed, it goes on by the same command."""
    rows = [*texts("ham", 8), *texts("spam", 8)]
    whole = Workplace(tmp_path / "whole")
    whole.takes_rows(*rows)
    broken = Workplace(tmp_path / "broken")
    path = write_rows(broken.folder / "labels.csv", rows, ("text", "label"))
    with killed_before_commit(method, 0):
        broken.takes(path)
    assert len(read_imported(broken.tables.imported_labels)) == (16 if method == "merge_next" else 0)
    assert broken.gold == {}
    broken.takes(path)
    assert {key: one.label for key, one in broken.gold.items()} == {
        key: one.label for key, one in whole.gold.items()
    }
    assert len(read_imported(broken.tables.imported_labels)) == 16


def test_origin_is_kept(tmp_path: Path) -> None:
    """File, format, row, annotator and time stand with each label."""
    workplace = Workplace(tmp_path)
    source = write_json(
        tmp_path / "p.jsonl",
        {
            "text": "hello",
            "accept": ["ham"],
            "answer": "accept",
            "_annotator_id": "ana",
            "_timestamp": 1772357400,
        },
    )
    workplace.takes(source, Format.PRODIGY)
    (one,) = read_imported(workplace.tables.imported_labels)
    assert (one.source, one.format, one.place) == (str(source), "prodigy", "p.jsonl, line 1")
    assert (one.annotator, f"{one.labelled_at:%Y-%m-%d %H:%M}") == ("ana", "2026-03-01 09:30")
    assert workplace.gold[id_of("hello")].labelled_at == one.labelled_at
    (listed,) = list_imports(workplace.ports)
    assert (listed.n_rows, listed.n_gold, listed.n_labels) == (1, 1, 1)


def test_unknown_labels_are_listed_and_mapped(tmp_path: Path) -> None:
    """Nothing is kept before every name means something; an empty label leaves rows out."""
    workplace = Workplace(tmp_path)
    rows = [("one", "SPAM!"), ("two", "ham"), ("three", "unsure"), ("four", "SPAM!")]
    with pytest.raises(LabelError, match=r"'SPAM!' \(2 rows\), 'unsure' \(1 rows\); nothing was imported"):
        workplace.takes_rows(*rows)
    assert not workplace.tables.samples.version()
    assert not (tmp_path / "imports").exists()
    with pytest.raises(LabelError, match="--label-map names eggs, which are no labels"):
        workplace.takes_rows(*rows, label_map={"SPAM!": "eggs"})

    report = workplace.takes_rows(*rows, label_map={"SPAM!": "spam", "unsure": ""})
    assert (report.n_added, report.n_left_out) == (3, 1)
    assert {one.label for one in workplace.gold.values()} == {"ham", "spam"}
    assert workplace.gold[id_of("one")].label == "spam"


def test_bad_rows_are_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Each is named with its file and row, what was seen, and what to do."""
    workplace = Workplace(tmp_path)
    source = tmp_path / "labels.csv"
    source.write_text('text,label\ngood text,ham\n,spam\nno label,\n"too, many",spam,cells\nlast,spam\n')
    report = workplace.takes(source)
    told = {one.place: one.problem for one in report.refused}
    assert told["labels.csv, row 2"].startswith("no sample is named nothing; give the column text")
    assert told["labels.csv, row 3"] == "it has no label; fill the column label, or remove the row"
    assert told["labels.csv, row 4"] == "3 fields, the header has 2; put quotes around commas"
    assert (report.n_rows, report.n_added) == (5, 2)
    assert set(workplace.gold) == {id_of("good text"), id_of("last")}


def test_samples_that_have_arrived_are_found_by_name(tmp_path: Path) -> None:
    """By the id of a row or the sample_id, without the text; what has not arrived is refused."""
    workplace = Workplace(tmp_path)
    workplace.scores("zero", "one", "two")
    rows = [("1", "", "ham"), ("", id_of("two"), "spam"), ("77", "", "ham")]
    report = workplace.takes(write_rows(tmp_path / "labels.csv", rows, ("id", "sample_id", "label")))
    assert {key: one.label for key, one in workplace.gold.items()} == {
        id_of("one"): "ham",
        id_of("two"): "spam",
    }
    assert [(one.place, one.problem[:24]) for one in report.refused] == [
        ("labels.csv, row 3", "no sample is named '77';")
    ]
    assert report.n_arrived == 0


def test_the_label_of_most_rows_counts_and_a_tie_gives_none(tmp_path: Path) -> None:
    """Within one file; the file imported last decides over those before, so that it corrects them."""
    workplace = Workplace(tmp_path)
    rows = [("a", "ham"), ("a", "spam"), ("a", "spam"), ("b", "ham"), ("b", "spam")]
    report = workplace.takes_rows(*rows)
    assert report.n_tied == 1
    assert {key: one.label for key, one in workplace.gold.items()} == {id_of("a"): "spam"}
    assert workplace.gold[id_of("a")].posterior == pytest.approx({"ham": 1 / 3, "spam": 2 / 3})
    workplace.clock.sleep(60)
    workplace.takes_rows(("a", "ham"), ("b", "spam"), name="corrected.csv")
    assert workplace.gold[id_of("b")].label == "spam"


def test_splits_of_a_file_are_kept_apart(tmp_path: Path) -> None:
    """What a file has for validation or test does not train; it does where the user says so."""
    rows = [(f"{split} {number}", "ham", split) for split in ("train", "val", "test") for number in range(20)]
    found = {}
    for name, wish in (("plain", {}), ("ignored", {"ignores_splits": True}), ("random", {"is_random": True})):
        workplace = Workplace(tmp_path / name)
        source = write_rows(workplace.folder / "labels.csv", rows, ("text", "label", "split"))
        workplace.takes(source, **wish)
        found[name] = {
            text: workplace.gold[id_of(text)].split for text, _, _ in rows if in_train(workplace, text)
        }
    for text, split in found["plain"].items():
        assert split is (Split.TRAIN if text.startswith("train") else Split.WITHHELD)
    assert set(found["ignored"].values()) == {Split.TRAIN}
    for text, split in found["random"].items():
        assert split is (Split.TRAIN if text.startswith("train") else Split.VALIDATION)


def test_a_random_draw_calibrates_and_never_enters_the_holdout(tmp_path: Path) -> None:
    """A third goes to validation, by permanent random numbers; the holdout has known probabilities alone."""
    workplace = Workplace(tmp_path)
    workplace.takes_rows(*texts("ham", 100), *texts("spam", 100), is_random=True)
    splits = [one.split for one in workplace.gold.values()]
    assert Split.HOLDOUT not in splits
    n_validation, n_train = splits.count(Split.VALIDATION), splits.count(Split.TRAIN)
    assert 0.2 < n_validation / (n_validation + n_train) < 0.5
    assert not [one for one in workplace.gold.values() if one.inclusion_probability]


def answered(workplace: Workplace, rows: list[tuple[str, str]]) -> dict[str, str]:
    """Let people answer what goldloop asks about texts, and return the texts they were asked about."""
    workplace.scores(*(text for text, _ in rows))
    push(workplace.ports)
    label_of = {id_of(text): label for text, label in rows}
    for task_id, task in list(workplace.queue.tasks.items()):
        for annotator in ("7", "8"):
            if task.is_open and not task.knows(annotator):
                workplace.queue.answer(task_id, annotator, label_of[task.pushed.sample_id])
    pull(workplace.ports)
    return {text: label for text, label in rows if id_of(text) in workplace.gold}


def test_annotators_decide_against_a_file(tmp_path: Path) -> None:
    """Their answers stay gold as they are, and the report names where the file says other."""
    workplace = Workplace(tmp_path)
    known = answered(workplace, [*texts("ham", 30), *texts("spam", 30)])
    before = workplace.gold
    other = {"ham": "spam", "spam": "ham"}
    report = workplace.takes_rows(*((text, other[label]) for text, label in known.items()))
    assert workplace.gold == before
    assert {one.people for one in report.differences} == {"ham", "spam"}
    assert len(report.differences) == len(known)
    assert check_workspace(workplace.ports) == []


def test_wrong_imports_are_found_and_corrected_by_people(tmp_path: Path) -> None:
    """Label errors finds them, annotators answer blind, and what they say replaces what the file said."""
    workplace = Workplace(tmp_path, changes={"consensus": ONE_ANSWER.model_dump()})
    rows = [*texts("ham", 60), *texts("spam", 60)]
    wrong = [text for text, _ in rows if in_train(workplace, text)][:3]
    workplace.takes_rows(*((text, "spam" if text in wrong else label) for text, label in rows))

    assert find_label_errors(workplace.ports) == 3
    found = read_relabels(workplace.ports)
    assert {one.issue.sample_id: one.origin for one in found} == {id_of(text): "import" for text in wrong}
    assert send_label_errors(workplace.ports, 2) == 2
    sent = [
        text
        for text in wrong
        if task_key(id_of(text), Purpose.RECHECK) in read_snapshot(workplace.tables).live
    ]
    assert len(sent) == 2
    assert {workplace.gold[id_of(text)].label for text in sent} == {"spam"}
    assert all(task.pushed.suggestion is None for task in workplace.queue.tasks.values())

    for text in sent:
        workplace.answers(text, "ham")
    assert {workplace.gold[id_of(text)].label for text in sent} == {"ham"}
    record = workplace.gold[id_of(sent[0])]
    assert (record.purpose, record.split, record.source) == (Purpose.RECHECK, Split.TRAIN, "people")
    states = {one.issue.sample_id: one.state for one in read_relabels(workplace.ports)}
    assert sorted(states.values()) == ["corrected to ham", "corrected to ham", "not sent"]
    assert check_workspace(workplace.ports) == []


def test_a_label_in_dispute_leaves_gold(tmp_path: Path) -> None:
    """Until the second answer, it stands where the first annotator agrees with the file, and else not."""
    changes = {"selection": {"audit_rate": 0.2, "overlap": 2}, "consensus": PATIENT.model_dump()}
    workplace = Workplace(tmp_path, changes=changes)
    rows = [*texts("ham", 60), *texts("spam", 60)]
    wrong = [text for text, _ in rows if in_train(workplace, text)][:2]
    workplace.takes_rows(*((text, "spam" if text in wrong else label) for text, label in rows))
    find_label_errors(workplace.ports)
    assert send_label_errors(workplace.ports, 2) == 2
    contradicted, confirmed = wrong
    workplace.answers(contradicted, "ham")
    workplace.answers(confirmed, "spam")
    assert id_of(contradicted) not in workplace.gold
    assert workplace.gold[id_of(confirmed)].source == "import"
    for text in wrong:
        workplace.answers(text, "ham", "8")
    assert workplace.gold[id_of(contradicted)].source == "people"
    assert id_of(confirmed) not in workplace.gold


def test_a_file_does_not_take_a_sample_from_the_audit(tmp_path: Path) -> None:
    """One in the reserve is withheld until the audit draws it, and then people alone decide."""
    workplace = Workplace(tmp_path)
    rows = [*texts("ham", 60), *texts("spam", 60)]
    workplace.takes_rows(*((text, "spam") for text, _ in rows))
    reserved = {id_of(text) for text, _ in rows if not in_train(workplace, text)}
    push(workplace.ports)
    asked = {task.pushed.sample_id for task in workplace.queue.tasks.values()}
    assert asked
    assert asked <= reserved
    assert not asked & {key for key, one in workplace.gold.items() if one.split is not Split.WITHHELD}
    drawn = next(text for text, label in rows if id_of(text) in asked and label == "ham")
    workplace.answers(drawn, "ham")
    assert not asked & set(workplace.gold)
    for annotator in ("7", "8"):
        workplace.answers(drawn, "ham", annotator)
    record = workplace.gold[id_of(drawn)]
    assert (record.label, record.purpose, record.source) == ("ham", Purpose.AUDIT, "people")
    assert record.inclusion_probability == pytest.approx(0.2)


def picture_folder(folder: Path, n: int = 12) -> dict[str, str]:
    """Write pictures into a folder for each label, and return the label of each sample."""
    truth = {}
    for number in range(n):
        label = ("ham", "spam")[number % 2]
        content = encoded(noise(number), "PNG")
        path = folder / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        truth[sample_id_of(content)] = label
    return truth


def test_pictures_beside_the_labels_arrive(tmp_path: Path) -> None:
    """A broken one is refused with its reason, a missing one with what to do; the rest is gold."""
    workplace = Workplace(tmp_path / "shop", "image")
    truth = picture_folder(tmp_path / "pictures")
    (tmp_path / "pictures" / "ham" / "broken.png").write_bytes(b"no picture")
    report = workplace.takes(tmp_path / "pictures", Format.IMAGEFOLDER)
    assert {key: one.label for key, one in workplace.gold.items()} == truth
    (refused,) = report.refused
    assert refused.place == "ham/broken.png"
    assert "not an image" in refused.problem
    assert report.n_arrived == len(truth)

    rows = [("pictures/spam/1.png", "ham"), ("pictures/none.png", "ham")]
    report = workplace.takes(write_rows(tmp_path / "labels.csv", rows, ("file", "label")))
    (refused,) = report.refused
    assert "no sample is named 'pictures/none.png'; put the picture beside the file" in refused.problem
    assert report.n_arrived == 0


RECORDS = {"records": {"fields": {"amount": "number", "shop": "category"}}}
KINDS: dict[str, dict[str, Any]] = {"image": {}, "text": {}, "records": RECORDS}


def first_workplace(folder: Path, kind: str) -> Workplace:
    """Return a workspace of a kind with imported gold of twelve samples."""
    workplace = Workplace(folder, kind, changes=KINDS[kind])
    if kind == "image":
        picture_folder(folder / "pictures")
        workplace.takes(folder / "pictures", Format.IMAGEFOLDER)
        return workplace
    rows: list[dict[str, Any]] = [
        {"id": f"p{number}", "label": ("ham", "spam")[number % 2]}
        | ({"text": f"=text {number}"} if kind == "text" else {"amount": number + 0.5, "shop": "x"})
        for number in range(12)
    ]
    workplace.takes(write_json(folder / "rows.jsonl", *rows), Format.JSONL)
    return workplace


@pytest.mark.parametrize(
    ("kind", "form"),
    [(kind, form) for kind in KINDS for form in Format if kind == "image" or form not in OF_PICTURES],
)
def test_gold_goes_from_one_workspace_to_another(tmp_path: Path, kind: str, form: Format) -> None:
    """By every format that holds its kind: the same samples and labels; tables hold no pictures."""
    first = first_workplace(tmp_path / "first", kind)
    assert len(first.gold) == 12
    store = first.ports.modality.store
    export = GoldExport(
        list(first.gold.values()),
        GoldStore(first.tables.gold).newest(),
        first.ports.settings.label_set,
        store.file if kind == "image" else None,
        first.ports.modality.columns,
    )
    target = tmp_path / f"gold.{form}"
    export_gold(export, form, target)

    second = Workplace(tmp_path / "second", kind, changes=KINDS[kind])
    if kind == "image" and form in (Format.CSV, Format.JSONL, Format.PARQUET):
        score_files(second.ports, str(tmp_path / "first" / "pictures"))
    report = second.takes(target, form)
    assert report.refused == ()
    assert {key: one.label for key, one in second.gold.items()} == {
        key: one.label for key, one in first.gold.items()
    }
    trains = {key for key, one in first.gold.items() if one.split is Split.TRAIN}
    assert {key for key, one in second.gold.items() if one.split is Split.TRAIN} == trains


def test_the_command_wants_a_file_and_its_format(tmp_path: Path) -> None:
    """Errors name what to give; the list is empty before any import."""
    workspace = Workspace.create(tmp_path / "posts", kind="text", labels=("ham", "spam"))
    source = write_rows(tmp_path / "l.csv", [("one", "ham"), ("two", "junk")], ("text", "label"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["import", *arguments, "--workspace", str(workspace.root)])

    assert "needs a file or folder and its format" in str(run(str(source)).exception)
    assert "'junk' (1 rows)" in str(run(str(source), "--format", "csv").exception)
    wrong = run(str(source), "--format", "csv", "--label-map", "junk")
    assert "--label-map takes OLD=NEW, such as cats=cat; got 'junk'" in str(wrong.exception)
    assert run("--list", "--json").stdout.strip() == "[]"


def test_what_came_in_is_told_in_rows_and_sentences(tmp_path: Path) -> None:
    """Counts, each refused row by its place, and why samples are withheld."""
    workplace = Workplace(tmp_path)
    rows = [("one", "ham", "train"), ("two", "spam", "test"), ("", "ham", "train")]
    report = workplace.takes(write_rows(tmp_path / "l.csv", rows, ("text", "label", "split")))
    told = {row["what"]: row["n"] for row in import_rows(report)}
    assert (told["rows"], told["new labels"], told["refused"], told["changes of gold"]) == (3, 2, 1, 2)
    sentences = list(import_problems(report))
    assert sentences[0].startswith("refused: l.csv, row 3: no sample is named nothing")
    assert report.n_held_out == 1
    assert sentences[1].startswith("withheld: 1 samples that the file has for validation or test")
    (row,) = listed_rows(list_imports(workplace.ports))
    assert (row["format"], row["rows"], row["gold by it"]) == ("csv", 2, 2)
