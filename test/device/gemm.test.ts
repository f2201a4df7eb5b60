// GEMM: property tests against a product in double precision, and bit-equality over threads and instruction-set levels.

import { expect } from "chai";
import fc from "fast-check";
import { type ComputePrecision, Device, gemm } from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";

interface Problem {
  readonly batch: number | undefined;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: boolean;
  readonly sharedB: boolean;
  readonly precision: ComputePrecision;
}

const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 41, max: 150 }) },
);
const problem: fc.Arbitrary<Problem> = fc.record({
  batch: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  m: size,
  n: size,
  k: size,
  transA: fc.boolean(),
  transB: fc.boolean(),
  alpha: fc.constantFrom(1, 0, -0.5),
  beta: fc.constantFrom(0, 1, 0.25),
  bias: fc.boolean(),
  sharedB: fc.boolean(),
  precision: fc.constant("f32"),
});

function shapesOf({ batch, m, n, k, transA, transB, sharedB }: Problem) {
  const lead = batch === undefined ? [] : [batch];
  return {
    a: [...lead, ...(transA ? [k, m] : [m, k])],
    b: [...(sharedB ? [] : lead), ...(transB ? [n, k] : [k, n])],
    c: [...lead, m, n],
  };
}

const count = (shape: number[]) => shape.reduce((p, d) => p * d, 1);

async function run(device: Device, p: Problem): Promise<Float32Array> {
  const shapes = shapesOf(p);
  using a = device.from(floats(1, count(shapes.a)), shapes.a);
  using b = device.from(floats(2, count(shapes.b)), shapes.b);
  using c = device.from(
    p.beta === 0 ? new Float32Array(count(shapes.c)).fill(Number.NaN) : floats(3, count(shapes.c)),
    shapes.c,
  );
  using bias = device.from(floats(4, p.n));
  gemm(c, a, b, {
    transA: p.transA,
    transB: p.transB,
    alpha: p.alpha,
    beta: p.beta,
    precision: p.precision,
    ...(p.bias ? { bias } : {}),
  });
  return await c.read();
}

/** To the nearest number of 8 significant bits, by Veltkamp's splitting (Dekker 1971). */
function rounded(values: Float32Array): Float32Array {
  return values.map((x) => {
    const shift = Math.fround(Math.abs(x) * (2 ** 16 + 1));
    return Math.sign(x) * Math.fround(shift - Math.fround(shift - Math.abs(x)));
  });
}

/**
 * The product in double precision, and a bound on the rounding of an f32 chain of k terms (Higham 2002, section 3.1). Products of
 * two bf16 are exact; their sum in tensor cores has an unknown order and may cut off instead of rounding, at twice the error.
 */
function reference(p: Problem): { value: Float64Array; bound: Float64Array } {
  const { m, n, k } = p;
  const shapes = shapesOf(p);
  const read = p.precision === "bf16" ? rounded : (values: Float32Array) => values;
  const unit = p.precision === "bf16" ? 2 ** -23 : 2 ** -24;
  const [a, b, c, bias] = [
    read(floats(1, count(shapes.a))),
    read(floats(2, count(shapes.b))),
    floats(3, count(shapes.c)),
    floats(4, n),
  ];
  const value = new Float64Array(count(shapes.c));
  const bound = new Float64Array(value.length);
  for (let q = 0; q < (p.batch ?? 1); q++) {
    const [oa, ob, oc] = [q * m * k, p.sharedB || p.batch === undefined ? 0 : q * k * n, q * m * n];
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let [sum, magnitude] = [0, 0];
        for (let l = 0; l < k; l++) {
          const term =
            (a[oa + (p.transA ? l * m + i : i * k + l)] as number) *
            (b[ob + (p.transB ? j * k + l : l * n + j)] as number);
          sum += term;
          magnitude += Math.abs(term);
        }
        const at = oc + i * n + j;
        const rest = (p.beta === 0 ? 0 : p.beta * (c[at] as number)) + (p.bias ? (bias[j] as number) : 0);
        value[at] = p.alpha * sum + rest;
        bound[at] = (k + 4) * unit * (magnitude + 3);
      }
    }
  }
  return { value, bound };
}

function expectWithin(
  actual: Float32Array,
  { value, bound }: { value: Float64Array; bound: Float64Array },
): void {
  expect(actual.length).to.equal(value.length);
  for (let i = 0; i < value.length; i++) {
    const error = Math.abs((actual[i] as number) - (value[i] as number));
    if (!(error <= (bound[i] as number)))
      expect.fail(`element ${i}: ${actual[i]}, expected ${value[i]} within ${bound[i]}`);
  }
}

onEachDevice("gemm", (device) => {
  it("agrees with double precision for any shape, transpose, alpha, beta, bias and batch", async () => {
    await fc.assert(
      fc.asyncProperty(problem, async (p) => expectWithin(await run(device(), p), reference(p))),
      { numRuns: device().kind === "cpu" ? 400 : 60, seed: 1 },
    );
  });

  it("with bf16 agrees with double precision of rounded operands", async () => {
    await fc.assert(
      fc.asyncProperty(problem, async (drawn) => {
        const p = { ...drawn, precision: "bf16" as const };
        expectWithin(await run(device(), p), reference(p));
      }),
      { numRuns: device().kind === "cpu" ? 200 : 40, seed: 2 },
    );
  });

  it("rounds operands to the nearest bf16, ties to even, and keeps what is no number", async () => {
    const one = 1 + 2 ** -8; // halfway between 1 and its successor in bf16
    const [huge, tiny] = [3.4028234663852886e38, 2 ** -140];
    const read = Float32Array.of(one, 1 + 3 * 2 ** -8, -one, one + 2 ** -20, huge, tiny, 1 / 0, Number.NaN);
    using a = device().from(read, [8, 1]);
    using b = device().from(Float32Array.of(1), [1, 1]);
    using c = device().alloc("f32", [8, 1]);
    gemm(c, a, b, { precision: "bf16" });
    const expected = [1, 1 + 2 ** -6, -1, 1 + 2 ** -7, Number.POSITIVE_INFINITY, 0, 1 / 0, Number.NaN];
    expect([...(await c.read())]).to.deep.equal(expected);
  });

  it("applies activations last", async () => {
    using a = device().from(Float32Array.of(1, -1), [2, 1]);
    using b = device().from(Float32Array.of(2), [1, 1]);
    using c = device().alloc("f32", [2, 1]);
    using bias = device().from(Float32Array.of(0.5));
    gemm(c, a, b, { bias, activation: "relu" });
    expect([...(await c.read())]).to.deep.equal([2.5, 0]);
    gemm(c, a, b, { bias, activation: "sigmoid" });
    expect((await c.read())[0]).to.be.closeTo(1 / (1 + Math.exp(-2.5)), 1e-6);
  });

  it("refuses shapes that do not fit", async () => {
    using a = device().alloc("f32", [2, 3]);
    using b = device().alloc("f32", [4, 5]);
    using c = device().alloc("f32", [2, 5]);
    using v = device().alloc("f32", [5]);
    await expectError("ADASTEP_SHAPE", /gemm: shapes.*\[2, 3\].*\[4, 5\]/, () => gemm(c, a, b));
    await expectError("ADASTEP_SHAPE", /'a'.*\[5\].*matrix/, () => gemm(c, v, b));
    await expectError("ADASTEP_ARGUMENT", /'alpha'.*NaN/, () => gemm(c, a, b, { alpha: Number.NaN }));
    await expectError("ADASTEP_ARGUMENT", /'precision'.*"tf32".*"f32" or "bf16"/, () =>
      gemm(c, a, b, { precision: "tf32" as never }),
    );
    await expectError("ADASTEP_ARGUMENT", /"transa"/, () => gemm(c, a, b, { transa: true } as never));
    await expectError("ADASTEP_ARGUMENT", /'c'.*overlaps/, () =>
      gemm(a.view(0, [2, 2]), a.view(0, [2, 2]), b.view(0, [2, 2])),
    );
  });
});

describe("gemm on the CPU", () => {
  it("has the same bits whatever the number of threads and the instruction-set level with fma", async function () {
    this.timeout(60_000);
    const open = (options: object) => Device.open("cpu", options);
    const variants: Device[] = [
      await open({ threads: 1 }),
      await open({ threads: 2 }),
      await open({ threads: 3 }),
    ];
    for (const level of ["v3", "v4", "neon"]) {
      try {
        variants.push(await open({ level }));
      } catch (error) {
        expect(String(error), "only a level that this machine lacks may be missing").to.match(/level/);
      }
    }
    const precisions = ["f32", "bf16"] as const;
    const sizes = [
      [64, 512, 784],
      [1, 300, 700],
      [300, 1, 700],
      [128, 10, 512],
      [257, 129, 1025],
    ] as const;
    for (const [m, n, k, precision] of precisions.flatMap((each) =>
      sizes.map((size) => [...size, each] as const),
    )) {
      const p = {
        batch: undefined,
        m,
        n,
        k,
        transA: false,
        transB: true,
        alpha: 1,
        beta: 0,
        bias: true,
        sharedB: false,
        precision,
      };
      const results = await Promise.all(variants.map((device) => run(device, p)));
      for (const result of results)
        expect(
          Buffer.compare(Buffer.from(result.buffer), Buffer.from((results[0] as Float32Array).buffer)),
        ).to.equal(0);
    }
    for (const device of variants) device.dispose();
  });
});
