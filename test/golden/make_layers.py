#!/usr/bin/python3
"""What PyTorch's layers give and what their gradients are: layers.json beside this script; README.md tells what is in it.

On Debian 12: apt-get install python3-torch && /usr/bin/python3 test/golden/make_layers.py

Images are [n, h, w, c] in the file: PyTorch's [n, c, h, w] are turned here, weights are as PyTorch has them.
"""
import json
from pathlib import Path

import torch
from torch import nn

torch.manual_seed(7)


def dump(tensor):
    return {"shape": list(tensor.shape), "data": [float(f"{v:.9g}") for v in tensor.detach().flatten().tolist()]}


def last(tensor):
    """Channels last."""
    return tensor.permute(0, 2, 3, 1).contiguous() if tensor.dim() == 4 else tensor


def named(items):
    return {name: dump(value) for name, value in items if value.dtype == torch.float32}


def randomize(layer):
    """Numbers that no two parameters share: ones and zeros would hide a mistake."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.5)


def run(layer, call, shape, training=True):
    """One pass and its gradients for the loss sum(y * weight)."""
    layer.train(training)
    state = named(layer.state_dict().items())
    x = torch.randn(shape, requires_grad=True)
    y = call(layer, x)
    weight = torch.randn(y.shape)
    layer.zero_grad()
    (y * weight).sum().backward()
    return {
        "training": training, "state": state, "x": dump(last(x)), "y": dump(last(y)), "weight": dump(last(weight)),
        "gradient": dump(last(x.grad)),
        "gradients": {name: dump(p.grad) for name, p in layer.named_parameters()},
        "after": named(layer.state_dict().items()),
    }


def case(name, cls, arguments, layer, shape, call=lambda layer, x: layer(x), passes=(True,)):
    randomize(layer)
    return {"name": name, "class": cls, "arguments": arguments,
            "passes": [run(layer, call, shape, training) for training in passes]}


def attend(causal):
    def call(layer, x):
        t = x.shape[1]
        mask = torch.triu(torch.ones(t, t, dtype=torch.bool), 1) if causal else None
        return layer(x, x, x, attn_mask=mask, need_weights=False)[0]
    return call


CASES = [
    case("3 x 3 with a border", "Conv2d", [3, 4, 3, {"padding": 1}], nn.Conv2d(3, 4, 3, padding=1), (2, 3, 5, 6)),
    case("strided", "Conv2d", [2, 5, [3, 2], {"stride": [2, 3], "padding": [0, 1], "bias": False}],
         nn.Conv2d(2, 5, (3, 2), stride=(2, 3), padding=(0, 1), bias=False), (3, 2, 7, 8)),
    case("1 x 1", "Conv2d", [4, 3, 1], nn.Conv2d(4, 3, 1), (2, 4, 3, 3)),
    case("2 x 2", "MaxPool2d", [2], nn.MaxPool2d(2), (2, 3, 5, 6)),
    case("overlapping, padded", "MaxPool2d", [[3, 2], {"stride": 2, "padding": 1}],
         nn.MaxPool2d((3, 2), stride=2, padding=1), (2, 3, 6, 5)),
    case("2 x 2", "AvgPool2d", [2], nn.AvgPool2d(2), (2, 3, 4, 6)),
    case("overlapping, padded", "AvgPool2d", [3, {"stride": [1, 2], "padding": 1}],
         nn.AvgPool2d(3, stride=(1, 2), padding=1), (1, 2, 5, 5)),
    case("of images: three steps, then evaluation", "BatchNorm", [3], nn.BatchNorm2d(3), (4, 3, 2, 5),
         passes=(True, True, True, False)),
    case("of rows", "BatchNorm", [6, {"momentum": 0.3, "eps": 0.01}], nn.BatchNorm1d(6, momentum=0.3, eps=0.01),
         (5, 6), passes=(True, False)),
    case("of rows", "LayerNorm", [6, {"eps": 0.01}], nn.LayerNorm(6, eps=0.01), (4, 6)),
    case("two heads", "MultiHeadAttention", [6, 2], nn.MultiheadAttention(6, 2, batch_first=True), (2, 5, 6),
         call=attend(False)),
    case("causal, without bias", "MultiHeadAttention", [8, 4, {"causal": True, "bias": False}],
         nn.MultiheadAttention(8, 4, bias=False, batch_first=True), (3, 7, 8), call=attend(True)),
]

path = Path(__file__).with_name("layers.json")
path.write_text(json.dumps({"torch": torch.__version__, "cases": CASES}, separators=(",", ":")) + "\n")
print(f"{path.name}: {len(CASES)} cases, {path.stat().st_size} bytes")
