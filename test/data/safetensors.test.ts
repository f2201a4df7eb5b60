import { expect } from "chai";
import fc from "fast-check";
import {
  decodeSafetensors,
  encodeSafetensors,
  layoutOf,
  type SafetensorsFile,
  type SafetensorsTensor,
} from "../../lib/data/safetensors.js";
import { expectError } from "../support/errors.js";

const encode = (...args: Parameters<typeof encodeSafetensors>): Buffer =>
  Buffer.concat(encodeSafetensors(...args));

/** A file with that header text, padded or not, and that many bytes of data. */
function withHeader(header: string | Uint8Array, data = 0): Buffer {
  const text = Buffer.from(header as string);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(data)]);
}

const entry = (dtype: string, shape: unknown, begin: number, end: number): string =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

const sizes = fc.array(fc.nat(4), { maxLength: 4 });
const tensor: fc.Arbitrary<SafetensorsTensor> = sizes.chain((shape) => {
  const length = shape.reduce((product, dimension) => product * dimension, 1);
  const of = { minLength: length, maxLength: length };
  return fc.oneof(
    fc.float64Array(of).map((data) => ({ dtype: "F64" as const, shape, data })),
    fc.float32Array(of).map((data) => ({ dtype: "F32" as const, shape, data })),
    fc.int32Array(of).map((data) => ({ dtype: "I32" as const, shape, data })),
    fc.uint8Array(of).map((data) => ({ dtype: "U8" as const, shape, data })),
  );
});
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "0", 'a"\\\n'),
);
const tensors = fc.dictionary(text, tensor, { maxKeys: 6 });
const metadata = fc.dictionary(text, text, { maxKeys: 3 });

/** Without prototypes, which are no part of the content, and typed arrays as bytes, so that NaN equals NaN. */
function content(tensors: Readonly<Record<string, SafetensorsTensor>>): unknown[] {
  const bytes = ({ data }: SafetensorsTensor): string =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex");
  return Object.entries(tensors)
    .map(([name, t]) => [name, t.dtype, [...t.shape], t.data.constructor.name, bytes(t)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

describe("safetensors", () => {
  it("lays bytes out as the format says", () => {
    const file = encode(
      {
        b: { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) },
        "a.weight": { dtype: "F32", shape: [1, 2], data: Float32Array.of(1, -2) },
        a: { dtype: "F32", shape: [], data: Float32Array.of(0.5) },
        step: { dtype: "F64", shape: [1], data: Float64Array.of(1) },
        i: { dtype: "I32", shape: [1], data: Int32Array.of(-1) },
      },
      { format: "pt" },
    );
    const header =
      `{"__metadata__":{"format":"pt"},"step":${entry("F64", [1], 0, 8)},"a":${entry("F32", [], 8, 12)},` +
      `"a.weight":${entry("F32", [1, 2], 12, 20)},"i":${entry("I32", [1], 20, 24)},"b":${entry("U8", [3], 24, 27)}}`;
    const padded = header + " ".repeat((8 - (header.length % 8)) % 8);
    const data = "000000000000f03f" + "0000003f" + "0000803f" + "000000c0" + "ffffffff" + "010203";
    expect(file).to.deep.equal(Buffer.concat([withHeader(padded), Buffer.from(data, "hex")]));
    expect(file.readBigUInt64LE() % 8n).to.equal(0n);
  });

  it("writes the smallest file", () => {
    expect(encode({})).to.deep.equal(Buffer.from("0800000000000000" + "7b7d202020202020", "hex"));
  });

  it("sorts names by their UTF-8 bytes", () => {
    const one: SafetensorsTensor = { dtype: "U8", shape: [], data: Uint8Array.of(0) };
    const header = encode({ "\u{1f600}": one, "\u{ffee}": one, b: one, a: one }).toString("utf8", 8);
    const order = [...header.matchAll(/"([^"]+)":\{/g)].map(([, name]) => name);
    expect(order).to.deep.equal(["a", "b", "\u{ffee}", "\u{1f600}"]);
  });

  it("round-trips", () => {
    fc.assert(
      fc.property(tensors, metadata, fc.nat(7), (original, strings, shift) => {
        const file = encode(original, strings);
        const shifted = Buffer.concat([Buffer.alloc(shift), file]).subarray(shift); // any alignment in memory
        const decoded = decodeSafetensors(shifted);
        expect(content(decoded.tensors)).to.deep.equal(content(original));
        expect(Object.entries(decoded.metadata).sort()).to.deep.equal(Object.entries(strings).sort());
        expect(encode(decoded.tensors, decoded.metadata)).to.deep.equal(file);
      }),
      { numRuns: 500 },
    );
  });

  it("shares memory where the alignment allows it, and copies where not", () => {
    const header = `{"u":${entry("U8", [1], 0, 1)},"f":${entry("F32", [1], 1, 5)}}`;
    const file = new Uint8Array(withHeader(header.padEnd(Math.ceil(header.length / 8) * 8), 5));
    const { u, f } = decodeSafetensors(file).tensors;
    expect(u?.data.buffer).to.equal(file.buffer);
    expect(f?.data.buffer).to.not.equal(file.buffer);
    expect(f?.data).to.deep.equal(Float32Array.of(0));
  });

  it("gives the values of types that have no array of their own, exactly", async () => {
    const file = (dtype: string, shape: number[], ...values: number[][]): Buffer => {
      const bytes = Buffer.from(values.flat());
      return Buffer.concat([withHeader(`{"a":${entry(dtype, shape, 0, bytes.length)}}`), bytes]);
    };
    const valuesOf = (...args: Parameters<typeof file>): unknown => {
      const { dtype, shape, data } = decodeSafetensors(file(...args)).tensors.a as SafetensorsTensor;
      return { dtype, shape, data: [...data] };
    };
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const bf16 = [
      [0x80, 0x3f],
      [0x49, 0xc0],
      [0x80, 0x7f],
      [0xc0, 0x7f],
      [0x01, 0x00],
    ];
    expect(valuesOf("BF16", [5], ...bf16)).to.deep.equal({
      ...{ dtype: "F32", shape: [5], data: [1, -3.140625, infinity, nan, 2 ** -133] },
    });
    const f16 = [
      [0x00, 0x3c],
      [0x48, 0xc2],
      [0x00, 0xfc],
      [0x01, 0x7e],
      [0x01, 0x80],
      [0xff, 0x7b],
      [0x00, 0x04],
    ];
    expect(valuesOf("F16", [7], ...f16)).to.deep.equal({
      ...{ dtype: "F32", shape: [7], data: [1, -3.140625, -infinity, nan, -(2 ** -24), 65504, 2 ** -14] },
    });
    const most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0];
    const less = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    expect(valuesOf("I64", [2, 1], most, less)).to.deep.equal({
      ...{ dtype: "F64", shape: [2, 1], data: [2 ** 53 - 1, -2] },
    });
    expect(valuesOf("I64", [], less)).to.deep.equal({ dtype: "F64", shape: [], data: [-2] });
    await expectError("ADASTEP_DATA", /tensor "a": got an I64 beyond 2\^53/, () =>
      decodeSafetensors(file("I64", [], [0, 0, 0, 0, 0, 0, 0x20, 0])),
    );
  });

  it("tells where tensors of any type lie", async () => {
    const header = `{"e":${entry("F8_E5M2", [2, 3], 0, 6)},"b":${entry("BF16", [2], 6, 10)}}`;
    const { entries } = layoutOf(withHeader(header, 10), "m.safetensors");
    expect(entries).to.deep.equal([
      ["e", { dtype: "F8_E5M2", shape: [2, 3], begin: 0, end: 6 }],
      ["b", { dtype: "BF16", shape: [2], begin: 6, end: 10 }],
    ]);
    await expectError(
      "ADASTEP_DATA",
      /"e": got data_offsets \[0, 6\] of 5 bytes, accepted: bytes of the file/,
      () => layoutOf(withHeader(`{"e":${entry("F8_E5M2", [2, 3], 0, 6)}}`, 5), "m.safetensors"),
    );
  });

  it("reads any order of keys and entries, white space, and escapes", () => {
    const header = ` { "b" :\t{"data_offsets":[4,5],"shape":[ ],"dtype":"U8"} ,\n"\\u0061":${entry("F32", [1], 0, 4)} } `;
    const { tensors } = decodeSafetensors(withHeader(header.trimStart(), 5));
    expect(Object.keys(tensors)).to.have.members(["a", "b"]);
  });

  it("rejects what the format forbids", async () => {
    const rejects = (file: Uint8Array, pattern: RegExp): Promise<void> =>
      expectError("ADASTEP_DATA", pattern, () => decodeSafetensors(file, "m.safetensors"));
    const header = (text: string, pattern: RegExp, data = 0): Promise<void> =>
      rejects(withHeader(text, data), pattern);
    await rejects(Buffer.alloc(7), /^m\.safetensors: got 7 bytes/);
    await rejects(
      Buffer.from("0900000000000000" + "7b7d202020202020", "hex"),
      /header length of 9 bytes.*8 bytes at most/,
    );
    await rejects(Buffer.alloc(8, 0xff), /header length of 18446744073709552000 bytes/);
    await rejects(withHeader(Uint8Array.of(0x7b, 0xff, 0x7d)), /no UTF-8/);
    await header("", /header at character 0: got its end, accepted: "\{"/);
    await header(' {"a":1}', /at character 0: got .*accepted: "\{"/);
    await header("[]", /at character 0/);
    await header("{}x", /at character 2: got "x", accepted: the end of the header/);
    await header('{"a":1}', /at character 5: got "1}", accepted: '\{'/);
    await header(`{"a":${"[".repeat(100_000)}`, /at character 5/);
    await header(`{"a":{"shape":${"[".repeat(100_000)}`, /at character 15/);
    await header(`{"a":${entry("F32", [], 0, 4)},}`, /accepted: '"'/, 4);
    await header(`{"a":${entry("F32", [], 0, 4)},"\\u0061":${entry("F32", [], 0, 4)}}`, /not come before/, 4);
    await header('{"__metadata__":{},"__metadata__":{}}', /a key that has not come before/);
    await header('{"__metadata__":{"a":"1","a":"2"}}', /a key that has not come before/);
    await header('{"__metadata__":{"a":1}}', /accepted: '"'/);
    await header('{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}', /not come before/, 1);
    await header('{"a":{"dtype":"U8","shape":[]}}', /data_offsets of two numbers/);
    await header('{"a":{"dtype":"U8","data_offsets":[0,0]}}', /an entry with dtype, shape and data_offsets/);
    await header(
      '{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":0}}',
      /the key dtype, shape or data_offsets/,
      1,
    );
    await header('{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1,2]}}', /data_offsets of two numbers/, 1);
    for (const dimension of ["-1", "1.5", "1e2", "01", "9007199254740992", '"1"', "null", ""]) {
      const text = `{"a":{"dtype":"U8","shape":[${dimension},1],"data_offsets":[0,1]}}`;
      await header(text, /accepted: (an integer below 2\^53|'\]')/, 1);
    }
    await header('{"a\nb":{}}', /a JSON string/);
    await header('{"\\ud800":{}}', /whole Unicode characters/);
    await header('{"a', /a JSON string/);
    await header('{"a\\', /a JSON string/);
    await header(
      `{"a":${entry("U64", [1], 0, 8)}}`,
      /tensor "a": got dtype "U64", accepted: F64, F32, I32, U8, BF16, F16, I64/,
      8,
    );
    await header(
      `{"a":${entry("F32", [2], 0, 4)}}`,
      /tensor "a": got data_offsets \[0, 4\].*8 bytes for F32/,
      4,
    );
    await header(`{"a":${entry("BF16", [2], 0, 8)}}`, /"a": got.*4 bytes for BF16/, 8);
    await header(`{"a":${entry("U64", [1], 0, 8)},"b":${entry("U64", [1], 8, 0)}}`, /"b": got/, 8);
    await header(`{"a":${entry("F32", [2], 8, 0)}}`, /begin at 8, accepted: 0/, 8);
    await header(`{"a":${entry("F32", [2 ** 50, 2 ** 50], 0, 8)}}`, /tensor "a"/, 8);
    await header(`{"a":${entry("U8", [8], 0, 8)}}`, /of 4 bytes/, 4);
    await header(`{"a":${entry("U8", [1], 0, 1)}}`, /got 2 bytes after the header, accepted: 1/, 2);
    await header(`{"a":${entry("U8", [2], 1, 3)}}`, /no gap, no overlap/, 3);
    await header(`{"a":${entry("U8", [3], 0, 3)},"b":${entry("U8", [2], 2, 4)}}`, /no gap, no overlap/, 4);
    await header(`{"a":${entry("U8", [2], 0, 2)},"b":${entry("U8", [2], 0, 2)}}`, /no gap, no overlap/, 2);
  });

  // Damage at random places of a true file: a byte replaced, taken away or put in, up to four times.
  it("never fails but with a typed error, on 10,000 damaged headers", () => {
    const original: SafetensorsFile["tensors"] = {
      "fc.weight": { dtype: "F32", shape: [2, 3], data: new Float32Array(6) },
      step: { dtype: "F64", shape: [], data: new Float64Array(1) },
      mask: { dtype: "U8", shape: [3], data: new Uint8Array(3) },
    };
    const file = encode(original, { format: "pt" });
    const end = 8 + Number(file.readBigUInt64LE());
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]",:0123456789\\ ')));
    const edit = fc.record({ at: fc.nat(end - 1), how: fc.nat(2), byte });
    let rejected = 0;
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const bytes = [...file];
        for (const { at, how, byte } of edits)
          bytes.splice(at, how === 2 ? 0 : 1, ...(how === 1 ? [] : [byte]));
        // Half of the files get a header length that fits again, or most would fail for that alone.
        const damaged = Buffer.from(bytes);
        if (edits.length % 2) damaged.writeBigUInt64LE(BigInt(end - 8 + damaged.length - file.length));
        try {
          const { tensors } = decodeSafetensors(damaged);
          for (const { shape, data } of Object.values(tensors)) {
            expect(data.length).to.equal(shape.reduce((product, dimension) => product * dimension, 1));
          }
        } catch (error) {
          rejected++;
          expect(error, String(error)).to.have.property("code", "ADASTEP_DATA");
        }
      }),
      { numRuns: 10_000 },
    );
    expect(rejected).to.be.greaterThan(5000);
  });

  it("rejects tensors that do not fit", async () => {
    const good: SafetensorsTensor = { dtype: "F32", shape: [2], data: new Float32Array(2) };
    const bad =
      (change: object, name = "w"): (() => unknown) =>
      () =>
        encodeSafetensors({ [name]: { ...good, ...change } as SafetensorsTensor });
    await expectError("ADASTEP_SHAPE", /tensor "w": got 2 values, accepted: 3 values/, bad({ shape: [3] }));
    await expectError("ADASTEP_DTYPE", /tensor "w".*Float64Array for dtype F64/, bad({ dtype: "F64" }));
    await expectError("ADASTEP_ARGUMENT", /tensor "w", dtype/, bad({ dtype: "BF16" }));
    await expectError("ADASTEP_ARGUMENT", /tensor "w", shape/, bad({ shape: [-2] }));
    await expectError("ADASTEP_ARGUMENT", /"__metadata__"/, bad({}, "__metadata__"));
    await expectError("ADASTEP_ARGUMENT", /name/, bad({}, "\ud800"));
    await expectError("ADASTEP_ARGUMENT", /'metadata'/, () => encodeSafetensors({}, { a: 1 as never }));
  });
});
