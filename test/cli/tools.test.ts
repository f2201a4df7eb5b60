// lr-find, data, bench, devices.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { parquetWriteBuffer } from "hyparquet-writer";
import { devices } from "../../lib/index.js";
import { adastep, inFolder } from "./support.js";
import { table } from "./tables.js";

describe("adastep: tools", function () {
  this.timeout(60_000);

  it("lr-find suggests a rate that trains, in words and as JSON", async () => {
    const { code, stdout, stderr } = await adastep(["lr-find", "digits", "--hidden", "64", "--json"]);
    expect(stderr).to.equal("");
    expect(code).to.equal(0);
    const found = JSON.parse(stdout);
    expect(found.reason).to.be.oneOf(["completed", "diverged"]);
    expect(found.curve[0].lr).to.equal(1e-7);
    // Adam on digits trains well from some 1e-3 to 3e-2.
    expect(found.suggestion).to.be.within(1e-3, 5e-2);
    const text = await adastep(["lr-find", "digits", "--hidden", "64"]);
    expect(text.stdout).to.match(/^lr +loss +smoothed$/m);
    expect(text.stdout).to.include(`suggested  ${found.suggestion.toExponential(2)}`);
  });

  it("lr-find takes range, steps and optimizer, and files", () =>
    inFolder(async (cwd) => {
      await writeFile(join(cwd, "t.csv"), table("number"));
      const words =
        "lr-find t.csv --task regression --optimizer sgd --from 1e-4 --to 1e-2 --steps 11 --json".split(" ");
      const { curve, optimizer, reason } = JSON.parse((await adastep(words, { cwd })).stdout);
      expect({ optimizer, reason, steps: curve.length }).to.eql({
        optimizer: "sgd",
        reason: "completed",
        steps: 11,
      });
      expect(curve[10].lr).to.be.closeTo(1e-2, 1e-12);
      const reversed = await adastep(["lr-find", "digits", "--from", "1", "--to", "0.1"]);
      expect(reversed.stderr).to.match(/'to': got 0\.1, accepted: more than 'from', 1/);
      expect(reversed.code).to.equal(1);
    }));

  const RECORDS = [
    { n: 1, x: 1.5, s: "a", b: true, v: [1, 2], m: null },
    { n: 2, x: -2.5, s: "b", b: false, v: [3, 4], m: 7 },
    { n: 3, x: 4, s: "a", b: true, v: [5, 6], m: null },
    { n: 6, x: 1, s: "", b: true, v: [7, 8], m: "seven" },
  ];

  it("data describes fields: kinds, ranges, labels, what is missing", () =>
    inFolder(async (cwd) => {
      await writeFile(join(cwd, "r.jsonl"), RECORDS.map((record) => `${JSON.stringify(record)}\n`).join(""));
      const { code, stdout } = await adastep(["data", "r.jsonl", "--json"], { cwd });
      expect(code).to.equal(0);
      const { records, fields } = JSON.parse(stdout);
      expect(records).to.equal(4);
      const [n, x, s, b, v, m] = fields;
      expect(n).to.deep.include({
        name: "n",
        type: "integer",
        missing: 0,
        distinct: 4,
        low: 1,
        high: 6,
        mean: 3,
      });
      expect(n.deviation).to.be.closeTo(Math.sqrt((4 + 1 + 0 + 9) / 4), 1e-12);
      expect(x).to.deep.include({ type: "number", low: -2.5, high: 4, mean: 1 });
      expect(s).to.deep.include({
        type: "text",
        missing: 1,
        distinct: 2,
        labels: [
          { label: "a", records: 2 },
          { label: "b", records: 1 },
        ],
      });
      expect(b).to.include({ type: "boolean", distinct: 2 });
      expect(v).to.deep.include({ type: "array", shape: [2] });
      expect(m).to.include({ type: "integer, text", missing: 2 });
      const text = await adastep(["data", "r.jsonl"], { cwd });
      expect(text.stdout)
        .to.match(/^v +array \[2\] +0 /m)
        .and.match(/^s +text +1 +2 +a 2, b 1$/m);
    }));

  it("data reads CSV and Parquet alike, and counts up to a thousand labels", () =>
    inFolder(async (cwd) => {
      const values = Array.from({ length: 1500 }, (_, i) => i / 4);
      await writeFile(
        join(cwd, "t.csv"),
        ["n,half", ...values.map((v, i) => `${v},${i % 2}`), ""].join("\n"),
      );
      const columnData = [
        { name: "n", data: values },
        { name: "half", data: values.map((_, i) => i % 2) },
      ];
      await writeFile(join(cwd, "t.parquet"), new Uint8Array(parquetWriteBuffer({ columnData })));
      const [csv, parquet] = await Promise.all(
        ["t.csv", "t.parquet"].map(async (file) =>
          JSON.parse((await adastep(["data", file, "--json"], { cwd })).stdout),
        ),
      );
      expect(csv.fields).to.eql(parquet.fields);
      expect(csv.fields[0]).not.to.have.property("distinct");
      expect(csv.fields[1]).to.include({ distinct: 2, type: "integer", mean: 0.5 });
      const noHeader = JSON.parse(
        (await adastep(["data", "t.csv", "--no-header", "--json"], { cwd })).stdout,
      );
      expect(noHeader.records).to.equal(1501);
    }));

  it("data: files that are none, exit 1 naming the place", () =>
    inFolder(async (cwd) => {
      const files: Record<string, string> = {
        "t.jsonl": '{"a":1}\n{"a":\n',
        "e.csv": "",
        "p.parquet": "no parquet at all",
        "n.jsonl": "3\n",
      };
      for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text);
      const cases: [string, RegExp][] = [
        ["t.jsonl", /t\.jsonl, line 2: got .+, accepted: a JSON value/],
        ["e.csv", /e\.csv: got an empty file/],
        ["p.parquet", /p\.parquet: got .+, accepted: a Parquet file/],
        ["n.jsonl", /n\.jsonl, line 1: got 3, accepted: an object of fields/],
        ["missing.csv", /missing\.csv: got ENOENT/],
      ];
      for (const [name, pattern] of cases) {
        const { code, stderr } = await adastep(["data", name], { cwd });
        expect(stderr).to.match(pattern);
        expect(code).to.equal(1);
      }
    }));

  it("bench: figures that agree with each other, and a label that says what they are", async () => {
    const words = ["bench", "--device", "cpu", "--threads", "1", "--seconds", "0.5"];
    const { code, stdout, stderr } = await adastep([...words, "--json"]);
    expect(stderr).to.equal("");
    expect(code).to.equal(0);
    const { label, device, gemm, steps } = JSON.parse(stdout);
    expect(label).to.match(/^Wall time from JavaScript/);
    expect(device).to.match(/^cpu:0 \(.+, 1 thread\)$/);
    expect(gemm.map(({ size }: { size: number }) => size)).to.eql([256, 512, 1024]);
    for (const { size, median, fastest, slowest, gflops } of gemm) {
      expect(median).to.be.within(fastest, slowest);
      expect(gflops).to.be.closeTo((2 * size ** 3) / median / 1e9, 1e-6 * gflops);
      // Below one operation per cycle and above all that a core can do, the clock or the formula is wrong.
      expect(gflops).to.be.within(0.05, 2000);
    }
    expect(steps.map(({ optimizer }: { optimizer: string }) => optimizer)).to.eql([
      "adam",
      "adamw",
      "adagrad",
      "sgd",
    ]);
    for (const { parameters, median, perSecond } of steps)
      expect(perSecond).to.be.closeTo(parameters / median, 1);
    const text = await adastep(words);
    expect(text.stdout.replace(/\s+/g, " "))
      .to.include(label)
      .and.match(/1024 x 1024 x 1024 [\d.]+/);
  });

  it("devices: text and JSON tell the same, and why there is no GPU", async () => {
    const { code, stdout } = await adastep(["devices"]);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^cpu:0 +.+ threads, [\d.]+ GiB$/m);
    expect(stdout).to.match(/^cuda:0 +(cannot be used: .+|.+ GiB)$/m);
    const json = JSON.parse((await adastep(["devices", "--json"])).stdout);
    expect(json).to.eql(JSON.parse(JSON.stringify(devices())));
  });
});
