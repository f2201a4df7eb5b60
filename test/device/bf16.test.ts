// bf16 buffers: conversions on the host and on the device, and where bf16 is refused.

import { expect } from "chai";
import { cast, f32, fromBF16, gemm, parameter, relu, toBF16 } from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";

/** f32 values by their bits: ordinary ones, both sides of halfway, the ends of the range, denormals. */
const BITS = [
  0x3f800000, 0x80000000, 0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff, 0x7f7fffff, 0x7f800000, 0xff800000,
  0x00000001, 0x00010000, 0x00008001, 0x807fffff,
];
const ROUNDED = [0x3f80, 0x8000, 0x3f80, 0x3f82, 0x3f81, 0x3f80, 0x7f80, 0x7f80, 0xff80, 0, 1, 1, 0x8080];
const VALUES = new Float32Array(Uint32Array.from(BITS).buffer);

describe("bf16 on the host", () => {
  it("rounds to the nearest, ties to even, and comes back exactly", () => {
    expect([...toBF16(VALUES)]).to.deep.equal(ROUNDED);
    const again = toBF16(fromBF16(Uint16Array.from(ROUNDED)));
    expect([...again]).to.deep.equal(ROUNDED);
    expect(fromBF16(toBF16(Float32Array.of(Number.NaN)))[0]).to.be.NaN;
  });

  it("takes a view that starts anywhere", () => {
    expect([...toBF16(Float32Array.of(9, 1, 2).subarray(1))]).to.deep.equal([0x3f80, 0x4000]);
  });

  it("refuses other arrays", async () => {
    await expectError("ADASTEP_DTYPE", /toBF16.*Float64Array/, () => toBF16(new Float64Array(1) as never));
    await expectError("ADASTEP_DTYPE", /fromBF16.*Float32Array/, () => fromBF16(VALUES as never));
  });
});

onEachDevice("bf16 buffers", (device) => {
  it("convert as the host does", async () => {
    const values = Float32Array.from([...VALUES, ...floats(1, 5000, -9, 9)]);
    using wide = device().from(values);
    using half = device().alloc("bf16", [values.length]);
    half.castFrom(wide);
    expect(await half.read()).to.deep.equal(toBF16(values));
    wide.castFrom(half);
    expect(await wide.read()).to.deep.equal(fromBF16(toBF16(values)));
  });

  it("are zero at first, filled, written, copied and cut into views", async () => {
    using a = device().alloc("bf16", [2, 3]);
    expect(a.byteLength).to.equal(12);
    expect([...(await a.read())]).to.deep.equal([0, 0, 0, 0, 0, 0]);
    a.fill(1.01171875); // halfway
    using b = device().from(toBF16(Float32Array.of(1, 2, 3)));
    expect(b.dtype).to.equal("bf16");
    a.view(1, [3]).copyFrom(b);
    expect([...fromBF16(await a.read())]).to.deep.equal([1.015625, 1, 2, 3, 1.015625, 1.015625]);
  });

  it("convert between the other types too", async () => {
    using wide = device().from(Float32Array.of(-1.9, 2.9, 300));
    using whole = device().alloc("i32", [3]);
    using byte = device().alloc("u8", [3]);
    whole.castFrom(wide);
    byte.castFrom(whole);
    wide.castFrom(byte);
    expect([...(await whole.read())]).to.deep.equal([-1, 2, 300]);
    expect([...(await wide.read())]).to.deep.equal([0, 2, 255]);
  });

  it("are refused where they cannot be used", async () => {
    using half = device().alloc("bf16", [4]);
    using square = device().alloc("bf16", [2, 2]);
    using wide = device().alloc("f32", [4]);
    using whole = device().alloc("i32", [4]);
    await expectError("ADASTEP_DTYPE", /castFrom.*i32.*f32, bf16/, () => half.castFrom(whole));
    await expectError("ADASTEP_DTYPE", /castFrom.*bf16/, () => whole.castFrom(half));
    await expectError("ADASTEP_SHAPE", /castFrom.*4 elements.*3 elements/, () =>
      half.view(0, [3]).castFrom(wide),
    );
    await expectError("ADASTEP_ARGUMENT", /castFrom/, () => half.castFrom({} as never));
    await expectError("ADASTEP_DTYPE", /copyFrom.*f32/, () => half.copyFrom(wide as never));
    await expectError("ADASTEP_DTYPE", /bf16/, () => gemm(square, square, square as never));
    const record = (body: () => never) => () => device().program({}, body);
    await expectError(
      "ADASTEP_DTYPE",
      /relu.*bf16/,
      record(() => relu(half) as never),
    );
    await expectError(
      "ADASTEP_DTYPE",
      /cast.*bf16/,
      record(() => cast(wide, "bf16") as never),
    );
    const w = parameter("w", half);
    await expectError(
      "ADASTEP_DTYPE",
      /relu.*bf16/,
      record(() => relu(w) as never),
    );
    await expectError("ADASTEP_DTYPE", /input 'x'.*bf16/, () =>
      device().program({ x: { dtype: "bf16", shape: [1] } } as never, (() => relu(wide)) as never),
    );
    await expectError("ADASTEP_DTYPE", /'x'.*Uint16Array/, () =>
      device()
        .program({ x: f32(1) }, ({ x }) => relu(x))
        .run({ x: new Uint16Array(1) as never }),
    );
    await expectError("ADASTEP_DTYPE", /'grad'.*f32.*bf16/, () => parameter("w", half, wide as never));
    await expectError("ADASTEP_DTYPE", /'value'.*i32/, () => parameter("w", whole as never));
  });
});
