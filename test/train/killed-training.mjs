// The training of the processes that are killed, for them and for the one that is not.

/** Options of a trainer on `device`, its data and its run, made of the exports of the package. */
export function trainingOf(
  { AdamW, crossEntropy, Dataset, Dropout, Linear, relu, Sequential, warmup },
  device,
) {
  const size = 64;
  const x = Float32Array.from({ length: 8 * size }, (_, i) => Math.sin(i * i));
  const y = Int32Array.from({ length: size }, (_, i) => Number(x[8 * i] > 0));
  const model = new Sequential(new Linear(8, 64), relu, new Dropout(0.1), new Linear(64, 2)).to(device, {
    seed: 1,
  });
  const optimizer = new AdamW(model.parameters(), { lr: 1e-3, average: 0.9 });
  return {
    options: { device, model, optimizer, loss: crossEntropy, schedule: warmup(50), seed: 4 },
    train: new Dataset({ x: { data: x, shape: [8] }, y: { data: y, shape: [] } }),
    run: { epochs: 1_000_000, batchSize: 12 },
  };
}
