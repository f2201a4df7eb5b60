// Runs code where optional packages are missing, or are others.

import { execFileSync } from "node:child_process";

/** Runs code with a loader that finds none of the packages named. */
export function withoutPackages(names: readonly string[], code: string): string {
  return withPackages(Object.fromEntries(names.map((name) => [name, null])), code);
}

/** Runs code with a loader that finds the packages named at these URLs, or, where that is null, nowhere. */
export function withPackages(urls: Readonly<Record<string, string | null>>, code: string): string {
  const hooks = `const urls = new Map(Object.entries(${JSON.stringify(urls)}));
  export const resolve = (specifier, context, next) => {
    const url = urls.get(specifier);
    if (url === undefined) return next(specifier, context);
    if (url !== null) return { url, shortCircuit: true };
    const missing = new Error("Cannot find package '" + specifier + "'");
    return Promise.reject(Object.assign(missing, { code: "ERR_MODULE_NOT_FOUND" }));
  };`;
  const url = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;
  const register = `import { register } from "node:module"; register(${JSON.stringify(url(hooks))});`;
  const options = ["--import", "tsx/esm", "--import", url(register), "--input-type=module", "-e", code];
  return execFileSync(process.execPath, options, {
    encoding: "utf8",
    cwd: new URL("../..", import.meta.url),
  });
}
