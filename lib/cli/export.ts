// `adastep export`: a model for other programs. What was done to its input and its target is folded into its first and last
// layer: it takes the numbers of the records, labels as a 1 among zeros, and gives logits or numbers in the target's own unit.

import { join, resolve } from "node:path";
import { makeFolder } from "../data/files.js";
import { writeNpy } from "../data/npy.js";
import { Scaling } from "../data/scaling.js";
import { exportOnnx } from "../interchange/onnx.js";
import type { Sequential } from "../nn/layers.js";
import { f32 } from "../tensor/inputs.js";
import { loadModel, saveModel } from "../train/save.js";
import { EXIT, type ExitCode, UsageError } from "./errors.js";
import { EXPORT_FORMATS } from "./formats.js";
import { multilayerPerceptron } from "./model.js";
import { classesOf, type ModelSpec, readSpec, weightsOf } from "./model-file.js";
import { printJson, printLine } from "./output.js";
import { unstandardize } from "./standardize.js";
import { openDevice } from "./training.js";

type ExportFormat = (typeof EXPORT_FORMATS)[number];

interface ExportValues {
  readonly format: ExportFormat | undefined;
  readonly json: true | undefined;
}

const WRITERS: Readonly<
  Record<ExportFormat, (model: Sequential, path: string, spec: ModelSpec) => Promise<void>>
> = {
  safetensors: (model, path, spec) => saveModel(model, path, metadataOf(spec)),
  onnx: (model, path, { network }) => exportOnnx(model, path, { input: f32(network.inputs) }),
  npy: writeArrays,
};

/** @throws DataError (rejects) for a folder that is no model, or a path that cannot be written */
export async function exportModel(folder: string, path: string, values: ExportValues): Promise<ExitCode> {
  const spec = await readSpec(folder);
  const format = values.format ?? EXPORT_FORMATS.find((name) => path.endsWith(`.${name}`));
  if (!format) {
    const accepted = `a path that ends in ${EXPORT_FORMATS.map((name) => `.${name}`).join(" or ")}, or --format`;
    throw new UsageError({ argument: "export", got: `"${path}"`, accepted });
  }
  const weights = await weightsOf(folder);
  using device = await openDevice({ device: "cpu", threads: 1 });
  using model = multilayerPerceptron(spec.network).to(device);
  await loadModel(model, weights);
  await fold(model, spec);
  await WRITERS[format](model, path, spec);
  if (values.json)
    printJson({
      format,
      path: resolve(path),
      parameters: model.parameters().map(({ name, shape }) => ({ name, shape })),
    });
  else printLine("written", `${resolve(path)}, ${format}`);
  return EXIT.ok;
}

async function fold(model: Sequential, { x, y, inputScale, network }: ModelSpec): Promise<void> {
  const none = new Scaling(new Float64Array(network.inputs), new Float64Array(network.inputs).fill(1));
  const { shift, scale } = x ?? none;
  const whole = new Scaling(
    shift,
    scale.map((value) => value / inputScale),
  );
  await unstandardize(model, whole, y instanceof Scaling ? y : undefined);
}

/** What there is to know of the model, for its file. */
function metadataOf(spec: ModelSpec): Record<string, string> {
  const { source, features, target } = spec;
  const classes = classesOf(spec);
  const fields = features.map(({ name, categories }) => ({
    name,
    ...(categories && { labels: categories.labels }),
  }));
  return {
    source,
    target,
    features: JSON.stringify(fields),
    ...(classes && { classes: JSON.stringify(classes) }),
  };
}

/** A folder with a file for each parameter: `0.weight.npy`. */
async function writeArrays(model: Sequential, path: string): Promise<void> {
  await makeFolder(path);
  for (const [name, { shape, data }] of Object.entries(await model.state()))
    await writeNpy(join(path, `${name}.npy`), { dtype: "f4", shape, data });
}
