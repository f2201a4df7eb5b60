"""Nanoseconds per parameter of a step of torch.optim.AdamW: peer.py <tensors> <elements of each> <threads>"""

import sys
import time

import torch

tensors, elements, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)
parameters = [torch.nn.Parameter(torch.randn(elements)) for _ in range(tensors)]
for parameter in parameters:
    parameter.grad = torch.randn(elements)


def nanoseconds(foreach):
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, foreach=foreach)
    times = []
    for _ in range(8):
        began = time.perf_counter()
        optimizer.step()
        times.append(time.perf_counter() - began)
    return min(times) / (tensors * elements) * 1e9


print(min(nanoseconds(False), nanoseconds(True)))  # the faster of its two implementations
