"""DINOv2's smallest vision transformer [oquab2024]: a frozen backbone that was trained without labels.

Parameter names are those of the published file.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

N_FEATURES = 384
PATCH_PX = 14
_DEPTH, _HEADS, _WIDER = 12, 6, 4
_TRAINED_SIDE = 37  # patches along a side of the pictures, 518 px wide, of the positions in the file
_EPSILON = 1e-6


class Attention(nn.Module):
    """Every token looks at every other one."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(N_FEATURES, 3 * N_FEATURES)
        self.proj = nn.Linear(N_FEATURES, N_FEATURES)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what each of `tokens` (n, n_tokens, N_FEATURES) takes from the others."""
        n, n_tokens, _ = tokens.shape
        parts = self.qkv(tokens).reshape(n, n_tokens, 3, _HEADS, N_FEATURES // _HEADS)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4).unbind(0)
        seen = functional.scaled_dot_product_attention(queries, keys, values)
        taken: Tensor = self.proj(seen.transpose(1, 2).reshape(n, n_tokens, N_FEATURES))
        return taken


class Perceptron(nn.Module):
    """Two layers for each token by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(N_FEATURES, _WIDER * N_FEATURES)
        self.fc2 = nn.Linear(_WIDER * N_FEATURES, N_FEATURES)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the layers' output."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return out


class Scale(nn.Module):
    """A factor for each feature."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(N_FEATURES))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the scaled tokens."""
        return tokens * self.gamma


class Block(nn.Module):
    """Attention and a perceptron, each beside an identity."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.attn, self.ls1 = nn.LayerNorm(N_FEATURES, eps=_EPSILON), Attention(), Scale()
        self.norm2, self.mlp, self.ls2 = nn.LayerNorm(N_FEATURES, eps=_EPSILON), Perceptron(), Scale()

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the block's output."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        out: Tensor = tokens + self.ls2(self.mlp(self.norm2(tokens)))
        return out


class Patches(nn.Module):
    """A token for each patch of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, N_FEATURES, PATCH_PX, PATCH_PX)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the tokens, (n, n_patches, N_FEATURES)."""
        tokens: Tensor = self.proj(pictures).flatten(2).transpose(1, 2)
        return tokens


class DinoV2(nn.Module):
    """ViT-S/14 for pictures of `size` px: normalised pictures in, (n, N_FEATURES) out, of either sign."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.patch_embed = Patches()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, N_FEATURES))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (size // PATCH_PX) ** 2, N_FEATURES))
        self.blocks = nn.Sequential(*(Block() for _ in range(_DEPTH)))
        self.norm = nn.LayerNorm(N_FEATURES, eps=_EPSILON)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features: the last state of the token that stands for the whole picture."""
        patches = self.patch_embed(pictures)
        tokens = torch.cat([self.cls_token.expand(patches.shape[0], -1, -1), patches], dim=1) + self.pos_embed
        features: Tensor = self.norm(self.blocks(tokens)[:, 0])
        return features


def for_size(state: dict[str, Tensor], size: int) -> dict[str, Tensor]:
    """Return the published weights for pictures of `size` px: their positions are interpolated.

    The tenth of a patch that is added is that of the original, whose features these have to equal.
    """
    of_picture, of_patches = state["pos_embed"][:, :1], state["pos_embed"][:, 1:]
    grid = of_patches.reshape(1, _TRAINED_SIDE, _TRAINED_SIDE, N_FEATURES).permute(0, 3, 1, 2)
    factor = (size // PATCH_PX + 0.1) / _TRAINED_SIDE
    grid = functional.interpolate(grid, scale_factor=(factor, factor), mode="bicubic")
    positions = torch.cat([of_picture, grid.flatten(2).transpose(1, 2)], dim=1)
    return {**{name: one for name, one in state.items() if name != "mask_token"}, "pos_embed": positions}
