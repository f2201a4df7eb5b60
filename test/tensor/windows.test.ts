// Operations of convolutional networks and transformers: values and gradients, and what they refuse.

import { expect } from "chai";
import * as lib from "../../lib/index.js";
import { f32, gradients, sum, type Tensor } from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectValueAndGradient, type Row } from "../support/differences.js";
import { expectError } from "../support/errors.js";
import * as ref from "../support/reference.js";
import * as windows from "../support/reference-windows.js";

type Pair = readonly [number, number];
const both = (value: number | Pair): Pair => (typeof value === "number" ? [value, value] : value);

const convolutions: Row[] = (
  [
    { kernel: 3, stride: 1, padding: 1 },
    { kernel: [2, 3], stride: [2, 1], padding: [0, 2] },
    { kernel: 1, stride: 1, padding: 0 },
    { kernel: 1, stride: 2, padding: 1 },
    { kernel: [5, 6], stride: 3, padding: 0 },
  ] as const
).map(({ kernel, stride, padding }) => ({
  name: `conv2d ${kernel} by ${stride}, padding ${padding}`,
  shapes: [[2, 5, 6, 3], [4, 3, ...both(kernel)], [4]],
  run: (x, w, b) => lib.conv2d(x, w, b, { stride, padding }),
  reference: (x, w, b) => windows.conv2d(x, w, b, { stride: both(stride), padding: both(padding) }),
}));

const pools: Row[] = (
  [
    { kernel: 2, options: {}, window: { kernel: [2, 2], stride: [2, 2], padding: [0, 0] } },
    {
      kernel: [3, 2],
      options: { stride: [1, 2], padding: [1, 1] },
      window: { kernel: [3, 2], stride: [1, 2], padding: [1, 1] },
    },
    { kernel: 3, options: { stride: 2 }, window: { kernel: [3, 3], stride: [2, 2], padding: [0, 0] } },
  ] as const
).flatMap(({ kernel, options, window }) => [
  {
    name: `maxPool2d ${kernel}`,
    shapes: [[2, 7, 6, 3]],
    run: (x: Tensor) => lib.maxPool2d(x, kernel, options),
    reference: (x: ref.Array_) => windows.maxPool(x, window),
  },
  {
    name: `avgPool2d ${kernel}`,
    shapes: [[2, 7, 6, 3]],
    run: (x: Tensor) => lib.avgPool2d(x, kernel, options),
    reference: (x: ref.Array_) => windows.avgPool(x, window),
  },
]);

const causalSoftmax = (x: ref.Array_): ref.Array_ => {
  const t = x.shape.at(-1) as number;
  let row = 0;
  return ref.rows(x, (values) => {
    const seen = (row++ % t) + 1;
    return [...ref.softmax(values.slice(0, seen)), ...new Array<number>(t - seen).fill(0)];
  });
};

const rmsNorm = (x: ref.Array_, g: ref.Array_ | undefined, eps: number): ref.Array_ =>
  ref.rows(x, (row) => {
    const root = Math.sqrt(row.reduce((s, v) => s + v * v, 0) / row.length + eps);
    return row.map((v, j) => (v / root) * (g?.data[j] ?? 1));
  });

const rows: Row[] = [
  ...convolutions,
  {
    name: "conv2d without bias + relu (fused)",
    shapes: [
      [1, 4, 4, 2],
      [3, 2, 2, 2],
    ],
    run: (x, w) => lib.relu(lib.conv2d(x, w)),
    reference: (x, w) =>
      ref.map(windows.conv2d(x, w, undefined, { stride: [1, 1], padding: [0, 0] }), (v) => Math.max(v, 0)),
  },
  ...pools,
  {
    name: "rmsNorm",
    shapes: [[4, 6], [6]],
    run: (x, g) => lib.rmsNorm(x, g),
    reference: (x, g) => rmsNorm(x, g, 1e-6),
  },
  {
    name: "rmsNorm without parameter",
    shapes: [[4, 6]],
    run: (x) => lib.rmsNorm(x, undefined, 0.1),
    reference: (x) => rmsNorm(x, undefined, 0.1),
  },
  {
    name: "causal softmax",
    shapes: [[2, 5, 5]],
    run: (x) => lib.softmax(x, { causal: true }),
    reference: causalSoftmax,
  },
  {
    name: "attention",
    shapes: [
      [2, 3, 4],
      [2, 5, 4],
      [2, 5, 3],
    ],
    run: (q, k, v) => lib.attention(q, k, v),
    reference: (q, k, v) => windows.attention(q, k, v, () => 5),
  },
  {
    name: "causal attention",
    shapes: [
      [2, 5, 4],
      [2, 5, 4],
      [2, 5, 3],
    ],
    run: (q, k, v) => lib.attention(q, k, v, { causal: true }),
    reference: (q, k, v) => windows.attention(q, k, v, (i) => i + 1),
  },
];

onEachDevice("operations of networks", (device) => {
  rows.forEach((row, place) => {
    it(`${row.name}: value and gradient`, () => expectValueAndGradient(device(), row, 500 + place));
  });

  it("maxPool2d: a NaN is the largest, its gradient adds up", async () => {
    using x = device().from(Float32Array.of(1, 1, 1, 5, Number.NaN, 9, Number.NaN, 2, 3), [1, 3, 3, 1]);
    using program = device().program({}, () => {
      const y = lib.maxPool2d(x, 2, { stride: 1 });
      return { y, g: gradients(sum(y), [x])[0] as Tensor };
    });
    const { y, g } = await program.run({});
    expect([...y]).to.deep.equal([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
    expect([...g]).to.deep.equal([0, 0, 0, 0, 3, 0, 1, 0, 0]);
  });

  it("take a channel's order from the image, not from the window", async () => {
    using program = device().program({ x: f32(1, 2, 2, 2), w: f32(1, 2, 2, 2) }, ({ x, w }) =>
      lib.conv2d(x, w),
    );
    const x = Float32Array.of(1, 10, 2, 20, 3, 30, 4, 40);
    const w = Float32Array.of(1, 2, 3, 4, 0, 0, 0, 1); // channel 0: [[1, 2], [3, 4]], channel 1: [[0, 0], [0, 1]]
    expect([...((await program.run({ x, w })) as Float32Array)]).to.deep.equal([1 + 4 + 9 + 16 + 40]);
  });

  it("refuse what does not fit", async () => {
    const record = (body: (x: Tensor) => Tensor) => () =>
      device().program({ x: f32(2, 5, 5, 3) }, ({ x }) => body(x));
    using weight = device().alloc("f32", [4, 2, 3, 3]);
    await expectError(
      "ADASTEP_SHAPE",
      /conv2d: 'x'.*\[n, height, width, 2\]/,
      record((x) => lib.conv2d(x, weight)),
    );
    await expectError(
      "ADASTEP_SHAPE",
      /conv2d: 'weight'.*\[outputs, inputs/,
      record((x) => lib.conv2d(x, lib.reshape(weight, [8, 9]))),
    );
    await expectError(
      "ADASTEP_SHAPE",
      /room for a window of 6 x 2/,
      record((x) => lib.maxPool2d(x, [6, 2])),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /maxPool2d: 'padding'.*half of the window, 3 x 3/,
      record((x) => lib.maxPool2d(x, 3, { padding: 2 })),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /avgPool2d: 'kernel'.*0/,
      record((x) => lib.avgPool2d(x, 0)),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /'stride'.*\[height, width\]/,
      record((x) => lib.avgPool2d(x, 2, { stride: [1, 2, 3] as never })),
    );
    await expectError(
      "ADASTEP_SHAPE",
      /\[\.\.\., t, t\]/,
      record((x) => lib.softmax(x, { causal: true })),
    );
    await expectError(
      "ADASTEP_SHAPE",
      /attention: shapes/,
      record((x) => lib.attention(x, lib.reshape(x, [2, 5, 3, 5]), x)),
    );
  });
});
