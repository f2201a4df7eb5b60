#!/usr/bin/python3
"""States of PyTorch's optimizers half-way, and how they go on: torch-state.json beside this script; README.md tells what is in it.

On Debian 12: apt-get install python3-torch && /usr/bin/python3 test/golden/make_state.py
"""
import json
import random
from pathlib import Path

import torch

from torch_oracle import CAMEL_TO_TORCH, CLASSES, DEFAULTS

SHAPES = [[2, 3], [3]]
BEFORE, AFTER = 7, 8

CASES = [
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.5, "weightDecay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("AdaGrad", {"lr": 0.1, "lrDecay": 0.01}),
    ("Adam", {"lr": 0.01, "weightDecay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01, "betas": [0.8, 0.99]}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9, "centered": True}),
    ("Adadelta", {}),
    ("Adamax", {"lr": 0.01}),
    ("NAdam", {"lr": 0.01}),
    ("RAdam", {"lr": 0.01}),
]


def digits(values):
    """Nine, which tell f32 numbers apart."""
    return [float(f"{v:.9g}") for v in values]


def numbers(source, shapes):
    """Normal numbers that are exact in f32, one list for each shape."""
    draw = lambda shape: torch.tensor([source.gauss(0, 1) for _ in range(torch.Size(shape).numel())])
    return [digits(draw(shape).tolist()) for shape in shapes]


def tensors_of(optimizer):
    """The flat layout that importTorchState documents: what save_file of safetensors would be given."""
    state = optimizer.state_dict()["state"]
    flat = {f"state.{i}.{name}": torch.as_tensor(value, dtype=torch.float32)
            for i, states in state.items() for name, value in states.items() if value is not None}
    return {name: {"shape": list(value.shape), "data": digits(value.flatten().tolist())} for name, value in flat.items()}


def run(cls, options, initial, gradients):
    given = {CAMEL_TO_TORCH[name]: value for name, value in options.items()}
    parameters = [torch.nn.Parameter(torch.tensor(v).reshape(s)) for v, s in zip(initial, SHAPES)]
    optimizer = CLASSES[cls](parameters, **{**DEFAULTS.get(cls, {}), **given})
    flat = lambda: [digits(p.detach().flatten().tolist()) for p in parameters]
    trajectory = []
    for step, rows in enumerate(gradients):
        if step == BEFORE:
            half = {"parameters": flat(), "tensors": tensors_of(optimizer)}
        for p, row, shape in zip(parameters, rows, SHAPES):
            p.grad = torch.tensor(row).reshape(shape)
        optimizer.step()
        if step >= BEFORE:
            trajectory.append(flat())
    return {"class": cls, "options": options, **half, "then": trajectory}


def main():
    source = random.Random(4)
    initial = numbers(source, SHAPES)
    gradients = [numbers(source, SHAPES) for _ in range(BEFORE + AFTER)]
    content = {
        "torch": torch.__version__,
        "shapes": SHAPES,
        "steps": BEFORE,
        "later": gradients[BEFORE:],
        "states": [run(cls, options, initial, gradients) for cls, options in CASES],
    }
    # A line for each case, for diffs.
    cases = ",\n".join(json.dumps(case) for case in content.pop("states"))
    text = json.dumps(content)[:-1] + f', "states": [\n{cases}\n]}}\n'
    (Path(__file__).parent / "torch-state.json").write_text(text)


main()
