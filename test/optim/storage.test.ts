// What is kept beside f32 parameters (bf16 copy, running mean), and parameters that are bf16 themselves.

import { expect } from "chai";
import {
  AdaGrad,
  Adam,
  AdamW,
  affine,
  type Device,
  Embedding,
  fromBF16,
  i32,
  type Parameter,
  parameter,
  ScheduleFreeAdamW,
  SGD,
  sumOfSquares,
  toBF16,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { distance, floats } from "../support/numbers.js";

/** Whether each is one of the two bf16 neighbours of a value. */
function isRounded(bits: Uint16Array, values: Float32Array): boolean {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return bits.every(
    (code, i) => code - ((words[i] as number) >>> 16) === (code === (words[i] as number) >>> 16 ? 0 : 1),
  );
}

/** Values of either type of parameters, as f32. */
const f32Of = (values: unknown): Float32Array =>
  values instanceof Uint16Array ? fromBF16(values) : (values as Float32Array);

const own = (device: Device, n: number) => {
  const [w, g] = [device.from(floats(1, n)), device.alloc("f32", [n])];
  return { w, g, p: parameter("w", w, g) };
};

onEachDevice("the bf16 copy of the parameters", (device) => {
  it("is the nearest at first, then rounded stochastically at each step, without bias", async () => {
    const n = 10_000;
    const { w, g, p } = own(device(), n);
    using sgd = new SGD([p], { lr: 1, copy: "bf16" });
    const copy = sgd.copyOf(p);
    expect(copy.shape).to.deep.equal([n]);
    expect(await copy.read()).to.deep.equal(toBF16(floats(1, n)));
    w.fill(0);
    g.fill(-1.001); // between 1 and 1.0078125
    sgd.step();
    const values = fromBF16(await copy.read());
    expect(new Set(values)).to.deep.equal(new Set([1, 1.0078125]));
    const up = values.filter((v) => v > 1).length / n;
    const odds = 0.001 / 0.0078125;
    expect(up).to.be.closeTo(odds, 4 * Math.sqrt((odds * (1 - odds)) / n));
    for (const buffer of [w, g]) buffer.dispose();
  });

  it("belongs to each parameter, and follows load()", async () => {
    using block = device().from(floats(1, 900));
    const parameters = [parameter("a", block.view(0, [300])), parameter("b", block.view(400, [5, 100]))];
    using adam = new Adam(parameters, { copy: "bf16" });
    for (const p of parameters) p.grad?.fill(1);
    for (let i = 0; i < 3; i++) adam.step();
    for (const p of parameters) {
      const copy = adam.copyOf(p);
      expect(copy.shape).to.deep.equal(p.shape);
      expect(isRounded(await copy.read(), (await p.value.read()) as Float32Array)).to.equal(true);
    }
    const [a] = parameters as [(typeof parameters)[0]];
    a.value.fill(3);
    adam.load(await adam.state());
    expect([...fromBF16(await adam.copyOf(a).read())]).to.deep.equal(new Array(300).fill(3));
  });

  it("is refused where there is none", async () => {
    const { w, g, p } = own(device(), 3);
    using half = device().alloc("bf16", [3]);
    using plain = new SGD([p]);
    await expectError("ADASTEP_ARGUMENT", /copyOf.*"w".*copy: "bf16"/, () => plain.copyOf(p));
    await expectError("ADASTEP_ARGUMENT", /copyOf/, () => plain.copyOf({} as never));
    await expectError("ADASTEP_ARGUMENT", /'copy'.*"f16"/, () => new SGD([p], { copy: "f16" as never }));
    await expectError(
      "ADASTEP_DTYPE",
      /'copy'.*"h", which is bf16/,
      () => new SGD([parameter("h", half)], { copy: "bf16" }),
    );
    for (const buffer of [w, g]) buffer.dispose();
  });
});

onEachDevice("the running mean of the parameters", (device) => {
  it("follows average = d average + (1 - d) p", async () => {
    const { w, g, p } = own(device(), 300);
    using sgd = new SGD([p], { lr: 0.1, average: 0.9 });
    const mean = Float64Array.from(floats(1, 300));
    for (let i = 0; i < 20; i++) {
      g.write(floats(40 + i, 300));
      sgd.step();
      const now = await w.read();
      for (const [k, v] of now.entries()) mean[k] = 0.9 * (mean[k] as number) + 0.1 * v;
    }
    await sgd.withAverage(async () => {
      expect(distance(await w.read(), mean)).to.be.below(1e-6);
    });
    for (const buffer of [w, g]) buffer.dispose();
  });

  it("gives the same bits back, whatever happens inside", async () => {
    for (const dtype of ["f32", "bf16"] as const) {
      using block = device().alloc(dtype, [900]);
      block.fill(0.3);
      const parameters = [parameter("a", block.view(0, [300])), parameter("b", block.view(401, [300]))];
      using adam = new AdamW(parameters, { average: 0.5, lr: 0.1 });
      for (const p of parameters) p.grad?.fill(1);
      for (let i = 0; i < 3; i++) adam.step();
      const before = await block.read();
      const live = device().memory().live;
      let inside: unknown;
      const error = await adam
        .withAverage(async () => {
          inside = await block.read();
          await adam.withAverage(async () => expect(await block.read()).to.deep.equal(inside));
          expect(await block.read(), "still inside").to.deep.equal(inside);
          throw new Error("of the body");
        })
        .catch((e: Error) => e.message);
      expect(error).to.equal("of the body");
      expect(inside).not.to.deep.equal(before);
      expect(await block.read()).to.deep.equal(before);
      await device().sync();
      expect(device().memory().live).to.equal(live);
    }
  });

  it("refuses a step meanwhile", async () => {
    const { w, g, p } = own(device(), 3);
    using sgd = new SGD([p], { average: 0.5 });
    await expectError("ADASTEP_ARGUMENT", /SGD.*a step inside withAverage/, () =>
      sgd.withAverage(() => sgd.step()),
    );
    sgd.step();
    expect(sgd.stepCount).to.equal(1);
    for (const buffer of [w, g]) buffer.dispose();
  });
});

onEachDevice("the average that schedule-free keeps", (device) => {
  it("is (y - (1 - beta1) z) / beta1, by the beta1 of each group, and y comes back when the body throws", async () => {
    const betas = { a: 0.9, b: 0.6 };
    for (const dtype of ["f32", "bf16"] as const) {
      using block = device().alloc(dtype, [900]);
      block.fill(0.3);
      const parameters = [parameter("a", block.view(0, [30, 10])), parameter("b", block.view(401, [300]))];
      const groups = [{ match: (name: string) => name === "b", betas: [betas.b, 0.99] as const }];
      using optimizer = new ScheduleFreeAdamW(parameters, { lr: 0.1, betas: [betas.a, 0.999], groups });
      for (const [i, sign] of [1, 1, -1, 1].entries()) {
        for (const p of parameters) p.grad?.fill(sign * (1 + i));
        optimizer.step();
      }
      const before = await block.read();
      const state = (await optimizer.state()).parameters;
      const live = device().memory().live;
      const inside = optimizer.withAverage(async () => {
        for (const { name, value } of parameters) {
          const share = betas[name as keyof typeof betas];
          const y = f32Of(before).subarray(name === "a" ? 0 : 401);
          const x = f32Of(await value.read());
          const { z: zs } = state[name] as { z: Float32Array };
          for (const [k, z] of zs.entries()) {
            const want = ((y[k] as number) - (1 - share) * z) / share;
            // Three roundings in f32; bf16 keeps 8 bits.
            const allowed = (dtype === "f32" ? 2e-7 : 2 ** -8) * (Math.abs(want) + Math.abs(z));
            expect(x[k], `${dtype} ${name}[${k}]`).to.be.closeTo(want, allowed);
          }
        }
        await expectError("ADASTEP_ARGUMENT", /a step inside withAverage/, () => optimizer.step());
        throw new Error("of the body");
      });
      expect(await inside.catch((e: Error) => e.message)).to.equal("of the body");
      expect(await block.read()).to.deep.equal(before);
      await device().sync();
      expect(device().memory().live).to.equal(live);
    }
  });

  it("is given of tables too, and changes no step after it", async () => {
    const train = async (look: boolean): Promise<unknown> => {
      using model = new Embedding(6, 3, { sparse: true }).to(device(), { seed: 5 });
      using optimizer = new ScheduleFreeAdamW(model.parameters(), { lr: 0.1 });
      using program = device().program({ rows: i32(2) }, ({ rows }) =>
        optimizer.minimize(sumOfSquares(model.forward(rows))),
      );
      for (const row of [0, 1, 2]) {
        await program.run({ rows: Int32Array.of(row, 3) });
        if (!look) continue;
        const [{ value, name }] = model.parameters() as [Parameter];
        const [y, state] = [(await value.read()) as Float32Array, (await optimizer.state()).parameters];
        const x = (await optimizer.withAverage(() => value.read())) as Float32Array;
        const { z: zs } = state[name] as { z: Float32Array };
        for (const [k, z] of zs.entries())
          expect(x[k]).to.be.closeTo(((y[k] as number) - 0.1 * z) / 0.9, 1e-6);
        expect(await value.read()).to.deep.equal(y);
      }
      return [await model.state(), (await optimizer.state()).parameters];
    };
    expect(await train(true)).to.deep.equal(await train(false));
  });

  it("leaves no room for a running mean", async () => {
    const { w, g, p } = own(device(), 3);
    await expectError(
      "ADASTEP_ARGUMENT",
      /ScheduleFreeAdamW: 'average': got 0.9, accepted: nothing/,
      () => new ScheduleFreeAdamW([p], { average: 0.9 }),
    );
    using adam = new AdamW([p]);
    await expectError("ADASTEP_ARGUMENT", /AdamW.withAverage/, () => adam.withAverage(() => 1));
    for (const buffer of [w, g]) buffer.dispose();
  });
});

onEachDevice("bf16 parameters", (device) => {
  it("are updated in f32 and rounded stochastically: small steps are not lost", async () => {
    const n = 8192;
    using w = device().from(toBF16(new Float32Array(n).fill(1)));
    using g = device().alloc("bf16", [n]);
    g.fill(1);
    using sgd = new SGD([parameter("w", w, g)], { lr: 2 ** -12 }); // a sixteenth of a step of bf16 below 1
    for (let i = 0; i < 64; i++) sgd.step();
    const mean = fromBF16(await w.read()).reduce((sum, v) => sum + v, 0) / n;
    expect(mean).to.be.closeTo(1 - 64 * 2 ** -12, 2e-4);
  });

  it("are near those of f32, for odd sizes and places, with gradients of the optimizer's own", async () => {
    const sizes = [1, 3, 255, 257, 1025];
    using block = device().from(toBF16(floats(1, 3000)));
    using wide = device().alloc("f32", [3000]);
    wide.castFrom(block);
    const before = await block.read();
    let at = 1;
    const places = sizes.map((n) => {
      const start = at;
      at += n + 2; // leaves a gap of two
      return [start, n] as const;
    });
    const halves = places.map(([start, n]) => parameter(`p${start}`, block.view(start, [n])));
    const wholes = places.map(([start, n]) => parameter(`p${start}`, wide.view(start, [n])));
    using packed = new Adam(halves, { lr: 0.02 });
    using whole = new Adam(wholes, { lr: 0.02 });
    expect(packed.bytes.gradients).to.equal(whole.bytes.gradients / 2);
    for (let i = 0; i < 10; i++) {
      for (const [k, [, n]] of places.entries()) {
        const gradient = fromBF16(toBF16(floats(10 * i + k, n)));
        halves[k]?.grad?.write(toBF16(gradient));
        wholes[k]?.grad?.write(gradient);
      }
      packed.step();
      whole.step();
    }
    const [got, want] = [await block.read(), await wide.read()];
    const mine = (i: number): boolean => places.some(([start, n]) => i >= start && i < start + n);
    for (const [i, v] of fromBF16(got).entries()) {
      if (mine(i)) expect(v, `element ${i}`).to.be.closeTo(want[i] as number, 0.03);
      else expect(got[i], `element ${i} between`).to.equal(before[i]);
    }
  });

  it("are clipped, skipped and rolled back by the guard, to the last element", async () => {
    const n = 7;
    using block = device().from(toBF16(floats(1, n + 1)));
    using g = device().alloc("bf16", [n]);
    const w = block.view(1, [n]);
    using adagrad = new AdaGrad([parameter("w", w, g)], { precision: "bf16" });
    const options = {
      clip: { norm: 1 },
      guard: { nan: "rollback", snapshots: 2, snapshotEvery: 1 },
    } as const;
    const seen: Uint16Array[] = [];
    for (let i = 0; i < 3; i++) {
      g.write(toBF16(floats(5 + i, n)));
      adagrad.step(options);
      seen.push(await w.read());
    }
    g.fill(Number.NaN);
    adagrad.step(options);
    const after = await w.read();
    const events = await adagrad.events();
    expect(events.map(({ action }) => action)).to.deep.equal(["rollback"]);
    expect(
      seen.some((bits) => bits.join() === after.join()),
      "an earlier state",
    ).to.equal(true);
  });

  it("cannot be used in a program, nor share a gradient of another type", async () => {
    using w = device().alloc("bf16", [3]);
    using wide = device().alloc("f32", [3]);
    const p = parameter("w", w);
    using sgd = new SGD([p]);
    const program = (body: () => unknown) => () => device().program({}, body as never);
    await expectError(
      "ADASTEP_DTYPE",
      /affine.*bf16.*castFrom, optimizer\.step/,
      program(() => affine(p, 2)),
    );
    p.grad = wide as never;
    await expectError("ADASTEP_DTYPE", /gradient of "w".*f32.*bf16/, () => new SGD([p]));
    sgd.step();
  });
});
