"""The update rules of the optimizers, written down from the papers and the reference implementations, in plain NumPy.

An oracle that shares no code with the C++ core, nor with torch. Each function makes one step of one tensor: it gets the
parameter `p`, the gradient `g`, the tensor's state `s` (a dict, empty before the first step; arrays are state, floats are
running scalars), the step `t` from 1, the learning rate and the options `o`, and returns the new parameter. Prodigy and
schedule-free look at all tensors at once. Arithmetic is in the precision of `p`, scalars are doubles.

Sources that were read: torch 1.13 (Debian) and, for what it lacks or does wrong, pytorch/pytorch main (2025); keras 3.15.1;
optax 0.2.8; konstmish/prodigy 009a715; facebookresearch/schedule_free b3be06f; pytorch/FBGEMM 00c10a0. check_formulas.py
holds the functions against torch, check_packages.py against the real optax and Keras.
"""
from math import inf, sqrt

import numpy as np

from options import options  # noqa: F401: also for those that import this

FLOAT32_EPS = 2.0**-23

# Defaults of every option by class; the dialects list what differs.
def decayed(p, g, lr, o):
    """Parameter and gradient after `maximize` and weight decay: decoupled it shrinks p, otherwise it is a part of g."""
    if o.maximize:
        g = -g
    if o.weightDecay:
        if getattr(o, "decoupled", False):
            p = p * (1 - lr * o.weightDecay)  # AdamW; every Keras optimizer, in Optimizer._apply_weight_decay
        else:
            g = g + o.weightDecay * p
    return p, g


def zeros(s, p, *names):
    for name in names:
        s.setdefault(name, np.zeros_like(p))


def ema(mean, value, beta):
    return beta * mean + (1 - beta) * value


def rms(x):
    return sqrt(np.mean(x * x, dtype=np.float64))


def norm(x):
    return sqrt(np.sum(x * x, dtype=np.float64))


def sgd(p, g, s, t, lr, o):
    """torch.optim.SGD; optax.sgd is the same. Keras: lr inside of the momentum buffer, which points downhill."""
    p, g = decayed(p, g, lr, o)
    if o.momentum == 0:
        return p - lr * g
    first = "momentum_buffer" not in s
    zeros(s, p, "momentum_buffer")
    if o.semantics == "keras":
        v = s["momentum_buffer"] = o.momentum * s["momentum_buffer"] - lr * g
        return p + (o.momentum * v - lr * g if o.nesterov else v)
    v = s["momentum_buffer"] = g if first else o.momentum * s["momentum_buffer"] + (1 - o.dampening) * g
    return p - lr * (g + o.momentum * v if o.nesterov else v)


def adagrad(p, g, s, t, lr, o):
    """Duchi et al. 2011 as torch.optim.Adagrad; keras.optimizers.Adagrad; optax.scale_by_rss."""
    p, g = decayed(p, g, lr, o)
    if "sum" not in s:
        s["sum"] = np.full_like(p, o.initialAccumulatorValue)
    total = s["sum"] = s["sum"] + g * g
    lr = lr / (1 + (t - 1) * o.lrDecay)
    if o.semantics == "keras":
        return p - lr * g / np.sqrt(total + o.eps)
    if o.semantics == "optax":
        return p - lr * g * np.where(total > 0, 1 / np.sqrt(np.where(total > 0, total, 1) + o.eps), 0)
    return p - lr * g / (np.sqrt(total) + o.eps)


def adam(p, g, s, t, lr, o):
    """Kingma & Ba 2014 as torch.optim.Adam; keras.optimizers.Adam ("epsilon hat"); optax.adam and optax.amsgrad."""
    p, g = decayed(p, g, lr, o)
    beta1, beta2 = o.betas
    zeros(s, p, "exp_avg", "exp_avg_sq")
    m = s["exp_avg"] = ema(s["exp_avg"], g, beta1)
    v = s["exp_avg_sq"] = ema(s["exp_avg_sq"], g * g, beta2)
    correction1, correction2 = 1 - beta1**t, 1 - beta2**t
    if o.semantics == "optax" and o.amsgrad:
        zeros(s, p, "max_exp_avg_sq")
        v_hat = s["max_exp_avg_sq"] = np.maximum(s["max_exp_avg_sq"], v / correction2)
        return p - lr * (m / correction1) / (np.sqrt(v_hat) + o.eps)
    if o.amsgrad:
        zeros(s, p, "max_exp_avg_sq")
        v = s["max_exp_avg_sq"] = np.maximum(s["max_exp_avg_sq"], v)
    if o.semantics == "keras":
        return p - lr * sqrt(correction2) / correction1 * m / (np.sqrt(v) + o.eps)
    return p - lr / correction1 * m / (np.sqrt(v) / sqrt(correction2) + o.eps)


def rmsprop(p, g, s, t, lr, o):
    """torch.optim.RMSprop; keras.optimizers.RMSprop and optax.rmsprop (epsilon in the root, lr in the momentum buffer)."""
    p, g = decayed(p, g, lr, o)
    zeros(s, p, "square_avg", *["grad_avg"] * o.centered, *["momentum_buffer"] * (o.momentum > 0))
    v = s["square_avg"] = ema(s["square_avg"], g * g, o.alpha)
    if o.centered:
        mean = s["grad_avg"] = ema(s["grad_avg"], g, o.alpha)
        v = v - mean * mean
    inside = o.semantics != "torch"
    step = g / (np.sqrt(v + o.eps) if inside else np.sqrt(v) + o.eps)
    if o.momentum == 0:
        return p - lr * step
    if inside:
        s["momentum_buffer"] = o.momentum * s["momentum_buffer"] + lr * step
        return p - s["momentum_buffer"]
    s["momentum_buffer"] = o.momentum * s["momentum_buffer"] + step
    return p - lr * s["momentum_buffer"]


def adadelta(p, g, s, t, lr, o):
    """Zeiler 2012 as torch.optim.Adadelta; Keras and optax have the same formula."""
    p, g = decayed(p, g, lr, o)
    zeros(s, p, "square_avg", "acc_delta")
    v = s["square_avg"] = ema(s["square_avg"], g * g, o.rho)
    delta = np.sqrt(s["acc_delta"] + o.eps) / np.sqrt(v + o.eps) * g
    s["acc_delta"] = ema(s["acc_delta"], delta * delta, o.rho)
    return p - lr * delta


def adamax(p, g, s, t, lr, o):
    """Kingma & Ba 2014, section 7.1, as torch.optim.Adamax (optax.adamax is the same); keras.optimizers.Adamax."""
    p, g = decayed(p, g, lr, o)
    beta1, beta2 = o.betas
    zeros(s, p, "exp_avg", "exp_inf")
    m = s["exp_avg"] = ema(s["exp_avg"], g, beta1)
    if o.semantics == "keras":
        u = s["exp_inf"] = np.maximum(beta2 * s["exp_inf"], np.abs(g))
        return p - lr / (1 - beta1**t) * m / (u + o.eps)
    u = s["exp_inf"] = np.maximum(beta2 * s["exp_inf"], np.abs(g) + o.eps)
    return p - lr / (1 - beta1**t) * m / u


def nadam(p, g, s, t, lr, o, torch_1_13=False):
    """Dozat 2016 as torch.optim.NAdam; keras.optimizers.Nadam is that with momentumDecay 1; optax.nadam has constant betas.

    torch 1.13 without foreach multiplies mu into the next product once too often; torch 2 does not.
    """
    p, g = decayed(p, g, lr, o)
    beta1, beta2 = o.betas
    zeros(s, p, "exp_avg", "exp_avg_sq")
    m = s["exp_avg"] = ema(s["exp_avg"], g, beta1)
    v = s["exp_avg_sq"] = ema(s["exp_avg_sq"], g * g, beta2)
    denominator = np.sqrt(v / (1 - beta2**t)) + o.eps
    if o.semantics == "optax":
        m_hat = beta1 / (1 - beta1 ** (t + 1)) * m + (1 - beta1) / (1 - beta1**t) * g
        return p - lr * m_hat / denominator
    mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (i * o.momentumDecay)) for i in (t, t + 1))
    product = s["mu_product"] = s.get("mu_product", 1.0) * mu
    product_next = product * mu_next * (mu if torch_1_13 else 1)
    return p - lr * (1 - mu) / (1 - product) * g / denominator - lr * mu_next / (1 - product_next) * m / denominator


def radam(p, g, s, t, lr, o):
    """Liu et al. 2020 as torch.optim.RAdam; optax.radam adds epsilon to the corrected root."""
    p, g = decayed(p, g, lr, o)
    beta1, beta2 = o.betas
    zeros(s, p, "exp_avg", "exp_avg_sq")
    m = s["exp_avg"] = ema(s["exp_avg"], g, beta1)
    v = s["exp_avg_sq"] = ema(s["exp_avg_sq"], g * g, beta2)
    m_hat, correction2 = m / (1 - beta1**t), 1 - beta2**t
    most = 2 / (1 - beta2) - 1
    rho = most - 2 * t * beta2**t / correction2
    optax = o.semantics == "optax"
    if not (rho >= 5 if optax else rho > 5):
        return p - lr * m_hat
    rectified = sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
    if optax:
        return p - lr * rectified * m_hat / (np.sqrt(v / correction2) + o.eps)
    return p - lr * rectified * sqrt(correction2) * m_hat / (np.sqrt(v) + o.eps)


def lion(p, g, s, t, lr, o):
    """Chen et al. 2023; optax.lion and keras.optimizers.Lion are the same."""
    p, g = decayed(p, g, lr, o)
    beta1, beta2 = o.betas
    zeros(s, p, "exp_avg")
    direction = np.sign(ema(s["exp_avg"], g, beta1))
    s["exp_avg"] = ema(s["exp_avg"], g, beta2)
    return p - lr * direction


def lamb(p, g, s, t, lr, o):
    """You et al. 2020 as optax.lamb: weight decay inside of the trust ratio, which is 1 where a norm is 0."""
    if o.maximize:
        g = -g
    beta1, beta2 = o.betas
    zeros(s, p, "exp_avg", "exp_avg_sq")
    m = s["exp_avg"] = ema(s["exp_avg"], g, beta1)
    v = s["exp_avg_sq"] = ema(s["exp_avg_sq"], g * g, beta2)
    update = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + o.eps) + o.weightDecay * p
    p_norm, update_norm = norm(p), norm(update)
    ratio = p_norm / update_norm if p_norm > 0 and update_norm > 0 else 1
    return p - lr * ratio * update


def adafactor(p, g, s, t, lr, o):
    """Shazeer & Stern 2018 as torch.optim.Adafactor (2.5 and later); keras.optimizers.Adafactor; optax.adafactor.

    State of a matrix that is factored: row_var, the mean of each row (over the last dimension), and col_var; else variance.
    Keras decays before it takes the root mean square of p; optax decays by weightDecay, not lr weightDecay, and takes lr as
    it is, not at most 1 / sqrt(t); optax factors the two largest dimensions, where both have minDimSizeToFactor.
    """
    if o.maximize:
        g = -g
    eps1, eps2 = o.eps
    eps1 = FLOAT32_EPS if eps1 is None else eps1
    torch, keras, optax = (o.semantics == name for name in ("torch", "keras", "optax"))
    new = t**o.beta2Decay  # 1 - beta2
    if keras:
        p = p * (1 - lr * o.weightDecay)
    alpha = max(eps2, rms(p)) * (lr if optax else min(lr, 1 / sqrt(t)))
    if torch:
        p = p * (1 - lr * o.weightDecay)
    squares = g * g if torch else g * g + np.asarray(eps1, g.dtype)
    if p.ndim > 1 and not (optax and sorted(p.shape)[-2] < o.minDimSizeToFactor):
        rows, columns = sorted(np.argsort(p.shape, kind="stable")[-2:]) if optax else (-2, -1)
        row = s["row_var"] = ema(s.get("row_var", 0), squares.mean(columns, keepdims=True), 1 - new)
        column = s["col_var"] = ema(s.get("col_var", 0), squares.mean(rows, keepdims=True), 1 - new)
        mean = row.mean(rows, keepdims=True)
        v = row / (np.maximum(mean, eps1) if torch else mean) * column
    else:
        v = s["variance"] = ema(s.get("variance", 0), squares, 1 - new)
    u = g / np.sqrt(np.maximum(v, eps1 * eps1) if torch else v)
    u = u / max(1, rms(u) / o.d)
    return p - alpha * u - (o.weightDecay * p if optax else 0)


def orthogonal(g, o):
    """The quintic Newton-Schulz iteration of K. Jordan's Muon, as torch.optim.Muon but without its bfloat16."""
    a, b, c = o.nsCoefficients
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / max(norm(x), o.eps)
    for _ in range(o.nsSteps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def muon(p, g, s, t, lr, o):
    """torch.optim.Muon (2.9): its code has running means, where its documentation has sums."""
    p, g = decayed(p, g, lr, o)
    zeros(s, p, "momentum_buffer")
    mean = s["momentum_buffer"] = ema(s["momentum_buffer"], g, o.momentum)
    update = orthogonal(ema(mean, g, o.momentum) if o.nesterov else mean, o)
    rows, columns = p.shape
    factor = {"original": sqrt(max(1, rows / columns)), "matchRmsAdamw": 0.2 * sqrt(max(rows, columns))}[o.adjustLr]
    return p - lr * factor * update


def prodigy(ps, gs, states, shared, t, lr, o):
    """Mishchenko & Defazio 2023 as konstmish/prodigy; one estimate d for all tensors.

    While all gradients so far are 0 the reference returns early: no weight decay, and k, which its bias correction counts
    by, stays. dlr, the step's learning rate, is made of the d from before the step.
    """
    beta1, beta2 = o.betas
    beta3 = sqrt(beta2) if o.beta3 is None else o.beta3
    d, most, k = shared.get("d", o.d0), shared.get("d_max", o.d0), shared.get("k", 0)
    correction = sqrt(1 - beta2 ** (k + 1)) / (1 - beta1 ** (k + 1)) if o.useBiasCorrection else 1
    dlr = d * lr * correction
    numerator, denominator, decayed_gs = shared.get("numerator", 0.0) * beta3, 0.0, []
    for p, g, s in zip(ps, gs, states):
        g = -g if o.maximize else g
        g = g if o.decoupled else g + o.weightDecay * p
        s.setdefault("p0", p.copy())
        zeros(s, p, "exp_avg", "exp_avg_sq", "s")
        if lr > 0:
            numerator += d / o.d0 * dlr * np.sum(g * (s["p0"] - p), dtype=np.float64)
            s["exp_avg"] = beta1 * s["exp_avg"] + d * (1 - beta1) * g
            s["exp_avg_sq"] = beta2 * s["exp_avg_sq"] + d * d * (1 - beta2) * g * g
            s["s"] = beta3 * s["s"] + d / o.d0 * (d if o.safeguardWarmup else dlr) * g
            denominator += np.sum(np.abs(s["s"]), dtype=np.float64)
    shared.setdefault("d", o.d0)
    if denominator == 0:
        return ps
    if lr > 0:
        estimate = o.dCoef * numerator / denominator
        if d == o.d0:
            d = max(d, estimate)
        most = max(most, estimate)
        d = min(most, d * o.growthRate)
    shared.update(d=d, d_max=most, numerator=numerator, k=k + 1)
    steps = []
    for p, s in zip(ps, states):
        if o.decoupled:
            p = p * (1 - dlr * o.weightDecay)
        steps.append(p - dlr * s["exp_avg"] / (np.sqrt(s["exp_avg_sq"]) + d * o.eps))
    return steps


def schedule_free_adamw(ps, gs, states, shared, t, lr, o):
    """Defazio et al. 2024 as schedulefree.AdamWScheduleFree (1.3 and later: lr is not bias-corrected, the root is).

    Parameters are y; x, the average, is written down here as the paper has it, the reference has it only implicitly.
    """
    beta1, beta2 = o.betas
    lr = lr * min(1, t / o.warmupSteps) if o.warmupSteps else lr
    shared["lr_max"] = max(shared.get("lr_max", -1), lr)
    weight = t**o.r * shared["lr_max"] ** o.weightLrPower
    shared["weight_sum"] = shared.get("weight_sum", 0) + weight
    c = weight / shared["weight_sum"] if shared["weight_sum"] else 0
    ys = []
    for y, g, s in zip(ps, gs, states):
        g = -g if o.maximize else g
        s.setdefault("z", y.copy())
        s.setdefault("x", y.copy())
        zeros(s, y, "exp_avg_sq")
        v = s["exp_avg_sq"] = ema(s["exp_avg_sq"], g * g, beta2)
        z = s["z"] = s["z"] - lr * (g / (np.sqrt(v / (1 - beta2**t)) + o.eps) + o.weightDecay * y)
        x = s["x"] = (1 - c) * s["x"] + c * z
        ys.append(beta1 * x + (1 - beta1) * z)
    return ys


def sparse_adam(p, g, s, t, lr, o, rows):
    """torch.optim.SparseAdam: rows without a gradient rest; t counts all steps; "epsilon hat", unlike torch.optim.Adam."""
    g = -g if o.maximize else g
    beta1, beta2 = o.betas
    zeros(s, p, "exp_avg", "exp_avg_sq")
    m, v, p = s["exp_avg"].copy(), s["exp_avg_sq"].copy(), p.copy()
    m[rows], v[rows] = ema(m[rows], g[rows], beta1), ema(v[rows], g[rows] ** 2, beta2)
    p[rows] -= lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m[rows] / (np.sqrt(v[rows]) + o.eps)
    s["exp_avg"], s["exp_avg_sq"] = m, v
    return p


def row_wise_adagrad(p, g, s, t, lr, o, rows):
    """FBGEMM's rowwise_adagrad: one sum of mean squares for each row; rows without a gradient rest, also from decay.

    L2 decay (its weight_decay_mode 1) is a part of the gradient; decoupled (mode 2) shrinks the row by 1 - lr weightDecay.
    """
    g = -g if o.maximize else g
    s.setdefault("sum", np.zeros_like(p[:, 0]))
    p, total = p.copy(), s["sum"].copy()
    decay = o.weightDecay
    full = g[rows] + (0 if o.decoupled else decay * p[rows])
    total[rows] += (full**2).mean(-1)
    factor = (lr / (np.sqrt(total[rows]) + o.eps))[:, None]
    p[rows] = p[rows] * ((1 - lr * decay) if o.decoupled else (1 - factor * decay)) - factor * g[rows]
    s["sum"] = total
    return p


def each(step):
    """A step of one tensor as a step of several."""
    def steps(ps, gs, states, shared, t, lr, o):
        return [step(p, g, s, t, lr, o) for p, g, s in zip(ps, gs, states)]
    return steps


FORMULAS = {
    "SGD": each(sgd),
    "AdaGrad": each(adagrad),
    "Adam": each(adam),
    "AdamW": each(adam),
    "RMSprop": each(rmsprop),
    "Adadelta": each(adadelta),
    "Adamax": each(adamax),
    "NAdam": each(nadam),
    "RAdam": each(radam),
    "Lion": each(lion),
    "LAMB": each(lamb),
    "Adafactor": each(adafactor),
    "Muon": each(muon),
    "Prodigy": prodigy,
    "ScheduleFreeAdamW": schedule_free_adamw,
}
SPARSE_FORMULAS = {"SparseAdam": sparse_adam, "RowWiseAdaGrad": row_wise_adagrad}
