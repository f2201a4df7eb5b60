// Data that need not fit into memory: JSON lines are streamed, encoded as the model wants them, and trained on in a loop of
// one's own. How they were encoded is saved with the model.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Adam,
  Categories,
  Device,
  encodingsFromJSON,
  encodingsToJSON,
  f32,
  jsonlTable,
  Linear,
  loadModel,
  meanSquaredError,
  relu,
  Scaling,
  Sequential,
  saveModel,
  scaled,
} from "adastep";

const folder = await mkdtemp(join(tmpdir(), "adastep-"));
const file = (name: string): string => join(folder, name);

// Rents: a base per town, and so much per square metre; both in lines that come town after town.
const bases = { Basel: 700, Bern: 500, Chur: 200 };
const lines = Object.entries(bases).flatMap(([town, base]) =>
  Array.from({ length: 1000 }, (_, i) => {
    const area = 20 + ((i * 37) % 100);
    return JSON.stringify({ area, town, rent: base + 15 * area });
  }),
);
await writeFile(file("rents.jsonl"), lines.join("\n"));

// A first pass learns the encodings.
const table = jsonlTable(file("rents.jsonl"));
const towns = new Categories(Object.keys(bases), { unknown: "other" });
const numbers = { x: { from: "area", shape: [1] }, y: { from: "rent", shape: [1] } };
const fitted = (name: "x" | "y"): Promise<Scaling> =>
  Scaling.fitParts(
    (async function* () {
      for await (const { columns } of table.chunks(numbers)) yield columns[name];
    })(),
  );
const [x, y] = [await fitted("x"), await fitted("y")];

// Training reads the file again in every epoch; of its lines, a thousand at most wait in memory to be drawn.
const columns = {
  ...numbers,
  town: { from: "town", shape: [towns.size], encode: (town: unknown) => towns.oneHot([town]).data },
};
const stream = table.stream(columns, { buffer: 1000 }).map((part) => scaled(part, { x, y }));

using device = await Device.open();
using model = new Sequential(new Linear(1 + towns.size, 16), relu, new Linear(16, 1)).to(device, { seed: 1 });
using adam = new Adam(model.parameters(), { lr: 1e-2 });
const SIZE = 100;
using step = device.program({ input: f32(SIZE, 1 + towns.size), rent: f32(SIZE, 1) }, ({ input, rent }) =>
  adam.minimize(meanSquaredError(model.forward(input), rent)),
);

const input = new Float32Array(SIZE * (1 + towns.size));
const losses: number[] = [];
for (let epoch = 0; epoch < 5; epoch++) {
  for await (const batch of stream.batches({ batchSize: SIZE, shuffle: 1, epoch, dropLast: true })) {
    for (let i = 0; i < SIZE; i++) {
      const at = i * (1 + towns.size);
      input[at] = batch.columns.x[i] ?? 0;
      input.set(batch.columns.town.subarray(i * towns.size, (i + 1) * towns.size), at + 1);
    }
    losses.push((await step.run({ input, rent: batch.columns.y as Float32Array })).loss);
  }
}

// Whoever uses the model reads the encodings with it.
await saveModel(model, file("rents.safetensors"), { encodings: encodingsToJSON({ x, y, town: towns }) });
const saved = encodingsFromJSON((await loadModel(model, file("rents.safetensors"))).encodings);
using predict = device.program({ input: f32(1, 1 + towns.size) }, (one) => ({
  rent: model.forward(one.input),
}));
const question = new Float32Array(1 + towns.size);
question[0] = (saved.x as Scaling).transform({ data: Float32Array.of(50), shape: [1] }).data[0] ?? 0;
question.set((saved.town as Categories).oneHot(["Bern"]).data, 1);
const { rent } = await predict.run({ input: question });
const [francs] = (saved.y as Scaling).inverse({ data: rent, shape: [1] }).data;
console.log(`50 square metres in Bern: ${francs?.toFixed(0)}, and should be ${bases.Bern + 15 * 50}`);
console.log(`loss ${losses[0]?.toFixed(4)} -> ${losses.at(-1)?.toFixed(4)}`);
await rm(folder, { recursive: true });
