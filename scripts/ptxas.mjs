// Reads what the tools of CUDA write: the PTX of a kernel file, and what ptxas -v says about it. Whatever it does not
// understand is an error, so that nothing passes unread.

const [registerLimit, sharedLimit] = [255, 48 * 1024]; // of a thread; of a block without asking for more

/**
 * What the kernels of a file take, a row per kernel and architecture, and what is wrong with that, a line each. Throws
 * unless the report is of every kernel on every architecture.
 */
export function judge(ptx, report, architectures) {
  const rows = resourcesOf(report);
  expectEvery(entriesOf(ptx), architectures, rows);
  const problems = genericAccesses(ptx).map((line) => `generic access: ${line}`);
  for (const { kernel, architecture, registers, shared, stack, spilled } of rows) {
    const found = `${kernel} on sm_${architecture}`;
    if (stack > 0 || spilled > 0) problems.push(`${found}: ${stack} bytes of stack, ${spilled} spilled`);
    if (registers > registerLimit || shared > sharedLimit) problems.push(`${found}: over the limit`);
  }
  return { rows, problems };
}

const blanked = (ptx) => ptx.replace(/\/\/.*/g, "").replace(/"[^"\n]*"/g, '""');

/** The names of the kernels in a PTX text. */
const entriesOf = (ptx) => [...blanked(ptx).matchAll(/\.entry\s+([\w$]+)/g)].map(([, name]) => name);

const access = /(?<![\w.$%])(?:ldu?|st|atom|red|ldmatrix|stmatrix)((?:\.[\w:]+)+)/;
const space = /\.(?:global|shared|param|local|const)(?:::\w+)?(?![\w:])/;

/** The lines of a PTX text that load, store or update memory without naming its address space. */
function genericAccesses(ptx) {
  const found = [];
  for (const line of blanked(ptx).split("\n"))
    for (const [, modifiers] of line.matchAll(new RegExp(access, "g")))
      if (!space.test(modifiers)) found.push(line.trim());
  return found;
}

/** What ptxas -v says: a row per kernel and architecture, e.g. "Used 40 registers, used 1 barriers, 128 bytes smem". */
function resourcesOf(report) {
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
function expectEvery(entries, architectures, rows) {
  if (entries.length === 0) throw new Error("no kernel in the PTX");
  const said = new Set(rows.map(({ kernel, architecture }) => `${kernel} on sm_${architecture}`));
  const wanted = entries.flatMap((kernel) => architectures.map((one) => `${kernel} on sm_${one}`));
  const missing = wanted.filter((one) => !said.has(one));
  if (missing.length > 0) throw new Error(`ptxas says nothing of ${missing.join(", ")}`);
}
