// The one way into the native build: `npm ci` (through prepare), `npm run build:native`, prebuildify (through
// node-gyp-shim) and the sanitizer builds all come here. cmake-js drives CMake; nothing is downloaded.
//
//   node scripts/native.mjs [--if-needed] [--debug] [--sanitize=address|thread]
//
// ADASTEP_CUDA=AUTO|ON|OFF chooses the CUDA kernels (AUTO: compiled if nvcc is found), ADASTEP_REQUIRE_CUDA=1
// is ON, ADASTEP_CUDA_LINEINFO=1 names source lines in them, ADASTEP_JOBS limits the processes at once.
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const sources = ["CMakeLists.txt", "core", "cpu", "cuda", "binding"].map((name) => join(root, name));

/** Why the build cannot start, in one line for the person who has to mend it. */
class MissingTool extends Error {}

const onPath = (program) =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => {
    const file = join(folder, program);
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false; // not here: look in the next folder
    }
  });

function requireTools() {
  const needed = [
    ["C++ compiler", ["g++", "clang++"], "g++"],
    ["CMake", ["cmake"], "cmake"],
    ["build tool", ["ninja", "make"], "ninja-build"],
  ];
  for (const [what, programs, packageName] of needed) {
    if (programs.some(onPath)) continue;
    throw new MissingTool(
      `no ${what} found: install ${programs[0]} (Debian/Ubuntu: apt-get install ${packageName})`,
    );
  }
}

function findCmakeJs() {
  try {
    return createRequire(join(root, "package.json")).resolve("cmake-js/bin/cmake-js");
  } catch {
    throw new MissingTool(
      "no cmake-js found: to build from source run npm install cmake-js node-addon-api node-api-headers",
    );
  }
}

/** When a file, or a folder or anything in it, changed last. A file that was removed changes its folder. */
function changed(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => changed(join(path, name))));
}

/** The generator of an earlier configuration: CMake refuses to change it. */
function generator(out) {
  const cache = join(out, "CMakeCache.txt");
  if (!existsSync(cache)) return [];
  const name = /^CMAKE_GENERATOR:INTERNAL=(.+)$/m.exec(readFileSync(cache, "utf8"))?.[1];
  return name ? ["-G", name] : [];
}

/** Builds the addon and returns its path. `quiet` shows the tools' output only when they fail. */
export function build({ sanitize = "", debug = false, ifNeeded = false, quiet = false } = {}) {
  const out = join(root, sanitize ? `build-${sanitize}` : "build");
  const config = debug ? "Debug" : "Release";
  const addon = join(out, config, "adastep.node");
  const stamp = join(out, `built-${config}`); // dated when the build began: a source saved meanwhile is newer
  if (ifNeeded && existsSync(addon) && changed(stamp) > Math.max(...sources.map(changed))) return addon;

  requireTools();
  const cmakeJs = findCmakeJs();
  const began = new Date();
  if (quiet) console.log("adastep: building the native addon from source, this takes a moment");
  // Compiling the kernels takes longer than all the rest, and sanitizers see nothing of them.
  const kernels = process.env.ADASTEP_CUDA ?? (sanitize ? "OFF" : "AUTO");
  const cuda = process.env.ADASTEP_REQUIRE_CUDA === "1" ? "ON" : kernels;
  const options = ["-O", out, "-B", config, "-d", root, ...generator(out)];
  const lines = process.env.ADASTEP_CUDA_LINEINFO === "1" ? "ON" : "OFF";
  const definitions = [
    `--CDADASTEP_SANITIZE=${sanitize}`,
    `--CDADASTEP_CUDA=${cuda}`,
    `--CDADASTEP_CUDA_LINEINFO=${lines}`,
  ];
  const jobs = process.env.ADASTEP_JOBS ?? String(availableParallelism());
  // `cmake-js build` does not configure again when there is a CMakeCache.txt, so that changed definitions
  // would be ignored: configure first, always.
  for (const step of [
    ["configure", ...definitions],
    ["build", "-p", jobs],
  ]) {
    const run = spawnSync(process.execPath, [cmakeJs, ...step, ...options, "-l", "warn"], {
      cwd: root,
      encoding: "utf8",
      stdio: quiet ? "pipe" : "inherit",
    });
    if (run.status === 0) continue;
    if (quiet) process.stderr.write(run.stdout + run.stderr);
    throw new Error(`the native build failed (cmake-js ${step[0]})`);
  }
  writeFileSync(stamp, "");
  utimesSync(stamp, began, began);
  if (quiet) console.log(`adastep: built in ${((Date.now() - began) / 1000).toFixed(1)} s`);
  return addon;
}

/** For programs: builds, or ends the process with one line that says why not. */
export function buildOrExit(options) {
  try {
    return build(options);
  } catch (error) {
    console.error(`adastep: ${error.message}`);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const flags = process.argv.slice(2);
  const sanitize = flags.find((flag) => flag.startsWith("--sanitize="))?.slice("--sanitize=".length);
  const ifNeeded = flags.includes("--if-needed");
  buildOrExit({ sanitize, debug: flags.includes("--debug"), ifNeeded, quiet: ifNeeded });
}
