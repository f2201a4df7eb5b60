import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { jsonlTable, readJsonl } from "../../lib/data/jsonl.js";
import type { ByteSource } from "../../lib/data/source.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

/** The same bytes, cut at these places. */
function pieces(text: string | Uint8Array, sizes: readonly number[]): ByteSource {
  const bytes = Buffer.from(text);
  return {
    name: "t.jsonl",
    open: function* () {
      let at = 0;
      for (const size of [...sizes, bytes.length]) {
        yield bytes.subarray(at, at + size);
        at += size;
      }
    },
  };
}

const valuesOf = async (source: ByteSource, maxLine?: number): Promise<unknown[]> => {
  const values: unknown[] = [];
  for await (const { value } of readJsonl(source, maxLine === undefined ? {} : { maxLine }))
    values.push(value);
  return values;
};
const text = (lines: string, name = "t.jsonl"): ByteSource => ({ text: lines, name });

describe("JSON lines", () => {
  const file = temporaryFolder();

  it("reads values with their lines; BOM, CRLF, empty lines and a missing last line end do not matter", async () => {
    const lines: [unknown, number][] = [];
    const source = text('\u{feff}{"a":1}\r\n\n \t\n[2]\n"dr\u{f6}i"');
    for await (const { value, line } of readJsonl(source)) lines.push([value, line]);
    expect(lines).to.deep.equal([
      [{ a: 1 }, 1],
      [[2], 4],
      ["dr\u{f6}i", 5],
    ]);
  });

  it("reads whatever values were written, however the bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 20 }),
        fc.array(fc.nat(40), { maxLength: 30 }),
        fc.constantFrom("\n", "\r\n"),
        async (values, sizes, end) => {
          const lines = values.map((value) => JSON.stringify(value) + end).join("");
          const expected = values.map((value) => JSON.parse(JSON.stringify(value)));
          expect(await valuesOf(pieces(lines, sizes))).to.deep.equal(expected);
        },
      ),
    );
  });

  it("makes columns of fields, of nested arrays, and by a function", async () => {
    const table = jsonlTable(
      text(
        '{"a":1,"b":2.5,"image":[[1,2],[3,4]],"label":7,"kind":"cat"}\n' +
          '{"b":-1,"a":0,"image":[5,6,7,8],"label":-2,"kind":"dog","more":null}\n',
      ),
    );
    const kinds = ["dog", "cat"];
    const dataset = await table.dataset({
      x: ["a", "b"],
      image: { from: "image", type: "u8", shape: [2, 2] },
      y: { from: "label", type: "i32" },
      target: { from: "label", shape: [1] },
      kind: { from: "kind", type: "i32", encode: (kind) => kinds.indexOf(kind as string) },
      pair: { from: "kind", shape: [2], encode: (kind) => [String(kind).length, 0.5] },
    });
    expect(dataset.columns).to.deep.equal({
      x: { data: Float32Array.of(1, 2.5, 0, -1), shape: [2] },
      image: { data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), shape: [2, 2] },
      y: { data: Int32Array.of(7, -2), shape: [] },
      target: { data: Float32Array.of(7, -2), shape: [1] },
      kind: { data: Int32Array.of(1, 0), shape: [] },
      pair: { data: Float32Array.of(3, 0.5, 3, 0.5), shape: [2] },
    });
    const rows = await jsonlTable(text("[1,2]\n[3,4]\n")).dataset({ x: ["1", "0"] });
    expect([...rows.columns.x.data]).to.deep.equal([2, 1, 4, 3]);
  });

  it("gives the same examples in parts of any number of records, from files, gzipped or not", async () => {
    const lines = Array.from({ length: 1000 }, (_, i) => JSON.stringify({ i, square: i * i })).join("\n");
    await writeFile(file("a.jsonl"), lines);
    await writeFile(file("b.jsonl.gz"), gzipSync(lines));
    for (const path of [file("a.jsonl"), file("b.jsonl.gz")]) {
      const table = jsonlTable(path);
      const whole = await table.dataset({ x: ["i", "square"] });
      expect(whole.size).to.equal(1000);
      for (const rows of [1, 7, 1000, 5000]) {
        const values: number[] = [];
        let largest = 0;
        for await (const part of table.chunks({ x: ["i", "square"] }, rows)) {
          values.push(...part.columns.x.data);
          largest = Math.max(largest, part.size);
        }
        expect(values).to.deep.equal([...whole.columns.x.data]);
        expect(largest).to.equal(Math.min(rows, 1000));
      }
    }
  });

  it("names file, line and field of what is wrong", async () => {
    const wrong = (lines: string, pattern: RegExp): Promise<void> =>
      expectError("ADASTEP_DATA", pattern, () => jsonlTable(text(lines)).dataset({ x: "a" }));
    await wrong('{"a":1}\n{"a":}\n', /^t\.jsonl, line 2: got "\{\\"a\\":\}", accepted: a JSON value/);
    await wrong(
      '{"a":1}\n\n{"b":1}\n',
      /^t\.jsonl, line 3, field "a": got undefined, accepted: a finite number/,
    );
    await wrong('{"a":"1"}\n', /line 1, field "a": got "1"/);
    await wrong('{"a":1e39}\n', /line 1, field "a": got 1e\+39, accepted: .*range of f32/);
    await wrong('{"a":true}\n', /got true/);
    await wrong("7\n", /line 1: got 7, accepted: an object of fields, or an array/);
    await wrong("", /^t\.jsonl: got no records/);
    await expectError("ADASTEP_DATA", /field "constructor": got undefined/, () =>
      jsonlTable(text("{}\n")).dataset({ x: "constructor" }),
    );
    const nested = { x: { from: "a", shape: [2, 2] } };
    const shaped = (lines: string, pattern: RegExp): Promise<void> =>
      expectError("ADASTEP_DATA", pattern, () => jsonlTable(text(lines)).dataset(nested));
    await shaped('{"a":[1,2,3]}', /got 3 values, accepted: an array of shape \[2, 2\]/);
    await shaped('{"a":[1,2]}', /got 2 values, accepted: an array of shape \[2, 2\]/);
    await shaped('{"a":[[1,2],[3]]}', /got 1 values, accepted: an array of shape \[2\]/);
    await shaped('{"a":[1,[2],3,4]}', /got \[2\], accepted: a finite number/);
    await expectError("ADASTEP_DATA", /line 1: got bytes that are no UTF-8/, () =>
      valuesOf(pieces(Uint8Array.of(0x22, 0xff, 0x22, 0x0a), [])),
    );
    await expectError("ADASTEP_DATA", /none\.jsonl: got ENOENT/, () => valuesOf(file("none.jsonl")));
    await writeFile(file("cut.gz"), gzipSync('{"a":1}\n'.repeat(100)).subarray(0, 30));
    await expectError("ADASTEP_DATA", /cut\.gz: got a damaged gzip stream/, () => valuesOf(file("cut.gz")));
  });

  it("refuses options that make no sense, before anything is read", async () => {
    const table = jsonlTable(text("{}\n"));
    const columns = (value: unknown) => () => table.chunks(value as Record<string, string>);
    await expectError("ADASTEP_ARGUMENT", /'columns': got an object/, columns({}));
    await expectError("ADASTEP_ARGUMENT", /column "x", from: got \[\]/, columns({ x: [] }));
    await expectError(
      "ADASTEP_ARGUMENT",
      /column "x", type: got "f64"/,
      columns({ x: { from: "a", type: "f64" } }),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /2, accepted|fields, 2/,
      columns({ x: { from: ["a", "b"], shape: [3] } }),
    );
    await expectError("ADASTEP_ARGUMENT", /option: got "form"/, columns({ x: { from: "a", form: 1 } }));
    await expectError("ADASTEP_ARGUMENT", /'rows': got 0/, () => table.chunks({ x: "a" }, 0));
    await expectError("ADASTEP_ARGUMENT", /'maxLine': got 0/, () => readJsonl(text(""), { maxLine: 0 }));
    await expectError("ADASTEP_ARGUMENT", /'source': got 3/, () => jsonlTable(3 as unknown as string));
    await expectError("ADASTEP_ARGUMENT", /a chunk of a data source: got 3/, () =>
      valuesOf({ open: () => [3] as unknown as string[] }),
    );
  });

  it("ends a line that does not end, having taken no more of it than the limit and one chunk", async () => {
    let taken = 0;
    let closed = false;
    const endless: ByteSource = {
      name: "endless",
      open: async function* () {
        try {
          yield '{"a":1}\n';
          for (;;) {
            taken += 1024;
            yield "x".repeat(1024);
          }
        } finally {
          closed = true;
        }
      },
    };
    await expectError(
      "ADASTEP_DATA",
      /^endless, line 2: got \d+ bytes or more, accepted: a line of 10000 bytes/,
      () => valuesOf(endless, 10_000),
    );
    expect(taken).to.be.within(10_000, 10_000 + 1024);
    expect(closed, "the source is closed").to.equal(true);
    await expectError("ADASTEP_DATA", /line 1: got 12 bytes or more/, () =>
      valuesOf(text('"0123456789"\n'), 11),
    );
    expect(await valuesOf(text('"0123456789"\n'), 12)).to.deep.equal(["0123456789"]);
    // gzip of zeros is a thousandth of its content: the limit holds for what is unpacked
    await writeFile(file("bomb.gz"), gzipSync(Buffer.alloc(1 << 26)));
    await expectError("ADASTEP_DATA", /bomb\.gz, line 1: got \d+ bytes or more/, () =>
      valuesOf(file("bomb.gz"), 1 << 16),
    );
  });

  it("closes the source when a reader leaves early", async () => {
    let closed = false;
    const open = function* (): Generator<string> {
      try {
        for (;;) yield "1\n";
      } finally {
        closed = true;
      }
    };
    for await (const { line } of readJsonl({ open })) if (line === 3) break;
    expect(closed).to.equal(true);
  });

  it("never fails but with a typed error", async () => {
    const token = fc.constantFrom(
      ...'{}[],:"\\ \r\n0-e',
      "\n",
      '{"a":1}\n',
      '"a"',
      "1e400",
      "null",
      "\u{feff}",
    );
    const texts = fc.array(token, { maxLength: 30 }).map((parts) => Buffer.from(parts.join("")));
    const bytes = fc.oneof(texts, fc.uint8Array({ maxLength: 60 }));
    await fc.assert(
      fc.asyncProperty(bytes, fc.array(fc.nat(9), { maxLength: 9 }), async (content, sizes) => {
        try {
          const { columns } = await jsonlTable(pieces(content, sizes), { maxLine: 25 }).dataset({ x: "a" });
          expect(columns.x.data.every(Number.isFinite)).to.equal(true);
        } catch (error) {
          expect(error).to.have.property("code", "ADASTEP_DATA");
        }
      }),
      { numRuns: 3000 },
    );
  });
});
