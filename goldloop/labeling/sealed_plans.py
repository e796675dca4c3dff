"""Sealed plans: the plan of a task travels with it to the labelling server, unreadable and unforgeable there.

A workspace that has lost its task log, or is older than the server, restores lane, policy, suggestion, split
and barred annotators from it. The seal is AES-GCM with a key of the workspace. It is bound to the key of the
task, so that no plan can be moved to another task, and padded, so its length does not reveal the purpose.
"""

from __future__ import annotations

import json
import secrets
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from goldloop.core.codec import from_plain, to_text
from goldloop.core.errors import StoredValueError
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.ports import LabelingQueue
from goldloop.core.tasks import NewTask

_NONCE = 12  # bytes, as AES-GCM wants
_STEP = 768  # bytes to which plans are padded; base64 makes 1 KiB of it


@dataclass(frozen=True, slots=True)
class PlanSeal:
    """Seals and opens plans with the `key` of a workspace, 32 bytes."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def seal(self, plan: PlannedTask) -> str:
        """Return `plan` as text that only this key opens."""
        packed = zlib.compress(to_text(plan).encode(), 9)
        padded = packed + bytes(-len(packed) % _STEP)
        nonce = secrets.token_bytes(_NONCE)
        return urlsafe_b64encode(nonce + AESGCM(self.key).encrypt(nonce, padded, plan.key.encode())).decode()

    def open(self, key: str, sealed: str) -> PlannedTask | None:
        """Return the plan of the task `key`; None when the text was not sealed for it with this key."""
        try:
            raw = urlsafe_b64decode(sealed.encode())
            padded = AESGCM(self.key).decrypt(raw[:_NONCE], raw[_NONCE:], key.encode())
            plan = from_plain(PlannedTask, json.loads(zlib.decompressobj().decompress(padded)))
        except (InvalidTag, ValueError, zlib.error, StoredValueError):
            return None
        return plan if plan.key == key else None


def new_task(plan: PlannedTask, path: str, seal: PlanSeal) -> NewTask:
    """Return the task that carries out `plan`; `path` is that of its sample in the content store."""
    return NewTask(
        plan.sample_id,
        plan.purpose,
        plan.batch,
        path,
        plan.shown_suggestion,
        plan.answers,
        plan.barred,
        seal.seal(plan),
        plan.words,
        plan.earlier,
        plan.assessment if plan.shown_suggestion else None,
        plan.sheet,
    )


def restored_plans(queue: LabelingQueue, seal: PlanSeal, keys: Mapping[int, str]) -> dict[int, PlannedTask]:
    """Return the plans that came with tasks on the server, by task id; `keys` are those of the tasks.

    A task without a seal of this workspace for its key has none: goldloop did not plan it.
    """
    sealed = queue.sealed_plans(list(keys)) if keys else {}
    opened = {task_id: seal.open(key, sealed.get(task_id, "")) for task_id, key in keys.items()}
    return {
        task_id: replace(plan, detail="restored from the server")
        for task_id, plan in opened.items()
        if plan is not None
    }
