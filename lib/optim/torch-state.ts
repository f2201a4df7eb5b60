// States of PyTorch's optimizers: names, steps and running products in our terms.

import { checkBoolean, checkInteger, checkKeys, checkNumber, given } from "../check.js";
import { countOf, type Shape } from "../device/dtype.js";
import { RULES } from "../device/encode.js";
import { ArgumentError, describe, ShapeError } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import { ROOM } from "./compose.js";
import type { RuleSetup } from "./family.js";
import { newGuard } from "./guard.js";
import { Optimizer } from "./optimizer.js";
import type { LoadOptions, LoadReport } from "./state.js";

/** A tensor as `decodeSafetensors` gives it. */
export interface TorchTensor {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** How a state of PyTorch's is taken over. */
export interface TorchStateOptions extends LoadOptions {
  /**
   * Names of the parameters by PyTorch's index, which counts through its param_groups: `[n for n, _ in model.named_parameters()]`.
   * Default: the parameters of the optimizer's groups, one group after the other.
   */
  readonly names?: readonly string[];
  /** Steps taken: what a schedule goes by. Default: the largest `step` of the tensors; torch.optim.SGD keeps none. */
  readonly step?: number;
}

/** PyTorch's, which running products stand for. */
const SCALARS = ["step", "mu_product"];

/** PyTorch keeps no step for these. */
const STEPLESS = ["sgd", "sgdMomentum"];

/**
 * Takes over the state of the PyTorch optimizer of the same name, which then goes on as PyTorch's would. Tensors are named
 * `state.<index>.<state>`, as `optimizer.state_dict()` has them, or `<parameter>.<state>`; each parameter has its `step`. In Python:
 *
 * ```python
 * state = optimizer.state_dict()["state"]
 * save_file({f"state.{i}.{name}": torch.as_tensor(value, dtype=torch.float32)
 *            for i, states in state.items() for name, value in states.items() if value is not None}, "adam.safetensors")
 * ```
 *
 * and here: `importTorchState(adam, decodeSafetensors(await readFile("adam.safetensors")).tensors)`. Products of betas are computed
 * anew, in double, from the number of steps. Options, lr too, are the optimizer's own: PyTorch has them in its param_groups, not
 * in tensors. A running mean of the parameters (`average`) starts from what they are, and so does the guard.
 *
 * @throws ArgumentError or ShapeError for tensors that do not fit, another dialect than PyTorch's, and an optimizer that PyTorch
 *   has not; the optimizer is then as it was
 */
export function importTorchState(
  optimizer: Optimizer,
  tensors: Readonly<Record<string, TorchTensor>>,
  options: TorchStateOptions = {},
): LoadReport {
  const owner = "importTorchState";
  checkKeys(owner, options, ["strict", "names", "step"]);
  const strict = checkBoolean(`${owner}: 'strict'`, given(options.strict, true));
  checkGiven(owner, optimizer, tensors);
  const rule = checkSemantics(owner, optimizer);
  const { states, unexpected } = sortOut(owner, optimizer, tensors, options.names);
  const parameters = Object.fromEntries(
    [...states].map(([{ name }, own]) => [
      name,
      Object.fromEntries([...own].filter(([state]) => !SCALARS.includes(state)).map(toFloats)),
    ]),
  );
  const wanted = wantedOf(optimizer);
  const missing = [...states].flatMap(([parameter, own]) =>
    Object.keys(wanted.get(parameter) ?? {}).flatMap((state) =>
      own.has(state) ? [] : [`${parameter.name}.${state}`],
    ),
  );
  if (strict && missing.length + unexpected.length > 0) {
    const [lacking] = missing;
    throw new ArgumentError({
      argument: `${owner}: '${lacking ?? unexpected[0]}'`,
      got: lacking ? "no tensor of that state" : "a tensor that no state takes",
      accepted: `${[...new Set([...wanted.values()].flatMap(Object.keys))].join(", ") || "no states"} for each parameter, or { strict: false }`,
    });
  }
  const steps = optimizer.groups.map(({ params }) => stepsOf(owner, rule, params, states, options.step));
  const step = checkInteger(`${owner}: 'step'`, given(options.step, Math.max(...steps)), 0);
  const running = steps.map((count, i) => runningOf(owner, optimizer, i, count));
  const groups = optimizer.groups.map(({ params }) => params.map(({ name }) => name));
  const lr = optimizer.groups.map((group) => group.lr);
  optimizer.load({ rule, step, groups, running, lr, guard: [...newGuard()], parameters }, { strict: false });
  return { missing, unexpected };
}

/** The states of each parameter with their shapes. */
function wantedOf({ groups, setups }: Optimizer): Map<Parameter, Readonly<Record<string, Shape>>> {
  const of = ({ shape }: Parameter, { rule, composition }: RuleSetup): Record<string, Shape> => {
    const names = (RULES.get(rule)?.states ?? []).filter((name) => name !== ROOM);
    return { ...Object.fromEntries(names.map((name) => [name, shape])), ...composition?.states(shape) };
  };
  return new Map(
    groups.flatMap(({ params }, i) => params.map((p) => [p, of(p, setups[i] as RuleSetup)] as const)),
  );
}

type States = ReadonlyMap<Parameter, ReadonlyMap<string, TorchTensor>>;

function checkGiven(owner: string, optimizer: unknown, tensors: unknown): void {
  if (!(optimizer instanceof Optimizer)) {
    const accepted = "an optimizer, such as Adam";
    throw new ArgumentError({ argument: `${owner}: 'optimizer'`, got: describe(optimizer), accepted });
  }
  if (typeof tensors !== "object" || tensors === null) {
    const accepted = "tensors by name, as decodeSafetensors gives them";
    throw new ArgumentError({ argument: `${owner}: 'tensors'`, got: describe(tensors), accepted });
  }
}

/** The rule, if its state means what PyTorch's does. */
function checkSemantics(owner: string, { setups }: Optimizer): string {
  const other = setups.find(({ semantics }) => semantics !== "torch");
  if (other) {
    throw new ArgumentError({
      argument: `${owner}: 'optimizer'`,
      got: `one with semantics "${other.semantics}"`,
      accepted: `semantics "torch", whose states these are`,
    });
  }
  return setups[0]?.rule ?? "";
}

/** The tensors by parameter and state; `unexpected` are those of neither. */
function sortOut(
  owner: string,
  optimizer: Optimizer,
  tensors: Readonly<Record<string, TorchTensor>>,
  given: readonly string[] | undefined,
): { states: States; unexpected: string[] } {
  const own = new Map(optimizer.groups.flatMap(({ params }) => params.map((p) => [p.name, p] as const)));
  const names = given ?? [...own.keys()];
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) {
    throw new ArgumentError({
      argument: `${owner}: 'names'`,
      got: describe(given),
      accepted: "an array of the names of parameters",
    });
  }
  const wanted = wantedOf(optimizer);
  const states = new Map([...own.values()].map((p) => [p, new Map<string, TorchTensor>()] as const));
  const unexpected: string[] = [];
  for (const [key, tensor] of Object.entries(tensors)) {
    const dot = key.lastIndexOf(".");
    const [place, state] = [key.slice(0, Math.max(dot, 0)), key.slice(dot + 1)];
    const index = /^state\.(\d+)$/.exec(place)?.[1];
    const parameter = own.get(place) ?? own.get(names[Number(index)] ?? "");
    const shape = parameter && (SCALARS.includes(state) ? "one" : wanted.get(parameter)?.[state]);
    if (!parameter || !shape) {
      unexpected.push(key);
      continue;
    }
    checkTensor(`${owner}: '${key}'`, tensor, shape, parameter.name);
    states.get(parameter)?.set(state, tensor);
  }
  return { states, unexpected };
}

function checkTensor(argument: string, tensor: TorchTensor, wanted: Shape | "one", name: string): void {
  const formed = Array.isArray(tensor?.shape) && typeof tensor.data?.length === "number";
  const scalar = wanted === "one";
  const shape = scalar ? "" : wanted.join(", ");
  const fits = formed && (scalar ? countOf(tensor.shape) === 1 : tensor.shape.join(", ") === shape);
  if (fits && countOf(tensor.shape) === tensor.data.length) return;
  throw new ShapeError({
    argument,
    got: formed ? `${tensor.data.length} elements of shape [${tensor.shape.join(", ")}]` : describe(tensor),
    accepted: scalar ? "one number" : `shape [${shape}], that of "${name}"`,
  });
}

const toFloats = ([state, { data }]: readonly [string, TorchTensor]): [string, Float32Array] => [
  state,
  Float32Array.from(data),
];

/** Steps that the parameters of a group have taken; they must agree, for a group has one step count. */
function stepsOf(
  owner: string,
  rule: string,
  params: readonly Parameter[],
  states: States,
  step: number | undefined,
): number {
  let first: { name: string; count: number } | undefined;
  for (const parameter of params) {
    const { name } = parameter;
    const own = states.get(parameter);
    const tensor = own?.get("step");
    if (!own?.size) continue; // It never had a gradient.
    const argument = `${owner}: '${name}.step'`;
    if (!tensor && step === undefined && !STEPLESS.includes(rule)) {
      const accepted = "the steps taken, or the option 'step'";
      throw new ArgumentError({ argument, got: "no tensor", accepted });
    }
    // SGD asks no more than whether this step is its first.
    const count = tensor
      ? checkNumber(argument, tensor.data[0], "a whole number of steps", (v) => v >= 0 && Number.isInteger(v))
      : (step ?? 1);
    first ??= { name, count };
    if (first.count === count) continue;
    throw new ArgumentError({
      argument,
      got: `${count} steps, where "${first.name}" of the same group has taken ${first.count}`,
      accepted: "the same steps for all parameters of a group",
    });
  }
  return first?.count ?? step ?? 0;
}

function runningOf(owner: string, { setups }: Optimizer, group: number, steps: number): readonly number[] {
  const running = setups[group]?.runningAfter(steps);
  if (running) return running;
  throw new ArgumentError({
    argument: `${owner}: 'optimizer'`,
    got: `one whose running scalars depend on more than the number of steps (rule "${setups[group]?.rule}")`,
    accepted: "SGD, AdaGrad, Adam, AdamW, RMSprop, Adadelta, Adamax, NAdam, RAdam, Adafactor, Muon",
  });
}
