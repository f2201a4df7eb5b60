import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { csv } from "../../lib/data/csv.js";
import { csvTable } from "../../lib/data/csv-table.js";
import type { ByteSource } from "../../lib/data/source.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

const text = (rows: string): ByteSource => ({ text: rows, name: "t.csv" });

describe("csvTable", () => {
  const file = temporaryFolder();

  it("makes columns of fields by name, with or without a header", async () => {
    const kinds = ["rose", "daisy"];
    const kind = {
      from: "kind",
      type: "i32",
      encode: (value: unknown) => kinds.indexOf(value as string),
    } as const;
    const table = csvTable(text('a,kind,b\n1.5,rose,-2e1\n.5,"daisy",+7\n'));
    expect((await table.dataset({ x: ["b", "a"], kind })).columns).to.deep.equal({
      x: { data: Float32Array.of(-20, 1.5, 7, 0.5), shape: [2] },
      kind: { data: Int32Array.of(0, 1), shape: [] },
    });
    const rows = csvTable(text("1;2\n3;4\n"), { header: false, delimiter: ";" });
    expect([...(await rows.dataset({ x: "1" })).columns.x.data]).to.deep.equal([2, 4]);
  });

  it("reads the same numbers as csv, in parts of any size, from files, gzipped or not", async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => `${i},${i / 8},${i % 5}`);
    const content = ["a,b,y", ...rows, ""].join("\n");
    await writeFile(file("a.csv"), content);
    await writeFile(file("b.csv"), gzipSync(content));
    const { dataset } = await csv(file("a.csv"), { target: "y" });
    for (const path of [file("a.csv"), file("b.csv")]) {
      const values: number[] = [];
      const sizes: number[] = [];
      for await (const part of csvTable(path).chunks({ x: ["a", "b"], y: { from: "y", type: "i32" } }, 900)) {
        sizes.push(part.size);
        values.push(...part.columns.x.data);
      }
      expect(sizes).to.deep.equal([900, 900, 900, 300]);
      expect(values).to.deep.equal([...dataset.columns.x.data]);
    }
  });

  it("names line and field of what is wrong", async () => {
    const wrong = (rows: string, pattern: RegExp): Promise<void> =>
      expectError("ADASTEP_DATA", pattern, () => csvTable(text(rows)).dataset({ x: "a" }));
    await wrong("a,b\n1,2\n\nx,2\n", /^t\.csv, line 4, field "a": got "x", accepted: a finite number/);
    await wrong("a,b\n,2\n", /line 2, field "a": got ""/);
    await wrong("a,b\n0x10,2\n", /got "0x10"/);
    await wrong("a,b\n1,2\n3\n", /^t\.csv, line 3: got 1 fields, accepted: 2 fields/);
    await wrong("b,c\n1,2\n", /^t\.csv, header: got no field "a", accepted: b, c/);
    await wrong("a,a\n1,2\n", /header: got "a" twice/);
    await wrong("a\n", /^t\.csv: got no records/);
    await wrong('a\n1\n"2\n', /^t\.csv, line 3: .*Quote Not Closed/);
    await expectError("ADASTEP_ARGUMENT", /'delimiter'/, () => csvTable(text(""), { delimiter: "ab" }));
    await expectError("ADASTEP_ARGUMENT", /option: got "target"/, () =>
      csvTable(text(""), { target: 1 } as object),
    );
  });

  it("counts lines as an editor does, whatever the line ends and wherever the bytes are cut", async () => {
    const row = fc.constantFrom("1,x", '1,"x\n"', '1,"\r\nx"', '1,"\rx"', "", " ");
    const end = fc.constantFrom("\n", "\r\n", "\r");
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(row, end), { maxLength: 20 }), sizes, async (rows, cuts) => {
        const before = `a,b\n${rows.map((parts) => parts.join("")).join("")}`;
        const bytes = Buffer.from(`${before}bad,x\n`);
        const line = before.split(/\r\n|\n|\r/).length;
        const open = function* (): Generator<Uint8Array> {
          let at = 0;
          for (const size of [...cuts, bytes.length]) {
            yield Buffer.from(bytes.subarray(at, at + size));
            at += size;
          }
        };
        const read = csvTable({ open, name: "t.csv" }).dataset({ x: "a" });
        await expectError("ADASTEP_DATA", new RegExp(`line ${line}, field "a": got "bad"`), () => read);
      }),
    );
  });

  it("ends a row that does not end", async () => {
    let taken = 0;
    const open = function* (): Generator<string> {
      yield "a\n1\n";
      for (;;) {
        taken += 1024;
        yield "x".repeat(1024);
      }
    };
    for (const start of ["", '"']) {
      taken = 0;
      const endless = function* (): Generator<string> {
        yield `a\n1\n${start}`;
        yield* open();
      };
      const table = csvTable({ open: start ? endless : open, name: "endless" }, { maxRow: 10_000 });
      await expectError("ADASTEP_DATA", /^endless, line 3: got .*Max Record Size/, () =>
        table.dataset({ x: "a" }),
      );
      expect(taken).to.be.within(10_000, 400_000); // the streams between hold some chunks
    }
  });
});
