// .npy files: those that NumPy wrote (fixtures/make_npy.py) are read, and NumPy, where it is installed, reads ours.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { decodeNpy, encodeNpy, type NpyArray, npyColumn, readNpy, writeNpy } from "../../lib/data/npy.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

interface Fixture {
  readonly file: string;
  readonly shape?: number[];
  readonly values?: (number | string)[];
  readonly fails?: string;
}
const FIXTURES: Record<string, Fixture> = JSON.parse(
  readFileSync(new URL("fixtures/npy.json", import.meta.url), "utf8"),
);

const PYTHON = ["/usr/bin/python3", "python3"].find(
  (python) => spawnSync(python, ["-c", "import numpy"]).status === 0,
);

/** A file with this header text. */
function npy(header: string, values: Uint8Array = new Uint8Array(0), version = 1): Buffer {
  const start = Buffer.from("\x93NUMPY\0\0", "latin1");
  start[6] = version;
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return Buffer.concat([start, length, Buffer.from(header, "latin1"), values]);
}

const arrays: fc.Arbitrary<NpyArray> = fc
  .tuple(fc.array(fc.nat(4), { maxLength: 4 }), fc.constantFrom("f4", "f8", "i4", "i8", "u1", "b1"))
  .chain(([shape, dtype]) => {
    const length = shape.reduce((product, d) => product * d, 1);
    const size = { minLength: length, maxLength: length };
    const data: fc.Arbitrary<NpyArray["data"]> = {
      f4: fc.float32Array(size),
      f8: fc.float64Array(size),
      i4: fc.int32Array(size),
      i8: fc.bigInt64Array(size),
      u1: fc.uint8Array(size),
      b1: fc.uint8Array({ ...size, max: 1 }),
    }[dtype];
    return data.map((values) => ({ dtype, shape, data: values }) as NpyArray);
  });

describe("npy", () => {
  const file = temporaryFolder();

  for (const [name, fixture] of Object.entries(FIXTURES)) {
    const bytes = Buffer.from(fixture.file, "base64");
    if (fixture.fails !== undefined) {
      const fails = fixture.fails;
      it(`refuses what NumPy wrote: ${name}`, () =>
        expectError("ADASTEP_DATA", new RegExp(`^a\\.npy: got .*${fails}`), () => decodeNpy(bytes, "a.npy")));
      continue;
    }
    it(`reads what NumPy wrote: ${name}`, () => {
      const { data, shape } = decodeNpy(bytes);
      expect(shape).to.deep.equal(fixture.shape);
      const values = Array.from(data as ArrayLike<number | bigint>, String);
      const expected = (fixture.values ?? []).map(String);
      expect(values).to.deep.equal(expected);
      if (name.includes("-0")) expect(Object.is(data[3], -0)).to.equal(true);
    });
  }

  it("is read back by NumPy, values and header, at a multiple of 64 bytes", async function () {
    if (PYTHON === undefined) return this.skip();
    const samples: NpyArray[] = [
      { dtype: "f4", shape: [2, 3], data: Float32Array.of(1.5, -2, 3, 0.1, 5, 6) },
      { dtype: "f8", shape: [], data: Float64Array.of(Math.PI) },
      { dtype: "i4", shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
      { dtype: "i8", shape: [1, 1, 2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
      { dtype: "u1", shape: [3, 0], data: new Uint8Array(0) },
      { dtype: "b1", shape: [2], data: Uint8Array.of(1, 0) },
      { dtype: "f4", shape: Array(32).fill(1), data: Float32Array.of(7) }, // NumPy 1 takes 32 dimensions
    ];
    const read =
      "import numpy, sys\n" +
      "for path in sys.argv[1:]:\n" +
      "  a = numpy.load(path)\n" +
      "  print(a.dtype.str, list(a.shape), [float(v).hex() if a.dtype.kind == 'f' else int(v) for v in a.ravel()], a.flags.c_contiguous)\n";
    const paths = await Promise.all(
      samples.map(async (sample, i) => {
        await writeNpy(file(`${i}.npy`), sample);
        return file(`${i}.npy`);
      }),
    );
    const output = execFileSync(PYTHON, ["-c", read, ...paths], { encoding: "utf8" });
    expect(output.trim().split("\n")).to.deep.equal([
      "<f4 [2, 3] ['0x1.8000000000000p+0', '-0x1.0000000000000p+1', '0x1.8000000000000p+1', '0x1.99999a0000000p-4', " +
        "'0x1.4000000000000p+2', '0x1.8000000000000p+2'] True",
      "<f8 [] ['0x1.921fb54442d18p+1'] True",
      "<i4 [2] [-2147483648, 2147483647] True",
      "<i8 [1, 1, 2] [-9223372036854775808, 9223372036854775807] True",
      "|u1 [3, 0] [] True",
      "|b1 [2] [1, 0] True",
      `<f4 [${Array(32).fill(1).join(", ")}] ['0x1.c000000000000p+2'] True`,
    ]);
    for (const sample of samples) expect((encodeNpy(sample)[0]?.length ?? 1) % 64).to.equal(0);
  });

  it("round-trips arrays, at any place in memory", () => {
    fc.assert(
      fc.property(arrays, fc.nat(8), (array, shift) => {
        const bytes = Buffer.concat([Buffer.alloc(shift), ...encodeNpy(array)]).subarray(shift);
        expect(decodeNpy(bytes)).to.deep.equal(array);
      }),
    );
  });

  it("reads and writes files, gzipped or not", async () => {
    const array: NpyArray = { dtype: "i4", shape: [2], data: Int32Array.of(1, 2) };
    await writeNpy(file("a.npy"), array);
    expect(await readNpy(file("a.npy"))).to.deep.equal(array);
    await writeFile(file("b.npy"), gzipSync(Buffer.concat(encodeNpy(array))));
    expect(await readNpy(file("b.npy"))).to.deep.equal(array);
    await expectError("ADASTEP_DATA", /none\.npy: got ENOENT/, () => readNpy(file("none.npy")));
  });

  it("takes headers as other writers make them", () => {
    const values = Uint8Array.of(1, 2);
    for (const header of [
      "{'shape': (2,), 'fortran_order': False, 'descr': '|u1'}",
      '{"descr":"<u1","shape":(2L,),"fortran_order":False}\n',
      " { 'descr' : '=b1' , 'fortran_order' : False , 'shape' : ( 1 , 2 , ) , } \n",
    ]) {
      const bytes = npy(header, header.includes("b1") ? Uint8Array.of(1, 0) : values);
      expect(decodeNpy(bytes).data.length).to.equal(2);
    }
  });

  it("rejects what is no .npy file, or not a whole one", async () => {
    const rejects = (bytes: Uint8Array, pattern: RegExp): Promise<void> =>
      expectError("ADASTEP_DATA", pattern, () => decodeNpy(bytes, "a.npy"));
    const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    const header = (from: string, to: string): Buffer => npy(good.replace(from, to), new Uint8Array(8));
    await rejects(new Uint8Array(3), /^a\.npy: got 3 bytes/);
    await rejects(Buffer.from("PK\x03\x04 a zip file"), /magic string 0x504b0304/);
    await rejects(npy(good, new Uint8Array(8), 4), /version 4\.0/);
    await rejects(npy(good, new Uint8Array(8), 2).subarray(0, 11), /a header \(cut short\?\)/);
    await rejects(npy(good).subarray(0, 40), /a header length of 57 bytes/);
    await rejects(npy(good, new Uint8Array(7)), /7 bytes of values \(cut short\?\), accepted: 8 bytes/);
    await rejects(npy(good, new Uint8Array(9)), /9 bytes of values, accepted: 8 bytes for the shape \(2\)/);
    await rejects(header("(2,)", "(2)"), /accepted: a tuple/);
    await rejects(header("(2,)", "(-2,)"), /an integer, 0 or more/);
    await rejects(header("(2,)", "(9007199254740993,)"), /below 2\^53/);
    await rejects(header("(2,)", "(2,,)"), /an integer/);
    await rejects(header("False", "false"), /True or False/);
    await rejects(header("'shape': (2,), ", ""), /descr, fortran_order and shape/);
    await rejects(header("'shape'", "'descr'"), /a key that has not come before/);
    await rejects(header("'descr'", "'order'"), /the key descr/);
    await rejects(header("'<f4'", "'<\\f4'"), /a string that closes, without escapes/);
    await rejects(header("'<f4'", "[('a', '<f4')"), /'\]'/);
    await rejects(header("'<f4'", "<f4"), /a string/);
    await rejects(header(", }", ", } x"), /the end of the header/);
    await rejects(npy("[".repeat(60_000)), /'\{'/);
    await rejects(npy(good.replace("(2,)", `(${"9999999999,".repeat(60)})`)), /accepted: Infinity bytes/);
    await rejects(npy(good.replace("(2,)", `(${"1,".repeat(65)})`)), /65 dimensions/);
    await rejects(npy(good.replace("<f4", "|b1"), Uint8Array.of(1, 2)), /value 1: got 2, accepted: 0 or 1/);
  });

  it("never fails but with a typed error", () => {
    const whole = Buffer.concat(encodeNpy({ dtype: "u1", shape: [2, 2], data: new Uint8Array(4) }));
    const tokens = fc.constantFrom(
      ..."{}()[],:'\"\\ 0123L\n",
      "'descr'",
      "'shape'",
      "False",
      "'<f4'",
      "'|u1'",
    );
    const texts = fc.array(tokens, { maxLength: 20 }).map((parts) => npy(parts.join(""), new Uint8Array(4)));
    const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 });
    const damaged = fc.tuple(edits, fc.nat(whole.length)).map(([changes, end]) => {
      const copy = Buffer.from(whole);
      for (const [at, value] of changes) copy[at] = value;
      return copy.subarray(0, end % 7 === 0 ? end : whole.length);
    });
    fc.assert(
      fc.property(fc.oneof(texts, damaged, fc.uint8Array({ maxLength: 40 })), (bytes) => {
        try {
          const { data, shape } = decodeNpy(bytes);
          expect(data.length).to.equal(shape.reduce((product, d) => product * d, 1));
        } catch (error) {
          expect(error).to.have.property("code", "ADASTEP_DATA");
        }
      }),
      { numRuns: 5000 },
    );
  });

  it("refuses arrays that the format cannot hold", async () => {
    const array = { dtype: "f4", shape: [2], data: Float32Array.of(1, 2) } as const;
    const bad = (change: object) => () => encodeNpy({ ...array, ...change } as NpyArray);
    await expectError("ADASTEP_ARGUMENT", /'dtype'/, bad({ dtype: "f2" }));
    await expectError("ADASTEP_DTYPE", /a Float64Array for dtype|a Float64Array/, bad({ dtype: "f8" }));
    await expectError("ADASTEP_SHAPE", /2 values, accepted: 3 values/, bad({ shape: [3] }));
    await expectError("ADASTEP_ARGUMENT", /'shape'/, bad({ shape: [-1] }));
    await expectError("ADASTEP_ARGUMENT", /64 dimensions/, bad({ shape: Array(65).fill(1) }));
    await expectError("ADASTEP_ARGUMENT", /0 or 1/, bad({ dtype: "b1", data: Uint8Array.of(1, 2) }));
  });

  it("becomes a column: floats f32, integers i32, bytes and booleans u8", async () => {
    const f8: NpyArray = { dtype: "f8", shape: [2, 2], data: Float64Array.of(0.1, 2, 3, -4) };
    expect(npyColumn(f8)).to.deep.equal({ data: Float32Array.of(0.1, 2, 3, -4), shape: [2] });
    const i8: NpyArray = { dtype: "i8", shape: [2], data: BigInt64Array.of(-1n, 5n) };
    expect(npyColumn(i8)).to.deep.equal({ data: Int32Array.of(-1, 5), shape: [] });
    const u1: NpyArray = { dtype: "u1", shape: [1, 2], data: Uint8Array.of(3, 4) };
    expect(npyColumn(u1).data).to.equal(u1.data);

    const large: NpyArray = { dtype: "i8", shape: [2], data: BigInt64Array.of(1n, 2n ** 31n) };
    await expectError("ADASTEP_DATA", /a\.npy, value 1: got 2147483648n/, () => npyColumn(large, "a.npy"));
    const nan: NpyArray = { dtype: "f4", shape: [1], data: Float32Array.of(Number.NaN) };
    await expectError("ADASTEP_DATA", /value 0: got NaN, accepted: a finite number/, () => npyColumn(nan));
    const scalar: NpyArray = { dtype: "f4", shape: [], data: Float32Array.of(1) };
    await expectError("ADASTEP_SHAPE", /examples first/, () => npyColumn(scalar));
  });
});
