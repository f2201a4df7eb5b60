// Finds the addon and loads it: a build in this clone, else the prebuilt binary of the package, else a reason.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { UnavailableError } from "../errors.js";

const require = createRequire(import.meta.url);
/** The package: two folders above lib/native in a clone and above dist/native in a package. */
const root = fileURLToPath(new URL("../..", import.meta.url));

/** The file of the addon: the one that `ADASTEP_ADDON` names (a sanitizer build, for example), else what is found. */
export function addonPath(): string {
  const { resolve } = require("node-gyp-build") as { resolve: (folder: string) => string };
  return process.env.ADASTEP_ADDON ?? resolve(root);
}

/**
 * The addon's raw exports.
 *
 * @throws {UnavailableError} with the platform, what was tried and what helps.
 */
export function load(): unknown {
  try {
    return require(addonPath());
  } catch (cause) {
    const chosen = process.env.ADASTEP_ADDON;
    const tried = chosen ? `${chosen} (from ADASTEP_ADDON)` : `${root}build/Release, ${root}prebuilds`;
    throw new UnavailableError(
      [
        `adastep: no native addon could be loaded on ${platform()}.`,
        `  tried: ${tried}`,
        `  found: ${cause instanceof Error ? cause.message.split("\n")[0] : String(cause)}`,
        "  prebuilt binaries need Linux with glibc 2.34 or later: Debian 12, Ubuntu 22.04, RHEL 9.",
        "  in a package, build one: npm install cmake-js node-addon-api node-api-headers",
        `                           npm --prefix ${root} run build:native`,
        "  in a clone, build one:   npm run build:native",
      ].join("\n"),
      { cause },
    );
  }
}

/** Such as `linux-x64, glibc 2.36, Node 20.20.2`. */
function platform(): string {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const glibc = report.header?.glibcVersionRuntime;
  const libc = glibc ? `glibc ${glibc}` : "no glibc";
  return `${process.platform}-${process.arch}, ${libc}, Node ${process.versions.node}`;
}
