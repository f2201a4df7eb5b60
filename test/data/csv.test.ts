import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { type CsvOptions, csv } from "../../lib/data/csv.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

const read = (text: string, options: CsvOptions): ReturnType<typeof csv> =>
  csv({ text, name: "t.csv" }, options);
const species = { target: "species" };

describe("csv", () => {
  const file = temporaryFolder();

  it("makes numbers of the features and sorted classes of the target", async () => {
    const table = await read("length,species,width\n1.5,rose,-2e1\n.5,daisy,+7\n", species);
    expect(table.features).to.deep.equal(["length", "width"]);
    expect(table.target).to.equal("species");
    expect(table.classes).to.deep.equal(["daisy", "rose"]);
    expect(table.dataset.columns.x).to.deep.equal({ data: Float32Array.of(1.5, -20, 0.5, 7), shape: [2] });
    expect(table.dataset.columns.y).to.deep.equal({ data: Int32Array.of(1, 0), shape: [] });
  });

  it("takes BOM, CRLF, CR, quotes, spaces, empty lines, and no line end at the end", async () => {
    const rows = ["\u{feff}a , species", '1, "x ""y"", z"', "", '"2",rose ', '3,"two', 'lines"'];
    for (const end of ["\n", "\r\n", "\r"]) {
      const { dataset, classes } = await read(rows.join(end), species);
      expect([...dataset.columns.x.data]).to.deep.equal([1, 2, 3]);
      expect(classes).to.deep.equal(["rose", `two${end}lines`, 'x "y", z']);
      expect([...dataset.columns.y.data]).to.deep.equal([2, 0, 1]);
    }
  });

  it("sorts integer classes by value, in one spelling", async () => {
    const { classes, dataset } = await read("x,species\n1,10\n2,9\n3,09\n4,9.0\n5,-1\n", species);
    expect(classes).to.deep.equal(["-1", "9", "10"]);
    expect([...dataset.columns.y.data]).to.deep.equal([2, 1, 1, 1, 0]);
  });

  it("reads regression targets as one number each", async () => {
    const table = await read("x;y\n1;2.5\n3;4\n", { target: "y", task: "regression", delimiter: ";" });
    expect(table.classes).to.equal(undefined);
    expect(table.dataset.columns.y).to.deep.equal({ data: Float32Array.of(2.5, 4), shape: [1] });
  });

  it("reads tables without a header, columns by index", async () => {
    const options = { header: false, target: -1, ignore: [0] };
    const table = await read("id1,1,2,a\nid2,3,4,b\n", options);
    expect(table.features).to.deep.equal(["1", "2"]);
    expect([...table.dataset.columns.x.data]).to.deep.equal([1, 2, 3, 4]);
    expect((await read("1,a\n", { header: false, target: "1" })).classes).to.deep.equal(["a"]);
  });

  it("does not take a row of data for a header", async () => {
    const flower = "5.1,3.5,1.4,setosa\n4.9,3.0,1.4,setosa\n";
    await expectError("ADASTEP_DATA", /t\.csv, header: .*"header: false"/, () =>
      read(flower, { target: -1 }),
    );
    const pixels = "0,1,2,label\n9,9,9,a\n";
    expect((await read(pixels, { target: "label" })).dataset.size).to.equal(1);
    expect((await read("7,label\n9,a\n", { target: "label", header: true })).dataset.size).to.equal(1);
  });

  it("round-trips tables", async () => {
    const number = fc.float({ noNaN: true, noDefaultInfinity: true });
    const label = fc.string({ unit: "grapheme", minLength: 1 });
    const row = fc.record({ x: fc.array(number, { minLength: 3, maxLength: 3 }), label });
    const decimal = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));
    const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
        const named = rows.map((r) => ({ ...r, label: `_${r.label}` })); // no label is a number
        const lines = named.map((r) => [...r.x.map(decimal), quoted(r.label)].join(","));
        const { dataset, classes } = await read(["a,b,c,species", ...lines, ""].join("\n"), species);
        expect([...dataset.columns.x.data]).to.deep.equal(rows.flatMap((r) => r.x));
        const labels = Array.from(dataset.columns.y.data, (i) => classes?.[i]);
        expect(labels).to.deep.equal(named.map((r) => r.label));
        expect(classes).to.deep.equal([...new Set(labels)].sort());
      }),
    );
  });

  it("reads files longer than a piece, gzipped or not", async () => {
    const rows = Array.from({ length: 30_000 }, (_, i) => `${i},"${i % 2 ? "odd" : "even, \r\nyes"}"`);
    const text = ["x,species", ...rows].join("\r\n");
    await writeFile(file("t.csv"), text);
    await writeFile(file("t.csv.gz"), gzipSync(text));
    for (const name of ["t.csv", "t.csv.gz"]) {
      const { dataset, classes } = await csv(file(name), species);
      expect(dataset.size).to.equal(30_000);
      expect(dataset.columns.x.data[29_999]).to.equal(29_999);
      expect(classes).to.deep.equal(["even, \r\nyes", "odd"]);
    }
  });

  it("lets timers fire while it reads", async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const rows = Array.from({ length: 100_000 }, (_, i) => `${i},a`);
    await read(["x,species", ...rows].join("\n"), species);
    clearInterval(timer);
    expect(ticks).to.be.greaterThan(5);
  });

  it("names file, line and column of what it cannot read", async () => {
    const rejects = (text: string, pattern: RegExp, options: CsvOptions = species): Promise<void> =>
      expectError("ADASTEP_DATA", pattern, () => read(text, options));
    await rejects("", /^t\.csv: got an empty file/);
    await rejects("\n\n", /an empty file/);
    await rejects("x,species\n", /^t\.csv: got a header alone/);
    await rejects("x,species\n1,a\n2\n", /^t\.csv, line 3: got 1 fields, accepted: 2 fields/);
    await rejects("x,species\n1,a,\n", /line 2: got 3 fields/);
    await rejects("x,species\n1,a\n\n\nx,b\n", /^t\.csv, line 5, column "x": got "x", accepted: a number$/);
    await rejects('x,species\r\n1,"a\r\nb"\r\nx,b\r\n', /line 4, column "x"/);
    for (const field of ["", "0x10", "Infinity", "NaN", "1e", "1 2", "1_0", "--1", "٣"]) {
      await rejects(`x,species\n${field},a\n`, /line 2, column "x": got ".*", accepted: a number/);
    }
    await rejects("x,species\n1e39,a\n", /accepted: a number within the range of f32/);
    await rejects("x,species\n1,\n", /line 2, column "species": got "", accepted: a class label/);
    await rejects("x,y\n1,2\n", /'target': got "species", accepted: one of its 2 columns: x, y/);
    await rejects("x,y\n1,2\n", /'target': got 2/, { target: 2 });
    await rejects("x,y\n1,2\n", /'target': got -3/, { target: -3 });
    await rejects("x,species\n1,a\n", /'ignore': got "id"/, { ...species, ignore: ["id"] });
    await rejects("x,x,species\n1,2,a\n", /header: got "x" twice/);
    await rejects("species\na\n", /no column beside the target/);
    await rejects("x,y\n1,a\n", /line 2, column "y": got "a"/, { target: "y", task: "regression" });
    await rejects("x,species\n1,2.5\n", /column "species": got "2.5".*task: "regression"/);
    await rejects('x,species\n1,a\n"2,b\n3,c\n', /^t\.csv, line 3: .*Quote Not Closed/);
    await rejects('x,species\n1,a\n2,b"c"\n', /^t\.csv, line 3: .*Invalid Opening Quote/);
    await rejects('x,species\n1,"a"b\n', /^t\.csv, line 2: .*Invalid Closing Quote/);
  });

  it("says what is wrong with a file as a whole", async () => {
    const text = gzipSync(`x,species\n${"1,a\n".repeat(100)}`);
    await writeFile(file("cut.csv.gz"), text.subarray(0, text.length - 12));
    await expectError("ADASTEP_DATA", /cut\.csv\.gz: got a damaged gzip stream/, () =>
      csv(file("cut.csv.gz"), species),
    );
    await expectError("ADASTEP_DATA", /none\.csv: got ENOENT/, () => csv(file("none.csv"), species));
    await expectError("ADASTEP_DATA", /got EISDIR/, () => csv(file("."), species));
  });

  it("rejects options that do not exist or are out of range", async () => {
    const rejects = (pattern: RegExp, options: object): Promise<void> =>
      expectError("ADASTEP_ARGUMENT", pattern, () => read("x,species\n1,a\n", { ...species, ...options }));
    await rejects(/'target'/, { target: undefined });
    await rejects(/'target'/, { target: 0.5 });
    await rejects(/'task'/, { task: "ranking" });
    await rejects(/'header'/, { header: "yes" });
    await rejects(/'delimiter'/, { delimiter: ",," });
    await rejects(/'delimiter'/, { delimiter: '"' });
    await rejects(/'ignore'/, { ignore: "id" });
    await rejects(/'ignore'/, { ignore: [null] });
    await rejects(/"targets"/, { targets: "x" });
  });

  it("never fails but with a typed error", async () => {
    const pieces = fc.constantFrom(
      ",",
      '"',
      "\n",
      "\r",
      "1",
      "a",
      " ",
      "\u{feff}",
      "é",
      "\0",
      "species",
      "x",
    );
    const text = fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(text, fc.boolean(), async (body, header) => {
        const source = header ? `x,species\n${body}` : body;
        await read(source, { target: 0, header }).catch((error) => {
          expect(error, String(error?.stack)).to.have.property("code", "ADASTEP_DATA");
        });
      }),
      { numRuns: 1000 },
    );
  });
});
