// Breaks the PTX of each CUDA kernel in turn and runs the tests of its operation (test/native/cuda, against the CPU) with the
// emulated driver on each mutant. A mutant is killed when a test fails or the memory checker reports. Exits with 1 if
// one survives that is not listed below as equivalent.
//
//   node scripts/mutants.mjs [part of a kernel's name]
//
// NVCC=<path> chooses the compiler, as in kernel-resources.mjs.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildProject, emulatedEnvironment } from "./emulated.mjs";
import { ptxOf } from "./nvcc.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const kernels = join(root, "cuda", "kernels");

/** A mutant that takes so much longer than the kernel unchanged does not end, which a test notices too. */
const allowed = (unchanged) => 30 + 10 * unchanged; // seconds

const flip = { lt: "le", le: "lt", gt: "ge", ge: "gt" };
const R = "%r\\w+";

/**
 * What is done to a line that matches. `most`: at so many places of a kernel, evenly spread, where the compiler has
 * unrolled or inlined the same code often. A bound is a comparison of two registers: those with constants are mostly
 * the compiler's own, of unrolled loops.
 */
const MUTATIONS = [
  { name: "barrier removed", line: /^bar\.sync\s+0;/, to: () => "", most: 12 },
  {
    name: "barrier diverges",
    line: /^bar\.sync\s+0;/,
    to: () => "{ .reg .pred q; .reg .b32 t; mov.u32 t, %tid.x; setp.ne.u32 q, t, 3; @q bar.sync 0; }",
    most: 1,
  },
  {
    name: "wait weakened",
    line: /^cp\.async\.wait_group\s+(\d+);/,
    to: ([, n]) => `cp.async.wait_group ${+n + 1};`,
  },
  { name: "wait removed", line: /^cp\.async\.wait_all;/, to: () => "" },
  {
    name: "bound off by one",
    line: new RegExp(`^setp\\.(lt|le|gt|ge)\\.([su](?:32|64))\\s+(%p\\d+, ${R}, ${R};)`),
    to: ([, compare, type, rest]) => `setp.${flip[compare]}.${type} ${rest}`,
    most: 6,
  },
  {
    name: "shared array too small",
    line: /^(\.shared .*)\[(\d+)\];/,
    to: ([, declaration, bytes]) => `${declaration}[${Math.floor((bytes * 3) / 4 / 16) * 16}];`,
  },
  {
    name: "write-after-write race",
    line: /^(st\.shared\.\S+)\s+\[(%r\d+)(\S*)\](, .*;)/,
    to: ([, store, base, offset, value]) =>
      `{ .reg .b32 t; and.b32 t, ${base}, -128; ${store} [t${offset}]${value} }`,
    most: 2,
  },
  {
    name: "shuffle from a wrong lane",
    line: new RegExp(`^(shfl\\.sync\\.\\S+\\s+\\S+, ${R}), ${R}, (.*)$`),
    to: ([, before, after]) => `${before}, 3, ${after}`,
    most: 3,
  },
  {
    name: "lane 31 not in the mask",
    line: new RegExp(`^((?:shfl|vote)\\.sync\\..*), ${R};`),
    to: ([, before]) => `${before}, 2147483647;`,
    most: 2,
  },
  {
    name: "fma without its addend",
    line: /^fma\.rn\.f32\s+(\S+, \S+, \S+), \S+;/,
    to: ([, rest]) => `mul.rn.f32 ${rest};`,
    most: 4,
  },
  {
    name: "wrong place in global memory",
    line: /^((?:ld|st)\.global\.(?:v([24])\.)?\w(\d+)\s.*\[%rd\d+)(?:\+(-?\d+))?(\].*)/,
    to: ([, before, vector, bits, offset, after]) =>
      `${before}+${Number(offset ?? 0) + (Number(vector ?? 1) * Number(bits)) / 8}${after}`,
    most: 6,
  },
  {
    name: "wrong place in shared memory",
    line: /^((?:ld|st)\.shared\.(?:v([24])\.)?\w(\d+)\s.*\[%r\d+)(?:\+(-?\d+))?(\].*)/,
    to: ([, before, vector, bits, offset, after]) =>
      `${before}+${Number(offset ?? 0) + (Number(vector ?? 1) * Number(bits)) / 8}${after}`,
    most: 4,
  },
];

/** Mutants that compute the same: which instructions (`text`) of which kernels, at most how many of a kernel, and why. */
const EQUIVALENT = [
  {
    kernel: /_(softmax|layer_norm|layer_norm_grad|cross_entropy)_block$/,
    mutation: "barrier removed",
    text: /^bar\.sync 0;$/,
    most: 2,
    why: "a row is folded twice, through an array each: between two uses of one lie the barriers of the other",
  },
  {
    kernel: /_block$|_transpose$/,
    mutation: "bound off by one",
    text: /^setp\.le\.s64 %p1, /,
    most: 1,
    why: "the first test of a loop over blocks: the grid never has more blocks than there is work",
  },
  {
    kernel: /_cross_entropy_grad_block$/,
    mutation: "bound off by one",
    text: /^setp\.le\.s64 %p2, /,
    most: 1,
    why: "the first test of a loop over columns: a row of this kernel is longer than a block",
  },
];

const FAMILIES = [
  [/_reduce_/, ["reduce"]],
  [/_argmax_/, ["argmax"]],
  [/_softmax_/, ["softmax"]],
  [/_cross_entropy_/, ["crossEntropy", "backend"]],
  [/_layer_norm_/, ["layerNorm"]],
  [/_embedding/, ["embedding", "backend"]],
  [/_gemm_/, ["gemm"]],
  [/_update_|_advance/, ["update"]],
  [/_unary|_binary/, ["elementwise"]],
  [/./, ["memory"]],
];

/** At most `most` of the list, evenly spread, the first and the last among them. */
function spread(list, most = list.length) {
  if (list.length <= most) return list;
  if (most === 1) return [list[0]];
  return Array.from({ length: most }, (_, i) => list[Math.round((i * (list.length - 1)) / (most - 1))]);
}

/** The lines of each kernel: [name, first, last]. */
function entriesOf(lines) {
  const entries = [];
  for (const [at, line] of lines.entries()) {
    const name = /\.entry (\w+)\(/.exec(line)?.[1];
    if (name) entries.push([name, at, lines.indexOf("}", at)]);
  }
  return entries;
}

function mutantsOf(ptx, wanted) {
  const lines = ptx.split("\n");
  const mutants = [];
  for (const [kernel, first, last] of entriesOf(lines)) {
    if (!kernel.includes(wanted)) continue;
    for (const { name, line, to, most } of MUTATIONS) {
      const places = [];
      for (let at = first; at < last; at++) {
        const [, guard = "", text] = /^\s*(@!?%p\d+\s+)?(.*)$/.exec(lines[at]);
        const match = line.exec(text);
        if (match && !(guard && name.startsWith("barrier")))
          places.push({ at, text, guard, changed: to(match) });
      }
      for (const { at, text, guard, changed } of spread(places, most)) {
        const withLine = (instruction) =>
          lines.with(at, instruction && `\t${guard}${instruction}`).join("\n");
        const mutant = { kernel, mutation: name, text: text.replace(/\s+/g, " "), line: at + 1 };
        mutants.push({ ...mutant, source: withLine(changed), trap: withLine("trap;") });
      }
    }
  }
  return mutants;
}

/** Runs the tests of a kernel on a mutant; resolves to what killed it, or undefined. */
function test(program, env, file, kernel, seconds) {
  const families = FAMILIES.find(([pattern]) => pattern.test(kernel))[1];
  return new Promise((resolve, reject) => {
    const child = spawn("stdbuf", ["-oL", program, ...families], {
      env: { ...env, ADASTEP_EMULATOR_PTX: file },
    });
    let [output, ended] = ["", false];
    const end = (killer) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      child.kill("SIGKILL");
      resolve(killer);
    };
    const timer = setTimeout(() => end("does not end"), seconds * 1000);
    child.stdout.on("data", (data) => {
      output += data;
      // The checker's report, which comes first, says more than the error that follows from it.
      const failed = /FAILED: (.*)\n/.exec(output);
      if (failed) setTimeout(() => end(reasonOf(output, kernel) ?? `test: ${failed[1]}`), 50);
    });
    child.stderr.on("data", (data) => {
      output += data;
    });
    child.on("error", reject);
    child.on("close", (status, signal) =>
      end(reasonOf(output, kernel) ?? (status === 0 ? undefined : `exit ${status ?? signal}`)),
    );
  });
}

/** The checker's report on the kernel. On others too there are reports: of tests that plant an error. */
function reasonOf(output, kernel) {
  const report = new RegExp(`adastep emulator: ((?:(?!: kernel ).)*): kernel ${kernel},`).exec(output)?.[1];
  return report && `checker: ${report}`;
}

const equivalence = (mutant) =>
  EQUIVALENT.find(
    ({ kernel, mutation, text }) =>
      kernel.test(mutant.kernel) && mutation === mutant.mutation && text.test(mutant.text),
  );

/** Prints what killed the mutants, by kernel and mutation, and returns how many runs went wrong. */
function report(results) {
  const table = {};
  const wrong = [];
  const seen = new Map(); // survivors per kernel and entry of EQUIVALENT
  let [killed, equivalent] = [0, 0];
  for (const result of results) {
    const { kernel, mutation, text, line, killer } = result;
    const where = `${kernel}: ${mutation}: PTX line ${line}, ${text}`;
    if (mutation === "none") {
      if (killer) wrong.push(`${kernel} fails unchanged: ${killer}`);
      continue;
    }
    if (killer?.includes("cuModuleLoadData") || killer?.startsWith("broken"))
      wrong.push(`${where}: not valid PTX: ${killer}`);
    const entry = killer ? undefined : equivalence(result);
    const key = `${kernel} ${EQUIVALENT.indexOf(entry)}`;
    if (entry) seen.set(key, (seen.get(key) ?? 0) + 1);
    const known = entry && seen.get(key) <= entry.most;
    if (!killer && !known) wrong.push(`${where}: ${result.reached ? "survived" : "no test reaches it"}`);
    if (killer) killed++;
    else if (known) equivalent++;
    const row = table[kernel.replace("adastep_", "")] ?? {};
    table[kernel.replace("adastep_", "")] = row;
    const cell = row[mutation] ?? { total: 0, killed: 0, equivalent: 0, by: new Set() };
    row[mutation] = cell;
    cell.total++;
    if (killer) {
      cell.killed++;
      cell.by.add(killer.startsWith("test") ? "test" : killer.replace("checker: ", ""));
    } else if (known) cell.equivalent++;
  }
  for (const [kernel, row] of Object.entries(table).sort()) {
    console.log(kernel);
    for (const [mutation, cell] of Object.entries(row)) {
      const same = cell.equivalent > 0 ? `, ${cell.equivalent} equivalent` : "";
      console.log(`  ${mutation}: ${cell.killed} of ${cell.total}${same}: ${[...cell.by].sort().join("; ")}`);
    }
  }
  for (const problem of wrong) console.log(problem);
  const total = killed + equivalent + wrong.length;
  console.log(
    `${killed} mutants killed, ${equivalent} equivalent, ${wrong.length} survived or wrong, of ${total}`,
  );
  return wrong.length;
}

const wanted = process.argv[2] ?? "";
const began = Date.now();
const env = emulatedEnvironment({ quiet: true });
const program = join(buildProject("test/native/cuda", "test-cuda", { quiet: true }), "cuda-test");
const folder = mkdtempSync(join(tmpdir(), "adastep-mutants-"));
const results = [];
try {
  const [unchanged, mutants] = [[], []];
  for (const name of readdirSync(kernels).filter((file) => file.endsWith(".cu"))) {
    const ptx = ptxOf(join(kernels, name), folder);
    const own = mutantsOf(ptx, wanted);
    // Unchanged, the same PTX must pass: else what kills the mutants may be something else.
    for (const kernel of new Set(own.map((mutant) => mutant.kernel)))
      unchanged.push({ kernel, mutation: "none", text: "", line: 0, source: ptx });
    mutants.push(...own);
  }
  const count = unchanged.length + mutants.length;
  console.log(`${count} runs; prepared in ${((Date.now() - began) / 1000).toFixed(0)} s`);
  const seconds = new Map(); // that a kernel's tests take, unchanged
  const runOn = async (file, source, kernel) => {
    writeFileSync(file, source);
    return await test(program, env, file, kernel, allowed(seconds.get(kernel) ?? 30));
  };
  const worker = async (file, queue) => {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const { source, trap, ...rest } = mutant;
      const start = Date.now();
      const killer = await runOn(file, source, mutant.kernel);
      if (!trap) seconds.set(mutant.kernel, (Date.now() - start) / 1000);
      // Whether the tests execute the line at all: not worth a run where the answer is known.
      const reached = killer || !trap || equivalence(rest) || (await runOn(file, trap, mutant.kernel));
      results.push({ ...rest, killer, reached });
      if (results.length % 100 === 0) console.log(`${results.length} of ${count}`);
    }
  };
  for (const queue of [unchanged, mutants]) {
    const files = Array.from({ length: availableParallelism() }, (_, k) => join(folder, `${k}.ptx`));
    await Promise.all(files.map((file) => worker(file, queue)));
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.exitCode = report(results) === 0 ? 0 : 1;
console.log(`${((Date.now() - began) / 1000).toFixed(0)} s`);
