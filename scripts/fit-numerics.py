#!/usr/bin/python3
"""Fits the polynomials of core/numerics.h and prints them as C arrays (needs python3-scipy, python3-mpmath).

Each is a weighted least-squares fit on Chebyshev nodes, which lies within a few percent of the minimax
polynomial at these degrees; the tests measure the error of the finished functions, in units in the last place.
"""
import mpmath as mp
import numpy as np

mp.mp.dps = 40


def fit(name, f, low, high, degree, weight=lambda x: 1.0, nodes=4000):
    """Coefficients (lowest power first) of p ~ f on [low, high], minimising weight * |p - f|."""
    k = np.arange(nodes)
    x = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (k + 0.5) / nodes)
    y = np.array([float(f(mp.mpf(v))) for v in x])
    w = np.array([float(weight(v)) for v in x])
    for _ in range(30):  # Lawson's iteration moves least squares towards minimax
        a = np.vander(x, degree + 1, increasing=True) * w[:, None]
        c, *_ = np.linalg.lstsq(a, y * w, rcond=None)
        r = np.abs(np.vander(x, degree + 1, increasing=True) @ c - y)
        w = w * (0.5 + r / r.max()) ** 0.5
    print(f"{name}: " + ", ".join(f"{np.float32(v):.9g}f" for v in c))


ln2 = mp.log(2)
fit("exp", lambda r: (mp.e**r - 1 - r) / r**2 if abs(r) > 1e-12 else mp.mpf("0.5"), -float(ln2) / 2, float(ln2) / 2, 4)
fit("log", lambda f: (mp.log(1 + f) - f + f * f / 2) / f**3 if abs(f) > 1e-9 else mp.mpf(1) / 3, 2**-0.5 - 1, 2**0.5 - 1, 8)
fit("tanh", lambda s: (mp.tanh(mp.sqrt(s)) / mp.sqrt(s) - 1) / s if s > 1e-12 else -mp.mpf(1) / 3, 0, 0.4, 4)
fit("erf small", lambda s: mp.erf(mp.sqrt(s)) / mp.sqrt(s) - 1 if s > 1e-14 else 2 / mp.sqrt(mp.pi) - 1, 0, 0.875, 6)
fit("erf large", lambda t: -mp.log(mp.erfc(t)) / t, 0.93, 4.0, 8)
fit("sin 2 pi", lambda s: (mp.sin(2 * mp.pi * mp.sqrt(s)) / mp.sqrt(s)) if s > 1e-14 else 2 * mp.pi, 0, 1 / 64, 4)
fit("cos 2 pi", lambda s: mp.cos(2 * mp.pi * mp.sqrt(s)), 0, 1 / 64, 4)
