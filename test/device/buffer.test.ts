// Buffers and direct commands, and how they refuse misuse.

import { expect } from "chai";
import { affine, crossEntropy, Device, devices, embedding, f32, gemm, i32, relu } from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";

onEachDevice("buffers", (device) => {
  it("are zero when allocated, in every type", async () => {
    for (const dtype of ["f32", "i32", "u8", "f64"] as const) {
      using buffer = device().alloc(dtype, [3, 5]);
      expect([...(await buffer.read())]).to.deep.equal(new Array(15).fill(0));
    }
  });

  it("hold what was written, after what was enqueued before", async () => {
    using a = device().from(floats(1, 1000));
    using b = device().alloc("f32", [10, 100]);
    b.copyFrom(a);
    a.fill(7);
    expect(await b.read()).to.deep.equal(floats(1, 1000));
    expect((await a.read()).every((v) => v === 7)).to.equal(true);
  });

  it("keep data that the caller changes after write", async () => {
    const data = Float32Array.of(1, 2, 3);
    using buffer = device().from(data);
    data.fill(9);
    expect([...(await buffer.read())]).to.deep.equal([1, 2, 3]);
  });

  it("have views on the same memory", async () => {
    using whole = device().from(
      Int32Array.from({ length: 12 }, (_, i) => i),
      [3, 4],
    );
    const row = whole.view(4, [4]);
    row.fill(-1);
    expect([...(await whole.read())]).to.deep.equal([0, 1, 2, 3, -1, -1, -1, -1, 8, 9, 10, 11]);
    expect([...(await whole.view(8, [2, 2]).read())]).to.deep.equal([8, 9, 10, 11]);
  });

  it("may be empty", async () => {
    using empty = device().alloc("f32", [0, 4]);
    empty.fill(1);
    empty.copyFrom(empty.view(0, [0]));
    expect((await empty.read()).length).to.equal(0);
  });

  it("read megabytes in pieces", async () => {
    const data = floats(3, 9_000_000);
    using buffer = device().from(data);
    expect(Buffer.compare(Buffer.from((await buffer.read()).buffer), Buffer.from(data.buffer))).to.equal(0);
  });

  it("give memory back when disposed, and are counted", async () => {
    using fresh = await Device.open(device().kind);
    const buffer = fresh.alloc("f32", [1000]);
    expect(fresh.memory().live).to.equal(4000);
    buffer.dispose();
    buffer.dispose();
    await fresh.sync();
    expect(fresh.memory().live).to.equal(0);
  });

  it("refuse misuse with typed errors", async () => {
    using buffer = device().alloc("f32", [2, 3]);
    using gone = device().alloc("f32", [2, 3]);
    gone.dispose();
    await expectError("ADASTEP_SHAPE", /'shape'.*\[-1\]/, () => device().alloc("f32", [-1]));
    await expectError("ADASTEP_SHAPE", /'shape'.*1\.5/, () => device().alloc("f32", [1.5]));
    await expectError("ADASTEP_SHAPE", /'shape'/, () => device().alloc("f32", [2 ** 30, 2 ** 30]));
    await expectError("ADASTEP_ARGUMENT", /'shape'.*bytes/, () => device().alloc("f32", [2 ** 30, 2 ** 20]));
    await expectError("ADASTEP_ARGUMENT", /'dtype'.*"f16"/, () => device().alloc("f16" as "f32", [1]));
    await expectError("ADASTEP_DTYPE", /'data'.*Float64Array/, () =>
      buffer.write(new Float64Array(6) as never),
    );
    await expectError("ADASTEP_SHAPE", /'data'.*5 elements.*6 elements/, () =>
      buffer.write(new Float32Array(5)),
    );
    await expectError("ADASTEP_ARGUMENT", /'data'.*an object/, () => device().from({} as never));
    await expectError("ADASTEP_DISPOSED", /disposed buffer/, () => gone.read());
    await expectError("ADASTEP_DISPOSED", /disposed buffer/, () => gone.fill(0));
    await expectError("ADASTEP_DISPOSED", /'x'.*disposed/, () => buffer.copyFrom(gone));
    await expectError("ADASTEP_ARGUMENT", /'start'.*7/, () => buffer.view(7, [1]));
    await expectError("ADASTEP_SHAPE", /'shape'.*from element 4/, () => buffer.view(4, [3]));
    await expectError("ADASTEP_DTYPE", /i32/, () => buffer.copyFrom(device().alloc("i32", [6]) as never));
  });

  it("refuse buffers of another device", async () => {
    using other = await Device.open("cpu");
    using mine = device().alloc("f32", [2, 2]);
    using theirs = other.alloc("f32", [2, 2]);
    await expectError("ADASTEP_ARGUMENT", /another device/, () => mine.copyFrom(theirs));
    await expectError("ADASTEP_ARGUMENT", /another device/, () => gemm(mine, mine.view(0, [2, 2]), theirs));
    await expectError("ADASTEP_ARGUMENT", /another device/, () => device().program({}, () => relu(theirs)));
  });

  it("stay within a memory limit", async () => {
    using limited = await Device.open(device().kind, { memoryLimit: 1_000_000 });
    using first = limited.alloc("f32", [200_000]);
    await expectError("ADASTEP_OUT_OF_MEMORY", /asked for 400000 bytes, 800000 of 1000000/, () =>
      limited.alloc("f32", [100_000]),
    );
    first.dispose();
    await limited.sync(); // memory comes back when what was enqueued on it has run
    limited.alloc("f32", [100_000]).dispose();
  });
});

onEachDevice("faults", (device) => {
  it("reject the run, name operation, place and value, and stay until reset", async () => {
    using fresh = await Device.open(device().kind);
    using program = fresh.program({ x: f32(2, 3), y: i32(2) }, ({ x, y }) => crossEntropy(x, y));
    const batch = (label: number) => ({ x: new Float32Array(6), y: Int32Array.of(0, label) });
    expect(await program.run(batch(2))).to.be.closeTo(Math.log(3), 1e-6);
    await expectError("ADASTEP_DEVICE", /crossEntropy.*position 1: got 3, accepted: 0 to 2/, () =>
      program.run(batch(3)),
    );
    await expectError("ADASTEP_DEVICE", /position 1: got 3/, () => program.run(batch(0)));
    fresh.reset();
    expect(await program.run(batch(1))).to.be.closeTo(Math.log(3), 1e-6);
    await expectError("ADASTEP_DEVICE", /got -1/, () => program.run(batch(-1)));
  });

  it("reject the run that had it, and no run before it", async () => {
    using fresh = await Device.open(device().kind);
    using program = fresh.program({ x: f32(2, 3), y: i32(2) }, ({ x, y }) => crossEntropy(x, y));
    const run = (label: number) => program.run({ x: new Float32Array(6), y: Int32Array.of(0, label) });
    // The emulated driver runs eight commands at a time when it is asked for progress: with this many results to
    // copy, the bad run has its fault before this one is known to be done.
    using wide = fresh.program({ x: f32(1) }, ({ x }) =>
      Object.fromEntries(Array.from({ length: 8 }, (_, k) => [k, affine(x, k)])),
    );
    const good = () => [run(2), run(2), wide.run({ x: Float32Array.of(0.5) })] as const;
    for (const label of [7, -7]) {
      // Nothing is awaited before all is enqueued.
      const before = good();
      const bad = run(label);
      const refused = run(2);
      fresh.reset();
      const after = good();
      const reason = new RegExp(`^crossEntropy: index at position 1: got ${label}, accepted: 0 to 2$`);
      await Promise.all([
        expectError("ADASTEP_DEVICE", reason, () => bad),
        expectError("ADASTEP_DEVICE", reason, () => refused),
      ]);
      for (const runs of [before, after]) {
        const [first, second, results] = await Promise.all(runs);
        expect([first, second]).to.deep.equal([Math.fround(Math.log(3)), Math.fround(Math.log(3))]);
        expect(results[7]).to.deep.equal(Float32Array.of(3.5));
      }
    }
  });

  it("are reported at the lowest position, of the first operation that has one", async () => {
    using fresh = await Device.open(device().kind);
    using table = fresh.alloc("f32", [4, 3]);
    using program = fresh.program({ i: i32(1000), y: i32(1000) }, ({ i, y }) =>
      crossEntropy(embedding(table, i), y),
    );
    const list = (...bad: [position: number, value: number][]): Int32Array => {
      const values = new Int32Array(1000).fill(1);
      for (const [position, value] of bad) values[position] = value;
      return values;
    };
    // Of these the kernels come to the lowest last: their blocks go round in strides.
    const labels = list([999, 3], [500, -5], [750, 9]);
    await expectError("ADASTEP_DEVICE", /^crossEntropy: .* position 500: got -5, accepted: 0 to 2$/, () =>
      program.run({ i: list(), y: labels }),
    );
    fresh.reset();
    await expectError(
      "ADASTEP_DEVICE",
      /^embedding: .* position 500: got 2147483647, accepted: 0 to 3$/,
      () => program.run({ i: list([998, 4], [500, 2 ** 31 - 1], [750, -1]), y: labels }),
    );
  });

  it("report an index of an embedding", async () => {
    using fresh = await Device.open(device().kind);
    using table = fresh.alloc("f32", [4, 2]);
    using program = fresh.program({ i: i32(3) }, ({ i }) => embedding(table, i));
    await expectError("ADASTEP_DEVICE", /embedding.*position 2: got 4, accepted: 0 to 3/, () =>
      program.run({ i: Int32Array.of(0, 3, 4) }),
    );
  });
});

describe("devices", () => {
  it("lists the CPU, and a GPU that cannot be used with its reason", async () => {
    const all = devices();
    const cpu = all.find((entry) => entry.kind === "cpu");
    expect(cpu?.unavailable).to.equal("");
    expect(cpu?.threads).to.be.at.least(1);
    expect(cpu?.memoryBytes).to.be.above(0);
    const gpu = all.find((entry) => entry.kind === "cuda");
    expect(gpu, "a GPU is listed, usable or not").to.not.equal(undefined);
    if (gpu && gpu.unavailable !== "") {
      using opened = await Device.open();
      expect(opened.kind).to.equal("cpu");
      await expectError("ADASTEP_UNAVAILABLE", /cuda cannot be used: .+/, () => Device.open("cuda"));
    }
  });

  it("refuses bad names and options", async () => {
    await expectError("ADASTEP_ARGUMENT", /'name'.*"gpu".*"auto"/, () => Device.open("gpu"));
    await expectError("ADASTEP_ARGUMENT", /'name'/, () => Device.open("auto:1"));
    await expectError("ADASTEP_ARGUMENT", /'threads'.*0/, () => Device.open("cpu", { threads: 0 }));
    await expectError("ADASTEP_ARGUMENT", /level.*"v9".*baseline/, () => Device.open("cpu", { level: "v9" }));
    await expectError("ADASTEP_ARGUMENT", /"thread".*threads/, () =>
      Device.open("cpu", { thread: 1 } as never),
    );
    await expectError("ADASTEP_UNAVAILABLE", /cpu:3 cannot be used/, () => Device.open("cpu:3"));
  });

  it("refuses a disposed device", async () => {
    const device = await Device.open("cpu");
    const buffer = device.alloc("f32", [4]);
    device.dispose();
    await expectError("ADASTEP_DISPOSED", /disposed device/, () => device.alloc("f32", [1]));
    await expectError("ADASTEP_DISPOSED", /disposed device/, () => buffer.read());
    buffer.dispose();
    device.dispose();
  });

  it("ends what was queued when it is disposed", async () => {
    const device = await Device.open("cpu");
    const buffer = device.from(floats(1, 100_000));
    const reading = buffer.read();
    device.dispose();
    expect(await reading).to.deep.equal(floats(1, 100_000));
  });
});
