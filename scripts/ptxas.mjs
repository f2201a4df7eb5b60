// Reads what the tools of CUDA write: the PTX of a kernel file, and what ptxas -v says about it. Whatever it does not
// understand is an error, so that nothing passes unread.

const blanked = (ptx) => ptx.replace(/\/\/.*/g, "").replace(/"[^"\n]*"/g, '""');

/** The names of the kernels in a PTX text. */
export const entriesOf = (ptx) => [...blanked(ptx).matchAll(/\.entry\s+([\w$]+)/g)].map(([, name]) => name);

const access = /(?<![\w.$%])(?:ldu?|st|atom|red|ldmatrix|stmatrix)((?:\.[\w:]+)+)/;
const space = /\.(?:global|shared|param|local|const)(?:::\w+)?(?![\w:])/;

/** The lines of a PTX text that load, store or update memory without naming its address space. */
export function genericAccesses(ptx) {
  const found = [];
  for (const line of blanked(ptx).split("\n"))
    for (const [, modifiers] of line.matchAll(new RegExp(access, "g")))
      if (!space.test(modifiers)) found.push(line.trim());
  return found;
}

/** What ptxas -v says: a row per kernel and architecture, e.g. "Used 40 registers, used 1 barriers, 128 bytes smem". */
export function resourcesOf(report) {
  const rows = report.split("Compiling entry function ").slice(1).map(row);
  return rows.sort((a, b) => a.architecture - b.architecture);
}

function row(text) {
  const demand = (pattern) => {
    const match = pattern.exec(text);
    if (!match) throw new Error(`ptxas says nothing that matches ${pattern} in: ${text}`);
    return match.slice(1);
  };
  const [kernel, architecture] = demand(/^'([\w$]+)' for 'sm_(\d+)\w?'/);
  const [registers] = demand(/\bUsed (\d+) registers/);
  const [stack, stored, loaded] = demand(
    /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/,
  );
  return {
    kernel,
    architecture: Number(architecture),
    registers: Number(registers),
    shared: Number(/(\d+) bytes smem/.exec(text)?.[1] ?? 0), // left out where there is none
    stack: Number(stack),
    spilled: Number(stored) + Number(loaded),
  };
}

/** Throws unless the rows are those of every kernel on every architecture. */
export function expectEvery(entries, architectures, rows) {
  if (entries.length === 0) throw new Error("no kernel in the PTX");
  const said = new Set(rows.map(({ kernel, architecture }) => `${kernel} on sm_${architecture}`));
  const wanted = entries.flatMap((kernel) => architectures.map((one) => `${kernel} on sm_${one}`));
  const missing = wanted.filter((one) => !said.has(one));
  if (missing.length > 0) throw new Error(`ptxas says nothing of ${missing.join(", ")}`);
}
