// What a rollback of the guard does to running statistics.

import { expect } from "chai";
import { BatchNorm, f32, Linear, meanSquaredError, Sequential, SGD, Trainer } from "../../lib/index.js";
import type { Snapshots } from "../../lib/optim/snapshots.js";
import { onEachDevice } from "../support/devices.js";
import { floats } from "../support/numbers.js";

onEachDevice("rolling back batch normalisation", (device) => {
  it("rolls back running statistics with the parameters: those of the batches up to the snapshot", async () => {
    const build = () => {
      const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new Linear(8, 1));
      model.to(device(), { seed: 1 });
      const optimizer = new SGD(model.parameters(), { lr: 0.01 });
      return {
        model,
        optimizer,
        [Symbol.dispose]: () => {
          optimizer.dispose();
          model.dispose();
        },
      };
    };
    const guard = { spike: "rollback", history: 8, snapshotEvery: 2, snapshots: 2 } as const;
    using own = build();
    using program = device().program({ x: f32(16, 4), y: f32(16, 1) }, ({ x, y }) =>
      own.optimizer.minimize(meanSquaredError(own.model.forward(x), y), { guard }),
    );
    const stateOf = async () => {
      const state = await own.model.state();
      return Object.entries(state).map(([name, { data }]) => [name, [...data]] as const);
    };
    const states: Awaited<ReturnType<typeof stateOf>>[] = [await stateOf()];
    const run = async (seed: number, factor = 1): Promise<void> => {
      const [x, y] = [floats(seed, 64), floats(seed + 100, 16)].map((all) => all.map((v) => factor * v));
      await program.run({ x: x as Float32Array, y: y as Float32Array });
      states.push(await stateOf());
    };
    for (let step = 1; step <= 8; step++) await run(step); // snapshots in the steps 1, 4 and 7
    await run(9, 1000);
    expect((await own.optimizer.events()).map(({ attempt, action }) => [attempt, action])).to.deep.equal([
      [9, "rollback"],
    ]);
    // Of the parameters before the seventh update; the batch of that step is in the statistics.
    const isStatistic = (name: string): boolean => name.includes("running");
    for (const [i, [name, values]] of (states[9] ?? []).entries()) {
      expect(values, name).to.deep.equal(states[isStatistic(name) ? 7 : 6]?.[i]?.[1]);
      if (isStatistic(name)) expect(values, name).not.to.deep.equal(states[8]?.[i]?.[1]);
    }

    // They are saved with the snapshots, and a trainer takes them over before its first step.
    const saved = (await own.optimizer.snapshots.read(2)) as Snapshots;
    expect(Object.keys(saved.rings).filter((name) => name.startsWith("statistics"))).to.have.lengthOf(2);
    using other = build();
    const { model, optimizer } = other;
    await using _trainer = new Trainer({
      device: device(),
      model,
      optimizer,
      loss: meanSquaredError,
      guard,
    });
    optimizer.snapshots.write(2, saved);
    expect(await optimizer.snapshots.read(2)).to.deep.equal(saved);
  });
});
