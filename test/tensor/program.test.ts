// Programs: recording, memory plan, fusion, results, and how they refuse misuse.

import { expect } from "chai";
import {
  add,
  affine,
  argmax,
  crossEntropy,
  dropout,
  f32,
  gradients,
  i32,
  Linear,
  linear,
  matmul,
  mean,
  mul,
  relu,
  reshape,
  Sequential,
  SGD,
  sum,
  tanh,
  u8,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";

onEachDevice("programs", (device) => {
  it("give numbers for scalars, arrays for the rest, a lone tensor by itself", async () => {
    using both = device().program({ x: f32(2, 2) }, ({ x }) => ({
      total: sum(x),
      twice: affine(x, 2),
      best: argmax(x),
    }));
    const result = await both.run({ x: Float32Array.of(1, 2, 4, 3) });
    expect(result.total).to.equal(10);
    expect([...result.twice]).to.deep.equal([2, 4, 8, 6]);
    expect([...result.best]).to.deep.equal([1, 0]);
    using one = device().program({ x: f32(3) }, ({ x }) => mean(x));
    expect(await one.run({ x: Float32Array.of(1, 2, 6) })).to.equal(3);
  });

  it("read and write buffers where they are", async () => {
    using w = device().from(Float32Array.of(1, 2));
    using program = device().program({ x: f32(2) }, ({ x }) => sum(mul(x, w)));
    expect(await program.run({ x: Float32Array.of(1, 1) })).to.equal(3);
    w.fill(5);
    expect(await program.run({ x: Float32Array.of(1, 1) })).to.equal(10);
  });

  it("queue runs in order without waiting for each", async () => {
    using w = device().from(Float32Array.of(0));
    using sgd = new SGD([(await import("../../lib/index.js")).parameter("w", w)], { lr: 1 });
    using step = device().program({ x: f32(1) }, ({ x }) => sgd.minimize(sum(mul(x, w))));
    const runs = Array.from({ length: 50 }, (_, i) => step.run({ x: Float32Array.of(i) }));
    const losses = (await Promise.all(runs)).map(({ loss }) => loss);
    let weight = 0;
    for (const [i, loss] of losses.entries()) {
      expect(loss).to.equal(i * weight + 0);
      weight -= i;
    }
    expect(sgd.stepCount).to.equal(50);
  });

  it("reuse memory: intermediates of a deep chain share two blocks", () => {
    using program = device().program({ x: f32(1000) }, ({ x }) => {
      let h = x;
      for (let i = 0; i < 40; i++) h = tanh(h);
      return sum(h);
    });
    expect(program.bytes.unshared).to.be.above(40 * 4000);
    expect(program.bytes.arena).to.be.below(3.2 * 4096);
  });

  it("drop what nobody needs and fuse activations into gemm", () => {
    using w = device().alloc("f32", [5, 4]);
    using program = device().program({ x: f32(3, 4) }, ({ x }) => {
      matmul(x, x, { transB: true }); // unused
      return relu(linear(x, w));
    });
    const text = String(program);
    expect(text.match(/gemm/g)).to.have.length(1);
    expect(text).to.match(/activation=relu/);
    expect(text).to.not.match(/unary/);
    expect(text, "the line that recorded it").to.match(/program\.test\.ts/);
  });

  it("do not fuse an activation whose argument is read elsewhere", async () => {
    using w = device().from(Float32Array.of(1, -1), [2, 1]);
    using program = device().program({ x: f32(1, 1) }, ({ x }) => {
      const h = linear(x, w);
      return { h, y: relu(h) };
    });
    const { h, y } = await program.run({ x: Float32Array.of(2) });
    expect([...h, ...y]).to.deep.equal([2, -2, 2, 0]);
  });

  it("take the same tensor as a result twice, inputs as results, and constants", async () => {
    using program = device().program({ x: f32(2) }, ({ x }) => ({
      a: x,
      b: x,
      c: reshape(x, [2, 1]),
      d: add(affine(x, 0), 3),
    }));
    const { a, b, c, d } = await program.run({ x: Float32Array.of(1, 2) });
    expect([...a, ...b, ...c, ...d]).to.deep.equal([1, 2, 1, 2, 1, 2, 3, 3]);
  });

  it("give zeros as the gradient of what a loss does not depend on", async () => {
    using w = device().alloc("f32", [3]);
    using program = device().program({ x: f32(2) }, ({ x }) => ({ g: gradients(sum(x), [w])[0] ?? x }));
    expect([...(await program.run({ x: new Float32Array(2) })).g]).to.deep.equal([0, 0, 0]);
  });

  it("draw a new dropout mask at each run, the same for the same seed and step, and none outside of training", async () => {
    const record = (seed: number, training: boolean) =>
      device().program({ x: f32(1000) }, ({ x }) => ({ y: dropout(x, 0.25), z: dropout(x, 0.25) }), {
        seed,
        training,
      });
    using first = record(3, true);
    using second = record(3, true);
    using other = record(4, true);
    using off = record(3, false);
    const x = new Float32Array(1000).fill(3);
    const a = await first.run({ x });
    const b = await first.run({ x });
    const c = await second.run({ x });
    expect(c.y).to.deep.equal(a.y);
    expect(b.y).to.not.deep.equal(a.y);
    expect(a.z).to.not.deep.equal(a.y);
    expect((await other.run({ x })).y).to.not.deep.equal(a.y);
    expect((await off.run({ x })).y).to.deep.equal(x);
    second.step = 1;
    expect((await second.run({ x })).y).to.deep.equal(b.y);
    expect(new Set(a.y)).to.deep.equal(new Set([0, 4]));
    // Binomial(1000, .25) has a standard deviation of 13.7: six of them.
    expect([...a.y].filter((v) => v === 0).length).to.be.within(250 - 83, 250 + 83);
  });

  it("use the same dropout mask forward and backward", async () => {
    using w = device().from(new Float32Array(100).fill(1));
    using program = device().program(
      { x: f32(100) },
      ({ x }) => {
        const y = dropout(mul(x, w), 0.5);
        return { y, g: gradients(sum(y), [w])[0] ?? y };
      },
      { training: true },
    );
    const { y, g } = await program.run({ x: new Float32Array(100).fill(1) });
    expect(g).to.deep.equal(y);
  });

  it("end while runs are queued", async () => {
    const program = device().program({ x: f32(1000) }, ({ x }) => sum(tanh(x)));
    const run = program.run({ x: floats(1, 1000) });
    program.dispose();
    expect(await run).to.be.a("number");
    await expectError("ADASTEP_DISPOSED", /program.run/, () => program.run({ x: floats(1, 1000) }));
  });

  it("refuse misuse with typed errors", async () => {
    using program = device().program({ x: f32(2, 3), n: i32(2) }, ({ x, n }) => crossEntropy(x, n));
    const [x, n] = [new Float32Array(6), new Int32Array(2)];
    await expectError("ADASTEP_SHAPE", /'x'.*5 elements.*6 elements, shape \[2, 3\]/, () =>
      program.run({ x: new Float32Array(5), n }),
    );
    await expectError("ADASTEP_DTYPE", /'n'.*Float32Array.*i32/, () =>
      program.run({ x, n: new Float32Array(2) } as never),
    );
    await expectError("ADASTEP_DTYPE", /'n'.*undefined/, () => program.run({ x } as never));
    await expectError("ADASTEP_ARGUMENT", /"z".*x, n/, () => program.run({ x, n, z: n } as never));
    await expectError("ADASTEP_ARGUMENT", /relu.*outside/, () => relu(undefined as never));
    await expectError("ADASTEP_ARGUMENT", /result.*undefined/, () =>
      device().program({}, () => undefined as never),
    );
    await expectError("ADASTEP_SHAPE", /f32: 'shape'/, () => f32(-1));
    const bad: [RegExp, () => unknown][] = [
      [
        /matmul: shapes.*\[2, 3\] and f32 \[2, 3\].*inner/,
        () => device().program({ x: f32(2, 3) }, ({ x }) => matmul(x, x)),
      ],
      [
        /add: shapes.*\[2, 3\] and \[2\]/,
        () => device().program({ x: f32(2, 3), y: f32(2) }, ({ x, y }) => add(x, y)),
      ],
      [/reshape.*\[4\]/, () => device().program({ x: f32(2, 3) }, ({ x }) => reshape(x, [4]))],
      [
        /crossEntropy: 'labels'/,
        () => device().program({ x: f32(2, 3), y: i32(3) }, ({ x, y }) => crossEntropy(x, y)),
      ],
      [
        /'loss'.*scalar/,
        () => device().program({ x: f32(2, 3) }, ({ x }) => ({ g: gradients(x, [])[0] ?? x })),
      ],
    ];
    for (const [pattern, action] of bad) await expectError("ADASTEP_SHAPE", pattern, action);
    await expectError("ADASTEP_DTYPE", /'a'.*u8.*cast/, () =>
      device().program({ x: u8(2) }, ({ x }) => add(x, 1)),
    );
    await expectError("ADASTEP_ARGUMENT", /"train"/, () =>
      device().program({}, () => ({}), { train: true } as never),
    );
  });

  it("have the same bits on every run of the same seed", async () => {
    const train = async (): Promise<Float32Array> => {
      using model = new Sequential(new Linear(20, 30), tanh, (h) => dropout(h, 0.2), new Linear(30, 4)).to(
        device(),
        { seed: 5 },
      );
      using sgd = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
      using step = device().program(
        { x: f32(16, 20), y: i32(16) },
        ({ x, y }) => sgd.minimize(crossEntropy(model.forward(x), y)),
        { seed: 9 },
      );
      for (let i = 0; i < 20; i++)
        await step.run({ x: floats(i, 320), y: Int32Array.from(floats(i, 16, 0, 4), Math.floor) });
      return await (model.parameters()[0]?.value.read() ?? Promise.reject(new Error("no parameter")));
    };
    expect(await train()).to.deep.equal(await train());
  });
});
