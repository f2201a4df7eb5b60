// Whole trainings against PyTorch's: the same model, initial values, data in the same order, optimizer and schedule give the same
// loss at each of 200 steps. Made by test/golden/make_curves.py.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { cosine, crossEntropy, csv, Linear, relu, Sequential, Trainer, warmup } from "../../lib/index.js";
import { type ClassName, construct } from "../optim/variants.js";
import { onEachDevice } from "../support/devices.js";

interface Curves {
  readonly examples: number;
  readonly batch: number;
  readonly epochs: number;
  readonly widths: [number, number, number];
  readonly cases: readonly {
    readonly class: ClassName;
    readonly options: Readonly<Record<string, number>>;
    readonly schedule: { readonly warmup?: number; readonly cosine?: number; readonly clip?: number };
    readonly losses: readonly number[];
    readonly gradNorms: readonly number[];
  }[];
}

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const curves: Curves = JSON.parse(readFileSync(path("../golden/curves.json"), "utf8"));

/**
 * Both compute in f32 and add in another order, so that a step differs by some 1e-7; 200 steps of a training that learns, and does not
 * diverge, carry that on and add to it: 5e-7 was measured. A wrong default or an off-by-one step of a schedule makes 1e-3.
 */
const TOLERANCE = 1e-5;

/** As in the script. */
const initial = (layer: number, length: number): Float32Array =>
  Float32Array.from(
    { length },
    (_, i) => ((((i + 1) ** 3 * 7919 + (layer + 1) * 104729) % 1021) - 510) / 4096,
  );

onEachDevice("A loss curve of PyTorch's", (device) => {
  const [inputs, hidden, outputs] = curves.widths;

  for (const { class: name, options, schedule, losses, gradNorms } of curves.cases) {
    it(`is that of ${name} ${JSON.stringify({ ...options, ...schedule })}`, async () => {
      const { dataset } = await csv(path("../../data/digits.csv.gz"), { target: -1, header: false });
      using model = new Sequential(new Linear(inputs, hidden), relu, new Linear(hidden, outputs)).to(
        device(),
      );
      model.parameters().forEach(({ value }, layer) => void value.write(initial(layer, value.length)));
      using optimizer = construct(name, model.parameters(), options);
      const { warmup: ramp, cosine: fall, clip } = schedule;
      await using trainer = new Trainer({
        ...{ device: device(), model, optimizer, loss: crossEntropy, inputScale: 1 / 16 },
        ...(ramp && fall && { schedule: warmup(ramp).then(cosine({ steps: fall })) }),
        ...(clip && { clip: { norm: clip } }),
      });
      const { epochs, batch: batchSize } = curves;
      const found: { loss: number; gradNorm: number }[] = [];
      for await (const event of trainer.run(dataset.take(curves.examples), {
        epochs,
        batchSize,
        shuffle: false,
      }))
        if (event.type === "step") found.push(event);
      expect(found).to.have.length(losses.length);
      expect(losses).to.have.length(200);
      for (const [i, { loss, gradNorm }] of found.entries()) {
        expect(loss, `loss of step ${i + 1}`).to.be.closeTo(losses[i] ?? Number.NaN, TOLERANCE);
        // The norm is a sum over 2,410 squares, and changes faster than the loss does: relative to its size.
        const norm = gradNorms[i] ?? Number.NaN;
        expect(gradNorm / norm, `norm of step ${i + 1}`).to.be.closeTo(1, 10 * TOLERANCE);
      }
      const lastEpoch = losses.slice(-50).reduce((sum, loss) => sum + loss, 0) / 50;
      expect(lastEpoch, "it is a training that learns").to.be.below(0.4);
    });
  }
});
