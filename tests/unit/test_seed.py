"""`goldloop seed`: hints are read like samples and kept, are no gold, and the push says what they steered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from goldloop.adapters.delta import open_tables
from goldloop.cli.main import app
from goldloop.core.errors import GoldloopError, LabelError, ModelError, SettingsError, SourceError
from goldloop.core.modality import Modality
from goldloop.core.samples import Arrival, FileRef, SampleId, sample_id_of
from goldloop.core.tasks import Purpose
from goldloop.labeling.hints import steering_hints
from goldloop.labeling.summary import summary_of
from goldloop.loop.hints import add_hints, forget, list_hints
from goldloop.loop.ports import LoopPorts
from goldloop.modalities.features import Featured, FeaturedModality
from goldloop.reports.hints import new_hint_rows, next_step
from goldloop.reports.status import read_status
from goldloop.reports.steps import push_rows
from goldloop.scoring.writer import Model
from goldloop.selection.hints import HINTED_SHARE, RARE_BELOW
from goldloop.settings import Settings
from goldloop.settings.sections import SelectionSettings
from goldloop.settings.workspace import Workspace
from goldloop.tables.hints import Hint, read_hints
from tests.loop import FakeClock, Loop
from tests.memory_texts import MemoryTexts, TextReader, TextStore
from tests.records import gold_record

N_KINDS, RARE = 8, 7


def words_of(number: int) -> str:
    """Return a text of one of N_KINDS kinds, of which the last is rare."""
    kind = RARE if number % 25 == 0 else number % RARE
    return f"{kind} {number}"


class FolderReader(TextReader):
    """Reads the texts whose uri begins with the source."""

    def arrivals(self, source: str, *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Return the texts below `source`."""
        files = [file for file in self.files(source) if file.uri.startswith(source)]
        if not files:
            raise SourceError(f"{source!r} does not exist")
        return (self.read(file) for file in files if not is_known(file))


class KindBackbone:
    """Computes features of a text by its kind."""

    def features(self, payloads: Sequence[str]) -> np.ndarray:
        """Return features (n, N_KINDS)."""
        kinds = [int(text.split()[0]) for text in payloads]
        return (np.eye(N_KINDS)[kinds] * 4 + 0.1).astype(np.float16)


@dataclass
class MemoryFeatures:
    """Features in a dict."""

    rows: dict[SampleId, np.ndarray] = field(default_factory=dict)

    def get(self, sample_id: SampleId) -> np.ndarray | None:
        """Return the features of a sample."""
        return self.rows.get(sample_id)

    def add(self, features: dict[SampleId, np.ndarray]) -> None:
        """Keep features."""
        self.rows |= features


@dataclass(frozen=True)
class Backboned(MemoryTexts):
    """Texts with features."""

    featured: Featured | None = None

    def for_preset(self, preset: str) -> Modality:
        """Return the texts as features."""
        assert self.featured is not None
        return FeaturedModality(self, self.featured)


@dataclass
class HintedLoop(Loop):
    """A loop whose preset has a frozen backbone."""

    kept: MemoryFeatures = field(default_factory=MemoryFeatures)
    takes_content: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reader = FolderReader(self.texts)
        self.store = TextStore(self.reader)
        self.settings = Settings(
            **(self.settings.model_dump() | {"kind": "image", "model": {"preset": "efficientnet_lite0"}})
        )

    def ports(self, owner: str = "me", import_size: int = 500) -> LoopPorts:
        """Return the ports of the routine, with features."""
        featured = Featured(KindBackbone, self.kept, takes_content=self.takes_content)
        texts = Backboned(self.reader, self.store, featured=featured)
        return replace(super().ports(owner, import_size), modality=texts)

    def arrive(self) -> None:
        """Let all samples arrive before there is a model, and compute their features."""
        self.score(Model())
        modality = self.ports().modality.for_preset("efficientnet_lite0")
        for _ in modality.reader.arrivals("texts", is_known=lambda _: False):
            pass


@pytest.fixture(params=[False, True], ids=["features", "content and features"])
def loop(tmp_path: Path, request: pytest.FixtureRequest) -> HintedLoop:
    """Return a loop of 400 texts, sixteen of which are of the rare kind, and of files that may be hints."""
    pool = {f"texts/{number:04d}": words_of(number) for number in range(400)}
    given = {"mine/a": f"{RARE} mine", "mine/b": f"{RARE} too", "mine/broken": "!corrupt"}
    selection = SelectionSettings(budget_per_round=50, audit_rate=0.1)
    return HintedLoop(tmp_path, pool | given, selection, takes_content=request.param)


def test_hints_steer_the_next_push(loop: HintedLoop) -> None:
    """Of the samples that are no audits a fifth looks like them, and the report says so."""
    loop.arrive()
    add_hints(loop.ports(), ["mine"], "spam")
    report = loop.push()

    rare = {sample_id_of(words_of(number).encode()) for number in range(0, 400, 25)}
    tasks = [task.pushed for task in loop.queue.tasks.values() if task.pushed.purpose is not Purpose.AUDIT]
    n_hinted = int(HINTED_SHARE * len(tasks))
    assert report.hinted == {"spam": n_hinted}
    assert sum(task.sample_id in rare for task in tasks) >= n_hinted
    assert not {sample_id_of(f"{RARE} mine".encode())} & {task.sample_id for task in tasks}
    told = [str(row["what"]) for row in push_rows(report)]
    assert f"{n_hinted} of the {report.n_planned} samples are nearest to your hints of 'spam'" in told


def test_hints_are_no_samples_and_no_gold(loop: HintedLoop) -> None:
    """Nothing is written but their own table."""
    found = add_hints(loop.ports(), ["mine"], "spam")

    assert found.n_added == 2
    assert loop.tables.samples.version() == loop.tables.gold.version() == 0
    assert [hint.uri for hint in read_hints(loop.tables.hints)] == ["mine/a", "mine/b"]


def test_a_bad_file_is_refused_and_the_others_are_added(loop: HintedLoop) -> None:
    """With the reason that scoring would give; so is a file that does not exist."""
    found = add_hints(loop.ports(), ["nowhere", "mine"], "spam")
    told = [str(row["what"]) for row in new_hint_rows(found)]

    assert [(one.uri, one.reason) for one in found.refused] == [
        ("nowhere", "no files"),
        ("mine/broken", "corrupt"),
    ]
    assert found.n_added == 2
    assert told[0] == "hints added"
    assert told[2].startswith("refused, corrupt: mine/broken")


def test_a_repeated_hint_is_kept_once(loop: HintedLoop) -> None:
    """Also when it comes under two names at once; for another label it is another hint."""
    loop.texts["mine/copy"] = loop.texts["mine/a"]
    first, again = (add_hints(loop.ports(), ["mine"], "spam") for _ in range(2))
    other = add_hints(loop.ports(), ["mine/a"], "ham")

    assert (first.n_added, first.n_known) == (2, 0)
    assert (again.n_added, again.n_known) == (0, 2)
    assert other.n_added == 1
    assert len(read_hints(loop.tables.hints)) == 3


def test_hints_steer_only_while_their_label_is_rare(loop: HintedLoop) -> None:
    """With enough gold they are listed, and steer nothing."""
    add_hints(loop.ports(), ["mine"], "spam")
    settings, samples = loop.settings, loop.ports().modality.for_preset("efficientnet_lite0")
    gold = [gold_record(sample_id_of(f"{n}".encode()), "spam") for n in range(RARE_BELOW)]

    few = steering_hints(loop.tables.hints, gold[1:], settings, samples)
    loop.gold.commit(lambda: gold, reason=lambda _: "pull")
    more = add_hints(loop.ports(), ["mine"], "spam")

    assert [(one.label, one.n_gold, one.features.shape) for one in few] == [
        ("spam", RARE_BELOW - 1, (2, N_KINDS))
    ]
    assert steering_hints(loop.tables.hints, gold, settings, samples) == []
    assert [(one.n_gold, one.is_steering) for one in list_hints(loop.ports())] == [(RARE_BELOW, False)] * 2
    assert "steer nothing" in next_step(more)


def test_features_that_are_lost_are_computed_from_the_kept_file(loop: HintedLoop) -> None:
    """As after a change of the preset; a hint whose file is lost too steers no more."""
    add_hints(loop.ports(), ["mine"], "spam")
    samples = loop.ports().modality.for_preset("efficientnet_lite0")
    loop.kept.rows.clear()
    loop.store.kept.pop(sample_id_of(f"{RARE} too".encode()))

    (spam,) = steering_hints(loop.tables.hints, [], loop.settings, samples)

    np.testing.assert_array_equal(spam.features, KindBackbone().features([f"{RARE} mine"]))


def test_another_preset_without_features_uses_no_hints(loop: HintedLoop) -> None:
    """They stay, for when there are features again."""
    add_hints(loop.ports(), ["mine"], "spam")
    tiny = loop.settings.model_copy(
        update={"model": loop.settings.model.model_copy(update={"preset": "tiny"})}
    )

    assert steering_hints(loop.tables.hints, [], tiny, loop.ports().modality) == []
    with pytest.raises(ModelError, match=r"presets that have: efficientnet_lite0"):
        add_hints(replace(loop.ports(), configured=tiny), ["mine"], "spam")


def test_an_unknown_label_is_refused(loop: HintedLoop) -> None:
    """The error names the label set, and nothing is read."""
    with pytest.raises(LabelError, match="label 'eggs' is not in the label set: ham, spam"):
        add_hints(loop.ports(), ["mine"], "eggs")
    with pytest.raises(LabelError, match="ham, spam"):
        forget(loop.ports(), "eggs")
    assert loop.reader.reads == []


def test_hints_can_be_forgotten_and_given_again(loop: HintedLoop) -> None:
    """Those of one label; the rows stay."""
    add_hints(loop.ports(), ["mine"], "spam")
    add_hints(loop.ports(), ["mine/a"], "ham")

    assert forget(loop.ports(), "spam") == 2
    assert [one.hint.label for one in list_hints(loop.ports())] == ["ham"]
    assert forget(loop.ports(), "spam") == 0
    assert add_hints(loop.ports(), ["mine"], "spam").n_added == 2


def test_the_status_counts_hints_beside_gold(loop: HintedLoop) -> None:
    """For each label; where there are none, there is no line."""

    def hints() -> str | None:
        ways = {"champion": None, "champion_problem": None, "policy": None, "servers": {}}
        return (
            read_status(loop.tables, summary_of(loop.state(), loop.settings), workspace="", **ways)
            .lines()
            .get("hints")
        )

    assert hints() is None
    add_hints(loop.ports(), ["mine"], "spam")
    loop.gold.commit(lambda: [gold_record(sample_id_of(b"g"), "spam")], reason=lambda _: "pull")
    assert hints() == "2 of 'spam', of which gold has 1"


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """Return a workspace on the disk with one hint."""
    workspace = Workspace.create(
        tmp_path / "shop", labels=["hat", "shoe"], model={"preset": "efficientnet_lite0"}
    )
    hint = Hint("hat", sample_id_of(b"hat"), "/pictures/hat.jpg", FakeClock()())
    open_tables(workspace.tables).hints.append_next(
        lambda seq: [
            {"label": hint.label, "sample_id": hint.sample_id, "uri": hint.uri, "at": hint.at, "seq": seq}
        ]
    )
    return workspace


def run(workspace: Workspace, *words: str) -> str:
    """Run a command, and return what it printed."""
    words = ("seed", *words, "--workspace", str(workspace.root))
    return CliRunner().invoke(app, words, catch_exceptions=False).output


def test_the_command_lists_and_forgets_hints(shop: Workspace) -> None:
    """With how many gold samples the label has."""
    assert "/pictures/hat.jpg" in run(shop, "--list")
    assert '"n_gold": 0' in run(shop, "--list", "--json")
    assert '"forgotten": 1' in run(shop, "--forget", "hat", "--json")
    assert "There are no hints" in run(shop, "--list")


@pytest.mark.parametrize(
    "words",
    [(), ("a.jpg",), ("--label", "hat"), ("a.jpg", "--label", "hat", "--list"), ("--list", "--forget", "x")],
)
def test_the_command_does_one_thing(shop: Workspace, words: tuple[str, ...]) -> None:
    """Files with their label, or a list, or to forget."""
    with pytest.raises(GoldloopError) as caught:
        run(shop, *words)
    assert isinstance(caught.value, SettingsError)
    assert "one of the three" in str(caught.value)
