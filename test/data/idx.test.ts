import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { decodeIdx, readIdx } from "../../lib/data/idx.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

/** An IDX file with that type code and those dimensions. */
function idx(code: number, shape: readonly number[], values: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, code, shape.length]);
  for (const [i, dimension] of shape.entries()) header.writeUInt32BE(dimension, 4 + 4 * i);
  return Buffer.concat([header, values]);
}

describe("IDX", () => {
  const file = temporaryFolder();

  it("decodes u8, i32 and f32, which are big-endian", () => {
    const shape = [3, 2];
    expect(decodeIdx(idx(8, shape, Uint8Array.of(1, 2, 3, 4, 5, 255)))).to.deep.equal({
      data: Uint8Array.of(1, 2, 3, 4, 5, 255),
      shape,
    });
    const numbers = Buffer.alloc(8);
    numbers.writeInt32BE(-2, 0);
    numbers.writeInt32BE(65_536, 4);
    expect(decodeIdx(idx(12, [2], numbers)).data).to.deep.equal(Int32Array.of(-2, 65_536));
    numbers.writeFloatBE(1.5, 0);
    numbers.writeFloatBE(-0.25, 4);
    expect(decodeIdx(idx(13, [2], numbers)).data).to.deep.equal(Float32Array.of(1.5, -0.25));
  });

  it("decodes empty arrays and scalars, at any place in memory", () => {
    expect(decodeIdx(idx(8, [0, 28, 28], new Uint8Array(0))).shape).to.deep.equal([0, 28, 28]);
    expect(decodeIdx(idx(8, [], Uint8Array.of(9)))).to.deep.equal({ data: Uint8Array.of(9), shape: [] });
    const shifted = Buffer.concat([Buffer.alloc(3), idx(13, [1], Buffer.from("3fc00000", "hex"))]);
    expect([...decodeIdx(shifted.subarray(3)).data]).to.deep.equal([1.5]);
  });

  it("reads files, gzipped or not", async () => {
    const bytes = idx(8, [2], Uint8Array.of(7, 8));
    for (const content of [bytes, gzipSync(bytes)]) {
      await writeFile(file("a"), content);
      expect([...(await readIdx(file("a"))).data]).to.deep.equal([7, 8]);
    }
  });

  it("rejects what is no IDX file, or not a whole one", async () => {
    const rejects = (bytes: Uint8Array, pattern: RegExp): Promise<void> =>
      expectError("ADASTEP_DATA", pattern, () => decodeIdx(bytes, "a.idx"));
    const whole = idx(8, [2, 3], new Uint8Array(6));
    await rejects(new Uint8Array(0), /^a\.idx: got 0 bytes/);
    await rejects(Buffer.from("89504e47", "hex"), /magic number 0x89504e47/);
    await rejects(idx(14, [1], new Uint8Array(8)), /magic number 0x00000e01/);
    await rejects(whole.subarray(0, 11), /got 11 bytes, accepted: a header of 12 bytes for 2 dimensions/);
    await rejects(
      whole.subarray(0, 17),
      /got 17 bytes \(cut short\?\), accepted: 18 bytes for the dimensions 2 x 3/,
    );
    await rejects(Buffer.concat([whole, Buffer.of(0)]), /got 19 bytes, accepted: 18 bytes/);
    await rejects(idx(8, Array(255).fill(0xffffffff), new Uint8Array(0)), /accepted: Infinity bytes/);
    await expectError("ADASTEP_DATA", /none: got ENOENT.*accepted: try this/, () =>
      readIdx(file("none"), "try this"),
    );
    await writeFile(file("cut"), gzipSync(whole).subarray(0, 20));
    await expectError("ADASTEP_DATA", /cut: got a damaged gzip stream/, () => readIdx(file("cut")));
  });

  it("never fails but with a typed error", () => {
    const magic = fc.constantFrom(0, 0, 0, 1, 8, 12, 13);
    const start = fc.tuple(magic, magic, magic, fc.nat(4)).map((bytes) => Uint8Array.from(bytes));
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 40 }), (head, tail) => {
        const bytes = Buffer.concat([head, tail]);
        try {
          const { data, shape } = decodeIdx(bytes);
          expect(data.length).to.equal(shape.reduce((product, dimension) => product * dimension, 1));
        } catch (error) {
          expect(error).to.have.property("code", "ADASTEP_DATA");
        }
      }),
      { numRuns: 5000 },
    );
  });
});
