// Datasets by name: a table of what there is, where it comes from and how it is read.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkChoice } from "../check.js";
import { DataError } from "../errors.js";
import { csv } from "./csv.js";
import { Dataset } from "./dataset.js";
import { readIdx } from "./idx.js";

/** A dataset in two parts that are the same in every run. */
export interface NamedDataset {
  readonly name: string;
  /** x: one vector per example. y: i32 [], an index into `classes`. */
  readonly train: Dataset<"x" | "y">;
  /** Examples held out, columns as in `train`. */
  readonly test: Dataset<"x" | "y">;
  readonly classes: string[] | undefined;
  /** What a model multiplies x by, on its device: 1/255 where x holds the bytes of images, else 1. */
  readonly inputScale: number;
  /** Where the data come from, and under which licence. */
  readonly source: string;
}

type Loaded = Omit<NamedDataset, "name" | "source">;
interface Entry {
  readonly source: string;
  readonly load: () => Promise<Loaded>;
}

const TABLE = {
  digits: {
    source:
      "Optical Recognition of Handwritten Digits, UCI (E. Alpaydin, C. Kaynak 1998), 1,797 images of 8 x 8, " +
      "as in scikit-learn (BSD-3-Clause); data/README.md",
    load: digits,
  },
  "fashion-mnist": {
    source:
      "Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf 2017), 70,000 images of 28 x 28, MIT licence; " +
      "Debian's dataset-fashion-mnist",
    load: fashionMnist,
  },
} satisfies Record<string, Entry>;

/** The name of a dataset that `namedDataset` knows. */
export type DatasetName = keyof typeof TABLE;

/** All names, with the source of each: "digits", "fashion-mnist". */
export const DATASETS: readonly { readonly name: DatasetName; readonly source: string }[] = (
  Object.keys(TABLE) as DatasetName[]
).map((name) => ({ name, source: TABLE[name].source }));

/**
 * Loads a dataset by name.
 * - "digits" comes with this package: x f32 [64] in [0, 1]; a fifth, equal shares of each class, is held out.
 * - "fashion-mnist" is read from `$ADASTEP_DATA/fashion-mnist`, by default where Debian's package puts it,
 *   `/usr/share/datasets/fashion-mnist`: x u8 [784], 60,000 examples and 10,000 held out.
 *
 * @throws ArgumentError (rejects) for another name.
 * @throws DataError (rejects) for a file that is missing, which names what to install, or damaged.
 */
export async function namedDataset(name: DatasetName): Promise<NamedDataset> {
  const { source, load } =
    TABLE[checkChoice("namedDataset: 'name'", name, Object.keys(TABLE) as DatasetName[])];
  return { name, source, ...(await load()) };
}

/** The files of this package lie two levels above this one, be it lib/data/named.ts or dist/data/named.js. */
const packageFile = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

async function digits(): Promise<Loaded> {
  const pixels = 16; // the largest value: the count of dark ones in a block of 4 x 4
  const { dataset, classes } = await csv(packageFile("data/digits.csv.gz"), { target: -1, header: false });
  const { x, y } = dataset.columns;
  const scaled = new Dataset({
    x: { data: Float32Array.from(x.data, (v) => v / pixels), shape: x.shape },
    y,
  });
  const [train, test] = scaled.split({ validation: 0.2, seed: 0, stratify: "y" });
  return { train, test, classes, inputScale: 1 };
}

async function fashionMnist(): Promise<Loaded> {
  const classes = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",");
  const folder = join(process.env.ADASTEP_DATA ?? "/usr/share/datasets", "fashion-mnist");
  const [train, test] = await Promise.all([
    imagesAndLabels(folder, "train", classes.length),
    imagesAndLabels(folder, "t10k", classes.length),
  ]);
  return { train, test, classes, inputScale: 1 / 255 };
}

async function imagesAndLabels(folder: string, part: string, classes: number): Promise<Dataset<"x" | "y">> {
  const hint =
    "this file; on Debian: apt-get install dataset-fashion-mnist, or name its parent folder in ADASTEP_DATA";
  const imageFile = join(folder, `${part}-images-idx3-ubyte.gz`);
  const labelFile = join(folder, `${part}-labels-idx1-ubyte.gz`);
  const [images, labels] = await Promise.all([readIdx(imageFile, hint), readIdx(labelFile, hint)]);
  const [count, height, width] = images.shape;
  if (images.shape.length !== 3 || height !== 28 || width !== 28) {
    const got = `dimensions ${images.shape.join(" x ")}`;
    throw new DataError({ argument: imageFile, got, accepted: "images of 28 x 28" });
  }
  const y = Int32Array.from(labels.data);
  const outside = y.find((label) => label < 0 || label >= classes);
  if (labels.shape.length !== 1 || labels.shape[0] !== count || outside !== undefined) {
    const got = outside === undefined ? `dimensions ${labels.shape.join(" x ")}` : `a label ${outside}`;
    throw new DataError({ argument: labelFile, got, accepted: `${count} labels below ${classes}` });
  }
  return new Dataset({
    x: { data: images.data, shape: [height * width] },
    y: { data: y, shape: [] },
  });
}
