"""The card of a data set for Hugging Face: README.md with the files of each split and what columns mean."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from goldloop.core.verbatim import markdown_text
from goldloop.formats.gold_export import GoldExport
from goldloop.formats.labelled import SPLIT_OF, TEST, TRAIN, VALIDATION, WITHHELD

_ORDER = (TRAIN, VALIDATION, TEST, WITHHELD)
_COLUMNS = {
    "label": "the label",
    "origin": "whence the label comes: people, an appeal, an outcome or an import",
    "purpose": "why people were asked about the sample; an audit was drawn at random",
    "votes": "how many people gave each label, as JSON",
    "posterior": "the probability of each label by all that is known, as JSON",
    "inclusion_probability": "the probability with which chance drew the sample, empty without a draw",
    "group": "near-duplicates share it",
}


def dataset_card(export: GoldExport, files: Mapping[str, str]) -> str:
    """Return the card; `files` holds a pattern for the files of each split."""
    splits = [split for split in _ORDER if split in files]
    head = ["---"]
    if export.licence:
        head.append(f"license: {json.dumps(export.licence.lower())}")
    head += [f"task_categories: [{'image' if export.has_files else 'text'}-classification]"]
    head += ["configs:", "- config_name: default", "  data_files:"]
    for split in splits:
        head += [f"  - split: {split}", f"    path: {json.dumps(files[split])}"]
    counts = Counter((SPLIT_OF[record.split], record.label) for record in export.records)
    table = [f"| label | {' | '.join(splits)} |", f"|---|{'---|' * len(splits)}"]
    for label in export.labels:
        cells = " | ".join(str(counts[split, label]) for split in splits)
        table.append(f"| {markdown_text(label)} | {cells} |")
    body = [
        f"# {markdown_text(export.name)}",
        "",
        f"Gold version {export.version.version}, {len(export.records)} samples, "
        f"digest `{export.version.digest}`, made by goldloop.",
        f"Licence of the samples: {markdown_text(export.licence or 'not stated')}.",
        "",
        *table,
        "",
        "`validation` and `test` were drawn at random: weigh each sample by 1 / `inclusion_probability`.",
        "Do not train on `withheld`: these samples have near-duplicates, or the same author, in the other "
        "splits, or wait for a random draw.",
        "",
        "| column | what it holds |",
        "|---|---|",
        *(f"| `{name}` | {meaning} |" for name, meaning in _COLUMNS.items()),
    ]
    return "\n".join([*head, "---", "", *body]) + "\n"
