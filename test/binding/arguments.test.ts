// What the binding does with arguments that are made to confuse it: each was once a crash.

import { expect } from "chai";
import { type NativeDevice, native, promised, type TypedArray } from "../../lib/native/native.js";
import { expectError } from "../support/errors.js";

const opcode = (name: string): number => native.schema().ops.findIndex((op) => op.name === name);

describe("arguments of the binding", () => {
  let device: NativeDevice;
  before(async () => {
    device = await promised<NativeDevice>((done) => native.open("cpu", 0, 1, "", 0, done));
  });
  after(() => promised<undefined>((done) => device.close(done)));

  /** An array whose first element runs code when it is read. */
  const trapped = (rest: unknown[], trap: (list: unknown[]) => unknown): never => {
    const list = [undefined, ...rest];
    Object.defineProperty(list, 0, { get: () => trap(list) });
    return list as never;
  };

  it("inputs that grow, shrink or dispose the program while they are read", async () => {
    const buffer = device.alloc(64);
    const make = () =>
      device.program(new Float64Array(), [buffer], Float64Array.of(0, 0, 16, 0, 16, 16), new Float64Array());
    const data = new Uint8Array(16);
    const growing = trapped([data], (list) => {
      for (let i = 0; i < 100; i++) list.push(new Uint8Array(1 << 20));
      return data;
    });
    await promised((done) => make().run(growing, done));
    const shrinking = trapped([data], (list) => {
      list.length = 1;
      return data;
    });
    await expectError("ADASTEP_ARGUMENT", /'inputs'.*undefined/, () =>
      promised((done) => make().run(shrinking, done)),
    );
    const program = make();
    const disposing = trapped([data], () => {
      program.dispose();
      return data;
    });
    await promised((done) => program.run(disposing, done));
    await expectError("ADASTEP_DISPOSED", /program\.run/, () =>
      promised((done) => program.run([data, data], done)),
    );
    buffer.dispose();
  });

  it("a list of buffers that grows while it is read", () => {
    const buffer = device.alloc(64);
    const growing = trapped([], (list) => {
      for (let i = 0; i < 100; i++) list.push(buffer);
      return buffer;
    });
    device.submit(new Float64Array(), growing);
    buffer.dispose();
  });

  it("byte offsets that are not a multiple of the element", async () => {
    const buffer = device.alloc(64);
    const fill = (dtype: number, offset: number) =>
      device.submit(Float64Array.of(opcode("fill"), dtype, 2, 1, 0, offset), [buffer]);
    await expectError("ADASTEP_ARGUMENT", /fill: 'y'.*byte offset 1.*multiple of 4/, () => fill(0, 1));
    await expectError("ADASTEP_ARGUMENT", /fill: 'y'.*byte offset 4.*multiple of 8/, () => fill(3, 4));
    fill(2, 1);
    const cast = Float64Array.of(opcode("cast"), 2, 0, 2, 0, 0, 0, 5);
    await expectError("ADASTEP_ARGUMENT", /cast: 'y'.*byte offset 5/, () => device.submit(cast, [buffer]));
    buffer.dispose();
  });

  it("counts that would loop for ever or overflow", async () => {
    const buffer = device.alloc(64);
    device.submit(Float64Array.of(opcode("softmax"), 0, 0, 2 ** 52, 0, 0, 0, 0, 0), [buffer]); // writes nothing
    const strided = [
      opcode("strided"),
      1,
      1,
      1,
      1,
      1,
      2 ** 50,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      32,
    ];
    await expectError("ADASTEP_ARGUMENT", /yStrides/, () =>
      device.submit(Float64Array.from(strided), [buffer]),
    );
    const huge = Float64Array.of(opcode("softmax"), 0, 0, 2 ** 40, 2 ** 40, 0, 0, 0, 0);
    await expectError("ADASTEP_ARGUMENT", /softmax: 'x'.*inside its buffer of 64 bytes/, () =>
      device.submit(huge, [buffer]),
    );
    await promised<undefined>((done) => device.sync(done));
    buffer.dispose();
  });

  it("results larger than memory are refused, and the process still ends by itself", async () => {
    const buffer = device.alloc(1 << 26); // never touched, so it costs nothing
    const outputs = Float64Array.from({ length: 3 * 200_000 }, (_, i) => (i % 3 === 2 ? 1 << 26 : 0));
    const program = device.program(new Float64Array(), [buffer], new Float64Array(), outputs);
    await expectError("ADASTEP_OUT_OF_MEMORY", /ArrayBuffer of \d+ bytes/, () =>
      promised((done) => program.run([], done)),
    );
    program.dispose();
    buffer.dispose();
  });

  it("memory shared between threads is read like any other", async () => {
    const buffer = device.alloc(16);
    const shared = new Float32Array(new SharedArrayBuffer(16)).fill(3);
    device.write(buffer, 0, shared as unknown as TypedArray);
    const bytes = await promised<ArrayBuffer>((done) => device.read(buffer, 0, 16, done));
    expect([...new Float32Array(bytes)]).to.deep.equal([3, 3, 3, 3]);
    buffer.dispose();
  });

  it("a device that is closed while the arguments are read", async () => {
    const closing = await promised<NativeDevice>((done) => native.open("cpu", 0, 1, "", 0, done));
    const buffer = closing.alloc(16);
    const list = trapped([], () => {
      closing.close(() => {});
      return buffer;
    });
    await expectError("ADASTEP_DISPOSED", /closed device/, () => closing.submit(new Float64Array(), list));
    buffer.dispose();
  });
});
