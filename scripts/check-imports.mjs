// Who may import whom (DESIGN section 2), and that files stay short. Prints each breach, exits 1 if there is one.
//
//   node scripts/check-imports.mjs [root of the tree]
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const MAX_LINES = 400;
const SHARED = ["errors", "check", "lent", "halves"]; // lib/errors.ts and so on: for all, standing on nothing else

const BELOW_TRAIN = ["native", "device", "tensor", "nn", "optim", "data"];
const LIB = {
  native: [],
  device: ["native"],
  tensor: ["native", "device"],
  nn: ["native", "device", "tensor"],
  optim: ["native", "device", "tensor"],
  data: [],
  train: BELOW_TRAIN,
  interchange: [...BELOW_TRAIN, "train"],
  report: [...BELOW_TRAIN, "train"],
  compare: [...BELOW_TRAIN, "train", "report"],
  cli: [...BELOW_TRAIN, "train", "interchange", "report", "compare"],
};
const NATIVE = { core: [], cpu: ["core"], cuda: ["core"], binding: ["core"] };

/** Breaches found in a tree that holds lib/, core/, cpu/, cuda/ and binding/, as lines of text. */
function check(root) {
  const breaches = [];
  const read = (file) => readFileSync(join(root, file), "utf8");
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(read("package.json"));
  const report = (file, text) => breaches.push(`${file}: ${text}`);

  const imports = new Map(); // of our own files that are there at run time: path -> paths
  for (const file of files(root, "lib", [".ts"])) {
    const area = file.split("/")[1].replace(/\.ts$/, "");
    const text = withoutComments(read(file));
    imports.set(file, []);
    if (area === "index" && exportsOnly(text) === false) report(file, "index.ts exports, and nothing else");
    for (const { target, erased, dynamic } of typescriptImports(text)) {
      if (!target.startsWith(".")) {
        const name = target
          .split("/")
          .slice(0, target.startsWith("@") ? 2 : 1)
          .join("/");
        // What users may or may not have is imported when it is needed, and its types leave no trace.
        const known = name in dependencies || ((erased || dynamic) && name in peerDependencies);
        if (!target.startsWith("node:") && !known) report(file, `${name} is no dependency`);
        continue;
      }
      const path = normalize(join(dirname(file), target)).replace(/\.js$/, ".ts");
      if (!erased) imports.get(file).push(path);
      const other = path.split("/")[1]?.replace(/\.ts$/, "");
      if (SHARED.includes(other) || area === other || area === "index") continue;
      if (!LIB[area]?.includes(other)) report(file, `${area} may not import ${path}`);
    }
  }

  for (const [area, allowed] of Object.entries(NATIVE)) {
    for (const file of files(root, area, [".cc", ".h", ".cu", ".cuh"])) {
      const text = withoutComments(read(file));
      imports.set(file, []);
      for (const [, target] of text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
        const beside = join(dirname(file), target);
        const path = existsSync(join(root, beside)) ? beside : target;
        imports.get(file).push(path);
        const other = path.split("/")[0];
        if (other !== area && !allowed.includes(other)) report(file, `${area} may not include ${target}`);
      }
      const driver = area === "cuda" ? null : /\bcu[A-Z]\w+|\bCU[a-z]\w+|<cuda\w*\.h>/.exec(text);
      if (driver) report(file, `only cuda/ may name the CUDA driver: ${driver[0]}`);
    }
  }

  for (const circle of circles(imports)) breaches.push(`a circle: ${circle.join(" -> ")}`);

  const code = [".ts", ".mjs", ".cjs", ".cc", ".h", ".cu", ".cuh", ".py", ".cmake"];
  for (const folder of ["lib", "core", "cpu", "cuda", "binding", "scripts", "test", "bench", "examples"]) {
    for (const file of files(root, folder, code)) {
      const lines = read(file).split("\n").length - 1;
      if (lines > MAX_LINES) report(file, `${lines} lines, more than ${MAX_LINES}: more than one subject?`);
    }
  }
  return breaches;
}

/** Paths of the files below root/folder, relative to root. */
function files(root, folder, extensions) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extensions.includes(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, "/").length))
    .filter((file) => !/(^|\/)(node_modules|build[^/]*)\//.test(file))
    .sort();
}

/** Good enough for imports: a comment sign inside a string may take the rest of its line away. */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:])\/\/.*$/gm, "$1");
}

/** What a file imports; `erased` are types alone, of which nothing is left at run time. */
function typescriptImports(text) {
  const found = text.matchAll(
    /\b(?:import|export)\b([^"'`;]*?)\bfrom\s*"([^"]+)"|\b(?:import|require)\s*(\(?)\s*"([^"]+)"/g,
  );
  return [...found].map(([, names, from, call, bare]) => ({
    target: from ?? bare,
    erased: /^\s+type\s/.test(names ?? ""),
    dynamic: call === "(",
  }));
}

function exportsOnly(text) {
  return (
    text.replace(/export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s*"[^"]+";?/g, "").trim() ===
    ""
  );
}

/** Each circle that a walk along the imports (of values: types alone may be mutual) closes. */
function circles(imports) {
  const found = [];
  const done = new Set();
  const walk = (file, path) => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file]);
      return;
    }
    if (done.has(file)) return;
    for (const next of imports.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  return found;
}

const breaches = check(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)));
for (const breach of breaches) console.error(breach);
if (breaches.length === 0) console.log("imports: as they should be");
process.exit(breaches.length === 0 ? 0 : 1);
