"""The backbone of texts: from texts to features. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.session import Runtime
from models.text.presets import FrozenTextPreset
from models.text.words import checked_texts


@dataclass(frozen=True, slots=True)
class TextBackbone:
    """A network from texts to features. Satisfies `goldloop.core.ports.Backbone`.

    It reads the first tokens of a text, as many as the preset takes (256 for `minilm`, about 200 English
    words; 512 for `bge_small`), and cuts off the others. Each text is computed by itself: nothing is padded,
    and a text has the same features, bit for bit, beside any others.
    """

    preset: FrozenTextPreset
    tokenizer: Any
    runtime: Runtime

    def features(self, payloads: Sequence[Any]) -> npt.NDArray[np.float16]:
        """Return the features of texts, (n, n_features); raises ModelError for a payload that is no text."""
        texts = list(checked_texts(payloads))
        if not texts:
            return np.empty((0, self.preset.n_features), dtype=np.float16)
        tokens = self.tokenizer.encode_batch_fast(texts)
        rows = self.runtime(np.array([one.ids], dtype=np.int64) for one in tokens)
        return np.concatenate(rows).astype(np.float16)
