// A regression: how far a car goes on a gallon, from seven figures of it. 392 cars of 1970 to 1982 (Auto MPG, UCI; npm
// package vega-datasets). Prints the error on cars held out, in miles per gallon, beside that of the mean.

import { readFileSync } from "node:fs";
import {
  AdamW,
  cosine,
  Dataset,
  Device,
  gelu,
  Linear,
  meanSquaredError,
  Scaling,
  Sequential,
  scaled,
  Trainer,
} from "adastep";

interface Car {
  readonly Miles_per_Gallon: number | null;
  readonly Cylinders: number;
  readonly Displacement: number;
  readonly Horsepower: number | null;
  readonly Weight_in_lbs: number;
  readonly Acceleration: number;
  readonly Year: string;
  readonly Origin: string;
}

/** Numbers of a car; where it comes from as one of three. */
function figures(car: Car): number[] {
  const { Cylinders, Displacement, Horsepower, Weight_in_lbs, Acceleration, Year, Origin } = car;
  const origin = ["USA", "Europe", "Japan"].map((place) => Number(place === Origin));
  const year = Number(Year.slice(0, 4));
  return [Cylinders, Displacement, Horsepower ?? Number.NaN, Weight_in_lbs, Acceleration, year, ...origin];
}

const file = new URL("../data/cars.json", import.meta.resolve("vega-datasets"));
const cars = JSON.parse(readFileSync(file, "utf8")) as Car[];
const known = cars.filter((car) => car.Miles_per_Gallon !== null && car.Horsepower !== null);

const rows = known.map(figures);
const raw = new Dataset({
  x: { data: Float32Array.from(rows.flat()), shape: [rows[0]?.length ?? 0] },
  y: { data: Float32Array.from(known, (car) => car.Miles_per_Gallon ?? 0), shape: [1] },
});
const [fit, held] = raw.split({ validation: 0.2, seed: 4 });

// What is done to the columns is learnt from the cars to learn from.
const [x, y] = [Scaling.fit(fit.columns.x), Scaling.fit(fit.columns.y)];
const [train, test] = [scaled(fit, { x, y }), scaled(held, { x, y })];

const [epochs, batchSize] = [150, 32];
using device = await Device.open();
using model = new Sequential(new Linear(9, 64), gelu, new Linear(64, 64), gelu, new Linear(64, 1)).to(
  device,
  {
    seed: 1,
  },
);
using optimizer = new AdamW(model.parameters(), { lr: 2e-3, weightDecay: 0.1 });
await using trainer = new Trainer({
  device,
  model,
  optimizer,
  loss: meanSquaredError,
  schedule: cosine({ steps: epochs * Math.ceil(train.size / batchSize) }),
  seed: 1,
});

const before = await trainer.evaluate(test);
await trainer.fit(train, { epochs, batchSize });
const after = await trainer.evaluate(test);
const [unit = 1] = y.scale;
const ofMean = [...test.columns.y.data].reduce((sum, v) => sum + v * v, 0) / test.size;
console.log(`${train.size} cars to learn from, ${test.size} held out`);
console.log(`root mean square error ${(unit * Math.sqrt(after.loss)).toFixed(2)} miles per gallon`);
console.log(`that of the mean ${(unit * Math.sqrt(ofMean)).toFixed(2)}`);
console.log(`loss ${before.loss.toFixed(3)} -> ${after.loss.toFixed(3)}`);
