// What is broken in a kernel's PTX, and where.

const flip = { lt: "le", le: "lt", gt: "ge", ge: "gt" };
const R = "%r\\w+";

/** The same access, one element or vector further on. */
const oneFurther = ([, before, vector, bits, offset, after]) =>
  `${before}+${Number(offset ?? 0) + (Number(vector ?? 1) * Number(bits)) / 8}${after}`;

/**
 * What is done to a line that matches. `most`: at so many places of a kernel, evenly spread, where the compiler has
 * unrolled or inlined the same code often. A bound is a comparison of two registers: those with constants are mostly
 * the compiler's own, of unrolled loops. The waits are of cp.async.
 */
const MUTATIONS = [
  {
    name: "barrier removed", // a read or write after a write, or a write after a read, becomes a race
    line: /^(?:bar|barrier|bar\.warp)\.sync(?:\.aligned)?\s+\S+;/,
    to: () => "",
    most: 12,
  },
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
    to: ([, declaration, bytes]) => {
      const fewer = (bytes * 3) / 4;
      return `${declaration}[${Math.floor(fewer / 16) * 16 || Math.floor(fewer)}];`; // an array of nothing does not load
    },
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
    to: oneFurther,
    most: 6,
  },
  {
    name: "wrong place in shared memory",
    line: /^((?:ld|st)\.shared\.(?:v([24])\.)?\w(\d+)\s.*\[%r\d+)(?:\+(-?\d+))?(\].*)/,
    to: oneFurther,
    most: 4,
  },
];

/** At most `most` of the list, evenly spread, the first and the last among them. */
function spread(list, most = list.length) {
  if (list.length <= most) return list;
  if (most === 1) return [list[0]];
  return Array.from({ length: most }, (_, i) => list[Math.round((i * (list.length - 1)) / (most - 1))]);
}

/** The kernels of a module: [name, first line, last line]. */
export function kernelsOf(ptx) {
  const lines = ptx.split("\n");
  const kernels = [];
  for (const [at, line] of lines.entries()) {
    const name = /\.entry (\w+)\(/.exec(line)?.[1];
    if (name) kernels.push([name, at, lines.indexOf("}", at)]);
  }
  return kernels;
}

/**
 * How the predicate that a line sets is used: "again" decides whether a loop goes on (its branch leads back), "first"
 * whether code ahead is skipped or taken, "value" is all else.
 */
function useOf(lines, at) {
  const predicate = /%p\d+/.exec(lines[at])[0];
  const use = new RegExp(`@!?${predicate}\\s+bra(?:\\.uni)?\\s+(\\$\\w+)`);
  for (let next = at + 1; next < lines.length && !/^\$\w+:|^}/.test(lines[next]); next++) {
    const label = use.exec(lines[next])?.[1];
    if (!label) continue;
    const target = lines.findIndex((line) => line.startsWith(`${label}:`));
    return target < at ? "again" : "first";
  }
  return "value";
}

/** `source(file, line)` gives the text of a line of the kernel's source, which is more stable than registers. */
export function mutantsOf(ptx, source) {
  const lines = ptx.split("\n");
  const files = new Map();
  for (const line of lines) {
    const [, number, path] = /^\s*\.file\s+(\d+)\s+"(.*?)"/.exec(line) ?? [];
    if (number) files.set(number, path);
  }
  const mutants = [];
  for (const [kernel, first, last] of kernelsOf(ptx)) {
    const from = []; // the source line of each PTX line
    for (let at = first, now = ""; at < last; at++) {
      const [, file, line] = /^\s*\.loc\s+(\d+)\s+(\d+)/.exec(lines[at]) ?? [];
      if (file) now = source(files.get(file), Number(line));
      from[at] = now;
    }
    for (const { name, line, to, most } of MUTATIONS) {
      const places = [];
      for (let at = first; at < last; at++) {
        const [, guard = "", text] = /^\s*(@!?%p\d+\s+)?(.*)$/.exec(lines[at]);
        const match = line.exec(text);
        if (match && !(guard && name.startsWith("barrier")))
          places.push({ at, text, guard, changed: to(match) });
      }
      for (const [number, { at, text, guard, changed }] of spread(places, most).entries()) {
        const withLine = (instruction) =>
          lines.with(at, instruction && `\t${guard}${instruction}`).join("\n");
        mutants.push({
          kernel,
          mutation: name,
          number, // among those of the kernel and mutation
          text: text.replace(/\s+/g, " "),
          line: at + 1,
          from: from[at],
          use: text.startsWith("setp") ? useOf(lines, at) : "value",
          changed: () => withLine(changed),
          trap: () => withLine("trap;"), // tells whether the line is executed
        });
      }
    }
  }
  return mutants;
}
