"""Gradients, initial parameters and learning rates that the cases share. The same numbers at every run."""
import random

import numpy

SIZE = 7
STEPS = 20


def float32(value):
    return float(numpy.float32(value))


def ordinary_gradients(rng, size=SIZE, steps=STEPS):
    """Normal numbers in steps of 1/256: short in decimal, exact in f32."""
    return [[round(rng.gauss(0, 1) * 256) / 256 for _ in range(size)] for _ in range(steps)]


def scaled(rows, scales):
    return [[float32(g * s) for g, s in zip(row, scales)] for row in rows]


def delayed(rows):
    for step, row in enumerate(rows):
        row[0] = 0.0
        if step < 6:
            row[:] = [0.0] * len(row)
    return rows


def gradient_lists():
    rng = random.Random(20)
    ordinary = ordinary_gradients(rng)
    late = ordinary_gradients(rng)
    lists = {
        "ordinary": ordinary,
        "zero": [[0.0] * SIZE for _ in range(STEPS)],
        "huge": scaled(ordinary_gradients(rng), [1e18] * SIZE),
        "tiny": scaled(ordinary_gradients(rng), [1e-20] * SIZE),
        "mixed": scaled(ordinary_gradients(rng), [1e-20, 1e-10, 1e-3, 1, 1e3, 1e10, 1e18]),
        "late": delayed(late),
    }
    # Lists that came later take numbers of their own, so that the ones above stay.
    rng = random.Random(21)
    signs = [1, -1, 1, 1, -1, -1, 1]
    lists["drift"] = [[s * (abs(g) + 0.25) for s, g in zip(signs, row)] for row in ordinary_gradients(rng)]
    lists["long"] = ordinary_gradients(rng, steps=50)
    for size in (15, 16):
        lists[f"ordinary {size}"] = ordinary_gradients(rng, size)
    size = 15
    lists["zero 15"] = [[0.0] * size for _ in range(STEPS)]
    lists["huge 15"] = scaled(ordinary_gradients(rng, size), [1e18] * size)
    lists["tiny 15"] = scaled(ordinary_gradients(rng, size), [1e-20] * size)
    lists["late 15"] = delayed(ordinary_gradients(rng, size))
    return lists


INITIAL = [-0.2578125, 0.51171875, -0.2265625, -0.31640625, -0.9296875, -0.21484375, 1.11328125]


def initial(size):
    if size == SIZE:
        return INITIAL
    rng = random.Random(size)
    return [round(rng.gauss(0, 0.5) * 256) / 256 for _ in range(size)]


# Learning rates of 20 steps: warm-up, plateau, decay, and a step of 0.
SCHEDULE = [0.01 * (step + 1) for step in range(5)] + [0.05] * 5 + [0.05 * 0.8**step for step in range(1, 10)] + [0.0]
# The same around 1, for optimizers that find their learning rate.
FACTORS = [20 * lr for lr in SCHEDULE]

# An embedding table of 9 rows; row 8 never has a gradient, row 7 only late. Rows repeat, also within one step.
TABLE = (9, 4)
SPARSE_STEPS = 12


def sparse_steps():
    rng = random.Random(22)
    steps = []
    for step in range(SPARSE_STEPS):
        rows = [rng.randrange(7) for _ in range(rng.randrange(1, 6))]
        rows += rng.choices(rows, k=rng.randrange(0, 3)) + [7] * (step in (8, 11))
        steps.append({"rows": rows, "values": ordinary_gradients(rng, TABLE[1], len(rows))})
    steps[4] = {"rows": [3, 3, 3], "values": ordinary_gradients(rng, TABLE[1], 3)}
    return steps


def sparse_table():
    return initial(TABLE[0] * TABLE[1])
