#!/usr/bin/python3
"""Learning rates of PyTorch's schedulers over 60 steps, as schedules.json beside this script; README.md tells what is in it.

On Debian 12: apt-get install python3-torch && /usr/bin/python3 test/golden/make_schedules.py
"""
import json
import math
import random
import warnings
from pathlib import Path

import torch
from torch.optim import lr_scheduler as lrs

STEPS = 60


def record(make, count=STEPS):
    """The learning rate at each step, where 1 is the optimizer's own: the factor."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    factors = []
    for step in range(count):
        if step > 0:
            optimizer.step()
            scheduler.step()
        factors.append(optimizer.param_groups[0]["lr"])
    return factors


def case(name, parts, make, count=STEPS):
    """`parts`: our functions with their arguments, and the step within the part at which the next one takes over."""
    return {"name": name, "parts": parts, "factors": record(make, count)}


def one(name, function, argument, make, count=STEPS):
    return case(name, [{"schedule": function, "argument": argument}], make, count)


def constants():
    return [
        one("ConstantLR for ever", "constantSchedule", 0.25, lambda o: lrs.ConstantLR(o, 0.25, total_iters=1000)),
        case("ConstantLR", [{"schedule": "constantSchedule", "argument": 1 / 3, "until": 7},
                            {"schedule": "constantSchedule", "argument": 1}],
             lambda o: lrs.ConstantLR(o, 1 / 3, total_iters=7)),
    ]


def ramps():
    linear = lambda name, start, end, steps: one(
        name, "linearSchedule", {"steps": steps, "from": start, "to": end},
        lambda o: lrs.LinearLR(o, start_factor=start, end_factor=end, total_iters=steps))
    return [
        linear("LinearLR up", 1 / 3, 1.0, 5),
        linear("LinearLR down", 1.0, 0.1, 50),
        linear("LinearLR past the end", 0.5, 0.75, 20),
        one("LinearLR as a warm-up", "warmup", 10, lambda o: lrs.LinearLR(o, start_factor=0.1, total_iters=9)),
        one("PolynomialLR, defaults", "polynomialSchedule", {"steps": 40},
            lambda o: lrs.PolynomialLR(o, total_iters=40)),
        one("PolynomialLR, power 2", "polynomialSchedule", {"steps": 55, "power": 2},
            lambda o: lrs.PolynomialLR(o, total_iters=55, power=2)),
        one("PolynomialLR, power 0.5", "polynomialSchedule", {"steps": 80, "power": 0.5},
            lambda o: lrs.PolynomialLR(o, total_iters=80, power=0.5)),
        one("LambdaLR, polynomial with an end", "polynomialSchedule", {"steps": 30, "power": 3, "to": 0.2},
            lambda o: lrs.LambdaLR(o, lambda t: 0.8 * (1 - min(t, 30) / 30) ** 3 + 0.2)),
    ]


def decays():
    return [
        one("StepLR, default gamma", "stepSchedule", {"stepSize": 20}, lambda o: lrs.StepLR(o, 20)),
        one("StepLR", "stepSchedule", {"stepSize": 7, "gamma": 0.5}, lambda o: lrs.StepLR(o, 7, gamma=0.5)),
        one("StepLR, every step", "stepSchedule", {"stepSize": 1, "gamma": 0.9}, lambda o: lrs.StepLR(o, 1, gamma=0.9)),
        one("MultiStepLR, default gamma", "multiStepSchedule", {"milestones": [30, 45]},
            lambda o: lrs.MultiStepLR(o, [30, 45])),
        one("MultiStepLR", "multiStepSchedule", {"milestones": [1, 2, 10, 59, 70], "gamma": 0.3},
            lambda o: lrs.MultiStepLR(o, [1, 2, 10, 59, 70], gamma=0.3)),
        one("ExponentialLR", "exponentialSchedule", {"gamma": 0.9}, lambda o: lrs.ExponentialLR(o, 0.9)),
        one("ExponentialLR, growing", "exponentialSchedule", {"gamma": 1.2, "steps": 100},
            lambda o: lrs.ExponentialLR(o, 1.2)),
        one("LambdaLR, exponential with an end", "exponentialSchedule", {"gamma": 0.5, "steps": 4},
            lambda o: lrs.LambdaLR(o, lambda t: 0.5 ** min(t, 4))),
    ]


def cosines():
    # CosineAnnealingLR rises again after T_max, where ours ends.
    restarts = lambda name, t0, t_mult, to: one(
        name, "cosineRestarts", {"t0": t0, "tMult": t_mult, "to": to},
        lambda o: lrs.CosineAnnealingWarmRestarts(o, t0, T_mult=t_mult, eta_min=to))
    return [
        one("CosineAnnealingLR", "cosine", {"steps": 59}, lambda o: lrs.CosineAnnealingLR(o, 59)),
        one("CosineAnnealingLR with an end", "cosine", {"steps": 33, "to": 0.1},
            lambda o: lrs.CosineAnnealingLR(o, 33, eta_min=0.1), 34),
        one("CosineAnnealingLR, 1 step", "cosine", {"steps": 1}, lambda o: lrs.CosineAnnealingLR(o, 1), 2),
        one("CosineAnnealingWarmRestarts, defaults", "cosineRestarts", {"t0": 13},
            lambda o: lrs.CosineAnnealingWarmRestarts(o, 13)),
        restarts("CosineAnnealingWarmRestarts, T_mult 2", 4, 2, 0),
        restarts("CosineAnnealingWarmRestarts, T_mult 3", 2, 3, 0.05),
        restarts("CosineAnnealingWarmRestarts, T_0 1", 1, 2, 0.5),
    ]


def cycles():
    def cyclic(name, start, up, down, mode, gamma=1.0):
        ours = {"from": start, "stepSizeUp": up, "mode": mode.replace("exp_range", "expRange"), "gamma": gamma}
        if down is not None:
            ours["stepSizeDown"] = down
        return one(name, "cyclic", ours, lambda o: lrs.CyclicLR(
            o, start, 1.0, step_size_up=up, step_size_down=down, mode=mode, gamma=gamma, cycle_momentum=False))

    def one_cycle(name, steps, anneal="cosine", **options):
        snake = {"pctStart": "pct_start", "divFactor": "div_factor", "finalDivFactor": "final_div_factor",
                 "threePhase": "three_phase"}
        torchs = {snake[key]: value for key, value in options.items()}
        ours = {"steps": steps, **options, **({} if anneal == "cosine" else {"anneal": anneal})}
        return one(name, "oneCycle", ours, lambda o: lrs.OneCycleLR(
            o, 1.0, total_steps=steps, anneal_strategy={"cosine": "cos", "linear": "linear"}[anneal],
            cycle_momentum=False, **torchs), steps)

    return [
        cyclic("CyclicLR", 0.1, 8, None, "triangular"),
        cyclic("CyclicLR, slow down", 0.25, 4, 9, "triangular"),
        cyclic("CyclicLR, shortest", 0.5, 1, 1, "triangular"),
        cyclic("CyclicLR, triangular2", 0.1, 5, None, "triangular2"),
        cyclic("CyclicLR, exp_range", 0.2, 6, 3, "exp_range", 0.97),
        one_cycle("OneCycleLR, defaults", 60),
        one_cycle("OneCycleLR, linear", 50, "linear", pctStart=0.25),
        one_cycle("OneCycleLR, three phases", 57, threePhase=True, pctStart=0.4, divFactor=10.0, finalDivFactor=100.0),
        one_cycle("OneCycleLR, three phases, linear", 60, "linear", threePhase=True, pctStart=0.5),
        one_cycle("OneCycleLR, no rise", 20, pctStart=0.0),
        one_cycle("OneCycleLR, no fall", 20, pctStart=1.0),
        one_cycle("OneCycleLR, 2 steps", 2),
    ]


def warmups():
    """Of no class in PyTorch: LambdaLR with the papers' formulas."""
    def noam(warmup):  # Vaswani et al. 2017, equation 3, over its largest value
        return lambda t: min((t + 1) ** -0.5, (t + 1) * warmup ** -1.5) / warmup ** -0.5

    def stable(steps, warmup, decay, to, fall):
        def factor(t):
            if t < warmup:
                return (t + 1) / warmup
            left = max(steps - t, 0)
            return 1.0 if left >= decay else to + (1 - to) * fall(left / decay)
        return factor

    shapes = {"linear": lambda left: left, "cosine": lambda left: math.sin(math.pi / 2 * left) ** 2,
              "1-sqrt": lambda left: 1 - math.sqrt(1 - left)}
    return [
        *[one(f"LambdaLR, inverse square root, {n}", "inverseSqrt", {"warmup": n}, lambda o, n=n: lrs.LambdaLR(o, noam(n)))
          for n in (1, 10, 100)],
        *[one(f"LambdaLR, warm-up, stable, decay, {shape}", "warmupStableDecay",
              {"steps": 50, "warmup": 5, "decay": 20, "to": to, "shape": shape},
              lambda o, to=to, fall=fall: lrs.LambdaLR(o, stable(50, 5, 20, to, fall)))
          for (shape, fall), to in zip(shapes.items(), (0, 0.1, 0.01))],
        one("LambdaLR, decay alone", "warmupStableDecay", {"steps": 40, "warmup": 0, "decay": 40},
            lambda o: lrs.LambdaLR(o, stable(40, 0, 40, 0, shapes["1-sqrt"]))),
    ]


def sequences():
    part = lambda function, argument, until=None: {"schedule": function, "argument": argument,
                                                   **({} if until is None else {"until": until})}
    return [
        case("SequentialLR of two", [part("warmup", 10), part("cosine", {"steps": 49})],
             lambda o: lrs.SequentialLR(o, [lrs.LinearLR(o, start_factor=0.1, total_iters=9),
                                            lrs.CosineAnnealingLR(o, 49)], [10])),
        case("SequentialLR of three",
             [part("linearSchedule", {"steps": 5, "from": 0.2, "to": 1}), part("constantSchedule", 1, 20),
              part("exponentialSchedule", {"gamma": 0.8})],
             lambda o: lrs.SequentialLR(o, [lrs.LinearLR(o, start_factor=0.2, total_iters=5),
                                            lrs.ConstantLR(o, 1.0, total_iters=1), lrs.ExponentialLR(o, 0.8)], [5, 25])),
        case("SequentialLR that cuts the first short",
             [part("polynomialSchedule", {"steps": 40, "power": 2}, 15), part("stepSchedule", {"stepSize": 6, "gamma": 0.5})],
             lambda o: lrs.SequentialLR(o, [lrs.PolynomialLR(o, total_iters=40, power=2), lrs.StepLR(o, 6, gamma=0.5)],
                                        [15])),
    ]


def plateaus():
    """ReduceLROnPlateau with eps 0: the factor after each report."""
    rng = random.Random(7)
    falling = [round(1 / (1 + 0.3 * min(t, 20)) + rng.gauss(0, 0.03), 4) for t in range(STEPS)]
    accuracy = [round(min(0.9, 0.3 + 0.04 * t) + rng.gauss(0, 0.02), 4) for t in range(STEPS)]
    broken = [math.nan if t % 9 == 4 else value for t, value in enumerate(falling)]
    snake = {"thresholdMode": "threshold_mode", "to": "min_lr"}

    def plateau(name, metrics, **options):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = lrs.ReduceLROnPlateau(optimizer, eps=0, **{snake.get(k, k): v for k, v in options.items()})
        factors = []
        for metric in metrics:
            scheduler.step(metric)
            factors.append(optimizer.param_groups[0]["lr"])
        return {"name": name, "options": options, "factors": factors,
                "metrics": [None if math.isnan(metric) else metric for metric in metrics]}

    return [
        plateau("defaults", falling),
        plateau("no patience", falling, patience=0, factor=0.5),
        plateau("cooldown", falling, patience=2, factor=0.5, cooldown=4),
        plateau("cooldown, no patience", falling, patience=0, factor=0.7, cooldown=2),
        plateau("a least factor", falling, patience=1, factor=0.3, to=0.02),
        plateau("absolute threshold", falling, patience=3, threshold=0.05, thresholdMode="abs"),
        plateau("relative threshold", falling, patience=3, threshold=0.2),
        plateau("larger is better", accuracy, mode="max", patience=2, factor=0.5),
        plateau("larger is better, absolute", accuracy, mode="max", patience=2, threshold=0.02, thresholdMode="abs"),
        plateau("negative metrics", [-value for value in accuracy], patience=2, threshold=0.01, thresholdMode="abs"),
        plateau("NaN", broken, patience=2, factor=0.5),
    ]


def main():
    warnings.simplefilter("ignore")  # SequentialLR calls step(epoch), which is deprecated
    cases = [*constants(), *ramps(), *decays(), *cosines(), *cycles(), *warmups(), *sequences()]
    lines = lambda items: "[\n" + ",\n".join("  " + json.dumps(item, allow_nan=False) for item in items) + "\n ]"
    text = f'{{\n "torch": {json.dumps(torch.__version__)},\n "cases": {lines(cases)},\n "plateaus": {lines(plateaus())}\n}}\n'
    (Path(__file__).parent / "schedules.json").write_text(text)


if __name__ == "__main__":
    main()
