"""What annotators may read of a task's key, and the secret that it depends on."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.adapters.label_studio.task_keys import TaskKeys
from goldloop.core.errors import WorkspaceError
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, task_key
from goldloop.settings.sealing_key import FILE_NAME, sealing_key

KEYS = TaskKeys(b"secret")
SAMPLES = st.binary(min_size=32, max_size=32).map(lambda content: SampleId(content.hex()))


@given(SAMPLES, st.sampled_from(Purpose))
def test_a_key_comes_back(sample_id: SampleId, purpose: Purpose) -> None:
    """Goldloop reads the same key that it wrote, and writes the same text each time."""
    key = task_key(sample_id, purpose)

    assert KEYS.opened(KEYS.sealed(key)) == key
    assert KEYS.sealed(key) == KEYS.sealed(key)


def test_neither_sample_nor_purpose_is_legible() -> None:
    """A key tells the queue only: audits and rechecks are alike, as are seeds and reviews."""
    sample_id = SampleId("ab" * 32)
    sealed = {purpose: KEYS.sealed(task_key(sample_id, purpose)) for purpose in Purpose}

    assert len(set(sealed.values())) == len(Purpose)
    assert len({len(text.partition(":")[0]) for text in sealed.values()}) == 1
    assert not [text for text in sealed.values() if "ab" * 8 in text]
    queues = {purpose: text.partition(":")[2] for purpose, text in sealed.items()}
    assert queues[Purpose.AUDIT] == queues[Purpose.RECHECK] == "blind"
    assert queues[Purpose.SEED] == queues[Purpose.REVIEW] == "quick"


def test_nobody_else_makes_a_key() -> None:
    """Text of another workspace, altered text and text of another queue are no keys of this one."""
    key = task_key(SampleId("ab" * 32), Purpose.AUDIT)
    text = KEYS.sealed(key)
    foreign = TaskKeys(b"another").sealed(key)
    altered = ("A" if text[0] != "A" else "B") + text[1:]

    for other in (foreign, altered, text.replace(":blind", ":full"), "", ":", "no key", "ä:blind"):
        assert KEYS.opened(other) == other


def test_keys_of_older_tasks_stay_legible() -> None:
    """A key that was pushed before keys were encrypted is found as it is."""
    key = task_key(SampleId("ab" * 32), Purpose.AUDIT)

    assert KEYS.opened(key) == key
    assert TaskKeys().sealed(key) == TaskKeys().opened(key) == key


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Every call returns the same bytes, from a file with mode 0600 and nothing beside it."""
    secret = sealing_key(tmp_path)

    assert len(secret) == 32
    assert sealing_key(tmp_path) == secret
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_damaged_secret_is_an_error(tmp_path: Path) -> None:
    """Goldloop makes no new secret in its place: it would not know its own tasks."""
    (tmp_path / FILE_NAME).write_text("abc")

    with pytest.raises(WorkspaceError, match=r"plan\.key is damaged.*Restore it from a backup"):
        sealing_key(tmp_path)
