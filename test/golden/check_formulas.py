"""Holds formulas.py against torch 1.13 where torch has the optimizer, and against what must be equal elsewhere."""
import numpy as np
import torch

import formulas

TOLERANCE = 1e-12


def same(what, found, expected, tolerance=TOLERANCE):
    """Equal to `tolerance` of what an element has been at most; raises otherwise."""
    most = 0
    for step, (row, right) in enumerate(zip(found, expected), 1):
        row, right = np.array(row), np.array(right)
        most = np.maximum(most, np.abs(right))
        assert (np.abs(row - right) <= tolerance * most + 1e-290).all(), f"{what}, step {step}: {row}, expected {right}"
    assert len(found) == len(expected), what


def check(files, lists, run_formula, torch_oracle):
    def formula(cls, given, gradients, lrs=None, **rest):
        case = {"class": cls, "options": given, "initial": start, "lrs": lrs, **rest}
        return run_formula(case, gradients, np.float64)

    def by_torch(cls, given, gradients, lrs=None):
        return torch_oracle.run({"class": cls, "options": given, "initial": start, "lrs": lrs}, gradients, torch.float64)

    # Every case that torch can run, also by the formula: parameters of all steps, states of the last.
    compared = 0
    for file, cases in files.items():
        for case in filter(torch_oracle.knows, cases):
            gradients, what = lists[case["gradients"]], f"{file}: {case['name']}"
            expected, states = torch_oracle.run(case, gradients, torch.float64)
            found, history = run_formula(case, gradients, np.float64)
            # Late in its life v - m^2 of centered RMSprop cancels.
            same(what, found, expected, 1e-10 if case["options"].get("centered") else TOLERANCE)
            assert set(history[-1][0]) == set(states[-1]), what
            for name in states[-1]:
                same(f"{what}, {name}", [history[-1][0][name]], [states[-1][name]])
            compared += 1
    assert compared > 140, compared

    gradients, start = lists["ordinary"], [0.25, -0.5, 1.0, 0.125, -2.0, 0.75, -0.375]
    constant = dict(lr=0.05)

    # Where epsilon sits does not matter if it is 0, nor whether lr is inside of the momentum if it is constant.
    for cls, semantics, given in [
        ("SGD", "keras", dict(momentum=0.9)),
        ("SGD", "keras", dict(momentum=0.9, nesterov=True, weightDecay=0.1, decoupled=True)),
        ("AdaGrad", "keras", dict(initialAccumulatorValue=0.1, eps=0)),
        ("AdaGrad", "optax", dict(initialAccumulatorValue=0.1, eps=0)),
        ("Adam", "keras", dict(eps=0, amsgrad=True, betas=(0.9, 0.8))),
        ("AdamW", "keras", dict(eps=0, weightDecay=0.1)),
        ("Adam", "optax", dict(eps=0.01)),
        ("RMSprop", "keras", dict(alpha=0.9, eps=0, momentum=0.9)),
        ("RMSprop", "optax", dict(alpha=0.9, eps=0, momentum=0.9, weightDecay=0.1)),
        ("Adadelta", "keras", dict(rho=0.9, eps=1e-6)),
        ("Adamax", "keras", dict(eps=0)),
        ("RAdam", "optax", dict(eps=0)),
        ("NAdam", "keras", dict(eps=1e-8, momentumDecay=0.1)),
    ]:
        found, _ = formula(cls, {"semantics": semantics, **constant, **given}, gradients)
        same(f"{semantics} {cls}", found, by_torch(cls, {**constant, **given}, gradients)[0])

    # Keras' Adam has the epsilon of SparseAdam, optax' NAdam the constant betas that a large decay gives torch's.
    found, _ = formula("Adam", dict(semantics="keras", eps=0.01, lr=0.05), gradients)
    expected = []
    table = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64).reshape(-1, 1))
    optimizer = torch.optim.SparseAdam([table], lr=0.05, eps=0.01)
    for row in gradients:
        table.grad = torch.tensor(row, dtype=torch.float64).reshape(-1, 1).to_sparse(1)
        optimizer.step()
        expected.append(table.flatten().tolist())
    same("keras Adam and SparseAdam", found, expected)
    found, _ = formula("NAdam", dict(semantics="optax", lr=0.05), gradients)
    same("optax NAdam", found, by_torch("NAdam", dict(lr=0.05, momentumDecay=1e6), gradients)[0])

    # The step of torch 1.13's NAdam without foreach has mu once too often; the rest of it is right.
    p, expected, state = np.array(start), [], {}
    o = formulas.options("NAdam", dict(lr=0.05))
    for t, row in enumerate(gradients, 1):
        p = formulas.nadam(p, np.array(row), state, t, 0.05, o, torch_1_13=True)
        expected.append(p.tolist())
    parameter = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    torch.set_default_dtype(torch.float64)
    optimizer, found = torch.optim.NAdam([parameter], lr=0.05, foreach=False), []
    for row in gradients:
        parameter.grad = torch.tensor(row, dtype=torch.float64)
        optimizer.step()
        found.append(parameter.tolist())
    torch.set_default_dtype(torch.float32)
    same("NAdam of torch 1.13", found, expected)

    # Lion with equal betas goes by the sign of Adam's mean.
    _, states = by_torch("Adam", dict(betas=(0.9, 0.999)), gradients)
    signs = [np.sign(state["exp_avg"]).tolist() for state in states]
    found, _ = formula("Lion", dict(lr=0.05, betas=(0.9, 0.9), weightDecay=0.1), gradients)
    same("Lion", found, by_torch("SGD", dict(lr=0.05, weightDecay=0.1, decoupled=True), signs)[0])

    # LAMB makes Adam's step as long as the parameter.
    found, _ = formula("LAMB", dict(lr=0.05, weightDecay=0.1), gradients)
    steps, _ = by_torch("Adam", dict(lr=1, eps=1e-6), gradients)
    p, before, expected = np.array(start), np.array(start), []
    for row in steps:
        update = before - np.array(row) + 0.1 * p
        p, before = p - 0.05 * np.linalg.norm(p) / np.linalg.norm(update) * update, np.array(row)
        expected.append(p.tolist())
    same("LAMB", found, expected)

    # Adafactor: a variance that forgets all is the square of the gradient, also factored if that has rank 1.
    outer = [np.outer([1, -2, 3], np.array(row[:5]) + 0.01).ravel().tolist() for row in gradients]
    matrix = np.linspace(-1, 1, 15)
    for semantics in ("torch", "keras", "optax"):
        for shape in ([3, 5], [5, 3], [15]):
            rows = [np.reshape(row, (3, 5)).T.ravel().tolist() if shape == [5, 3] else row for row in outer]
            given = dict(semantics=semantics, lr=0.1, beta2Decay=0, eps=[1e-30, 1e-3])
            if semantics == "optax":
                given["minDimSizeToFactor"] = 3
            p, expected = matrix, []
            for t, row in enumerate(rows, 1):
                rate = 0.1 if semantics == "optax" else min(0.1, t**-0.5)
                p = p - rate * max(1e-3, np.sqrt(np.mean(p * p))) * np.sign(row)
                expected.append(p.tolist())
            found, _ = run_formula({"class": "Adafactor", "options": given, "initial": matrix.tolist(),
                                    "shapes": [shape]}, rows, np.float64)
            same(f"{semantics} Adafactor {shape}", found, expected)
    # Without epsilons torch's and Keras' are the same.
    given, case = dict(lr=0.1, eps=[0, 1e-3], d=1.5), {"class": "Adafactor", "initial": matrix.tolist(), "shapes": [[3, 5]]}
    runs = [run_formula({**case, "options": {**given, "semantics": name}}, lists["ordinary 15"], np.float64)[0]
            for name in ("torch", "keras")]
    same("Adafactor of torch and Keras", *runs)

    # Muon's iteration acts on singular values alone; with the cubic of Newton and Schulz they go to 1.
    rng = np.random.default_rng(0)
    for shape in ((3, 5), (5, 3), (4, 4)):
        g = rng.normal(size=shape)
        u, s, vt = np.linalg.svd(g, full_matrices=False)
        for coefficients, steps in (((3.4445, -4.775, 2.0315), 5), ((1.5, -0.5, 0), 60)):
            o = formulas.options("Muon", dict(nsCoefficients=coefficients, nsSteps=steps))
            values = s / np.linalg.norm(s)
            for _ in range(steps):
                values = sum(c * values ** (2 * i + 1) for i, c in enumerate(coefficients))
            assert np.allclose(formulas.orthogonal(g, o), u * values @ vt, rtol=0, atol=1e-10)
            assert steps == 5 or np.allclose(values, 1)

    # Prodigy with a fixed d is AdamW without bias correction: m and v scale with d and d^2.
    given = dict(lr=1, d0=0.05, growthRate=1.0, betas=(0.9, 0.999), weightDecay=0.1)
    found, history = formula("Prodigy", {**given, "useBiasCorrection": True}, gradients)
    assert all(step[-1]["d"] == 0.05 for step in history)
    same("Prodigy", found, by_torch_hat(start, gradients))

    # Schedule-free without momentum is Adam without momentum; the reference's form of y agrees.
    found, _ = formula("ScheduleFreeAdamW", dict(lr=0.05, betas=(0, 0.999)), gradients)
    same("schedule-free", found, by_torch("Adam", dict(lr=0.05, betas=(0, 0.999)), gradients)[0])
    lrs = [0.01 * step for step in range(1, 11)] + [0.1 * 0.9**step for step in range(10)]
    given = dict(weightDecay=0.1, warmupSteps=5, r=0.5)
    found, history = formula("ScheduleFreeAdamW", given, gradients, lrs)
    expected, averages = schedule_free_reference(start, gradients, lrs, **given)
    same("schedule-free, the reference's form", found, expected)
    same("schedule-free, x", [step[0]["x"] for step in history], averages)

    # Row-wise AdaGrad on rows of one element is AdaGrad; SparseAdam with all rows present is Keras' Adam, checked above.
    o = formulas.options("RowWiseAdaGrad", dict(lr=0.1, eps=0.01, weightDecay=0.1))
    p, state, found = np.array(start).reshape(-1, 1), {}, []
    for t, row in enumerate(gradients, 1):
        p = formulas.row_wise_adagrad(p, np.array(row).reshape(-1, 1), state, t, 0.1, o, list(range(len(start))))
        found.append(p.ravel().tolist())
    same("row-wise AdaGrad", found, by_torch("AdaGrad", dict(lr=0.1, eps=0.01, weightDecay=0.1), gradients)[0])


def by_torch_hat(start, gradients):
    """AdamW with the epsilon of SparseAdam, as Prodigy's bias correction is: torch's SparseAdam after the decay."""
    p = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64).reshape(-1, 1))
    optimizer, trajectory = torch.optim.SparseAdam([p], lr=0.05, eps=1e-8), []
    for t, row in enumerate(gradients, 1):
        with torch.no_grad():
            p.mul_(1 - 0.05 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * 0.1)
        p.grad = torch.tensor(row, dtype=torch.float64).reshape(-1, 1).to_sparse(1)
        optimizer.step()
        trajectory.append(p.flatten().tolist())
    return trajectory


def schedule_free_reference(start, gradients, lrs, weightDecay, warmupSteps, r):
    """y moves towards z and along the gradient, without x, as the published optimizer does it; x from y and z."""
    y = np.array(start)
    z, v, most, total, ys, xs = y.copy(), 0 * y, -1, 0, [], []
    for t, (g, lr) in enumerate(zip(np.array(gradients), lrs), 1):
        lr = lr * min(1, t / warmupSteps)
        most = max(most, lr)
        weight = t**r * most**2
        total += weight
        c = weight / total
        v = 0.999 * v + 0.001 * g * g
        direction = g / (np.sqrt(v / (1 - 0.999**t)) + 1e-8) + weightDecay * y
        y = y + c * (z - y) + lr * (0.9 * (1 - c) - 1) * direction
        z = z - lr * direction
        ys.append(y.tolist())
        xs.append((y + (1 - 1 / 0.9) * (z - y)).tolist())
    return ys, xs
