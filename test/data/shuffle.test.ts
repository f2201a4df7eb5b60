import { expect } from "chai";
import fc from "fast-check";
import { philox } from "../../lib/data/philox.js";
import { permutation } from "../../lib/data/shuffle.js";
import { expectError } from "../support/errors.js";

const hex = (words: readonly number[]): string =>
  words.map((word) => word.toString(16).padStart(8, "0")).join(" ");

describe("philox", () => {
  // The known answers of Random123 (kat_vectors) for philox4x32-10.
  it("gives the known words", () => {
    expect(hex(philox(0, 0, 0, 0))).to.equal("6627e8d5 e169c58d bc57ac4c 9b00dbd8");
  });

  it("equals the definition in 64-bit integers", () => {
    const word = fc.nat(2 ** 32 - 1);
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), word, word, (seed, index, stream, step) => {
        const counter = [BigInt(index) & MASK, BigInt(index) >> 32n, BigInt(stream), BigInt(step)] as const;
        const words = reference(BigInt(seed), counter);
        expect(philox(seed, index, stream, step)).to.deep.equal(words.map(Number));
      }),
    );
  });

  // Counter and key all ones, which a seed below 2^53 cannot say, tie the reference itself to Random123.
  it("has a reference that gives the known words", () => {
    const ones = reference(2n ** 64n - 1n, [MASK, MASK, MASK, MASK]);
    expect(hex(ones.map(Number))).to.equal("408f276d 41c83b0e a20bc7c6 6d5451fd");
    const pi = [0x243f6a88n, 0x85a308d3n, 0x13198a2en, 0x03707344n] as const;
    const words = reference((0x299f31d0n << 32n) | 0xa4093822n, pi);
    expect(hex(words.map(Number))).to.equal("d16cfe09 94fdcceb 5001e420 24126ea1");
  });
});

const MASK = 0xffffffffn;

function reference(seed: bigint, counter: readonly [bigint, bigint, bigint, bigint]): bigint[] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = [seed & MASK, seed >> 32n];
  for (let round = 0; round < 10; round++) {
    const [a, b] = [0xd2511f53n * c0, 0xcd9e8d57n * c2];
    [c0, c1, c2, c3] = [(b >> 32n) ^ c1 ^ k0, b & MASK, (a >> 32n) ^ c3 ^ k1, a & MASK];
    [k0, k1] = [(k0 + 0x9e3779b9n) & MASK, (k1 + 0xbb67ae85n) & MASK];
  }
  return [c0, c1, c2, c3];
}

describe("permutation", () => {
  it("holds every index once", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.maxSafeNat(), fc.nat(2 ** 32 - 1), (size, seed, epoch) => {
        const sorted = [...permutation(size, { seed, epoch })].sort((a, b) => a - b);
        expect(sorted).to.deep.equal([...Array(size).keys()]);
      }),
    );
  });

  it("is the same on every machine", () => {
    expect([...permutation(10, { seed: 1 })]).to.deep.equal([...permutation(10, { seed: 1, epoch: 0 })]);
    expect([...permutation(10, { seed: 1 })]).to.deep.equal(KNOWN);
  });

  it("differs from seed to seed, epoch to epoch and use to use", () => {
    const orders = [
      permutation(50, { seed: 1 }),
      permutation(50, { seed: 2 }),
      permutation(50, { seed: 1 + 2 ** 32 }),
      permutation(50, { seed: 1, epoch: 1 }),
      permutation(50, { seed: 1, use: "split" }),
    ];
    expect(new Set(orders.map((order) => order.join())).size).to.equal(orders.length);
  });

  // Each of the 24 orders of 4 is expected 500 times; chi-square with 23 degrees of freedom passes 49.7 once in 1,000
  // seeds, and these seeds are fixed.
  it("gives every order equally often", () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 12_000; epoch++) {
      const order = permutation(4, { seed: 7, epoch }).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).to.equal(24);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0);
    expect(chiSquare).to.be.below(49.7);
  });

  it("rejects sizes and keys out of range", async () => {
    for (const size of [-1, 1.5, Number.NaN, 2 ** 32]) {
      await expectError("ADASTEP_ARGUMENT", /'size'/, () => permutation(size, { seed: 0 }));
    }
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
      await expectError("ADASTEP_ARGUMENT", /'seed'/, () => permutation(1, { seed }));
    }
    await expectError("ADASTEP_ARGUMENT", /'epoch'/, () => permutation(1, { seed: 0, epoch: 2 ** 32 }));
  });
});

// Computed with exact integers in Python.
const KNOWN = [6, 1, 7, 9, 4, 0, 8, 3, 5, 2];
