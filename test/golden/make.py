#!/usr/bin/python3
"""Optimizer trajectories of PyTorch, as JSON files beside this script. README.md tells what is in them.

On Debian 12: apt-get install python3-torch && /usr/bin/python3 test/golden/make.py
"""
import json
import random
import re
from pathlib import Path

import numpy
import torch

SIZE = 7
STEPS = 20
CAMEL_TO_TORCH = {
    "lr": "lr",
    "momentum": "momentum",
    "dampening": "dampening",
    "nesterov": "nesterov",
    "weightDecay": "weight_decay",
    "maximize": "maximize",
    "lrDecay": "lr_decay",
    "initialAccumulatorValue": "initial_accumulator_value",
    "eps": "eps",
    "betas": "betas",
}


def float32(value):
    return float(numpy.float32(value))


def ordinary_gradients(rng):
    """Normal numbers in steps of 1/256: short in decimal, exact in f32."""
    return [[round(rng.gauss(0, 1) * 256) / 256 for _ in range(SIZE)] for _ in range(STEPS)]


def gradient_lists():
    rng = random.Random(20)
    ordinary = ordinary_gradients(rng)
    scaled = lambda scales: [[float32(g * s) for g, s in zip(row, scales)] for row in ordinary_gradients(rng)]
    late = ordinary_gradients(rng)
    for step, row in enumerate(late):
        row[0] = 0.0
        if step < 6:
            row[:] = [0.0] * SIZE
    return {
        "ordinary": ordinary,
        "zero": [[0.0] * SIZE for _ in range(STEPS)],
        "huge": scaled([1e18] * SIZE),
        "tiny": scaled([1e-20] * SIZE),
        "mixed": scaled([1e-20, 1e-10, 1e-3, 1, 1e3, 1e10, 1e18]),
        "late": late,
    }


INITIAL = [-0.2578125, 0.51171875, -0.2265625, -0.31640625, -0.9296875, -0.21484375, 1.11328125]

# Learning rates of 20 steps: warm-up, plateau, decay, and a step of 0.
SCHEDULE = [0.01 * (step + 1) for step in range(5)] + [0.05] * 5 + [0.05 * 0.8**step for step in range(1, 10)] + [0.0]


def case(name, optimizer, options, gradients="ordinary", lrs=None):
    # Tiny gradients start from 0: elsewhere f32 would round their steps away.
    initial = [0.0] * SIZE if gradients == "tiny" else INITIAL
    return {"name": name, "class": optimizer, "options": options, "gradients": gradients, "lrs": lrs, "initial": initial}


def for_all_gradients(optimizer, options):
    lists = ("zero", "huge", "tiny", "mixed", "late")
    return [case(f"{gradients} gradients", optimizer, options, gradients) for gradients in lists]


FILES = {
    "sgd": [
        case("defaults", "SGD", {}),
        case("weight decay", "SGD", {"lr": 0.1, "weightDecay": 0.1}),
        case("maximize", "SGD", {"lr": 0.1, "weightDecay": 0.1, "maximize": True}),
        case("momentum", "SGD", {"lr": 0.1, "momentum": 0.9}),
        case("momentum, dampening", "SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
        case("Nesterov", "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        case("momentum, weight decay", "SGD", {"lr": 0.1, "momentum": 0.9, "weightDecay": 0.1}),
        case("Nesterov, weight decay, maximize", "SGD",
             {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weightDecay": 0.1, "maximize": True}),
        case("schedule", "SGD", {"lr": 0.1}, lrs=SCHEDULE),
        case("momentum, schedule", "SGD", {"lr": 0.1, "momentum": 0.9}, lrs=SCHEDULE),
        case("zero gradients, weight decay", "SGD", {"lr": 0.1, "momentum": 0.9, "weightDecay": 0.1}, "zero"),
        *for_all_gradients("SGD", {"lr": 0.1, "momentum": 0.9}),
    ],
    "adagrad": [
        case("defaults", "AdaGrad", {}),
        case("lr", "AdaGrad", {"lr": 0.1}),
        case("lr decay", "AdaGrad", {"lr": 0.1, "lrDecay": 0.1}),
        case("weight decay", "AdaGrad", {"lr": 0.1, "weightDecay": 0.1}),
        case("initial accumulator", "AdaGrad", {"lr": 0.1, "initialAccumulatorValue": 0.1}),
        case("eps", "AdaGrad", {"lr": 0.1, "eps": 0.01}),
        case("maximize", "AdaGrad", {"lr": 0.1, "weightDecay": 0.1, "maximize": True}),
        case("all options", "AdaGrad",
             {"lr": 0.1, "lrDecay": 0.05, "weightDecay": 0.1, "initialAccumulatorValue": 0.5, "eps": 1e-6,
              "maximize": True}),
        case("schedule", "AdaGrad", {"lr": 0.1}, lrs=SCHEDULE),
        case("lr decay, schedule", "AdaGrad", {"lr": 0.1, "lrDecay": 0.1}, lrs=SCHEDULE),
        case("zero gradients, weight decay", "AdaGrad", {"lr": 0.1, "weightDecay": 0.1}, "zero"),
        *for_all_gradients("AdaGrad", {"lr": 0.1}),
    ],
    "adam": [
        case("defaults", "Adam", {}),
        case("lr", "Adam", {"lr": 0.05}),
        case("betas", "Adam", {"lr": 0.05, "betas": [0.8, 0.95]}),
        case("betas of 0", "Adam", {"lr": 0.05, "betas": [0.0, 0.0]}),
        case("eps", "Adam", {"lr": 0.05, "eps": 0.01}),
        case("weight decay", "Adam", {"lr": 0.05, "weightDecay": 0.1}),
        case("maximize", "Adam", {"lr": 0.05, "weightDecay": 0.1, "maximize": True}),
        case("schedule", "Adam", {"lr": 0.05}, lrs=SCHEDULE),
        case("zero gradients, weight decay", "Adam", {"lr": 0.05, "weightDecay": 0.1}, "zero"),
        *for_all_gradients("Adam", {"lr": 0.05}),
        case("AdamW, defaults", "AdamW", {}),
        case("AdamW, weight decay", "AdamW", {"lr": 0.05, "weightDecay": 0.1}),
        case("AdamW, no weight decay", "AdamW", {"lr": 0.05, "weightDecay": 0.0}),
        case("AdamW, all options", "AdamW",
             {"lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-6, "weightDecay": 0.2, "maximize": True}),
        case("AdamW, schedule", "AdamW", {"lr": 0.05, "weightDecay": 0.1}, lrs=SCHEDULE),
        case("AdamW, zero gradients", "AdamW", {"lr": 0.05, "weightDecay": 0.1}, "zero"),
        case("AdamW, late gradients", "AdamW", {"lr": 0.05, "weightDecay": 0.1}, "late"),
    ],
}
CLASSES = {"SGD": torch.optim.SGD, "AdaGrad": torch.optim.Adagrad, "Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}
# torch.optim.SGD has no default lr; ours has this one.
DEFAULTS = {"SGD": {"lr": 0.01}}


def run(case, gradients, dtype):
    """The parameters after each step, and the state after the last one."""
    options = {CAMEL_TO_TORCH[name]: value for name, value in case["options"].items()}
    parameter = torch.nn.Parameter(torch.tensor(case["initial"], dtype=dtype))
    cls = case["class"]
    optimizer = CLASSES[cls]([parameter], foreach=False, **{**DEFAULTS.get(cls, {}), **options})
    trajectory = []
    for step in range(STEPS):
        parameter.grad = torch.tensor(gradients[step], dtype=dtype)
        if case["lrs"] is not None:
            optimizer.param_groups[0]["lr"] = case["lrs"][step]
        optimizer.step()
        trajectory.append(parameter.tolist())
    state = {name: value.tolist() for name, value in optimizer.state[parameter].items()
             if torch.is_tensor(value) and value.numel() == SIZE}
    return {"parameters": trajectory, "state": state}


def main():
    folder = Path(__file__).parent
    gradients = gradient_lists()
    for file, cases in FILES.items():
        used = {case["gradients"] for case in cases}
        content = {
            "torch": torch.__version__,
            "gradients": {name: rows for name, rows in gradients.items() if name in used},
            "cases": [],
        }
        for case in cases:
            rows = gradients[case["gradients"]]
            result = {"float32": run(case, rows, torch.float32),
                      "float64": run(case, rows, torch.float64)}
            content["cases"].append({**{k: v for k, v in case.items() if v is not None}, **result})
        text = json.dumps(content, indent=1, allow_nan=False)
        vectors = re.compile(r"\[\s+([^\[\]{}]*?)\s+\]")  # an innermost array goes on one line
        text = vectors.sub(lambda match: "[" + re.sub(r"\s*\n\s*", " ", match[1]) + "]", text)
        (folder / f"{file}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
