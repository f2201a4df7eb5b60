#!/usr/bin/python3
"""Loss curves of whole trainings in PyTorch: curves.json beside this script; README.md tells what is in it.

On Debian 12: apt-get install python3-torch && /usr/bin/python3 test/golden/make_curves.py
"""
import gzip
import json
import math
from pathlib import Path

import torch

HERE = Path(__file__).parent
EXAMPLES, BATCH, EPOCHS = 1590, 32, 4  # 50 steps an epoch, the last of 22 examples
WIDTHS = [64, 32, 10]

CASES = [
    ("SGD", {"lr": 0.05, "momentum": 0.9}, {}),
    ("AdaGrad", {"lr": 0.02}, {}),
    ("Adam", {"lr": 0.005}, {}),
    ("AdamW", {"lr": 0.01, "weightDecay": 0.05}, {"warmup": 20, "cosine": 180, "clip": 1.0}),
]
CLASSES = {"SGD": torch.optim.SGD, "AdaGrad": torch.optim.Adagrad, "Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}


def digits():
    """The first examples of the set that comes with the package, as they are in its file; pixels in [0, 1]."""
    with gzip.open(HERE / "../../data/digits.csv.gz", "rt") as file:
        rows = [[int(value) for value in line.split(",")] for line in file][:EXAMPLES]
    return torch.tensor([row[:-1] for row in rows]) / 16, torch.tensor([row[-1] for row in rows])


def initial(layer, shape):
    """Multiples of 1/4096 below 1/8 that look random: exact in f32, and easily made elsewhere."""
    numbers = [((i + 1) ** 3 * 7919 + (layer + 1) * 104729) % 1021 - 510 for i in range(math.prod(shape))]
    return torch.tensor(numbers).reshape(shape) / 4096


def network():
    layers = []
    for i, (inputs, outputs) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        linear = torch.nn.Linear(inputs, outputs)
        with torch.no_grad():
            linear.weight.copy_(initial(2 * i, (outputs, inputs)))
            linear.bias.copy_(initial(2 * i + 1, (outputs,)))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def factor(step, schedule):
    ramp, fall = schedule.get("warmup", 0), schedule.get("cosine")
    if step < ramp:
        return (step + 1) / ramp
    return (1 + math.cos(math.pi * (step - ramp) / fall)) / 2 if fall else 1.0


def train(name, options, schedule):
    x, y = digits()
    model = network()
    given = {"weight_decay" if key == "weightDecay" else key: value for key, value in options.items()}
    optimizer = CLASSES[name](model.parameters(), **given)
    losses, norms = [], []
    for _ in range(EPOCHS):
        for begin in range(0, EXAMPLES, BATCH):
            loss = torch.nn.functional.cross_entropy(model(x[begin:begin + BATCH]), y[begin:begin + BATCH])
            optimizer.zero_grad()
            loss.backward()
            norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), schedule.get("clip", math.inf))))
            optimizer.param_groups[0]["lr"] = options["lr"] * factor(len(losses), schedule)
            optimizer.step()
            losses.append(loss.item())
    return losses, norms


def digits_of(values):
    return [float(f"{value:.8g}") for value in values]


def main():
    torch.set_num_threads(1)
    cases = []
    for name, options, schedule in CASES:
        losses, norms = train(name, options, schedule)
        print(f"{name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}")
        cases.append({"class": name, "options": options, "schedule": schedule,
                      "losses": digits_of(losses), "gradNorms": digits_of(norms)})
    about = {"torch": torch.__version__, "examples": EXAMPLES, "batch": BATCH, "epochs": EPOCHS, "widths": WIDTHS}
    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "curves.json").write_text(json.dumps(about)[:-1] + ', "cases": [\n' + lines + "\n]}\n")


if __name__ == "__main__":
    main()
