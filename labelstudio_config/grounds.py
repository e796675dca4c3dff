"""The questions beside the label, as Label Studio XML: severity, rule, what is unclear, parts and a note."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape

from goldloop.core.labels import LabelSet
from goldloop.core.questions import Questions

SEVERITY_NAME = "severity"
"""Name of the control that holds how severe a sample is."""
SPAN_NAME = "span"
"""Name of the control that marks parts of a sample."""
SPAN = "this part"
"""What a marked part is called on the page."""
SPAN_KEY, VEIL_KEY = "m", "x"
"""Keys that begin a mark and lift the veil."""

DEFERRAL_KEY = "d"
"""Key that sends a sample to a full review."""

_DIGITS = "1234567890"
_LETTERS = "qwertyiopadfgjklzcb"


def rule_name(label: str) -> str:
    """Return the name of the control that holds which rule a sample with this label breaks.

    >>> rule_name("spam")
    'rule-4e388ab3'
    """
    return f"rule-{sha256(label.encode()).hexdigest()[:8]}"


def reason_keys(labels: LabelSet, n: int) -> list[str]:
    """Return the keys of `n` reasons: letters that no label has, "" where they have run out."""
    free = _LETTERS[max(0, len(labels) - len(_DIGITS)) :]
    return [*free[:n], *[""] * (n - len(free))]


def shift_keys(questions: Questions, label: str) -> tuple[list[str], list[str]]:
    """Return the keys of the severities and of the rules of `label`, Shift and a digit, "" beyond these."""
    n, rules = len(questions.severities), questions.rules.get(label, ())
    keys = [f"shift+{digit}" for digit in _DIGITS] + [""] * (n + len(rules))
    return keys[:n], keys[n : n + len(rules)]


def grounds_xml(labels: LabelSet, questions: Questions, kind: str) -> str:
    """Return the questions that appear once a label is chosen that needs them."""
    parts = []
    if questions.severities and questions.acceptable is not None:
        keys, _ = shift_keys(questions, questions.acceptable)
        parts.append(
            _shown_when(
                "choice-unselected",
                questions.acceptable,
                _header("How severe?")
                + choices_xml(SEVERITY_NAME, kind, questions.severities, keys, 'showInline="true"'),
            )
        )
    for label in labels:
        if rules := questions.rules.get(label, ()):
            _, keys = shift_keys(questions, label)
            asked = _header(questions.prompt(label)) + choices_xml(rule_name(label), kind, rules, keys)
            parts.append(_shown_when("choice-selected", label, asked))
    return "\n".join(parts)


def choices_xml(
    name: str, kind: str, values: Sequence[str], keys: Iterable[str], attributes: str = ""
) -> str:
    """Return a control that picks one of `values`, by `keys` where they are not ""."""
    rows = "\n".join(choice_xml(value, key) for value, key in zip(values, keys, strict=True))
    how = f'choice="single-radio" layout="vertical" {attributes}'.strip()
    return f'      <Choices name="{name}" toName="{kind}" {how}>\n{rows}\n      </Choices>'


def choice_xml(name: str, key: str) -> str:
    """Return one choice; its key is a blank where it has none, or Label Studio would hand out S and V."""
    hotkey = f' hotkey="{key or " "}"'
    if "$" not in name:
        return f'      <Choice value="{escape(name)}"{hotkey} />'
    return f'      <Choice value="{escape(literal(name))}" alias="{escape(name)}"{hotkey} />'


def literal(text: str) -> str:
    """Return `text` with another dollar sign, as $word in a displayed value stands for task data."""
    return text.replace("$", "＄")


def _header(text: str) -> str:
    return f'      <Header style="font-size: 15px; margin: 10px 0 2px" value="{escape(literal(text))}" />\n'


def _shown_when(condition: str, label: str, content: str) -> str:
    """Return `content` that appears by what is chosen; Label Studio takes a comma for several labels."""
    when = f'visibleWhen="{condition}" whenTagName="label" whenChoiceValue="{escape(label)}"'
    return f'    <View className="gl-why" {when if "," not in label else ""}>\n{content}\n    </View>'
