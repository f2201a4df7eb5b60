import { cp, mkdir, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import type { Dataset } from "../../lib/data/dataset.js";
import { DATASETS, namedDataset } from "../../lib/data/named.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

const counts = (data: Dataset<"x" | "y">): number[] =>
  [...data.columns.y.data].reduce<number[]>(
    (sums, label) => sums.with(label, (sums[label] ?? 0) + 1),
    Array(10).fill(0),
  );

describe("namedDataset", () => {
  const file = temporaryFolder();
  const before = process.env.ADASTEP_DATA;
  afterEach(() => {
    if (before === undefined) delete process.env.ADASTEP_DATA;
    else process.env.ADASTEP_DATA = before;
  });

  it("lists what there is, with the source", () => {
    expect(DATASETS.map(({ name }) => name)).to.deep.equal(["digits", "fashion-mnist"]);
    for (const { source } of DATASETS) expect(source).to.match(/licence|BSD/);
  });

  it("has the 1,797 digits, a fifth of each held out", async () => {
    const { train, test, classes, inputScale } = await namedDataset("digits");
    expect(classes).to.deep.equal([..."0123456789"]);
    expect(inputScale).to.equal(1);
    expect([train.size, test.size]).to.deep.equal([1438, 359]);
    // How often scikit-learn's load_digits().target holds each digit.
    const all = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
    const held = counts(test);
    expect(counts(train).map((count, digit) => count + (held[digit] ?? 0))).to.deep.equal(all);
    for (const [digit, count] of held.entries()) expect(count).to.be.closeTo((all[digit] ?? 0) / 5, 1);
    for (const { columns } of [train, test]) {
      expect(columns.x.shape).to.deep.equal([64]);
      expect(columns.x.data.every((v) => v >= 0 && v <= 1 && Number.isInteger(16 * v))).to.equal(true);
      expect(columns.y.data).to.be.instanceOf(Int32Array);
    }
    const again = await namedDataset("digits");
    expect(again.test.columns).to.deep.equal(test.columns);
  });

  it("has Fashion-MNIST, as bytes", async () => {
    delete process.env.ADASTEP_DATA;
    const { train, test, classes, inputScale } = await namedDataset("fashion-mnist");
    expect([train.size, test.size]).to.deep.equal([60_000, 10_000]);
    expect(counts(train)).to.deep.equal(Array(10).fill(6000));
    expect(counts(test)).to.deep.equal(Array(10).fill(1000));
    expect(train.columns.x.data).to.be.instanceOf(Uint8Array);
    expect(train.columns.x.shape).to.deep.equal([784]);
    expect(inputScale).to.equal(1 / 255);
    expect(classes?.[train.columns.y.data[0] ?? -1]).to.equal("Ankle boot");
    // The mean of the published pixels.
    const pixels = train.columns.x.data as Uint8Array;
    expect(pixels.reduce((sum, v) => sum + v, 0) / pixels.length / 255).to.be.closeTo(0.286, 0.0005);
  });

  it("says what to install for a missing file, and names a damaged one", async () => {
    process.env.ADASTEP_DATA = file(".");
    const load = (): Promise<unknown> => namedDataset("fashion-mnist");
    const missing =
      /fashion-mnist\/(train|t10k)-.*-ubyte\.gz: got ENOENT.*apt-get install dataset-fashion-mnist/;
    await expectError("ADASTEP_DATA", missing, load);

    const folder = file("fashion-mnist");
    await mkdir(folder);
    const write = async (part: string, images: number[], labels: number[]): Promise<void> => {
      const word = (v: number): number[] => [v >>> 24, (v >>> 16) & 255, (v >>> 8) & 255, v & 255];
      const idx = (shape: number[], values: number[]): Uint8Array =>
        gzipSync(Uint8Array.from([0, 0, 8, shape.length, ...shape.flatMap(word), ...values]));
      const length = images.reduce((a, b) => a * b, 1);
      await writeFile(`${folder}/${part}-images-idx3-ubyte.gz`, idx(images, Array(length).fill(1)));
      await writeFile(`${folder}/${part}-labels-idx1-ubyte.gz`, idx([labels.length], labels));
    };
    await write("t10k", [1, 28, 28], [9]);
    await write("train", [2, 28, 28], [3, 4]);
    const { train, test } = await namedDataset("fashion-mnist");
    expect([train.size, test.size]).to.deep.equal([2, 1]);
    expect([...train.columns.y.data]).to.deep.equal([3, 4]);
    await write("train", [2, 28, 28], [3]);
    await expectError("ADASTEP_DATA", /train-labels.*got dimensions 1, accepted: 2 labels/, load);
    await write("train", [2, 28, 28], [3, 10]);
    await expectError("ADASTEP_DATA", /train-labels.*got a label 10/, load);
    await write("train", [2, 14, 14], [3, 4]);
    await expectError("ADASTEP_DATA", /train-images.*got dimensions 2 x 14 x 14/, load);
    await cp(`${folder}/t10k-labels-idx1-ubyte.gz`, `${folder}/t10k-images-idx3-ubyte.gz`);
    await expectError("ADASTEP_DATA", /images/, load);
  });

  it("rejects another name", async () => {
    await expectError("ADASTEP_ARGUMENT", /"mnist".*"digits" or "fashion-mnist"/, () =>
      namedDataset("mnist" as never),
    );
    await expectError("ADASTEP_ARGUMENT", /"toString"/, () => namedDataset("toString" as never));
  });
});
