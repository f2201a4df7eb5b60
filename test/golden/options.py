"""The options of our classes and their defaults, by semantics, as the formulas take them."""
from math import inf
from types import SimpleNamespace

DEFAULTS = {
    "SGD": {
        "torch": dict(lr=0.01, momentum=0, dampening=0, nesterov=False, weightDecay=0, decoupled=False, maximize=False),
        "keras": dict(decoupled=True),
    },
    "AdaGrad": {
        "torch": dict(lr=0.01, lrDecay=0, weightDecay=0, initialAccumulatorValue=0, eps=1e-10, decoupled=False,
                      maximize=False),
        "keras": dict(decoupled=True, lr=1e-3, initialAccumulatorValue=0.1, eps=1e-7),
        "optax": dict(initialAccumulatorValue=0.1, eps=1e-7),
    },
    "Adam": {
        "torch": dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weightDecay=0, amsgrad=False, decoupled=False,
                      maximize=False),
        "keras": dict(decoupled=True, eps=1e-7),
    },
    "AdamW": {
        "torch": dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weightDecay=0.01, amsgrad=False, maximize=False,
                      decoupled=True),
        "keras": dict(eps=1e-7, weightDecay=0.004),
        "optax": dict(weightDecay=1e-4),
    },
    "RMSprop": {
        "torch": dict(lr=0.01, alpha=0.99, eps=1e-8, weightDecay=0, decoupled=False, momentum=0, centered=False,
                      maximize=False),
        "keras": dict(decoupled=True, lr=1e-3, alpha=0.9, eps=1e-7),
        "optax": dict(alpha=0.9),
    },
    "Adadelta": {
        "torch": dict(lr=1, rho=0.9, eps=1e-6, weightDecay=0, decoupled=False, maximize=False),
        "keras": dict(decoupled=True, lr=1e-3, rho=0.95, eps=1e-7),
    },
    "Adamax": {
        "torch": dict(lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weightDecay=0, decoupled=False, maximize=False),
        "keras": dict(decoupled=True, lr=1e-3, eps=1e-7),
    },
    "NAdam": {
        "torch": dict(lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weightDecay=0, decoupled=False, momentumDecay=4e-3,
                      maximize=False),
        "keras": dict(decoupled=True, lr=1e-3, eps=1e-7, momentumDecay=1),
    },
    "RAdam": {
        "torch": dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weightDecay=0, decoupled=False, maximize=False),
    },
    "Lion": {
        "torch": dict(lr=1e-4, betas=(0.9, 0.99), weightDecay=0, decoupled=True, maximize=False),
        "keras": dict(lr=1e-3),
        "optax": dict(weightDecay=1e-3),
    },
    "LAMB": {
        "torch": dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weightDecay=0, maximize=False),
    },
    "Adafactor": {
        "torch": dict(lr=0.01, beta2Decay=-0.8, eps=(None, 1e-3), d=1, weightDecay=0, maximize=False),
        "keras": dict(lr=1e-3, eps=(1e-30, 1e-3)),
        "optax": dict(eps=(1e-30, 1e-3), minDimSizeToFactor=128),
    },
    "Muon": {
        "torch": dict(lr=1e-3, weightDecay=0.1, momentum=0.95, nesterov=True, nsCoefficients=(3.4445, -4.775, 2.0315),
                      eps=1e-7, nsSteps=5, adjustLr="original", maximize=False, decoupled=True),
    },
    "Prodigy": {
        "torch": dict(lr=1, betas=(0.9, 0.999), beta3=None, eps=1e-8, weightDecay=0, decoupled=True,
                      useBiasCorrection=False, safeguardWarmup=False, d0=1e-6, dCoef=1, growthRate=inf, maximize=False),
    },
    "ScheduleFreeAdamW": {
        "torch": dict(lr=0.0025, betas=(0.9, 0.999), eps=1e-8, weightDecay=0, warmupSteps=0, r=0, weightLrPower=2,
                      maximize=False),
    },
    "SparseAdam": {"torch": dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False)},
    "RowWiseAdaGrad": {
        "torch": dict(lr=0.01, eps=1e-10, weightDecay=0, decoupled=False, maximize=False),
    },
}


def options(cls, given):
    semantics = given.get("semantics", "torch")
    defaults = DEFAULTS[cls]
    unknown = set(given) - set(defaults["torch"]) - set(defaults.get(semantics, {})) - {"semantics"}
    assert not unknown, f"{cls} has no option {unknown}"
    return SimpleNamespace(**{"semantics": semantics, **defaults["torch"], **defaults.get(semantics, {}), **given})
