// The state of an optimizer by the names of its parameters: how it is read, and how one is fitted onto an optimizer.

import { checkBoolean, checkInteger, checkKeys, checkNumber, given } from "../check.js";
import { dtypeOf } from "../device/dtype.js";
import { ArgumentError, describe, ShapeError } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import { GUARD } from "./guard.js";
import type { OptimizerMemory, StateArray } from "./memory.js";

/** Everything that continues an optimizer, on any device and in any precision. The order of parameters means nothing. */
export interface OptimizerState {
  /** Name of the update rule, such as "adam" (Adam's and AdamW's): the states of another one mean something else. */
  readonly rule: string;
  /** Steps tried: what schedules go by. */
  readonly step: number;
  /** Names of the parameters of each group. */
  readonly groups: readonly (readonly string[])[];
  /** Per group: the rule's running scalars (steps taken, powers of the betas). */
  readonly running: readonly (readonly number[])[];
  /** Per group. */
  readonly lr: readonly number[];
  /** What the guard remembers, word by word. */
  readonly guard: readonly number[];
  /** By parameter, then by state, with PyTorch's names; `average` is the running mean of the parameter. */
  readonly parameters: Readonly<Record<string, Readonly<Record<string, StateArray>>>>;
}

/** How a state is taken over. */
export interface LoadOptions {
  /**
   * Whether the names of parameters and states must be exactly those of the optimizer. If not, what is missing starts anew, and
   * what is unexpected is left out. Default true.
   */
  readonly strict?: boolean;
}

/** What did not fit, as `"<parameter>.<state>"`; both are empty if loading was strict. */
export interface LoadReport {
  /** Of the optimizer, not in the state. */
  readonly missing: readonly string[];
  /** In the state, not of the optimizer. */
  readonly unexpected: readonly string[];
}

/** The optimizer that a state is read from, or fitted onto. */
export interface StateTarget {
  readonly rule: string;
  readonly groups: readonly { readonly params: readonly Parameter[]; lr: number }[];
  readonly memory: OptimizerMemory;
}

type States = OptimizerState["parameters"];

/** Reads; everything is enqueued before the first wait, so a step that is taken meanwhile does not show. */
export async function readState(
  { rule, groups, memory }: StateTarget,
  step: number,
): Promise<OptimizerState> {
  const lr = groups.map((group) => group.lr);
  const names = groups.map(({ params }) => params.map(({ name }) => name));
  const [running, guard, parameters] = await Promise.all([
    memory.running.read(),
    memory.guard.read(),
    readStates(memory),
  ]);
  const size = running.length / groups.length;
  const rows = groups.map((_, i) => [...running.subarray(i * size, (i + 1) * size)]);
  return { rule, step, groups: names, running: rows, lr, guard: [...guard], parameters };
}

async function readStates(memory: OptimizerMemory): Promise<States> {
  const arrays = [...memory.slots()].map(async (slot) => ({ ...slot, data: await slot.read() }));
  const parameters = new Map<string, [string, StateArray][]>();
  for (const { name } of memory.parameters()) parameters.set(name, []);
  for (const { parameter, state, data } of await Promise.all(arrays))
    parameters.get(parameter.name)?.push([state, data]);
  return Object.fromEntries([...parameters].map(([name, states]) => [name, Object.fromEntries(states)]));
}

/** A state that has been checked: `write` cannot fail half-way. */
export interface FittedState {
  readonly step: number;
  /** Decisions of the guard so far. */
  readonly decisions: number;
  /** Whether a step has scaled its loss. */
  readonly scaled: boolean;
  readonly report: LoadReport;
  /** Enqueues the writes, and sets the learning rates. */
  write(): void;
}

/** Checks a state against an optimizer; `owner` is for messages. */
export function fitState(
  owner: string,
  state: OptimizerState,
  options: LoadOptions,
  target: StateTarget,
): FittedState {
  checkKeys(owner, options, ["strict"]);
  const strict = checkBoolean(`${owner}: 'strict'`, given(options.strict, true));
  const { memory, groups } = target;
  checkForm(owner, state, target);
  const step = checkInteger(`${owner}: 'step'`, state.step, 0);
  const report = compareNames(owner, state.parameters, memory);
  if (strict) refuse(owner, report, memory);
  checkSizes(owner, state.parameters, memory);
  const rows = groups.map((group, i) => rowOf(`${owner}: groups[${i}]`, state, group.params));
  const guard = Float64Array.from(state.guard);
  guard[GUARD.kept] = 0; // snapshots are not a part of the state
  guard[GUARD.untilSnapshot] = 0;
  const scaled = guard[GUARD.lossScale] !== 0;
  const write = (): void => {
    for (const slot of memory.slots()) {
      const data = at(at(state.parameters, slot.parameter.name), slot.state);
      if (data) slot.write(data);
      else slot.restart();
    }
    const size = memory.running.length / groups.length;
    rows.forEach((row, i) => {
      const group = groups[i];
      if (row) memory.running.view(i * size, [size]).write(Float64Array.from(row.running));
      if (group && row?.lr !== undefined) group.lr = row.lr;
    });
    memory.guard.write(guard);
    const scale = Float32Array.of(guard[GUARD.lossScale] as number);
    memory.lossScale.write(scale);
  };
  return { step, decisions: guard[GUARD.decisions] as number, scaled, report, write };
}

/** Throws unless the state has the form that `readState` gives, for this rule. */
function checkForm(owner: string, state: OptimizerState, { rule, memory, groups }: StateTarget): void {
  const lists = [state?.running, state?.lr, state?.guard, state?.groups, ...(state?.groups ?? [])];
  const formed = lists.every(Array.isArray) && typeof state.parameters === "object" && state.parameters;
  const { length } = formed ? state.groups : [];
  if (!formed || state.running.length !== length || state.lr.length !== length) {
    throw new ArgumentError({
      argument: `${owner}: 'state'`,
      got: describe(state),
      accepted: "a state as state() gives it",
    });
  }
  if (state.rule !== rule) {
    throw new ArgumentError({
      argument: `${owner}: 'rule'`,
      got: `a state of the rule ${describe(state.rule)}`,
      accepted: `"${rule}", the rule of this optimizer and its options`,
    });
  }
  const grouped = new Set(state.groups.flat());
  const lost = Object.keys(state.parameters).find((name) => !grouped.has(name));
  if (lost !== undefined) {
    const argument = `${owner}: 'groups'`;
    throw new ArgumentError({
      argument,
      got: `no group with "${lost}"`,
      accepted: "a group for each parameter",
    });
  }
  for (const lr of state.lr) checkNumber(`${owner}: 'lr'`, lr, "a number, 0 or more", (v) => v >= 0);
  const size = memory.running.length / groups.length;
  for (const row of state.running) {
    checkLength(`${owner}: 'running'`, row, size);
    for (const value of row) checkNumber(`${owner}: 'running'`, value, "a finite number", () => true);
    checkInteger(`${owner}: 'running', the steps of a group`, row[0], 0);
  }
  // Only these: a decision about a loss that is infinite remembers the loss.
  checkLength(`${owner}: 'guard'`, state.guard, memory.guard.length);
  for (const word of ["attempts", "accepted", "decisions"] as const)
    checkInteger(`${owner}: 'guard', ${word}`, state.guard[GUARD[word]], 0);
  for (const word of ["lrFactor", "lossScale"] as const)
    checkNumber(`${owner}: 'guard', ${word}`, state.guard[GUARD[word]], "a number, 0 or more", (v) => v >= 0);
}

function checkLength(argument: string, values: readonly unknown[], length: number): void {
  if (Array.isArray(values) && values.length === length && values.every((v) => typeof v === "number")) return;
  throw new ArgumentError({ argument, got: describe(values), accepted: `${length} numbers` });
}

/** An own property: a parameter may be named "constructor". */
function at<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record && Object.hasOwn(record, name) ? record[name] : undefined;
}

function compareNames(owner: string, parameters: States, memory: OptimizerMemory): LoadReport {
  const known = new Map<string, Set<string>>();
  for (const { name } of memory.parameters()) known.set(name, new Set());
  for (const { parameter, state } of memory.slots()) known.get(parameter.name)?.add(state);
  const missing = [...memory.slots()].flatMap(({ parameter: { name }, state }) =>
    at(at(parameters, name), state) === undefined ? [`${name}.${state}`] : [],
  );
  const unexpected = Object.entries(parameters).flatMap(([name, states]) => {
    if (typeof states !== "object" || states === null) {
      const accepted = "an object of Float32Arrays by the name of the state";
      throw new ArgumentError({ argument: `${owner}: '${name}'`, got: describe(states), accepted });
    }
    const own = known.get(name);
    // A parameter without any state (of plain SGD) is unexpected as such.
    if (!own && Object.keys(states).length === 0) return [name];
    return Object.keys(states).flatMap((state) => (own?.has(state) ? [] : [`${name}.${state}`]));
  });
  return { missing, unexpected };
}

function refuse(owner: string, { missing, unexpected }: LoadReport, memory: OptimizerMemory): void {
  const [first] = missing;
  const list = (names: readonly string[]): string =>
    names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : names.join(", ");
  if (first !== undefined) {
    throw new ArgumentError({
      argument: `${owner}: '${first}'`,
      got: `a state without ${list(missing)}`,
      accepted: "all states of this optimizer, or { strict: false }, with which missing ones start anew",
    });
  }
  if (unexpected.length === 0) return;
  const known = [...memory.slots()].map(({ parameter, state }) => `${parameter.name}.${state}`);
  throw new ArgumentError({
    argument: `${owner}: '${unexpected[0]}'`,
    got: `a state with ${list(unexpected)}`,
    accepted: `${list(known) || "no states"}, or { strict: false }, which leaves others out`,
  });
}

const ARRAY_NAMES = { f32: "Float32Array", f64: "Float64Array", i32: "Int32Array" } as const;

function checkSizes(owner: string, parameters: States, memory: OptimizerMemory): void {
  for (const { parameter, state, length, dtype } of memory.slots()) {
    const data: unknown = at(at(parameters, parameter.name), state);
    const fits = data !== undefined && dtypeOf(data) === dtype;
    if (data === undefined || (fits && (data as StateArray).length === length)) continue;
    throw new ShapeError({
      argument: `${owner}: '${parameter.name}.${state}'`,
      got: fits ? `${(data as StateArray).length} elements` : describe(data),
      accepted: `a ${ARRAY_NAMES[dtype]} of ${length} elements`,
    });
  }
}

interface Row {
  readonly running: readonly number[];
  /** Of a group of the same parameters; another grouping keeps the learning rates of its own. */
  readonly lr: number | undefined;
}

/**
 * The scalars of a group with these parameters, wherever the state had them: together if they have taken the same steps. Undefined
 * if it had none of them: the group goes on as it is.
 */
function rowOf(argument: string, state: OptimizerState, params: readonly Parameter[]): Row | undefined {
  const names = new Set(params.map(({ name }) => name));
  const sources = state.groups.flatMap((group, index) =>
    group.some((name) => names.has(name)) ? [{ index, group }] : [],
  );
  const [first, ...others] = sources.map(({ index }) => state.running[index] ?? []);
  if (!first) return undefined;
  const other = others.findIndex((row) => !row.every((value, i) => Object.is(value, first[i])));
  if (other >= 0) {
    const example = (place: number): string =>
      describe(sources[place]?.group.find((name) => names.has(name)));
    throw new ArgumentError({
      argument,
      got: `a state in which ${example(0)} and ${example(other + 1)} are in groups with unequal running scalars`,
      accepted: "the groups of the state, or others whose parameters have taken the same steps",
    });
  }
  const [source, ...more] = sources;
  const same = more.length === 0 && source?.group.length === names.size;
  return { running: first, lr: same ? state.lr[source.index] : undefined };
}
