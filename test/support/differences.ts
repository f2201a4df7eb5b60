// An operation against a reference in double precision, its gradients against central differences of that reference. The
// reference shares no code with the library.

import { expect } from "chai";
import * as lib from "../../lib/index.js";
import { type Device, f32, gradients, i32, mul, sum, type Tensor } from "../../lib/index.js";
import { distance, floats } from "./numbers.js";
import * as ref from "./reference.js";

type Array_ = ref.Array_;

/** An operation and its reference. */
export interface Row {
  readonly name: string;
  /** Shapes of the differentiable arguments. */
  readonly shapes: readonly (readonly number[])[];
  readonly run: (...args: Tensor[]) => Tensor;
  readonly reference: (...args: Array_[]) => Array_;
  /** Interval of the arguments' elements. Default [-2, 2). */
  readonly range?: readonly [number, number];
  /** An i32 argument that comes last. */
  readonly indices?: { readonly shape: readonly number[]; readonly below: number };
}

/** Numbers away from 0 and from each other's ties, where kinks would spoil a difference quotient. */
function argument(seed: number, shape: readonly number[], [low, high]: readonly [number, number]): Array_ {
  const data = Array.from(floats(seed, ref.count(shape), low, high), (v) =>
    low < 0 && Math.abs(v) < 0.05 ? v + 0.1 : v,
  );
  return { shape, data: data.map(Math.fround) };
}

/** Runs an operation, which is number `place` of its list, and compares. */
export async function expectValueAndGradient(device: Device, row: Row, place: number): Promise<void> {
  const args = row.shapes.map((shape, i) => argument(100 * place + i, shape, row.range ?? [-2, 2]));
  const indices = row.indices && {
    shape: row.indices.shape,
    data: Array.from(floats(7, ref.count(row.indices.shape), 0, row.indices.below), Math.floor),
  };
  const rest = indices ? [indices] : [];
  const expected = row.reference(...args, ...rest);
  const weights = { shape: expected.shape, data: Array.from(floats(5, expected.data.length)) };

  const buffers = args.map(({ shape, data }) => device.from(Float32Array.from(data), shape));
  const inputs = { w: f32(...weights.shape), ...(indices ? { i: i32(...indices.shape) } : {}) };
  using program = device.program(
    inputs as { w: ReturnType<typeof f32>; i: ReturnType<typeof i32> },
    ({ w, i }) => {
      const tensors = buffers.map((buffer) => lib.affine(buffer, 1));
      const y = row.run(...tensors, ...(i ? [i] : []));
      const grads = gradients(sum(mul(y, w)), buffers);
      return { y, ...Object.fromEntries(grads.map((g, k) => [`g${k}`, g])) } as Record<string, Tensor>;
    },
  );
  const batch = {
    w: Float32Array.from(weights.data),
    ...(indices ? { i: Int32Array.from(indices.data) } : {}),
  };
  const result = (await program.run(batch as never)) as Record<string, Float32Array | number>;
  const asArray = (value: unknown) => (typeof value === "number" ? [value] : (value as Float32Array));

  // f32 rounding over sums of a few dozen terms of size 1: 1e-5 relative is ten times what is seen.
  expect(distance(asArray(result.y), expected.data), "value").to.be.below(1e-5);
  const loss = (...xs: Array_[]) =>
    row.reference(...xs, ...rest).data.reduce((total, v, k) => total + v * (weights.data[k] as number), 0);
  args.forEach((arg, k) => {
    const h = 1e-5;
    const numeric = arg.data.map((v, j) => {
      const at = (x: number) =>
        loss(...args.map((a, m) => (m === k ? { ...a, data: a.data.with(j, x) } : a)));
      return (at(v + h) - at(v - h)) / (2 * h);
    });
    expect(distance(asArray(result[`g${k}`]), numeric), `gradient of argument ${k}`).to.be.below(3e-5);
  });
  for (const buffer of buffers) buffer.dispose();
}
