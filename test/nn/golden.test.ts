// Layers against PyTorch's: outputs, gradients of inputs and parameters, running statistics. test/golden/make_layers.py.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import {
  AvgPool2d,
  BatchNorm,
  Conv2d,
  f32,
  gradients,
  LayerNorm,
  MaxPool2d,
  type Module,
  MultiHeadAttention,
  mul,
  sum,
  type Tensor,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { distance } from "../support/numbers.js";

interface Array_ {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
type Named = Readonly<Record<string, Array_>>;

interface Pass {
  readonly training: boolean;
  /** Parameters and running statistics before and after. */
  readonly state: Named;
  readonly after: Named;
  readonly x: Array_;
  readonly y: Array_;
  /** The loss is sum(y * weight). */
  readonly weight: Array_;
  readonly gradient: Array_;
  readonly gradients: Named;
}

const LAYERS = { AvgPool2d, BatchNorm, Conv2d, LayerNorm, MaxPool2d, MultiHeadAttention };

interface Case {
  readonly name: string;
  readonly class: keyof typeof LAYERS;
  readonly arguments: readonly unknown[];
  readonly passes: readonly Pass[];
}

const { cases } = JSON.parse(readFileSync(new URL("../golden/layers.json", import.meta.url), "utf8")) as {
  cases: readonly Case[];
};

/** Both sides sum a few dozen f32 terms of size 1, in orders of their own. */
const TOLERANCE = 2e-5;

const f32State = (state: Named) =>
  Object.fromEntries(
    Object.entries(state).map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }]),
  );

onEachDevice("layers against PyTorch", (device) => {
  for (const { name, class: Class, arguments: given, passes } of cases) {
    it(`${Class}: ${name}`, async () => {
      const Layer = LAYERS[Class] as unknown as new (...args: readonly unknown[]) => Module;
      using model = new Layer(...given).to(device());
      model.load(f32State((passes[0] as Pass).state));
      for (const pass of passes) {
        const { training, x, y, weight } = pass;
        const parameters = model.parameters();
        using input = device().from(Float32Array.from(x.data), x.shape);
        using program = device().program(
          { w: f32(...weight.shape) },
          ({ w }) => {
            const output = model.forward(input);
            expect(output.shape).to.deep.equal(y.shape);
            const [gx, ...others] = gradients(sum(mul(output, w)), [input, ...parameters]) as [Tensor];
            const of = Object.fromEntries(others.map((g: Tensor, i) => [parameters[i]?.name ?? "", g]));
            return { y: output, gx, ...of } as Record<string, Tensor>;
          },
          { training },
        );
        const { y: output, gx, ...of } = await program.run({ w: Float32Array.from(weight.data) });
        expect(distance(output as Float32Array, y.data), "y").to.be.below(TOLERANCE);
        expect(distance(gx as Float32Array, pass.gradient.data), "gradient of x").to.be.below(TOLERANCE);
        expect(Object.keys(of)).to.have.members(Object.keys(pass.gradients));
        for (const [parameter, { data }] of Object.entries(pass.gradients))
          expect(distance(of[parameter] as Float32Array, data), parameter).to.be.below(TOLERANCE);
        const state = await model.state();
        expect(Object.keys(state)).to.have.members(Object.keys(pass.after));
        for (const [kept, { shape, data }] of Object.entries(pass.after)) {
          expect(state[kept]?.shape).to.deep.equal(shape);
          expect(distance(state[kept]?.data ?? [], data), `${kept} afterwards`).to.be.below(TOLERANCE);
        }
      }
    });
  }
});
