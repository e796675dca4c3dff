"""Sentence encoders with the body of BERT [reimers2019]: some layers, and one vector of those of the tokens.

Parameter names are those of the published files.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from models.text.presets import Pooling

N_FEATURES = 384
_N_WORDS, _N_POSITIONS, _HEADS, _WIDER = 30522, 512, 12, 4
_EPSILON = 1e-12


class Embeddings(nn.Module):
    """A vector for each token: of its word, of its position, and of the one segment there is."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(_N_WORDS, N_FEATURES)
        self.position_embeddings = nn.Embedding(_N_POSITIONS, N_FEATURES)
        self.token_type_embeddings = nn.Embedding(2, N_FEATURES)
        self.LayerNorm = nn.LayerNorm(N_FEATURES, eps=_EPSILON)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the vectors of `tokens` (n, n_tokens), (n, n_tokens, N_FEATURES)."""
        positions = self.position_embeddings.weight[: tokens.shape[1]]
        vectors = self.word_embeddings(tokens) + positions + self.token_type_embeddings.weight[0]
        out: Tensor = self.LayerNorm(vectors)
        return out


class Attention(nn.Module):
    """Every token looks at every other one."""

    def __init__(self) -> None:
        super().__init__()
        parts = ("query", "key", "value")
        self.self = nn.ModuleDict({part: nn.Linear(N_FEATURES, N_FEATURES) for part in parts})
        self.output = _output(N_FEATURES)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return `vectors` (n, n_tokens, N_FEATURES) with what each takes from the others."""
        n, n_tokens, _ = vectors.shape
        queries, keys, values = (
            part(vectors).reshape(n, n_tokens, _HEADS, N_FEATURES // _HEADS).transpose(1, 2)
            for part in self.self.values()
        )
        taken = functional.scaled_dot_product_attention(queries, keys, values)
        merged = taken.transpose(1, 2).reshape(n, n_tokens, N_FEATURES)
        out: Tensor = self.output["LayerNorm"](self.output["dense"](merged) + vectors)
        return out


class Layer(nn.Module):
    """Attention, then two layers for each token by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(N_FEATURES, _WIDER * N_FEATURES)})
        self.output = _output(_WIDER * N_FEATURES)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the layer's output."""
        seen = self.attention(vectors)
        wider = functional.gelu(self.intermediate["dense"](seen))
        out: Tensor = self.output["LayerNorm"](self.output["dense"](wider) + seen)
        return out


class SentenceEncoder(nn.Module):
    """Tokens int64 (n, n_tokens) of sentences of one length to features (n, N_FEATURES) of length 1.

    It has `depth` layers. `pooling` makes one vector of those of the tokens: their mean, or the first, that
    of the token [CLS].
    """

    def __init__(self, depth: int, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling
        self.embeddings = Embeddings()
        self.encoder = nn.ModuleDict({"layer": nn.Sequential(*(Layer() for _ in range(depth)))})

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the vectors of sentences, brought to length 1."""
        vectors = self.encoder["layer"](self.embeddings(tokens))
        return functional.normalize(vectors.mean(dim=1) if self.pooling == "mean" else vectors[:, 0], dim=1)


def adapted(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the published weights that the encoder takes: pooler and list of positions are unused."""
    unused = ("pooler.", "embeddings.position_ids")
    return {name: values for name, values in state.items() if not name.startswith(unused)}


def _output(n: int) -> nn.ModuleDict:
    return nn.ModuleDict({"dense": nn.Linear(n, N_FEATURES), "LayerNorm": nn.LayerNorm(N_FEATURES, _EPSILON)})
