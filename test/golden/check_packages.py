"""Holds formulas.py against the real optax and Keras, in f64, where a Python has them; make.py does not need this.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install optax keras && /tmp/golden/bin/python test/golden/check_packages.py

Passed with optax 0.2.8, Keras 3.15.1 and JAX 0.10.2. Every case of cases.py whose class and dialect a package has is run.
"""
import os

os.environ["KERAS_BACKEND"] = "jax"
import jax

jax.config.update("jax_enable_x64", True)
import keras
import numpy as np
import optax
from optax import contrib

import formulas
from cases import FILES, FIRST_FILES
from lists import gradient_lists

keras.config.set_floatx("float64")
KERAS = {
    "SGD": keras.optimizers.SGD, "AdaGrad": keras.optimizers.Adagrad, "Adam": keras.optimizers.Adam,
    "AdamW": keras.optimizers.AdamW, "RMSprop": keras.optimizers.RMSprop, "Adadelta": keras.optimizers.Adadelta,
    "Adamax": keras.optimizers.Adamax, "NAdam": keras.optimizers.Nadam, "Adafactor": keras.optimizers.Adafactor,
    "Lion": keras.optimizers.Lion,
}
KERAS_NAMES = {"eps": "epsilon", "alpha": "rho", "lr": "learning_rate", "initialAccumulatorValue":
               "initial_accumulator_value", "weightDecay": "weight_decay", "d": "clip_threshold"}


def shapes_of(case):
    return case.get("shapes") or [[len(case["initial"])]]


def parts(flat, shapes):
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(np.array(flat, np.float64), ends), shapes)]


def run_keras(case, gradients):
    given = dict(case["options"])
    given.pop("semantics", None)
    sign = -1 if given.pop("maximize", False) else 1
    if given.get("weightDecay") and not given.pop("decoupled", True):
        return None  # Keras has no L2
    if "betas" in given:
        given["beta_1"], given["beta_2"] = given.pop("betas")
    if case["class"] == "Adafactor" and "eps" in given:
        given["epsilon_1"], given["epsilon_2"] = given.pop("eps")
    optimizer = KERAS[case["class"]](**{KERAS_NAMES.get(name, name): float(value) if type(value) is int else value
                                            for name, value in given.items()})
    shapes = shapes_of(case)
    variables = [keras.Variable(part, dtype="float64") for part in parts(case["initial"], shapes)]
    optimizer.build(variables)
    trajectory = []
    for step, row in enumerate(gradients):
        if case["lrs"]:
            optimizer.learning_rate = case["lrs"][step]
        optimizer.apply([jax.numpy.array(sign * part) for part in parts(row, shapes)])
        trajectory.append([float(x) for v in variables for x in np.ravel(v.numpy())])
    return trajectory


def make_optax(case, o, lr):
    b = dict(zip(("b1", "b2"), getattr(o, "betas", ())))
    cls, decay = case["class"], o.weightDecay
    decoupled = getattr(o, "decoupled", False)
    scale = {
        "SGD": lambda: optax.trace(o.momentum, o.nesterov) if o.momentum and not o.dampening else
        optax.identity() if not o.momentum else None,
        "AdaGrad": lambda: optax.scale_by_rss(o.initialAccumulatorValue, o.eps) if not o.lrDecay else None,
        "Adam": lambda: (optax.scale_by_amsgrad if o.amsgrad else optax.scale_by_adam)(**b, eps=o.eps),
        "AdamW": lambda: (optax.scale_by_amsgrad if o.amsgrad else optax.scale_by_adam)(**b, eps=o.eps),
        "Adadelta": lambda: optax.scale_by_adadelta(o.rho, o.eps),
        "Adamax": lambda: optax.scale_by_adamax(**b, eps=o.eps),
        "NAdam": lambda: optax.scale_by_adam(**b, eps=o.eps, nesterov=True),
        "RAdam": lambda: optax.scale_by_radam(**b, eps=o.eps),
        "Lion": lambda: optax.scale_by_lion(**b),
    }.get(cls)
    if cls == "RMSprop":
        l2 = [optax.add_decayed_weights(decay)] if decay else []
        return optax.chain(*l2, optax.rmsprop(lr, o.alpha, o.eps, centered=o.centered, momentum=o.momentum or None))
    if cls == "LAMB":
        return optax.lamb(lr, **b, eps=o.eps, weight_decay=decay)
    if cls == "Adafactor":
        return optax.adafactor(lr, o.minDimSizeToFactor, -o.beta2Decay, clipping_threshold=o.d, eps=o.eps[0],
                               weight_decay_rate=decay or None)
    if cls == "Prodigy":
        if not (o.useBiasCorrection or case["gradients"] == "zero") or not o.decoupled or o.growthRate < 1e9:
            return None
        if case["gradients"] in ("late", "zero"):
            return None  # optax divides by 0, and counts steps whose gradients are all 0
        return contrib.prodigy(lr, tuple(o.betas), o.beta3, o.eps, o.d0, o.dCoef, decay, o.safeguardWarmup)
    if cls == "ScheduleFreeAdamW":
        if o.warmupSteps or o.r or not o.betas[0] or case["lrs"]:
            return None  # its warm-up starts from 0, it weighs by the lr of the next step, and has no r
        return contrib.schedule_free_adamw(lr, None, **b, eps=o.eps, weight_decay=decay,
                                           weight_lr_power=o.weightLrPower)
    scale = scale and scale()
    if scale is None:
        return None
    chain = [scale, optax.scale_by_learning_rate(lr)]
    if decay:
        chain.insert(1 if decoupled else 0, optax.add_decayed_weights(decay))
    return optax.chain(*chain)


SAME_AS_TORCH = {"SGD", "Adadelta", "Adamax", "Lion", "LAMB", "Prodigy", "ScheduleFreeAdamW"}


def run_optax(case, gradients):
    o = formulas.options(case["class"], case["options"])
    lrs = case["lrs"]
    lr = (lambda count: jax.numpy.array(lrs)[count]) if lrs else o.lr
    optimizer = make_optax(case, o, lr)
    if optimizer is None:
        return None
    shapes = shapes_of(case)
    ps = [jax.numpy.array(part) for part in parts(case["initial"], shapes)]
    state, trajectory = optimizer.init(ps), []
    for row in gradients:
        gs = [jax.numpy.array(-part if o.maximize else part) for part in parts(row, shapes)]
        updates, state = optimizer.update(gs, state, ps)
        ps = optax.apply_updates(ps, updates)
        trajectory.append([float(x) for p in ps for x in np.ravel(p)])
    return trajectory


def run_formula(case, gradients):
    o, shapes = formulas.options(case["class"], case["options"]), shapes_of(case)
    ps, states, shared, trajectory = parts(case["initial"], shapes), [{} for _ in shapes], {}, []
    for t, row in enumerate(gradients, 1):
        lr = case["lrs"][t - 1] if case["lrs"] else o.lr
        ps = formulas.FORMULAS[case["class"]](ps, parts(row, shapes), states, shared, t, lr, o)
        trajectory.append([float(x) for p in ps for x in np.ravel(p)])
    return trajectory


def main():
    lists, counts, failures, skipped = gradient_lists(), {}, 0, []
    for shape in ((3, 5), (5, 3), (4, 4)):
        g, o = np.random.default_rng(1).normal(size=shape), formulas.options("Muon", {})
        found = contrib._muon.orthogonalize_via_newton_schulz(jax.numpy.array(g), jax.numpy.array(o.nsCoefficients), eps=0)
        assert np.allclose(found, formulas.orthogonal(g, o), rtol=0, atol=1e-12)
    for file, cases in {**FIRST_FILES, **FILES}.items():
        for case in cases:
            semantics, cls = case["options"].get("semantics"), case["class"]
            package = "keras" if semantics == "keras" or (cls == "Lion" and "maximize" not in case["options"]) else \
                "optax" if semantics == "optax" or semantics is None and cls in SAME_AS_TORCH else None
            runs = [(n, r) for n, r in (("keras", run_keras), ("optax", run_optax))
                    if n == package or (cls == "Lion" and n == "optax")]
            for name, run in runs:
                if cls == "Lion" and name == "keras" and not case["lrs"]:
                    case = {**case, "options": {"lr": 1e-4, **case["options"]}}  # Keras' default is 1e-3
                found = run(case, lists[case["gradients"]])
                if found is None:
                    skipped.append(f"{file}: {case['name']}")
                    continue
                expected = np.array(run_formula(case, lists[case["gradients"]]))
                most = np.maximum.accumulate(np.abs(expected))
                error = np.abs(np.array(found) - expected)
                # Both keep some scalars in f32: epsilons, powers of the step, lr.
                relative = np.max(error[error > 0] / most[error > 0], initial=0)
                counts.setdefault((name, cls), []).append(relative)
                if not relative < 1e-6:
                    failures += 1
                    print(f"DIFFERENT {name} {file}: {case['name']}: {relative:.2e}")
    for (name, cls), found in sorted(counts.items()):
        print(f"{name} {cls}: {len(found)} cases, within {max(found):.1e}")
    print(f"{len(skipped)} cases that the package cannot do: " + "; ".join(skipped))
    assert not failures


if __name__ == "__main__":
    main()
