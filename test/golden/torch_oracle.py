"""Optimizer steps of torch 1.13. What it lacks is put around its step: decoupled weight decay before, maximize by -g."""
import torch

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
    "amsgrad": "amsgrad",
    "alpha": "alpha",
    "centered": "centered",
    "rho": "rho",
    "momentumDecay": "momentum_decay",
}
CLASSES = {
    "SGD": torch.optim.SGD,
    "AdaGrad": torch.optim.Adagrad,
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
    "RMSprop": torch.optim.RMSprop,
    "Adadelta": torch.optim.Adadelta,
    "Adamax": torch.optim.Adamax,
    "NAdam": torch.optim.NAdam,
    "RAdam": torch.optim.RAdam,
    "SparseAdam": torch.optim.SparseAdam,
}
# torch.optim.SGD has no default lr; ours has this one. NAdam is wrong without foreach: see formulas.py.
DEFAULTS = {"SGD": {"lr": 0.01}, "NAdam": {"foreach": True}}
HAS_FOREACH = {"SGD", "AdaGrad", "Adam", "AdamW", "RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam"}
LACKS_MAXIMIZE = {"NAdam", "RAdam"}


def knows(case):
    return case["class"] in CLASSES and "semantics" not in case["options"]


def run(case, gradients, dtype, make_gradient=None):
    """The parameters after each step and, by name, the states after each step."""
    torch.set_default_dtype(dtype)  # NAdam keeps its product of betas in this precision
    cls, given = case["class"], dict(case["options"])
    decay = given.pop("weightDecay", 0) if given.pop("decoupled", False) else 0
    negated = cls in LACKS_MAXIMIZE and given.pop("maximize", False)
    options = {CAMEL_TO_TORCH[name]: value for name, value in given.items()}
    foreach = {"foreach": False} if cls in HAS_FOREACH else {}
    parameter = torch.nn.Parameter(torch.tensor(case["initial"], dtype=dtype))
    optimizer = CLASSES[cls]([parameter], **{**foreach, **DEFAULTS.get(cls, {}), **options})
    group = optimizer.param_groups[0]
    trajectory, states = [], []
    for step, gradient in enumerate(gradients):
        gradient = make_gradient(gradient, dtype) if make_gradient else torch.tensor(gradient, dtype=dtype)
        parameter.grad = -gradient if negated else gradient
        if case.get("lrs") is not None:
            group["lr"] = case["lrs"][step]
        if decay:
            with torch.no_grad():
                parameter.mul_(1 - group["lr"] * decay)
        optimizer.step()
        trajectory.append(parameter.tolist())
        states.append({name: (value.to_dense() if value.is_sparse else value).tolist()
                       for name, value in optimizer.state[parameter].items()
                       if torch.is_tensor(value) and value.numel() == parameter.numel()})
    torch.set_default_dtype(torch.float32)
    return trajectory, states
