"""Settings: valid once opened, and every mistake is named by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

import goldloop.settings.workspace as workspace_module
from goldloop.core.errors import SettingsError, WorkspaceError
from goldloop.settings import Settings
from goldloop.settings.costs import CostSettings
from goldloop.settings.label_record import check_labels
from goldloop.settings.toml import checked_settings, load_settings, settings_toml
from goldloop.settings.workspace import Workspace


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('colour = "red"', "unknown key 'colour'"),
        ("[policy]\nbands = [0.4, 0.7]", r"unknown key 'policy\.bands'"),
        ("[policy]\nband = [0.7, 0.4]", r"'policy\.band'.*0 <= low < high <= 1, got \[0\.7, 0\.4\]"),
        ("[cost.errors]\na = {c = 1.0}", r"cost\.errors needs amounts.*'a' taken for 'c'"),
        ("[cost.errors]\na = {a = 1.0}", r"cost\.errors needs amounts.*'a' taken for 'a'"),
        ("[cost.errors]\na = {b = -1.0}", r"cost\.errors needs amounts.*-1\.0"),
        ("[selection]\nbudget_per_round = 2\noverlap = 3", "overlap 3 contradicts budget_per_round 2"),
        ("[selection]\naudit_rate = 1.5", r"'selection\.audit_rate'"),
        ('[model]\npreset = "huge"', r"'model\.preset'.*huge"),
        ('[schedule]\ncron = "every monday"', "five cron fields"),
        ('[schedule]\ntimezone = "Mars/Olympus"', "IANA time zone"),
        ('kind = "text"\n[moderation]\nacceptable = "c"', "moderation names 'c', which is no label"),
        ('kind = "text"\n[moderation.rules]\nc = ["C1"]', "moderation names 'c', which is no label"),
        ('kind = "text"\n[moderation.rules]\nb = ["B1", "B1"]', "'B1' is twice in the rules of 'b'"),
        ('kind = "text"\n[moderation]\nreasons = ["x", "x"]', "'x' is twice in the reasons"),
        ('kind = "text"\n[moderation]\nseverities = [""]', r"moderation\.severities"),
        ("[moderation]\nveil = true", "moderation is none of kind 'image'"),
        ('[services]\nmlflow_url = "localhost:5000"', "http://"),
        ("band = [", "not valid TOML"),
    ],
)
def test_a_mistake_is_refused_by_its_key(tmp_path: Path, text: str, message: str) -> None:
    """The error names the file, the key and the value seen."""
    path = tmp_path / "goldloop.toml"
    path.write_text(f'name = "shop"\nlabels = ["a", "b"]\n{text}\n')
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("labels", [["a"], ["a", "a"], ["a", ""], ["a", " b"], ["a", "b\n"]])
def test_unusable_label_sets_are_refused(tmp_path: Path, labels: list[str]) -> None:
    """Fewer than two labels, doubled, empty or padded ones make no workspace, and nothing is written."""
    with pytest.raises(SettingsError, match="label"):
        Workspace.create(tmp_path / "new", labels=labels)
    assert not (tmp_path / "new").exists()


def test_settings_written_are_read_back_equal(tmp_path: Path) -> None:
    """Defaults, umlauts and quotes survive the trip through the file."""
    workspace = Workspace.create(tmp_path / "Müll & More", labels=["grün", 'a "b"', "c\\d"])
    assert Workspace.open(workspace.root).settings == workspace.settings
    assert (tmp_path / "again.toml").write_text(settings_toml(workspace.settings))
    assert load_settings(tmp_path / "again.toml") == workspace.settings


def test_costs_of_confusions_survive_the_file(tmp_path: Path) -> None:
    """A table of labels by labels is written as TOML and read back, whatever the labels are called."""
    errors = {"grün": {'a "b"': 3.5}, 'a "b"': {"grün": 0.0}}
    settings = Settings(name="shop", labels=("grün", 'a "b"'), cost=CostSettings(errors=errors))
    (tmp_path / "goldloop.toml").write_text(settings_toml(settings), encoding="utf-8")
    assert load_settings(tmp_path / "goldloop.toml") == settings


def test_every_setting_is_explained_in_the_file() -> None:
    """Each key of the file carries its description."""
    text = settings_toml(Settings(name="shop", labels=("a", "b")))
    for line in text.splitlines():
        if "=" in line:
            assert "  # " in line, line


def test_a_workspace_is_found_from_a_folder_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name, the workspace around the current folder is opened; the environment comes before it."""
    one = Workspace.create(tmp_path / "one", labels=["a", "b"])
    two = Workspace.create(tmp_path / "two", labels=["a", "b"])
    inside = one.root / "deep" / "down"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert Workspace.open().root == one.root
    monkeypatch.setenv("GOLDLOOP_WORKSPACE", str(two.root))
    assert Workspace.open().root == two.root
    assert Workspace.open(one.root).root == one.root


def test_no_workspace_and_two_in_one_place_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how to make one; an existing one is never overwritten."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkspaceError, match="goldloop init"):
        Workspace.open()
    Workspace.create(tmp_path / "one", labels=["a", "b"])
    with pytest.raises(WorkspaceError, match="exists already"):
        Workspace.create(tmp_path / "one", labels=["c", "d"])


def test_of_two_inits_at_one_time_one_makes_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one, which saw an empty folder, is refused and overwrites neither labels nor id."""
    made: list[Workspace] = []

    def checked_slowly(values: dict[str, object], origin: str) -> Settings:
        monkeypatch.undo()
        made.append(Workspace.create(tmp_path, labels=["x", "y"]))
        return checked_settings(values, origin)

    monkeypatch.setattr(workspace_module, "checked_settings", checked_slowly)
    with pytest.raises(WorkspaceError, match=r"goldloop\.toml exists already"):
        Workspace.create(tmp_path, labels=["a", "b"])

    check_labels(tmp_path, made[0].settings.label_set)
    assert Workspace.open(tmp_path) == made[0]


def test_preset_and_band_follow_the_kind_unless_they_are_named(tmp_path: Path) -> None:
    """Texts get a text model and a line at 0.85 without a word about it; the file is read back equal."""
    texts = Workspace.create(tmp_path / "texts", labels=["a", "b"], kind="text")
    named = Workspace.create(tmp_path / "named", labels=["a", "b"], model={"preset": "resnet18"})

    assert texts.settings.model.preset == "words"
    assert named.settings.model.preset == "resnet18"
    images = Settings(name="shop", labels=("a", "b"))
    assert images.model.preset == "auto"
    assert (images.policy.band, texts.settings.policy.band) == ((0.4, 0.7), (0.0, 0.85))
    own = Settings(name="shop", labels=("a", "b"), kind="text", policy={"band": (0.2, 0.9)})  # type: ignore[arg-type]
    assert (own.policy.band, own.model.preset) == ((0.2, 0.9), "words")
    assert load_settings(texts.root / "goldloop.toml") == texts.settings


def test_a_preset_goes_on_under_its_older_name(tmp_path: Path) -> None:
    """A workspace whose file says `ngrams` trains `words`, which took its place; the file stays as it is."""
    texts = Workspace.create(tmp_path / "texts", labels=["a", "b"], kind="text")
    path = texts.root / "goldloop.toml"
    path.write_text(path.read_text().replace('preset = "words"', 'preset = "ngrams"'))

    assert 'preset = "ngrams"' in path.read_text()
    assert load_settings(path) == texts.settings


@pytest.mark.parametrize(
    ("kind", "preset", "message"),
    [
        ("text", "tiny", "model.preset 'tiny' is none for kind 'text'; choose one of words"),
        ("text", "auto", "model.preset 'auto' is none for kind 'text'; choose one of words"),
        (
            "image",
            "words",
            "'words' is none for kind 'image'; choose one of auto, tiny, efficientnet_lite0",
        ),
        ("sound", "tiny", r"key 'kind'.*'image', 'text' or 'records'.*'sound'"),
    ],
)
def test_a_preset_of_another_kind_is_refused(tmp_path: Path, kind: str, preset: str, message: str) -> None:
    """The error names what fits, and no workspace is made."""
    with pytest.raises(SettingsError, match=message):
        Workspace.create(tmp_path / "new", labels=["a", "b"], kind=kind, model={"preset": preset})
    assert not (tmp_path / "new").exists()


def test_only_texts_are_moderated(tmp_path: Path) -> None:
    """Only texts have the section; the first label breaks no rule unless another is named."""
    texts = Workspace.create(tmp_path / "posts", labels=["fine", "spam"], kind="text")
    images = Workspace.create(tmp_path / "shop", labels=["cat", "dog"])

    assert "[moderation]" in (texts.root / "goldloop.toml").read_text()
    assert "[moderation]" not in (images.root / "goldloop.toml").read_text()
    assert Workspace.open(texts.root).settings == texts.settings
    assert (texts.settings.acceptable_label, images.settings.acceptable_label) == ("fine", None)
    assert texts.questions().acceptable == "fine"
    assert not images.questions().has_grounds


def test_a_policy_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The error names the file and what to do; once it is there, annotators may look it up."""
    workspace = Workspace.create(
        tmp_path / "posts", labels=["fine", "spam"], kind="text", moderation={"policy": "policy.md"}
    )

    with pytest.raises(SettingsError, match=r"moderation\.policy names .*policy\.md.*name a Markdown file"):
        workspace.questions()
    (workspace.root / "policy.md").write_text("# Be kind")
    assert workspace.questions().policy == "# Be kind"
