#!/usr/bin/python3
"""Optimizer trajectories of PyTorch and of formulas.py, as JSON files beside this script. README.md tells what is in them.

On Debian 12: apt-get install python3-torch && /usr/bin/python3 test/golden/make.py
"""
import json
import re
from math import prod
from pathlib import Path

import numpy as np
import torch

import check_formulas
import torch_oracle
from cases import FILES, FIRST_FILES, SPARSE_CASES
from formulas import FORMULAS, SPARSE_FORMULAS, options
from lists import TABLE, gradient_lists, sparse_steps, sparse_table

UNIT = 2.0**-24
SUBNORMALS = 1e-39  # f32 has no digits to speak of here, or few after a division by 1 - beta2
TORCH = "torch 1.13"
FORMULA = "formula"


def run_formula(case, gradients, dtype):
    """Parameters after each step (flat), and after each step the state of every parameter and what all of them share."""
    o = options(case["class"], case["options"])
    shapes = case.get("shapes") or [[len(case["initial"])]]
    ends = np.cumsum([prod(shape) for shape in shapes])
    assert ends[-1] == len(case["initial"])
    split = lambda flat: [part.reshape(shape) for part, shape in
                          zip(np.split(np.array(flat, dtype), ends[:-1]), shapes)]
    ps, states, shared = split(case["initial"]), [{} for _ in shapes], {}
    trajectory, history = [], []
    for step, row in enumerate(gradients):
        lr = o.lr if case.get("lrs") is None else case["lrs"][step]
        ps = FORMULAS[case["class"]](ps, split(row), states, shared, step + 1, lr, o)
        assert all(p.dtype == dtype for p in ps) and all(np.isfinite(p).all() for p in ps)
        trajectory.append([float(x) for p in ps for x in p.flat])
        history.append([{name: [float(x) for x in value.flat] for name, value in s.items()
                         if isinstance(value, np.ndarray)} for s in states] + [dict(shared)])
    return trajectory, history


def run_torch(case, gradients, dtype):
    trajectory, states = torch_oracle.run(case, gradients, dtype)
    return trajectory, [[state, {}] for state in states]


def units(steps32, steps64):
    """The distance of f32 in units of 2^-24 of what an element has been at most so far; a few subnormals are nothing."""
    most, worst = np.zeros(len(steps64[0])), 0.0
    for row32, row64 in zip(steps32, steps64):
        row32, row64 = np.array(row32), np.array(row64)
        most = np.maximum(most, np.abs(row64))
        error = np.maximum(np.abs(row32 - row64) - SUBNORMALS, 0)
        worst = max(worst, float(np.max(error[error > 0] / (UNIT * most[error > 0]), initial=0)))
    return float(f"{worst:.3g}")


def rounded(value):
    """10 digits: far below what f32 can tell, and half of the bytes."""
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return {name: rounded(item) for name, item in value.items()} if isinstance(value, dict) else value


def results(case, gradients):
    """The trajectory in f64, the scale of its states, and how far f32 is."""
    oracle = TORCH if torch_oracle.knows(case) else FORMULA
    execute, f64, f32 = (run_torch, torch.float64, torch.float32) if oracle == TORCH else \
        (run_formula, np.float64, np.float32)
    trajectory, history = execute(case, gradients, f64)
    trajectory32, history32 = execute(case, gradients, f32)
    start = [case["initial"]]
    states = []  # of each parameter: name -> (rows of f64, rows of f32)
    for i in range(len(history[-1]) - 1):
        states.append({name: tuple([step[i][name] for step in run if name in step[i]] for run in (history, history32))
                       for name in history[-1][i]})
    averages = [[x for state in step[:-1] for x in state.get("x", [])] for step in history]
    for state in states:
        state.pop("x", None)
    per_parameter = [({name: rows[-1] for name, (rows, _) in state.items()},
                      {name: np.max(np.abs(rows), axis=0).tolist() for name, (rows, _) in state.items()})
                     for state in states]
    values, scales = [list(column) for column in zip(*per_parameter)]
    distances = [units(rows32, rows) for state in states for rows, rows32 in state.values()]
    several = bool(case.get("shapes"))
    float64 = {"parameters": trajectory, "state": values if several else values[0],
               "stateScale": scales if several else scales[0]}
    float32 = {"parameters": units(start + trajectory32, start + trajectory)}
    if distances:
        float32["state"] = max(distances)
    if averages[-1]:
        float64["x"] = averages[-1]
    if "d" in history[-1][-1]:
        float64["d"] = [step[-1]["d"] for step in history]
        float32["d"] = units([[step[-1]["d"]] for step in history32], [[d] for d in float64["d"]])
    return {"oracle": oracle, "float64": rounded(float64), "float32Units": float32}


def first_results(case, gradients):
    """As the first three files have it: every number in f64 and in f32, by torch."""
    made = {"oracle": TORCH}
    for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        trajectory, states = torch_oracle.run(case, gradients, dtype)
        made[name] = {"parameters": trajectory, "state": states[-1]}
    return made


def dense(step):
    table = np.zeros(TABLE)
    for row, values in zip(step["rows"], step["values"]):
        table[row] += values
    return table


def sparse_results(name, cls, given, mode, steps, dtypes):
    """A run on the table, with sparse COO gradients where `mode` is lazy."""
    case = {"class": cls, "options": given, "initial": np.reshape(sparse_table(), TABLE).tolist()}
    if cls in torch_oracle.CLASSES:
        def make_gradient(step, dtype):
            if mode == "dense":
                return torch.tensor(dense(step), dtype=dtype)
            rows = torch.tensor([step["rows"]], dtype=torch.int64)
            values = torch.tensor(step["values"], dtype=dtype).reshape(-1, TABLE[1])
            return torch.sparse_coo_tensor(rows, values, TABLE)
        runs = [torch_oracle.run(case, steps, dtype, make_gradient) for dtype in dtypes]
        oracle = TORCH
        if cls in SPARSE_FORMULAS:
            flat = lambda tables: [np.ravel(table) for table in tables]
            check_formulas.same(name, flat(run_sparse_formula(case, steps, np.float64)[0]), flat(runs[0][0]))
    else:
        runs = [run_sparse_formula(case, steps, dtype) for dtype in (np.float64, np.float32)]
        oracle = FORMULA
    (tables, states), (tables32, states32) = runs
    flat = lambda rows: [np.ravel(row).tolist() for row in rows]
    tables, tables32 = flat(tables), flat(tables32)
    last = {state: np.ravel(value).tolist() for state, value in states[-1].items()}
    histories = {state: [flat(s[state] for s in run) for run in (states32, states)] for state in last}
    distances = [units(*both) for both in histories.values()]
    scale = {state: np.max(np.abs(rows), axis=0).tolist() for state, (_, rows) in histories.items()}
    return {"name": name, "class": cls, "options": given, "sparse": mode, "oracle": oracle,
            "float64": rounded({"parameters": tables, "state": last, "stateScale": scale}),
            "float32Units": {"parameters": units(tables32, tables), **({"state": max(distances)} if last else {})}}


def run_sparse_formula(case, steps, dtype):
    o, p, s, tables, states = options(case["class"], case["options"]), np.array(case["initial"], dtype), {}, [], []
    for t, step in enumerate(steps, 1):
        p = SPARSE_FORMULAS[case["class"]](p, dense(step).astype(dtype), s, t, o.lr, o, sorted(set(step["rows"])))
        assert p.dtype == dtype
        tables.append(p)
        states.append(dict(s))
    return tables, states


def write(file, content):
    text = json.dumps(content, indent=1, allow_nan=False)
    vectors = re.compile(r"\[\s+([^\[\]{}]*?)\s+\]")  # an innermost array goes on one line
    text = vectors.sub(lambda match: "[" + re.sub(r"\s*\n\s*", " ", match[1]) + "]", text)
    (Path(__file__).parent / f"{file}.json").write_text(text + "\n")


def main():
    lists = gradient_lists()
    everything = {**FIRST_FILES, **FILES}
    check_formulas.check(everything, lists, run_formula, torch_oracle)
    worst = {}
    for file, cases in everything.items():
        compute = first_results if file in FIRST_FILES else results
        used = {case["gradients"] for case in cases}
        content = {"torch": torch.__version__, "gradients": {name: lists[name] for name in lists if name in used},
                   "cases": []}
        for case in cases:
            made = compute(case, lists[case["gradients"]])
            content["cases"].append({**{k: v for k, v in case.items() if v is not None}, **made})
            for what, value in made.get("float32Units", {}).items():
                worst.setdefault((file, what), []).append((value, case["name"]))
        write(file, content)
    steps = sparse_steps()
    sparse = [sparse_results(*case, steps, (torch.float64, torch.float32)) for case in SPARSE_CASES]
    for case in sparse:
        for what, value in case["float32Units"].items():
            worst.setdefault(("sparse", what), []).append((value, case["name"]))
    write("sparse", {"torch": torch.__version__, "table": TABLE, "initial": sparse_table(), "steps": steps,
                     "cases": sparse})
    for (file, what), found in worst.items():
        (first, name), *rest = sorted(found, reverse=True)
        print(f"{file}: {what} of f32 {first} units ({name})" + "".join(f", {v} ({n})" for v, n in rest[:2]))


if __name__ == "__main__":
    main()
