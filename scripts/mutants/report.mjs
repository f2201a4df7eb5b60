// Prints what became of the mutants.
import { equivalenceOf } from "./equivalents.mjs";

/**
 * By kernel and mutation; then every mutant that survived without being known as equivalent. Returns their number and
 * that of all others.
 */
export function report(results) {
  const table = new Map();
  const wrong = [];
  const seen = new Map(); // survivors of each kernel: how many there are per known reason
  let good = 0;
  for (const result of results) {
    const { kernel, mutation, text, line, from, use, killer, reached } = result;
    const known = killer === undefined ? equivalenceOf(result) : undefined;
    const ofKernel = seen.get(kernel) ?? new Map();
    seen.set(kernel, ofKernel.set(known, (ofKernel.get(known) ?? 0) + 1));
    const equivalent = known !== undefined && reached && ofKernel.get(known) <= known.most;
    const invalid = /cuModuleLoadData|^broken/.test(killer ?? "");
    if ((killer !== undefined && !invalid) || equivalent) good++;
    else {
      const what = invalid ? `not valid PTX: ${killer}` : reached ? "survived" : "no test reaches it";
      wrong.push(`${kernel}: ${mutation}: ${what}: PTX line ${line}, ${text} (${use}) of: ${from}`);
    }
    const row = table.get(kernel) ?? new Map();
    table.set(kernel, row);
    const cell = row.get(mutation) ?? { total: 0, killed: 0, equivalent: 0, by: new Set() };
    row.set(mutation, cell);
    cell.total++;
    if (equivalent) cell.equivalent++;
    if (killer !== undefined) {
      cell.killed++;
      cell.by.add(killer.startsWith("test") ? "test" : killer.replace("checker: ", ""));
    }
  }
  for (const [kernel, row] of [...table].sort()) {
    console.log(kernel);
    for (const [mutation, cell] of row) {
      const same = cell.equivalent > 0 ? `, ${cell.equivalent} equivalent` : "";
      console.log(`  ${mutation}: ${cell.killed} of ${cell.total}${same}: ${[...cell.by].sort().join("; ")}`);
    }
  }
  for (const problem of wrong) console.log(problem);
  return { good, wrong: wrong.length };
}
