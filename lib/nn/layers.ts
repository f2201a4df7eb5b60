// The layers: parameters with the operation that uses them.

import { checkBoolean, checkInteger, checkKeys, checkNumber, given } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { Bags } from "../tensor/bag.js";
import { dropout } from "../tensor/dropout.js";
import { linear } from "../tensor/matmul.js";
import type { Value } from "../tensor/recorder.js";
import type { Tensor } from "../tensor/tensor.js";
import { fanInUniform } from "./init.js";
import { type Declared, Module } from "./module.js";

const MAX_SIZE = 2 ** 31 - 1;

/** x weight^T + bias. Parameters as torch.nn.Linear: weight [outputs, inputs], bias [outputs]. */
export class Linear extends Module {
  readonly weight: Declared;
  readonly bias: Declared | undefined;

  /** @param options.bias default true */
  constructor(
    readonly inputs: number,
    readonly outputs: number,
    options: { readonly bias?: boolean } = {},
  ) {
    super();
    checkKeys("Linear", options, ["bias"]);
    checkInteger("Linear: 'inputs'", inputs, 1, MAX_SIZE);
    checkInteger("Linear: 'outputs'", outputs, 1, MAX_SIZE);
    this.weight = this.declare([outputs, inputs], fanInUniform(inputs));
    this.bias = checkBoolean("Linear: 'bias'", given(options.bias, true))
      ? this.declare([outputs], fanInUniform(inputs))
      : undefined;
  }

  /** x f32 [..., inputs] -> f32 [..., outputs]. */
  forward(x: Value): Tensor {
    return linear(x, this.weight.parameter, this.bias?.parameter);
  }
}

/** Dropout with probability p, active in programs that train. */
export class Dropout extends Module {
  constructor(readonly p = 0.5) {
    super();
    checkNumber("Dropout: 'p'", p, "0 <= p < 1", (v) => v >= 0 && v < 1);
  }

  forward(x: Value): Tensor {
    return dropout(x, this.p);
  }
}

/** A layer of a Sequential: a module, or a function on tensors such as `relu`. */
export type Layer = Module | ((x: Tensor) => Tensor);

/** Layers one after the other; their parameters are named by place, as in torch.nn.Sequential: `"0.weight"`. */
export class Sequential extends Module {
  readonly layers: readonly Layer[];

  constructor(...layers: Layer[]) {
    super();
    for (const [i, layer] of layers.entries()) {
      if (!(layer instanceof Module) && typeof layer !== "function") {
        throw new ArgumentError({
          argument: `Sequential: layer ${i}`,
          got: describe(layer),
          accepted: "a Module or a function of a Tensor",
        });
      }
    }
    this.layers = layers;
  }

  protected override fields(): Iterable<[string, unknown]> {
    return this.layers.map((layer, i) => [String(i), layer]);
  }

  forward(x: Value | Bags): Tensor {
    return this.layers.reduce<Value | Bags>(
      (h, layer) => (layer instanceof Module ? layer.forward(h) : layer(h as Tensor)),
      x,
    ) as Tensor;
  }
}
