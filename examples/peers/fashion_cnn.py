#!/usr/bin/python3
"""What PyTorch makes of examples/fashion-cnn.ts: the same network, pictures, epochs and schedule.

On Debian 12: apt-get install python3-torch libopenblas0-pthread dataset-fashion-mnist && /usr/bin/python3 examples/peers/fashion_cnn.py
(Without OpenBLAS Debian's torch multiplies matrices ten times slower.)
"""
import argparse
import gzip
import math
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

BATCH, WARMUP = 64, 100
FOLDER = Path("/usr/share/datasets/fashion-mnist")


def read(part):
    images = gzip.decompress((FOLDER / f"{part}-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((FOLDER / f"{part}-labels-idx1-ubyte.gz").read_bytes())[8:]
    return (torch.frombuffer(bytearray(images), dtype=torch.uint8).view(-1, 1, 28, 28),
            torch.frombuffer(bytearray(labels), dtype=torch.uint8).long())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--examples", type=int, default=60000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    x, y = (part[:options.examples] for part in read("train"))
    test_x, test_y = read("t10k")
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(7 * 7 * 32, 128), nn.ReLU(), nn.Linear(128, 10))
    layout = torch.channels_last if options.channels_last else torch.contiguous_format
    model = model.to(memory_format=layout)
    forward = lambda images: model((images.float() / 255).contiguous(memory_format=layout))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    steps = math.ceil(len(x) / BATCH) * options.epochs
    rate = lambda i: (i + 1) / WARMUP if i < WARMUP else \
        0.5 * (1 + math.cos(math.pi * (i - WARMUP) / max(1, steps - WARMUP)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    for epoch in range(options.epochs):
        model.train()
        began, total = time.time(), 0.0
        for places in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(forward(x[places]), y[places])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(places)
        seconds = time.time() - began
        print(f"epoch {epoch + 1}: training loss {total / len(x):.3f}, {seconds:.1f} s, "
              f"{time.process_time():.0f} s of processors so far", flush=True)
    model.eval()
    with torch.no_grad():
        right = sum((forward(a).argmax(1) == b).sum().item() for a, b in zip(test_x.split(256), test_y.split(256)))
    print(f"torch {torch.__version__}, {options.threads} threads: accuracy {right / len(test_y):.4f}")


main()
