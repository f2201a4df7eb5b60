// A step allocates nothing: memory after 10,000 steps is what it was after 100, with no dispose in user code.

import { expect } from "chai";
import { Adam, crossEntropy, dropout, f32, i32, Linear, relu, Sequential } from "../../lib/index.js";
import { native } from "../../lib/native/native.js";
import { onEachDevice } from "../support/devices.js";
import { floats } from "../support/numbers.js";

onEachDevice("memory", (device) => {
  it("is the same after 10,000 steps as after 100", async function () {
    this.timeout(600_000);
    const total = device().kind === "cpu" ? 10_000 : 300;
    using model = new Sequential(new Linear(8, 16), relu, (x) => dropout(x, 0.1), new Linear(16, 3)).to(
      device(),
    );
    using adam = new Adam(model.parameters());
    using step = device().program({ x: f32(4, 8), y: i32(4) }, ({ x, y }) =>
      adam.minimize(crossEntropy(model.forward(x), y)),
    );
    const batch = { x: floats(1, 32), y: Int32Array.of(0, 1, 2, 0) };
    const figures: { live: number; reserved: number; process: number }[] = [];
    for (let i = 1; i <= total; i++) {
      await step.run(batch);
      if (i === 100 || i === total) {
        const { live, reserved } = device().memory();
        figures.push({ live, reserved, process: native.liveBytes() });
      }
    }
    const [early, late] = figures;
    expect([late?.live, late?.reserved]).to.deep.equal([early?.live, early?.reserved]);
    // Of all devices of the process: what other tests forgot may be collected meanwhile.
    expect(late?.process).to.be.at.most(early?.process as number);
    expect(adam.stepCount).to.equal(total);
  });

  it("of forgotten buffers comes back when they are collected", async () => {
    const collect = (globalThis as { gc?: () => void }).gc;
    if (!collect) throw new Error("run node with --expose-gc (.mocharc.json does)");
    await device().sync(); // what the test before disposed is live until then
    const before = device().memory().live;
    for (let i = 0; i < 50; i++) device().alloc("f32", [1000]);
    for (let i = 0; i < 20 && device().memory().live > before; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      collect();
      await device().sync();
    }
    expect(device().memory().live).to.equal(before);
  });
});
