import type * as adastep from "../../lib/index.js";

/** Options of a trainer on `device`, its data and its run, made of the exports of the package. */
export function trainingOf(
  exports: typeof adastep,
  device: adastep.Device,
): {
  options: adastep.TrainerOptions & { model: adastep.Sequential; optimizer: adastep.AdamW };
  train: adastep.Dataset;
  run: { epochs: number; batchSize: number };
};
