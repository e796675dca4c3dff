"""Hints: the user's own examples of rare labels, read like any sample, kept, shown and forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldloop.core.errors import LabelError, ModelError, SourceError, UnreadableSampleError
from goldloop.core.labels import LabelSet, labels_text
from goldloop.core.samples import Arrival
from goldloop.labeling.hints import gold_counts
from goldloop.loop.ports import LoopPorts
from goldloop.selection.hints import RARE_BELOW
from goldloop.settings import Settings
from goldloop.settings.kinds import FEATURE_PRESETS
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.hints import Hint, forget_hints, read_hints, save_hints


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is no usable sample: the quarantine reason, and what is wrong with it."""

    uri: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class NewHints:
    """What became of the files given as hints of `label`, of which gold has `n_gold` samples."""

    label: str
    n_added: int
    n_known: int
    refused: tuple[Refused, ...]
    n_gold: int

    @property
    def is_steering(self) -> bool:
        """Whether hints of the label steer choices now."""
        return self.n_gold < RARE_BELOW


@dataclass(frozen=True, slots=True)
class ListedHint:
    """A hint, how many gold samples have its label, and whether it steers choices now."""

    hint: Hint
    n_gold: int
    is_steering: bool


def add_hints(ports: LoopPorts, sources: Sequence[str], label: str) -> NewHints:
    """Read the files of `sources`, keep them and their features as hints of `label`, and say what they are.

    A file that scoring would set aside is refused with the same reason, and the others are added; so is a
    source with nothing in it. A file that is a hint of the label already is not added again.

    Raises:
        LabelError: `label` is not in the label set.
        ModelError: the preset has no features, by which hints are compared.
    """
    found = _known_label(ports.settings.label_set, label)
    _check_features(ports.settings)
    reader = ports.modality.for_preset(ports.settings.model.preset).reader
    hints, refused = dict[str, Hint](), list[Refused]()
    for source in sources:
        try:
            for arrival in reader.arrivals(source, is_known=lambda _: False):
                problem = _kept(ports, arrival)
                if problem is None:
                    hint = Hint(found, arrival.sample_id, arrival.file.uri, ports.clock())
                    hints.setdefault(arrival.sample_id, hint)
                else:
                    refused.append(problem)
        except SourceError as error:
            refused.append(Refused(source, "no files", str(error)))
    added = save_hints(ports.tables.hints, list(hints.values()))
    n_gold = gold_counts(GoldStore(ports.tables.gold).read().records)[found]
    return NewHints(found, len(added), len(hints) - len(added), tuple(refused), n_gold)


def list_hints(ports: LoopPorts) -> list[ListedHint]:
    """Return all hints, by label in label-set order, in the order given."""
    counts = gold_counts(GoldStore(ports.tables.gold).read().records)
    names, preset = ports.settings.labels, ports.settings.model.preset
    listed = [
        ListedHint(
            hint,
            counts[hint.label],
            hint.label in names and counts[hint.label] < RARE_BELOW and preset in FEATURE_PRESETS,
        )
        for hint in read_hints(ports.tables.hints)
    ]
    places = {name: place for place, name in enumerate(names)}
    return sorted(listed, key=lambda one: places.get(one.hint.label, len(names)))


def forget(ports: LoopPorts, label: str) -> int:
    """Forget the hints of `label`; return how many there were. Their files stay in the content store."""
    hinted = {hint.label for hint in read_hints(ports.tables.hints)}
    name = label if label in hinted else _known_label(ports.settings.label_set, label)
    return forget_hints(ports.tables.hints, name, at=ports.clock())


def _kept(ports: LoopPorts, arrival: Arrival) -> Refused | None:
    """Keep the sample of `arrival`, as features of another preset may be needed; return why it cannot be."""
    if arrival.decoded is None:
        return Refused(arrival.file.uri, str(arrival.reason), arrival.detail)
    try:
        ports.modality.store.keep(arrival.sample_id, arrival.file.uri)
    except UnreadableSampleError as error:
        return Refused(arrival.file.uri, error.reason, error.detail)
    return None


def _known_label(labels: LabelSet, label: str) -> str:
    found = labels.find(label)
    if found is None:
        raise LabelError(
            f"label {label!r} is not in the label set: {labels_text(labels.names)}. Choose one of these, or "
            "add the label to goldloop.toml and run `goldloop labels --accept`"
        )
    return found


def _check_features(settings: Settings) -> None:
    preset, presets = settings.model.preset, settings.feature_presets
    if preset not in presets:
        raise ModelError(
            f"preset {preset!r} has no frozen backbone and so keeps no features, by which goldloop compares "
            f"samples with hints; presets that have: {', '.join(presets)}. Set model.preset to one "
            "of them"
        )
