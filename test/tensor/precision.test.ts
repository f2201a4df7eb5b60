// The precision of a program: which products it rounds, and what else it leaves as it is.

import { expect } from "chai";
import {
  Adam,
  attention,
  type ComputePrecision,
  Conv2d,
  type Device,
  f32,
  fromBF16,
  gradients,
  Linear,
  Muon,
  matmul,
  mean,
  mul,
  parameter,
  relu,
  reshape,
  Sequential,
  square,
  sum,
  type Tensor,
  toBF16,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { distance, floats } from "../support/numbers.js";

const round = (values: Float32Array): Float32Array => fromBF16(toBF16(values));

/** Numbers whose products are multiples of 2^-12: bf16 has them, and f32 their sums, in any order. */
const coarse = (seed: number, length: number): Float32Array =>
  floats(seed, length).map((x) => Math.round(64 * x) / 64);

/** a b in double, for a [m, k] and b [k, n]. */
function product(a: Float32Array, b: Float32Array, m: number, k: number, n: number): Float64Array {
  return Float64Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let value = 0;
    for (let l = 0; l < k; l++) value += (a[i * k + l] as number) * (b[l * n + j] as number);
    return value;
  });
}

function turned(a: Float32Array, rows: number, columns: number): Float32Array {
  return a.map((_, at) => a[(at % rows) * columns + Math.floor(at / rows)] as number);
}

const precisionsOf = (listing: string): string[] =>
  Array.from(listing.matchAll(/ gemm .*precision=(\w+)/g), ([, precision]) => precision as string);

onEachDevice("precision of a program", (device) => {
  it("is that of every product of layers, and of their gradients", async () => {
    using model = new Sequential(
      new Conv2d(1, 4, 3),
      relu,
      (x: Tensor) => reshape(x, [2, 36, 4]),
      (x: Tensor) => attention(x, x, x),
      (x: Tensor) => reshape(x, [2, 144]),
      new Linear(144, 3),
    ).to(device(), { seed: 1 });
    using adam = new Adam(model.parameters(), { lr: 1e-3 });
    const record = (precision: ComputePrecision) =>
      device().program({ x: f32(2, 8, 8, 1) }, ({ x }) => adam.minimize(mean(square(model.forward(x)))), {
        precision,
      });
    using plain = record("f32");
    using mixed = record("bf16");
    const products = precisionsOf(plain.toString());
    expect(products.length).to.be.above(10);
    expect(new Set(products)).to.deep.equal(new Set(["f32"]));
    expect(precisionsOf(mixed.toString())).to.deep.equal(products.map(() => "bf16"));
  });

  it("is not that of the optimizer's own products, nor of one that has its own", async () => {
    using w = device().from(floats(1, 32), [4, 8]);
    using muon = new Muon([parameter("w", w)], { lr: 1e-3, nsSteps: 2 });
    using program = device().program(
      { x: f32(3, 8) },
      ({ x }) => {
        const exact = matmul(x, x, { transB: true, precision: "f32" });
        return muon.minimize(mean(mul(matmul(exact, matmul(x, w, { transB: true })), 2)));
      },
      { precision: "bf16" },
    );
    const products = precisionsOf(program.toString());
    expect(products.slice(0, 3)).to.deep.equal(["f32", "bf16", "bf16"]);
    expect(products.slice(-6), "three in each step of the iteration").to.deep.equal(Array(6).fill("f32"));
    expect(products.slice(3, -6).every((precision) => precision === "bf16")).to.equal(true);
  });

  it("rounds both operands in the product and in its gradients", async () => {
    const [m, k, n] = [5, 19, 7];
    const [a, b, g] = [floats(1, m * k), floats(2, k * n), floats(3, m * n)];
    using A = device().from(a, [m, k]);
    using B = device().from(b, [k, n]);
    using G = device().from(g, [m, n]);
    using program = device().program(
      {},
      () => {
        const c = matmul(A, B);
        const [da, db] = gradients(sum(mul(c, G)), [A, B]) as [Tensor, Tensor];
        return { c, da, db };
      },
      { precision: "bf16" },
    );
    const { c, da, db } = await program.run({});
    const [ra, rb, rg] = [round(a), round(b), round(g)];
    // Sums of at most 19 exact products of numbers below 1, in f32.
    const bound = 19 * 2 ** -23;
    expect(distance(c, product(ra, rb, m, k, n))).to.be.below(bound);
    expect(distance(da, product(rg, turned(rb, k, n), m, n, k))).to.be.below(bound);
    expect(distance(db, product(turned(ra, m, k), rg, k, m, n))).to.be.below(bound);
    expect(distance(c, product(a, b, m, k, n)), "which is not what f32 gives").to.be.above(10 * bound);
  });

  it("changes nothing where bf16 has the operands", async () => {
    const run = async (of: Device, precision: ComputePrecision): Promise<Float32Array> => {
      using x = of.from(coarse(1, 6 * 32), [6, 32]);
      using w = of.from(coarse(2, 32 * 8), [32, 8]);
      using program = of.program({}, () => matmul(x, w), { precision });
      return (await program.run({})) as Float32Array;
    };
    expect([...(await run(device(), "bf16"))]).to.deep.equal([...(await run(device(), "f32"))]);
  });

  it("is checked", async () => {
    const record = (options: object) => () => device().program({ x: f32(2, 2) }, ({ x }) => sum(x), options);
    await expectError(
      "ADASTEP_ARGUMENT",
      /'precision'.*"half".*"f32" or "bf16"/,
      record({ precision: "half" }),
    );
    await expectError("ADASTEP_ARGUMENT", /'precision'.*null/, record({ precision: null }));
  });
});
