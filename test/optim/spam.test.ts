// The sparse promise on real data: logistic regression on bags of words, whose rows are as frequent as words are.

import { expect } from "chai";
import { type Mails, readMails } from "../../examples/data/mails.js";
import {
  AdaGrad,
  add,
  binaryCrossEntropy,
  constant,
  Device,
  EmbeddingBag,
  f32,
  i32,
  Module,
  type Optimizer,
  type Parameter,
  reshape,
  SGD,
  type Tensor,
} from "../../lib/index.js";

const [BATCH, SEEDS, EPOCHS] = [32, 5, 2];
const ROOM = 2048; // bags are padded to multiples of so many words, so that few programs are recorded

/** A seeded order of 0 .. n - 1. */
function order(n: number, seed: number): number[] {
  let state = seed * 2654435761 + 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const places = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [places[i], places[j]] = [places[j] as number, places[i] as number];
  }
  return places;
}

/** A weight for each word, in a sparse table, and a dense bias: one optimizer has both. */
class Filter extends Module {
  readonly words: EmbeddingBag;
  readonly bias = this.declare([1], constant(0));
  constructor(vocabulary: number) {
    super();
    this.words = new EmbeddingBag(vocabulary, 1, { mode: "sum", sparse: true });
  }
  score(indices: Tensor, offsets: Tensor, weights: Tensor): Tensor {
    return add(this.words.forward(indices, offsets, weights), this.bias.parameter);
  }
  forward(): never {
    throw new Error("score takes bags");
  }
}

/** Mails as a batch: words one after another, padded by words of weight 0 at the end of the last bag. */
function batchOf({ words, spam }: Mails, which: readonly number[]) {
  const total = which.reduce((sum, i) => sum + (words[i] as Int32Array).length, 0);
  const size = Math.max(1, Math.ceil(total / ROOM)) * ROOM;
  const [indices, weights] = [new Int32Array(size), new Float32Array(size)];
  const offsets = new Int32Array(which.length);
  let at = 0;
  which.forEach((mail, bag) => {
    offsets[bag] = at;
    indices.set(words[mail] as Int32Array, at);
    at += (words[mail] as Int32Array).length;
  });
  weights.fill(1, 0, at);
  return { indices, offsets, weights, y: Float32Array.from(which, (i) => spam[i] as number) };
}

describe("Spam Assassin's bags of words", function () {
  this.timeout(600_000);
  let device: Device;
  let mails: Mails;
  before(async () => {
    device = await Device.open("cpu");
    mails = readMails();
  });
  after(() => device.dispose());

  /** Test accuracy after two epochs. */
  async function accuracy(
    make: (parameters: readonly Parameter[]) => Optimizer,
    seed: number,
  ): Promise<number> {
    const places = order(mails.spam.length, seed);
    const cut = Math.floor(places.length * 0.8);
    const [train, test] = [places.slice(0, cut), places.slice(cut)];
    using model = new Filter(mails.vocabulary).to(device);
    const [table, bias] = model.parameters() as [Parameter, Parameter];
    table.value.fill(0);
    using optimizer = make(model.parameters());
    const programs = new Map<string, ReturnType<typeof record>>();
    const record = (size: number, bags: number) =>
      device.program(
        { indices: i32(size), offsets: i32(bags), weights: f32(size), y: f32(bags) },
        ({ indices, offsets, weights, y }) => {
          const logits = reshape(model.score(indices, offsets, weights), [bags]);
          return optimizer.minimize(binaryCrossEntropy(logits, y));
        },
      );
    for (let epoch = 0; epoch < EPOCHS; epoch++) {
      const shuffled = order(train.length, 1000 * seed + epoch).map((i) => train[i] as number);
      for (let first = 0; first < shuffled.length; first += BATCH) {
        const batch = batchOf(mails, shuffled.slice(first, first + BATCH));
        const key = `${batch.indices.length} ${batch.y.length}`;
        const program = programs.get(key) ?? record(batch.indices.length, batch.y.length);
        programs.set(key, program);
        void program.run(batch);
      }
    }
    await device.sync();
    for (const program of programs.values()) program.dispose();
    const weights = (await table.value.read()) as Float32Array;
    const [start] = (await bias.value.read()) as Float32Array;
    const right = test.filter((mail) => {
      const logit = (mails.words[mail] as Int32Array).reduce(
        (sum, w) => sum + (weights[w] as number),
        start as number,
      );
      return Number(logit > 0) === mails.spam[mail];
    });
    return right.length / test.length;
  }

  async function row(name: string, make: (lr: number) => (p: readonly Parameter[]) => Optimizer) {
    const worst: number[] = [];
    for (const lr of [0.02, 0.2, 2]) {
      const runs: number[] = [];
      for (let seed = 1; seed <= SEEDS; seed++) runs.push(await accuracy(make(lr), seed));
      const mean = runs.reduce((sum, a) => sum + a, 0) / SEEDS;
      const spread = Math.max(...runs) - Math.min(...runs);
      console.log(
        `      ${name} at ${lr}: ${mean.toFixed(4)}, spread ${spread.toFixed(4)} over ${SEEDS} seeds`,
      );
      worst.push(mean);
    }
    return worst;
  }

  it("AdaGrad: 98 % after two epochs over a 100-fold range of learning rates", async () => {
    expect(mails.spam).to.have.length(6046);
    const sgd = await row("SGD", (lr) => (p) => new SGD(p, { lr }));
    const adagrad = await row("AdaGrad", (lr) => (p) => new AdaGrad(p, { lr }));
    for (const mean of adagrad) expect(mean).to.be.at.least(0.98);
    expect(Math.min(...adagrad), "a wider range than a fixed rate's").to.be.above(Math.min(...sgd));
  });
});
