// A process that trains with a checkpoint after each step until it is killed; plain JavaScript, so that it needs no loader.
// Its arguments: the folder of the built package, and that of the checkpoints.

import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [dist, directory] = process.argv.slice(2);
const { Device, listCheckpoints, Trainer } = await import(pathToFileURL(join(dist, "index.js")).href);
const { trainingOf } = await import(new URL("./killed-training.mjs", import.meta.url).href);

const device = await Device.open("cpu", { threads: 1 });
const { options, train, run } = trainingOf(await import(pathToFileURL(join(dist, "index.js")).href), device);
const checkpoints = { directory, every: { steps: 1 }, keepLast: 2 };
const begun = (await listCheckpoints(directory)).length > 0;
const trainer = begun
  ? await Trainer.resume(directory, { ...options, checkpoints })
  : new Trainer({ ...options, checkpoints });
process.stdout.write(`${trainer.step}\n`);
for await (const event of trainer.run(train, run)) {
  if (event.type === "checkpoint") process.stdout.write(`${event.step}\n`);
}
