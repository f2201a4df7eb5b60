// The binding under random calls with random arguments: it may refuse with a typed error, never crash. What gets through
// runs; under AddressSanitizer (npm run test:asan) any access outside of a buffer ends the process.

import { expect } from "chai";
import {
  type NativeBuffer,
  type NativeDevice,
  type NativeProgram,
  native,
  promised,
} from "../../lib/native/native.js";
import { random } from "../support/numbers.js";

const CALLS = Number(process.env.ADASTEP_FUZZ_CALLS ?? 1_000_000);
const seed = Number(process.env.ADASTEP_FUZZ_SEED ?? 1);

describe("the binding", () => {
  it(`survives ${CALLS.toLocaleString("en")} random calls`, async function () {
    this.timeout(1_200_000);
    const next = random(seed);
    const below = (n: number): number => Math.floor(next() * n);
    const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
    const device = await promised<NativeDevice>((done) => native.open("cpu", 0, 2, "", 0, done));
    const closed = await promised<NativeDevice>((done) => native.open("cpu", 0, 1, "", 0, done));
    await promised<undefined>((done) => closed.close(done));
    const { ops } = native.schema();
    const buffers: NativeBuffer[] = [];
    const programs: NativeProgram[] = [];

    const size = (): number => pick([0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 33, 64]);
    const junk = (): unknown =>
      pick<() => unknown>([
        () => undefined,
        () => null,
        () => -1,
        () => Number.NaN,
        () => Number.POSITIVE_INFINITY,
        () => 2 ** 53,
        () => 1.5,
        () => "x",
        () => ({}),
        () => [],
        () => [{}, buffers[0]],
        () => new Float64Array(below(6)),
        () => new Uint8Array(below(40)),
        () => new Float32Array(below(40)),
        () => () => {},
        () => Symbol("s"),
        () => 10n,
        () => device,
        () => pick(buffers),
      ])();
    const maybe = <T>(value: T): T => (next() < 0.02 ? (junk() as T) : value);

    /** Words of one random operation: mostly in the right form, so that the decoder gets deep. */
    const operation = (count: number): number[] => {
      const index = below(ops.length);
      const words = [index];
      const unit = pick([1, 1, 2, 3, 4, 8]);
      for (const field of ops[index]?.fields ?? []) {
        if (next() < 0.005) words.push(pick([-1, Number.NaN, 2 ** 53, 1e300, 0.5, 2 ** 40]));
        else if (field.kind === "choice") words.push(below(field.values.length));
        else if (field.kind === "flag") words.push(below(2));
        else if (field.kind === "real") words.push(pick([0, 1, -1, 0.5, 1e30, Number.NaN]));
        else if (field.kind === "dims") {
          for (let i = 0; i < 6; i++)
            words.push(field.name === "shape" ? pick([1, 1, 1, unit, 2]) : pick([0, 1, unit]));
        } else if (field.kind === "count")
          words.push(next() < 0.7 ? unit : pick([0, 1, size(), 2 ** 31, 2 ** 52]));
        else
          words.push(
            field.optional && next() < 0.3 ? -1 : below(count),
            pick([0, 0, 0, 4, 8, 256, 512, 1024, 1, 6]),
          );
      }
      return words;
    };
    const list = (): Float64Array =>
      Float64Array.from(Array.from({ length: below(4) }, () => operation(buffers.length)).flat());
    const regions = (): Float64Array =>
      Float64Array.from(
        Array.from({ length: below(3) }, () => [
          below(buffers.length),
          pick([0, 4, 64]),
          pick([0, 4, 16, 64]),
        ]).flat(),
      );

    const shared = [0, 64, 4096, 70_000].map((bytes) => new Uint8Array(new SharedArrayBuffer(bytes)));
    const memory = (): Uint8Array => {
      const whole = pick(shared);
      if (next() < 0.1) shared[shared.indexOf(whole)] = new Uint8Array(new SharedArrayBuffer(whole.length));
      return whole.subarray(pick([0, 0, 0, 4, 64]), pick([undefined, undefined, 8, 68]));
    };
    let refused = 0;
    let accepted = 0;
    const calls: (() => unknown)[] = [
      () => buffers.push(device.alloc(maybe(pick([0, 64, 1024, 4096])))),
      () =>
        buffers.length > 12
          ? (buffers.splice(below(buffers.length), 1)[0] as NativeBuffer).dispose()
          : undefined,
      () => pick(buffers)?.bytes(),
      () => device.submit(maybe(list()), maybe(buffers)),
      () => device.submit(maybe(list()), maybe(buffers)),
      () => device.submit(maybe(list()), maybe(buffers)),
      () => device.submit(maybe(list()), maybe(buffers)),
      () => programs.push(device.program(maybe(list()), maybe(buffers), maybe(regions()), maybe(regions()))),
      () =>
        pick(programs)?.run(
          maybe(Array.from({ length: below(3) }, () => new Uint8Array(pick([0, 4, 16, 64])))),
          () => {},
        ),
      () => pick(programs)?.run(Array.from({ length: below(3) }, memory), () => {}),
      () => device.stage(maybe(memory())),
      () => device.unstage(maybe(memory())),
      () => closed.stage(memory()),
      () => closed.unstage(memory()),
      () =>
        programs.length > 6
          ? (programs.splice(below(programs.length), 1)[0] as NativeProgram).dispose()
          : undefined,
      () => device.write(maybe(pick(buffers)), maybe(size()), maybe(new Float32Array(size()))),
      () =>
        device.read(
          maybe(pick(buffers)),
          maybe(size()),
          maybe(size()),
          maybe(() => {}),
        ),
      () => device.memory(),
      () => device.info(),
      () => device.reset(),
      () => closed.alloc(16),
      () => closed.submit(list(), buffers),
      () =>
        (device as unknown as Record<string, (...args: unknown[]) => unknown>)[
          pick(["alloc", "submit", "program", "write", "stage", "unstage", "read", "sync"])
        ]?.(junk(), junk(), junk(), junk()),
      () => Reflect.construct((pick(buffers) as object).constructor as new () => unknown, []),
      () => (device.alloc as (this: unknown, n: number) => unknown).call(pick(buffers), 8),
      () =>
        native.open(
          junk() as string,
          junk() as number,
          junk() as number,
          junk() as string,
          junk() as number,
          junk() as never,
        ),
    ];
    for (let i = 0; i < 8; i++) buffers.push(device.alloc(4096));
    for (let i = 0; i < CALLS; i++) {
      try {
        pick(calls)();
        accepted++;
      } catch (error) {
        if (!(error instanceof Error)) expect.fail(`threw ${String(error)}`);
        refused++;
      }
      if (i % 2000 === 0) {
        // The queue is bounded by waiting; a fault of the random work itself is an answer too.
        await promised<undefined>((done) => device.sync(done)).catch(() => device.reset());
      }
    }
    await promised<undefined>((done) => device.sync(done)).catch(() => device.reset());
    for (const buffer of buffers) buffer.dispose();
    for (const program of programs) program.dispose();
    await promised<undefined>((done) => device.close(done));
    expect(accepted).to.be.above(CALLS / 20);
    expect(refused).to.be.above(CALLS / 20);
  });
});
