// Parameters in groups, each with options of its own.

import { checkBoolean, checkKeys, checkNumber } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import { type CommonOptions, type Family, type RuleSetup, setUp, type WithGroups } from "./family.js";
import type { Schedule } from "./schedule/schedule.js";
import { STORAGE } from "./storage.js";

/** Parameters of a group and the numbers of their rule. */
export interface Grouped {
  readonly params: readonly Parameter[];
  readonly setup: RuleSetup;
}

/** Parameters by group, with the numbers of each: the first group that matches a name has it, the rest are the last group. */
export function groupUp(
  owner: string,
  parameters: readonly Parameter[],
  options: WithGroups<CommonOptions>,
  family: Family<CommonOptions>,
): Grouped[] {
  checkKeys(owner, options, [...Object.keys(family.options), ...STORAGE, "groups"]);
  const { groups = [], ...rest } = options;
  const common = Object.fromEntries(
    Object.entries(rest).filter(([name]) => !STORAGE.includes(name as never)),
  );
  if (!Array.isArray(groups)) {
    throw new ArgumentError({ argument: `${owner}: 'groups'`, got: describe(groups), accepted: "an array" });
  }
  const left = new Set(parameters);
  const found: Grouped[] = groups.map((group: { match?: unknown }, i) => {
    const at = `${owner}: groups[${i}]`;
    if (typeof group !== "object" || group === null || typeof group.match !== "function") {
      throw new ArgumentError({
        argument: at,
        got: describe(group),
        accepted: "an object with `match`, a function of a parameter's name",
      });
    }
    const { match, ...overrides } = group as { match: (name: string) => unknown };
    const params = [...left].filter(({ name }) =>
      checkBoolean(`${at}: what match("${name}") gives`, match(name)),
    );
    if (params.length === 0) {
      const names = [...left].map(({ name }) => name).join(", ");
      throw new ArgumentError({ argument: at, got: "a match of nothing", accepted: `one of ${names}` });
    }
    for (const parameter of params) left.delete(parameter);
    return { params, setup: setUp(family, at, { ...common, ...overrides }) };
  });
  const setup = setUp(family, owner, common);
  if (left.size > 0) found.push({ params: [...left], setup });
  family.accepts?.(owner, parameters, found.length);
  const other = found.find((group) => group.setup.rule !== setup.rule);
  if (other) {
    throw new ArgumentError({
      argument: `${owner}: 'groups'`,
      got: `a group that needs the rule "${other.setup.rule}" beside "${setup.rule}"`,
      accepted: "options that leave the states as they are: use an optimizer of its own for such a group",
    });
  }
  return found;
}

/** The hyper-parameters of each group at a step: lr, weight decay, whether it maximizes, and those of its rule. */
export function hyperOf(
  owner: string,
  {
    groups,
    setups,
  }: { readonly groups: readonly { readonly lr: number }[]; readonly setups: readonly RuleSetup[] },
  schedule: Schedule | undefined,
  step: number,
): number[][] {
  const check = (argument: string, value: number): number =>
    checkNumber(argument, value, "a number, 0 or more", (v) => v >= 0);
  const factor = check(`${owner}: the schedule's factor at step ${step}`, schedule ? schedule(step) : 1);
  return groups.map(({ lr }, i) => {
    const { weightDecay, maximize, hyper } = setups[i] as RuleSetup;
    return [check(`${owner}: 'lr'`, lr) * factor, weightDecay, Number(maximize), ...hyper];
  });
}
